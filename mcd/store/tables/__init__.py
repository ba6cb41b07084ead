"""The tables, under the one name by which the room knows them: `from mcd.store import tables as t`.

Nouns are in nouns.py, what hangs on them in kept.py. No table and no queries here.
"""

from __future__ import annotations

from mcd.store.tables.kept import (
    build,
    build_log,
    compatibility,
    controller,
    dependency,
    event,
    event_counter,
    file,
    host,
    idempotency_key,
    installation,
    inventory,
    process,
    release_file,
    secret,
    secret_counter,
    session,
    sign_in_attempt,
    token,
)
from mcd.store.tables.nouns import (
    LIVE,
    app,
    cluster,
    member,
    node_pool,
    person,
    product_line,
    release,
    rollout,
    settings,
)
from mcd.store.tables.shape import metadata

__all__ = [
    "LIVE",
    "app",
    "build",
    "build_log",
    "cluster",
    "compatibility",
    "controller",
    "dependency",
    "event",
    "event_counter",
    "file",
    "host",
    "idempotency_key",
    "installation",
    "inventory",
    "member",
    "metadata",
    "node_pool",
    "person",
    "process",
    "product_line",
    "release",
    "release_file",
    "rollout",
    "secret",
    "secret_counter",
    "session",
    "settings",
    "sign_in_attempt",
    "token",
]
