"""What happened, appended and never edited: every timeline and the audit log are views of it.

An Event is written in the transaction of the change that it tells. Who may read it is decided in `reads`, not here.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import BigInteger, bindparam, insert, select, update

from mcd.model import Actor, EventKind, Noun
from mcd.store import tables as t
from mcd.store.nouns import told_json
from mcd.store.question import Command, Question
from mcd.store.tx import Tx

MESSAGE_LIMIT = 4096
"""Characters of a message that are kept."""

MCD = Actor(person="", name="mcd", via="controller")
"""Who is named when nobody wished it: the loop."""


def append(
    tx: Tx,
    now: datetime,
    actor: Actor,
    kind: EventKind,
    message: str,
    *,
    noun: Noun,
    name: str,
    product_line: str | None = None,
    app: str | None = None,
    data: Mapping[str, Any] | None = None,
) -> None:
    """Tells the Event when, and only when, the transaction commits. The caller masks: no secret may be in here. A
    `message` that knows what it says (`say`) is told in the language of its reader."""
    tx.pending.append(
        {
            "at": now,
            "noun": noun.value,
            "name": name,
            "product_line": product_line,
            "app": app,
            "kind": kind.value,
            "actor": actor.name,
            "via": actor.via,
            "message": str(message)[:MESSAGE_LIMIT],
            "data": {**(data or {}), **told_json(message)},
        }
    )


_COUNT = Command(
    update(t.event_counter)
    .where(t.event_counter.c.id == 1)
    .values(last=t.event_counter.c.last + bindparam("count", type_=BigInteger))
)
_COUNTER = Question(select(t.event_counter.c.last).where(t.event_counter.c.id == 1))
_APPEND = Command(insert(t.event))


async def flush(tx: Tx) -> bool:
    """Writes what was appended, at the edge of the transaction. Answers whether there was anything.

    The sequence is taken from one counter row whose lock is held until the commit, so the order of numbers is the
    order of commits: a reader that asked for "after 41" can never be overtaken by a 40 that commits late, as it could
    with a PostgreSQL sequence. Taking the lock last keeps it short, and it cannot be part of a deadlock.
    """
    if not tx.pending:
        return False
    count = len(tx.pending)
    if not await tx.told(_COUNT, {"count": count}):
        raise RuntimeError("the table event_counter lost its row")
    counter = await tx.ask_one(_COUNTER)
    assert counter is not None
    first = counter["last"] - count + 1
    await tx.told(_APPEND, *({"sequence": first + i, **row} for i, row in enumerate(tx.pending)))
    tx.pending.clear()
    return True
