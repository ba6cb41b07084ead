"""redis: keys and values in memory. The engine is Valkey, which speaks the same protocol and is free.

It must not know how a server is made of its image.
"""

from __future__ import annotations

from mcd.infra.offering import KEPT, Offering, builtin, operator

REDIS = Offering(
    name="redis",
    also=("valkey",),
    words=("host", "port", "user", "password", "url", "prefix"),
    standalone=builtin("valkey/valkey"),
    high=operator("redis.redis.opstreelabs.in/v1beta2 RedisReplication"),
    ready="All its pods are ready, and the App's user has been answered.",
    stays=KEPT,
    versions=("8", "7.2"),
    ports={"port": 6379},
    url="redis://{user}:{password}@{host}:{port}/0",
    shared=("user", "prefix"),
    prefix="{app}:",
)
