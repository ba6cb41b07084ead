"""Whose turn it is among the rows that are due: which of them a process takes next.

Clusters and product lines first, then wishes that nobody has looked at, then everything else; among equals the product
lines take turns, and what is being worked on of a line counts as turns that it has had. It takes no lease.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, func, select

from mcd.model import Noun
from mcd.store import tables as t
from mcd.store.due import NOW, is_due
from mcd.store.nouns import Row
from mcd.store.question import Among, OfMany, Question
from mcd.store.session import Database
from mcd.store.tx import Tx
from mcd.store.work import TABLES

FIRST = (Noun.CLUSTER, Noun.PRODUCT_LINE)
"""Nouns that others need before they can begin. They are few, and are not shared out."""
SHARED = (Noun.ROLLOUT, Noun.RELEASE)
"""A Rollout before a Release that has had as many turns: what was begun is brought to its end."""
KEPT_FREE = 4
"""One worker of so many is not for the product line, nor for the cluster, that has all the others: a build that takes a
quarter of an hour holds its worker, and so does a cluster that hangs."""
AT_A_LOOK = 64
"""Rows that are read whoever's they are: to sort all that is due costs more."""


@dataclass(frozen=True, slots=True)
class AtWork:
    """What a process works on: passes by the id of the product line and of the cluster; `workers` is how many it may
    work on in all."""

    workers: int
    lines: Mapping[str, int] = field(default_factory=dict)
    clusters: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class _Room:
    """For whom there is room: `limit` rows in all, and of a line and of a cluster so many with what is at work."""

    now: datetime
    limit: int
    at_work: AtWork
    of_a_line: int
    of_a_cluster: int

    def full(self) -> dict[str, list[str]]:
        """Those that have all that they may, as a question takes them: a list is never empty."""
        lines = [line for line, count in self.at_work.lines.items() if count >= self.of_a_line]
        clusters = [cluster for cluster, count in self.at_work.clusters.items() if count >= self.of_a_cluster]
        return {"full_line": lines or [""], "full_cluster": clusters or [""]}


# --- questions ------------------------------------------------------------------------------------------------------

_LINE, _CLUSTER = t.app.c.product_line_id.label("line"), t.product_line.c.cluster_id.label("cluster")


def _lane(noun: Noun) -> ColumnElement[bool]:
    """False, which comes first, for a wish that nobody has looked at."""
    return (TABLES[noun].c.observed_generation == TABLES[noun].c.generation).label("lane")


def _due(noun: Noun, *columns: ColumnElement[Any]) -> Select[Any]:
    table = TABLES[noun]
    if noun in FIRST:
        return select(*columns).where(is_due(noun, NOW))
    return (
        select(_LINE, *columns)
        .join_from(table, t.app, t.app.c.id == table.c.app_id)
        .join(t.product_line, t.product_line.c.id == t.app.c.product_line_id)
        .where(is_due(noun, NOW))
    )


def _longest(noun: Noun) -> Question:
    """Without turns."""
    table, lane = TABLES[noun], _lane(noun)
    columns = (table.c.id, table.c.next_run_at, lane, *([_CLUSTER] if noun in SHARED else []))
    return Question(_due(noun, *columns).order_by(lane, table.c.next_run_at, table.c.id).limit(bindparam("most")))


def _in_turn(noun: Noun) -> OfMany:
    """The first of each line, then the second of each."""
    table, lane = TABLES[noun], _lane(noun)
    line, cluster = t.app.c.product_line_id, t.product_line.c.cluster_id
    order = (lane, table.c.next_run_at, table.c.id)

    def made(among: Among) -> Select[Any]:
        turn = func.row_number().over(partition_by=line, order_by=order).label("turn")
        due = (
            _due(noun, table.c.id, table.c.next_run_at, lane, _CLUSTER, turn)
            .where(~among(line, "full_line"), ~among(cluster, "full_cluster"))
            .subquery()
        )
        return select(due).order_by(due.c.lane, due.c.turn, due.c.next_run_at, due.c.id).limit(bindparam("most"))

    return OfMany(made, long=True)


