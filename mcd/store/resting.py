"""Rows at rest: looks at many of them again in one statement, as long as nobody has wished or hinted anything since.

When a row at rest is due is written twice by its last record, and a wish, a hint or a lease changes one of the two at
least: where both say what that record wrote, nobody has asked for a look. Whether the cluster shows the same is for the
caller to know. It takes no lease.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any

from sqlalchemy import Select, Text, bindparam, cast, select, update

from mcd.model import Noun
from mcd.store import tables as t
from mcd.store.question import Answer, Command, Question
from mcd.store.tx import Tx

RESTING = {Noun.PRODUCT_LINE: t.product_line, Noun.ROLLOUT: t.rollout}
"""Those whose rows rest, in the order in which rows are locked everywhere."""

AT_ONCE = 128
"""Rows that are put off without giving others a turn: some milliseconds."""


@dataclass(frozen=True, slots=True)
class Due:
    """A row that was due at `was` is due at `now_at` instead."""

    row_id: str
    was: datetime
    now_at: datetime


@dataclass(frozen=True, slots=True)
class Rest:
    """What the pass that left a row at rest was judged by, `of` all that it read in a word, and until when that may be
    believed. No word: another process could not see whether it is still so."""

    of: str | None
    until: datetime


def at_rest(noun: Noun, rest: Rest | None, due: datetime | None) -> dict[str, Any]:
    """The columns of a record, by its own due time. Whoever makes the row due at another takes it out of its rest."""
    if noun not in RESTING:
        return {}
    if rest is None:
        return {"rest_due": None, "rest_until": None, "rest_of": None}
    return {"rest_due": due, "rest_until": rest.until, "rest_of": rest.of}


_ID = attrgetter("row_id")
_PUT_OFF = {
    noun: Command(
        update(table)
        .where(
            table.c.id == bindparam("row"),
            table.c.next_run_at == bindparam("was"),
            table.c.rest_due == bindparam("was"),
            table.c.lease_token.is_(None),
            table.c.observed_generation == table.c.generation,
        )
        .values(next_run_at=bindparam("now_at"), rest_due=bindparam("now_at"))
    )
    for noun, table in RESTING.items()
}


async def renew(tx: Tx, noun: Noun, rows: Sequence[Due]) -> set[str]:
    """Puts off those that nobody has touched since they were recorded; answers which. The others are due, or somebody
    works on them."""
    if not rows:
        return set()
    table = RESTING[noun]
    # In one order everywhere, by id among equals: two transactions never wait for each other in a circle.
    told = [{"row": row.row_id, "was": row.was, "now_at": row.now_at} for row in sorted(rows, key=_ID)]
    done = 0
    for at in range(0, len(told), AT_ONCE):
        done += await tx.told(_PUT_OFF[noun], *told[at : at + AT_ONCE])
        await asyncio.sleep(0)
    if done == len(rows):
        return {row.row_id for row in rows}
    wanted = {row.row_id: row.now_at for row in rows}
    found = await tx.rows(select(table.c.id, table.c.next_run_at).where(table.c.id.in_(sorted(wanted))))
    return {row["id"] for row in found if row["next_run_at"] == wanted[row["id"]]}


_CLUSTER, _LINE = t.cluster.c, t.product_line.c
_PLACES = Question(
    select(
        _LINE.id, _LINE.generation, _LINE.cluster_id, _LINE.namespace, _LINE.deleted_at,
        cast(_LINE.wishes, Text).label("wishes"), cast(_LINE.conditions, Text).label("conditions"),
    )
)  # fmt: skip
_CLUSTERS = Question(
    select(
        _CLUSTER.id, _CLUSTER.generation, cast(_CLUSTER.serves, Text).label("serves"),
        cast(_CLUSTER.facts, Text).label("facts"),
    )
)  # fmt: skip
_POOLS = Question(select(t.node_pool).order_by(t.node_pool.c.cluster_id, t.node_pool.c.name))


@dataclass(slots=True)
class Places:
    """Product line → a word that changes with whatever of its line, its cluster or their node pools is compiled into an
    App. They are made anew only when the rows are others than the last time."""

    words: Mapping[str, str] = field(default_factory=dict)
    _told: tuple[Answer, ...] = ()

    async def read(self, tx: Tx) -> None:
        """Three queries, however many Apps there are."""
        told = tuple([await tx.asked(question, {}) for question in (_PLACES, _CLUSTERS, _POOLS)])
        if told != self._told:
            self._told, self.words = told, _words(*told)


def _words(lines: Answer, clusters: Answer, pools: Answer) -> dict[str, str]:
    of_cluster: dict[str, list[str]] = {}
    for row in pools.rows():
        of_cluster.setdefault(row["cluster_id"], []).append(repr(sorted(row.items(), key=str)))
    known = {row[0]: repr((row, of_cluster.get(row[0]))) for row in clusters.raw}
    return {
        row[0]: hashlib.blake2b((repr(row) + known.get(row[2], "")).encode(), digest_size=16).hexdigest()
        for row in lines.raw
    }


@dataclass(frozen=True, slots=True)
class Left:
    """A row that was left at rest, and nobody has touched since. `name` is that of the App or of the product line."""

    row_id: str
    name: str
    line_id: str
    cluster_id: str
    namespace: str
    due: datetime
    rest: Rest


def _left(noun: Noun) -> Select[Any]:
    row = RESTING[noun].c
    asked = select(
        row.id.label("row_id"), (t.app.c if noun is Noun.ROLLOUT else row).name, _LINE.id.label("line_id"),
        _LINE.cluster_id, _LINE.namespace, row.rest_due, row.rest_until, row.rest_of,
    )  # fmt: skip
    if noun is Noun.ROLLOUT:
        there = t.rollout.join(t.app, t.app.c.id == row.app_id)
        asked = asked.select_from(there.join(t.product_line, _LINE.id == t.app.c.product_line_id)).where(t.LIVE)
    return asked.where(
        row.rest_of.is_not(None),
        row.rest_due == row.next_run_at,
        row.lease_token.is_(None),
        row.observed_generation == row.generation,
    )


_LEFT = {noun: Question(_left(noun), long=True) for noun in RESTING}


async def left(tx: Tx, noun: Noun) -> list[Left]:
    """Every row that was left at rest, by whom ever. One query."""
    return [
        Left(**{word: row[word] for word in ("row_id", "name", "line_id", "cluster_id", "namespace")},
             due=row["rest_due"], rest=Rest(row["rest_of"], row["rest_until"]))
        for row in await tx.ask(_LEFT[noun])
    ]  # fmt: skip
