"""mongodb: a document database. By default the engine is FerretDB on PostgreSQL, because MongoDB's own is not free.

It must not know how a server is made of its images.
"""

from __future__ import annotations

from mcd.infra.offering import KEPT, Offering, builtin, operator

MONGODB = Offering(
    name="mongodb",
    words=("host", "port", "user", "password", "database", "url"),
    standalone=builtin("ferretdb/ferretdb"),
    high=operator("postgresql.cnpg.io/v1 Cluster"),
    ready="All its pods are ready, and the App's user has read from its database over the network.",
    stays=KEPT,
    options=("database",),
    versions=("2",),
    ports={"port": 27017},
    url="mongodb://{user}:{password}@{host}:{port}/{database}",
)
