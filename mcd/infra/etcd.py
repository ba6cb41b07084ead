"""etcd: keys for coordination. An App may touch only what begins with its prefix, on a server of its own too.

It must not know how a server is made of its image.
"""

from __future__ import annotations

from mcd.infra.offering import KEPT, Offering, builtin

ETCD = Offering(
    name="etcd",
    words=("endpoints", "user", "password", "prefix"),
    standalone=builtin("quay.io/coreos/etcd"),
    high=builtin("quay.io/coreos/etcd"),
    ready="All its members are ready, and the App's user has read below its prefix.",
    stays=KEPT,
    ports={"endpoints": 2379},
    shared=("user", "keys by prefix"),
    prefix="/{app}/",
    own_prefix="/{app}/",
)
