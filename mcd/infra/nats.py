"""nats: messages and streams, in an account of the App's own.

It must not know how a server is made of its image.
"""

from __future__ import annotations

from mcd.infra.offering import KEPT, Offering, builtin

NATS = Offering(
    name="nats",
    words=("host", "port", "user", "password", "url"),
    standalone=builtin("nats"),
    high=builtin("nats"),
    ready="All its pods are ready, and the App's user has been let into its account.",
    stays=KEPT,
    versions=("2",),
    ports={"port": 4222},
    url="nats://{user}:{password}@{host}:{port}",
    shared=("account", "user"),
)
