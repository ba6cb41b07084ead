"""kafka: streams. The App is told brokers instead of one host, and how to sign in (sasl).

It must not know how a server is made of its image.
"""

from __future__ import annotations

from mcd.infra.offering import KEPT, Offering, builtin, operator

KAFKA = Offering(
    name="kafka",
    words=("brokers", "user", "password", "sasl", "url", "prefix"),
    standalone=builtin("apache/kafka"),
    high=operator("kafka.strimzi.io/v1 Kafka"),
    ready="All its brokers are ready, and the App's user has read the list of its topics.",
    stays=KEPT,
    ports={"brokers": 9092},
    url="kafka://{user}:{password}@{brokers}",
    shared=("user", "topics and groups by prefix"),
    prefix="{app}.",
)
