"""Where a person is signed in. A session is named by a part of its digest: what proves it is in the browser only."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import select

from mcd.model import Actor, Scope
from mcd.store import tables as t
from mcd.store.credential import digest_of
from mcd.store.tx import Tx

NAMED = 16
"""Characters of a digest that name a session of one person."""


@dataclass(frozen=True, slots=True)
class SessionSeen:
    """`current` is the one that asks."""

    id: str
    created_at: datetime
    expires_at: datetime
    current: bool


async def sessions(actor: Actor, tx: Tx, now: datetime, asking: str | None = None) -> tuple[SessionSeen, ...]:
    """One's own, the newest first; `asking` is the session of the cookie. A token of narrow scope sees none."""
    if actor.scope is not Scope.ALL:
        return ()
    mine = digest_of(asking).hex()[:NAMED] if asking else ""
    table = t.session
    rows = await tx.rows(
        select(table)
        .where(table.c.person_id == actor.person, table.c.expires_at > now)
        .order_by(table.c.created_at.desc(), table.c.digest)
    )
    named = [(row["digest"].hex()[:NAMED], row) for row in rows]
    return tuple(SessionSeen(name, row["created_at"], row["expires_at"], name == mine) for name, row in named)