_LONGEST = {noun: _longest(noun) for noun in (*FIRST, *SHARED)}
_IN_TURN = {noun: _in_turn(noun) for noun in SHARED}
_LINES_DUE = {noun: Question(_due(noun, func.count().label("count")).group_by(_LINE)) for noun in SHARED}
_THERE = {
    table: Question(select(func.count().label("count")).select_from(table).where(table.c.gone_at.is_(None)))
    for table in (t.product_line, t.cluster)
}


# --- answers --------------------------------------------------------------------------------------------------------


async def in_turn(
    db: Database, nouns: Collection[Noun], now: datetime, limit: int, at_work: AtWork
) -> dict[Noun, list[str]]:
    """Noun → ids of rows to take, `limit` in all at the most, those of a noun in their order. Nothing is locked:
    another process may have taken some of them meanwhile."""
    shared = [noun for noun in SHARED if noun in nouns]

    async def asked(tx: Tx) -> dict[Noun, list[str]]:
        found, left = dict[Noun, list[str]](), limit
        for noun in FIRST:
            if noun in nouns:
                found[noun] = [row["id"] for row in await tx.ask(_LONGEST[noun], now=now, most=left)]
                left -= len(found[noun])
        return found | await _shared(tx, shared, now, left, at_work)

    return await db.asked(asked)


async def _shared(tx: Tx, nouns: Sequence[Noun], now: datetime, limit: int, at_work: AtWork) -> dict[Noun, list[str]]:
    """Of Releases and Rollouts."""
    chosen: dict[Noun, list[str]] = {noun: [] for noun in nouns}
    due = {noun: {row["line"]: row["count"] for row in await tx.ask(_LINES_DUE[noun], now=now)} for noun in nouns}
    if not any(due.values()):
        return chosen
    most = [at_work.workers if await _alone(tx, table) else _share(at_work.workers) for table in _THERE]
    room = _Room(now, limit, at_work, *most)
    rows = []
    for place, noun in enumerate(nouns):
        had = Counter(at_work.lines)
        for row in await _heads(tx, noun, due[noun], room):
            had[row["line"]] += 1
            rows.append(((row["lane"], had[row["line"]], place, row["next_run_at"], row["id"]), noun, row))
    lines, clusters = Counter(at_work.lines), Counter(at_work.clusters)
    for _, noun, row in sorted(rows, key=lambda each: each[0]):
        if limit and lines[row["line"]] < room.of_a_line and clusters[row["cluster"]] < room.of_a_cluster:
            chosen[noun].append(row["id"])
            lines[row["line"]] += 1
            clusters[row["cluster"]] += 1
            limit -= 1
    return chosen


async def _heads(tx: Tx, noun: Noun, due: Mapping[str, int], room: _Room) -> Sequence[Row]:
    """Enough rows to choose from; those of one line in the order in which they are taken."""
    if len(due) < 2 or sum(due.values()) <= AT_A_LOOK:
        most = max(room.limit, AT_A_LOOK) if len(due) > 1 else room.limit
        return await tx.ask(_LONGEST[noun], now=room.now, most=most) if due else []
    question, given = _IN_TURN[noun].of(room.full())
    # What is at work puts as many rows of its line off, behind those of others.
    most = room.limit + sum(room.at_work.lines.values())
    return await tx.ask(question, **given, now=room.now, most=most)


async def _alone(tx: Tx, table: Any) -> bool:
    """Whether there is no other than the one that something is due of."""
    row = await tx.ask_one(_THERE[table])
    return row is None or row["count"] < 2


def _share(workers: int) -> int:
    """Workers that one line, or one cluster, may have while there are others."""
    return workers - workers // KEPT_FREE
