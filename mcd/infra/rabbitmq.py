"""rabbitmq: queues, in a virtual host of the App's own.

It must not know how a server is made of its image.
"""

from __future__ import annotations

from mcd.infra.offering import KEPT, Offering, builtin, operator

RABBITMQ = Offering(
    name="rabbitmq",
    words=("host", "port", "user", "password", "vhost", "url"),
    standalone=builtin("rabbitmq"),
    high=operator("rabbitmq.com/v1beta1 RabbitmqCluster"),
    ready="All its pods are ready, and the App's user has opened its virtual host.",
    stays=KEPT,
    versions=("4",),
    ports={"port": 5672},
    url="amqp://{user}:{password}@{host}:{port}/{vhost}",
    shared=("vhost", "user"),
)
