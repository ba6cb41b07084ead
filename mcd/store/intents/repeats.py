"""The same wish sent twice is done once: answers kept by the person's key, in the transaction of the wish itself."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import delete, select, update
from sqlalchemy.dialects import postgresql, sqlite

from mcd.errors import Code, McdError
from mcd.model import Actor
from mcd.store import names
from mcd.store import tables as t
from mcd.store.tx import Tx

KEPT_FOR = timedelta(hours=24)
"""How long an answer can be had again."""


async def idempotent(actor: Actor, tx: Tx, now: datetime, key: str, digest: str) -> Any:
    """None: go on, then `remember` before the transaction ends. Else the response that was given to the same wish.

    The key is claimed first: a second sender of the same key waits on PostgreSQL until the first has committed, and is
    then given its answer. Raises McdError: invalid when the key was used for another wish (`digest` differs), conflict
    when the wish was made and nothing remembered (a ticket that is good once)."""
    names.check_line_of_text("an Idempotency-Key", key, 255)
    table = t.idempotency_key
    await tx.run(delete(table).where(table.c.created_at < now - KEPT_FOR))
    make = postgresql.insert if tx.connection.dialect.name == "postgresql" else sqlite.insert
    claimed = await tx.value(
        make(table)
        .values(person_id=actor.person, key=key, digest=digest, response=None, created_at=now)
        .on_conflict_do_nothing()
        .returning(table.c.key)
    )
    if claimed is not None:
        return None
    row = await tx.row(select(table).where(table.c.person_id == actor.person, table.c.key == key))
    if row is None:
        raise McdError(Code.CONFLICT, "the same wish is on its way.", "Try again.")
    if row["digest"] == digest and row["response"] is None:
        raise McdError(Code.CONFLICT, "this wish was made already, and its answer was not kept.", "Look what it did.")
    if row["digest"] != digest:
        raise McdError(
            Code.INVALID,
            "this Idempotency-Key was used for another wish.",
            "Use a new key for each wish.",
            reason="IdempotencyKeyReused",
        )
    return row["response"]


async def remember(actor: Actor, tx: Tx, now: datetime, key: str, response: Mapping[str, Any]) -> None:
    """Keeps the response (status, headers, body as plain data) for who repeats the wish. Committed with the wish, or
    not at all."""
    table = t.idempotency_key
    await tx.run(
        update(table)
        .where(table.c.person_id == actor.person, table.c.key == key)
        .values(response=dict(response), created_at=now)
    )
