"""milvus: a vector database. Its operator makes it over an etcd and a bucket.

It must not know how its operator is asked.
"""

from __future__ import annotations

from mcd.infra.offering import KEPT, Offering, operator

MILVUS = Offering(
    name="milvus",
    words=("host", "port", "user", "password", "database", "url"),
    standalone=operator("milvus.io/v1beta1 Milvus"),
    high=operator("milvus.io/v1beta1 Milvus"),
    ready="Its operator calls it healthy, and the App's user has listed its collections.",
    stays=KEPT,
    options=("database",),
    ports={"port": 19530},
    # Clients take user and password beside the address.
    url="http://{host}:{port}",
    shared=("database", "user"),
)
