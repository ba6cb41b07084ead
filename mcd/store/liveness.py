"""Whether any controller is alive: each says so every half minute, and once more when it stops.

Leases cannot tell: between two passes nobody holds one, and a record forgets its holder. Nothing is decided by this,
who owns a row least of all; it is only told.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlalchemy import delete, func, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mcd.store import tables as t
from mcd.store.tx import Tx

BEAT = timedelta(seconds=30)
"""How often a controller says that it is alive: often enough for a person who wonders, and one small write."""

ALIVE = timedelta(seconds=75)
"""For how long it is believed: two beats may be late."""

FORGOTTEN = timedelta(days=7)
"""After which the name of one that is gone is forgotten: without a name of their own, each start brings a new one."""


@dataclass(frozen=True, slots=True)
class Living:
    """The names of the controllers that are alive. When there is none: `since` when, as far as anybody remembers."""

    holders: tuple[str, ...]
    since: datetime | None = None


async def beat(tx: Tx, holder: str, now: datetime) -> None:
    """This controller is alive."""
    make = postgresql.insert if tx.connection.dialect.name == "postgresql" else sqlite.insert
    seen = {"seen_at": now, "stopped_at": None}
    await tx.run(
        make(t.controller).values(holder=holder, **seen).on_conflict_do_update(index_elements=["holder"], set_=seen)
    )
    await tx.run(delete(t.controller).where(t.controller.c.seen_at < now - FORGOTTEN))


async def stopped(tx: Tx, holder: str, now: datetime) -> None:
    """This controller stops: nobody need wonder for a minute."""
    await tx.run(update(t.controller).where(t.controller.c.holder == holder).values(stopped_at=now))


async def living(tx: Tx, now: datetime) -> Living:
    """One query of a few rows."""
    table = t.controller
    alive = select(table.c.holder).where(table.c.stopped_at.is_(None), table.c.seen_at > now - ALIVE)
    holders = await tx.values(alive.order_by(table.c.holder))
    if holders:
        return Living(tuple(holders))
    last = await tx.values(select(func.coalesce(table.c.stopped_at, table.c.seen_at)))
    return Living((), max(last, default=None))
