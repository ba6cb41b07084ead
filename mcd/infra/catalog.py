"""The kinds that may be asked for, by every word that `type` of an infra takes for them.

A literal dict: a new kind is one file and its lines here. It must not decide what is served where.
"""

from __future__ import annotations

from collections.abc import Mapping

from mcd.infra.clickhouse import CLICKHOUSE
from mcd.infra.etcd import ETCD
from mcd.infra.kafka import KAFKA
from mcd.infra.memcached import MEMCACHED
from mcd.infra.milvus import MILVUS
from mcd.infra.mongodb import MONGODB
from mcd.infra.nats import NATS
from mcd.infra.offering import Offering
from mcd.infra.oss import OSS
from mcd.infra.rabbitmq import RABBITMQ
from mcd.infra.redis import REDIS
from mcd.infra.search import ELASTICSEARCH, OPENSEARCH
from mcd.infra.sql import MARIADB, MYSQL, POSTGRESQL

KINDS: Mapping[str, Offering] = {
    "mysql": MYSQL,
    "mariadb": MARIADB,
    "postgresql": POSTGRESQL,
    "postgres": POSTGRESQL,
    "mongodb": MONGODB,
    "clickhouse": CLICKHOUSE,
    "milvus": MILVUS,
    "redis": REDIS,
    "valkey": REDIS,
    "memcached": MEMCACHED,
    "rabbitmq": RABBITMQ,
    "kafka": KAFKA,
    "nats": NATS,
    "elasticsearch": ELASTICSEARCH,
    "opensearch": OPENSEARCH,
    "etcd": ETCD,
    "oss": OSS,
    "s3": OSS,
    "minio": OSS,
}
"""What the compiler is given as a value (app-yaml 5.1)."""
