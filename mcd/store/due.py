"""How a row becomes due, by a wish, which counts, or by a hint, which does not; and which rows are.

Shared by people's wishes and by controllers. Nothing is taken or recorded here.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, and_, bindparam, case, func, literal, or_, select, update

from mcd.model import Noun
from mcd.store import tables as t
from mcd.store.tx import Tx
from mcd.store.work import TABLES

NOW: ColumnElement[datetime] = bindparam("now", type_=t.rollout.c.next_run_at.type)


def wished(table: Table, now: datetime) -> dict[str, Any]:
    """The values of a wish: one generation more, due now, and a quarantine or back-off is over."""
    return {"generation": table.c.generation + 1, "next_run_at": now, "takes": 0, "attempts": 0}


async def hint(
    tx: Tx, now: datetime, table: Table, condition: ColumnElement[bool], *, skip_locked: bool = False
) -> int:
    """Makes the rows due that fulfil the condition and would be looked at later, and takes them out of their rest.
    Answers how many.

    Rows are locked in one order everywhere: cluster, product line, App, Release, Rollout, and by id among equals. Two
    transactions then wait for each other, and never meet in a deadlock. With `skip_locked`, where that order is another
    one, what somebody else holds is hinted when this transaction is over."""
    later = or_(table.c.next_run_at.is_(None), table.c.next_run_at > now)
    asked: dict[str, Any] = {"next_run_at": now}
    concerned: ColumnElement[bool] = later
    if "rest_due" in table.c:
        # One that is due already may be at rest, and whoever remembers it would put it off without a look.
        concerned = or_(later, table.c.rest_due.is_not(None))
        at = table.c.next_run_at
        asked = {"next_run_at": case((later, literal(now, at.type)), else_=at), "rest_due": None}
    if skip_locked and tx.connection.dialect.name == "postgresql":
        # Whatever they say: who holds one may be about to write another time.
        there = await tx.values(select(table.c.id).where(condition))
        free = select(table.c.id).where(table.c.id.in_(there)).order_by(table.c.id).with_for_update(skip_locked=True)
        ids = await tx.values(free) if there else []
        pass_over(tx, now, table, set(there) - set(ids))
        condition = table.c.id.in_(ids)
    ids = await tx.values(select(table.c.id).where(condition, concerned).order_by(table.c.id).with_for_update())
    if not ids:
        return 0
    tx.wished = True
    return await tx.run(update(table).where(table.c.id.in_(ids)).values(asked))


def pass_over(tx: Tx, now: datetime, table: Table, ids: set[str]) -> None:
    if ids:
        tx.afterwards.append(lambda later: hint(later, now, table, table.c.id.in_(sorted(ids))))


async def hint_apps(tx: Tx, now: datetime, lines: ColumnElement[bool]) -> int:
    """Makes the live Rollouts due whose product line fulfils a condition."""
    apps = select(t.app.c.id).join(t.product_line, t.product_line.c.id == t.app.c.product_line_id).where(lines)
    return await hint(tx, now, t.rollout, t.rollout.c.live & t.rollout.c.app_id.in_(apps))


def is_due(noun: Noun, now: datetime | ColumnElement[datetime]) -> ColumnElement[bool]:
    """Whose time has come, and nobody works on it."""
    table = TABLES[noun]
    due = and_(table.c.next_run_at <= now, or_(table.c.lease_until.is_(None), table.c.lease_until <= now))
    if noun is not Noun.ROLLOUT:
        return due
    return and_(due, t.rollout.c.live, ~busy_app(now))


def busy_app(now: datetime | ColumnElement[datetime]) -> ColumnElement[bool]:
    """A pass that runs when its Rollout is superseded ends before the next begins: no App is worked on twice."""
    other = t.rollout.alias("other")
    return (
        select(other.c.id)
        .where(other.c.app_id == t.rollout.c.app_id, other.c.id != t.rollout.c.id, other.c.lease_until > now)
        .exists()
    )


@dataclass(frozen=True, slots=True)
class Queue:
    """What waits for somebody to take it: how many rows, and the seconds that the one that has been due longest has
    waited; 0: none waits."""

    rows: int
    age: float


_QUEUES = {
    noun: select(func.count().label("count"), func.min(table.c.next_run_at).label("oldest")).where(is_due(noun, NOW))
    for noun, table in TABLES.items()
}
"""Made once: one of them has an alias, which is a circle of some 370 objects that nobody frees before Python looks."""


async def queues(tx: Tx, now: datetime) -> dict[Noun, Queue]:
    """One query for each noun, over an index."""
    found: dict[Noun, Queue] = {}
    for noun, statement in _QUEUES.items():
        row = await tx.row(statement, {"now": now})
        assert row is not None
        found[noun] = Queue(row["count"], 0.0 if row["oldest"] is None else (now - row["oldest"]).total_seconds())
    return found
