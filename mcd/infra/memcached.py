"""memcached: a cache without users, so each App has a server of its own and the network keeps others away.

It must not know how a server is made of its image.
"""

from __future__ import annotations

from mcd.infra.offering import Offering, builtin

MEMCACHED = Offering(
    name="memcached",
    words=("host", "port", "url"),
    standalone=builtin("memcached"),
    high=builtin("memcached"),
    ready="All its pods are ready.",
    stays="Nothing: it is a cache.",
    versions=("1.6",),
    ports={"port": 11211},
    url="memcached://{host}:{port}",
)
