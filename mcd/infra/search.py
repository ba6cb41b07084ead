"""opensearch and elasticsearch: indexes to search in, over HTTPS.

Two engines of one shape. It must not know how a server is made of its image.
"""

from __future__ import annotations

from mcd.infra.offering import KEPT, Offering, builtin, operator

_WORDS = ("host", "port", "user", "password", "url", "prefix")
_READY = "All its pods are ready, and the App's user has listed its indexes."
_URL = "https://{user}:{password}@{host}:{port}"
_SHARED = ("user", "indexes by prefix")

OPENSEARCH = Offering(
    name="opensearch",
    words=_WORDS,
    standalone=builtin("opensearchproject/opensearch"),
    high=operator("opensearch.org/v1 OpenSearchCluster"),
    ready=_READY,
    stays=KEPT,
    ports={"port": 9200},
    url=_URL,
    shared=_SHARED,
    prefix="{app}-",
)

ELASTICSEARCH = Offering(
    name="elasticsearch",
    words=_WORDS,
    standalone=builtin("elasticsearch"),
    high=operator("elasticsearch.k8s.elastic.co/v1 Elasticsearch"),
    ready=_READY,
    stays=KEPT,
    ports={"port": 9200},
    url=_URL,
    shared=_SHARED,
    prefix="{app}-",
)
