"""How a row becomes due: by a wish, which counts, or by a hint, which does not.

Shared by people's wishes and by controllers. Nothing is taken or recorded here.
"""

from __future__ import annotations

from datetime import datetime
from typing import Any

from sqlalchemy import ColumnElement, Table, or_, select, update

from mcd.store import tables as t
from mcd.store.tx import Tx


def wished(table: Table, now: datetime) -> dict[str, Any]:
    """The values of a wish: one generation more, due now, and a quarantine or back-off is over."""
    return {"generation": table.c.generation + 1, "next_run_at": now, "takes": 0, "attempts": 0}


async def hint(
    tx: Tx, now: datetime, table: Table, condition: ColumnElement[bool], *, skip_locked: bool = False
) -> int:
    """Makes the rows due that fulfil the condition and would be looked at later. Answers how many.

    Rows are locked in one order everywhere: cluster, product line, App, Release, Rollout, and by id among equals. Two
    transactions then wait for each other, and never meet in a deadlock."""
    later = or_(table.c.next_run_at.is_(None), table.c.next_run_at > now)
    ids = await tx.values(
        select(table.c.id).where(condition, later).order_by(table.c.id).with_for_update(skip_locked=skip_locked)
    )
    if not ids:
        return 0
    tx.wished = True
    return await tx.run(update(table).where(table.c.id.in_(ids)).values(next_run_at=now))


async def hint_apps(tx: Tx, now: datetime, lines: ColumnElement[bool]) -> int:
    """Makes the live Rollouts due whose product line fulfils a condition."""
    apps = select(t.app.c.id).join(t.product_line, t.product_line.c.id == t.app.c.product_line_id).where(lines)
    return await hint(tx, now, t.rollout, t.rollout.c.live & t.rollout.c.app_id.in_(apps))
