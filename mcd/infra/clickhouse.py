"""clickhouse: a column store, with a port for its own protocol and one for HTTP.

It must not know how a server is made of its image.
"""

from __future__ import annotations

from mcd.infra.offering import KEPT, Offering, builtin, operator

CLICKHOUSE = Offering(
    name="clickhouse",
    words=("host", "port", "http_port", "user", "password", "database", "url"),
    standalone=builtin("clickhouse/clickhouse-server"),
    high=operator("clickhouse.altinity.com/v1 ClickHouseInstallation"),
    ready="All its pods are ready, and the App's user has read from its database over the network.",
    stays=KEPT,
    options=("database",),
    ports={"port": 9000, "http_port": 8123},
    url="clickhouse://{user}:{password}@{host}:{port}/{database}",
    shared=("database", "user", "quota"),
)
