"""Rows at rest: looks at many of them again in one statement, as long as nobody has wished or hinted anything since.

When a row is due is written by its last record, and by every wish and hint: where it still says what that record wrote,
nobody has asked for a look. Whether the cluster shows the same is for the caller to know. It takes no lease.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Text, bindparam, cast, select, update

from mcd.model import Noun
from mcd.store import tables as t
from mcd.store.tx import Tx
from mcd.store.work import TABLES


@dataclass(frozen=True, slots=True)
class Due:
    """A row that was due at `was` is due at `now_at` instead."""

    row_id: str
    was: datetime
    now_at: datetime


async def renew(tx: Tx, noun: Noun, rows: Sequence[Due]) -> set[str]:
    """Puts off those that nobody has touched since they were recorded; answers which. The others are due, or somebody
    works on them."""
    if not rows:
        return set()
    table = TABLES[noun]
    untouched = (
        update(table)
        .where(
            table.c.id == bindparam("row"),
            table.c.next_run_at == bindparam("was"),
            table.c.lease_token.is_(None),
            table.c.observed_generation == table.c.generation,
        )
        .values(next_run_at=bindparam("now_at"))
    )
    done = await tx.run(untouched, [{"row": row.row_id, "was": row.was, "now_at": row.now_at} for row in rows])
    if done == len(rows):
        return {row.row_id for row in rows}
    wanted = {row.row_id: row.now_at for row in rows}
    found = await tx.rows(select(table.c.id, table.c.next_run_at).where(table.c.id.in_(sorted(wanted))))
    return {row["id"] for row in found if row["next_run_at"] == wanted[row["id"]]}


_CLUSTER, _LINE = t.cluster.c, t.product_line.c
_PLACES = (
    select(
        _LINE.id, _LINE.generation, _LINE.cluster_id, _LINE.namespace, _LINE.deleted_at, cast(_LINE.wishes, Text),
        cast(_LINE.conditions, Text),
    )
)  # fmt: skip
_CLUSTERS = select(_CLUSTER.id, _CLUSTER.generation, cast(_CLUSTER.serves, Text), cast(_CLUSTER.facts, Text))
_POOLS = select(t.node_pool).order_by(t.node_pool.c.cluster_id, t.node_pool.c.name)


async def places(tx: Tx) -> Mapping[str, str]:
    """Product line → a word that changes with whatever of its line, its cluster or their node pools is compiled into an
    App. Three queries, however many Apps there are."""
    pools: dict[str, list[str]] = {}
    for row in await tx.rows(_POOLS):
        pools.setdefault(row["cluster_id"], []).append(repr(sorted(row.items(), key=str)))
    clusters = {row[0]: repr((tuple(row), pools.get(row[0]))) for row in await tx.tuples(_CLUSTERS)}
    found = {}
    for row in await tx.tuples(_PLACES):
        text = repr(tuple(row)) + clusters.get(row[2], "")
        found[row[0]] = hashlib.blake2b(text.encode(), digest_size=16).hexdigest()
    return found
