"""mysql, mariadb and postgresql: a database and a user with rights on it only.

Three engines of one shape. It must not know how a server is made of its image.
"""

from __future__ import annotations

from mcd.infra.offering import KEPT, Offering, builtin, operator

_WORDS = ("host", "port", "user", "password", "database", "url")
_READY = "All its pods are ready, and the App's user has read from its database over the network."
_SHARED = ("database", "user")

MYSQL = Offering(
    name="mysql",
    words=_WORDS,
    standalone=builtin("mysql"),
    high=operator("ps.percona.com/v1 PerconaServerMySQL"),
    ready=_READY,
    stays=KEPT,
    options=("database",),
    versions=("8.4", "8.0"),
    ports={"port": 3306},
    url="mysql://{user}:{password}@{host}:{port}/{database}",
    shared=_SHARED,
)

MARIADB = Offering(
    name="mariadb",
    words=_WORDS,
    standalone=builtin("mariadb"),
    high=operator("k8s.mariadb.com/v1alpha1 MariaDB"),
    ready=_READY,
    stays=KEPT,
    options=("database",),
    versions=("11.8",),
    ports={"port": 3306},
    # The drivers of mysql speak to it, and most of them know no other scheme.
    url="mysql://{user}:{password}@{host}:{port}/{database}",
    shared=_SHARED,
)

POSTGRESQL = Offering(
    name="postgresql",
    also=("postgres",),
    words=_WORDS,
    standalone=builtin("postgres"),
    high=operator("postgresql.cnpg.io/v1 Cluster"),
    ready=_READY,
    stays=KEPT,
    options=("database",),
    versions=("17", "16"),
    ports={"port": 5432},
    url="postgresql://{user}:{password}@{host}:{port}/{database}",
    shared=_SHARED,
)
