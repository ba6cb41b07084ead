"""Which key of secrets each running process seals with: what must be known before anything is sealed with a newer one.

Each process says so every half minute and takes its row back when it stops. Nothing else is decided by this.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import datetime

import structlog
from sqlalchemy import delete, select
from sqlalchemy.dialects import postgresql, sqlite

from mcd.errors import McdError
from mcd.store import tables as t
from mcd.store.liveness import ALIVE, BEAT, FORGOTTEN, living
from mcd.store.session import Database
from mcd.store.tx import Tx

log = structlog.get_logger("mcd.processes")

GOODBYE = 2.0
"""Seconds that the last word of a process may take; without it, it counts as running for a minute more."""


async def say(tx: Tx, name: str, holder: str, role: str, newest_key: str, now: datetime) -> None:
    """The process of this name runs and seals with this key. `role` is api, controllers, or serve for both."""
    make = postgresql.insert if tx.connection.dialect.name == "postgresql" else sqlite.insert
    told = {"holder": holder, "role": role, "newest_key": newest_key, "seen_at": now}
    await tx.run(make(t.process).values(name=name, **told).on_conflict_do_update(index_elements=["name"], set_=told))
    await tx.run(delete(t.process).where(t.process.c.seen_at < now - FORGOTTEN))


async def forget(tx: Tx, name: str) -> None:
    """The process of this name stopped."""
    await tx.run(delete(t.process).where(t.process.c.name == name))


async def without(tx: Tx, key: str, now: datetime) -> tuple[str, ...]:
    """The running processes that do not seal with this key, in people's words: they may not open what it seals. A
    controller of an older version says nothing of its keys, and is one of them."""
    running = await tx.rows(select(t.process).where(t.process.c.seen_at > now - ALIVE).order_by(t.process.c.name))
    said = [f"{row['name']} ({row['role']}, {row['newest_key']})" for row in running if row["newest_key"] != key]
    told = {row["holder"] for row in running}
    said += [f"{holder} (controllers, of an older version)" for holder in (await living(tx, now)).holders
             if holder not in told]  # fmt: skip
    return tuple(said)


@contextlib.asynccontextmanager
async def telling(db: Database, name: str, holder: str, role: str, now: Callable[[], datetime]) -> AsyncIterator[None]:
    """Says it from the first moment of the block on, and takes it back at its end. What cannot be written is logged."""
    key = db.keyring.newest if db.keyring is not None else ""

    async def once() -> None:
        async with db.writing() as tx:
            await say(tx, name, holder, role, key, now())

    async def again() -> None:
        while True:
            await asyncio.sleep(BEAT.total_seconds())
            try:
                await once()
            except McdError as error:
                log.warning("key_not_told", error=str(error))

    try:
        await once()
    except McdError as error:  # it is said again; a full disk must not keep readers out
        log.warning("key_not_told", error=str(error))
    task = asyncio.create_task(again(), name="keys")
    try:
        yield
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)
        with contextlib.suppress(McdError, TimeoutError):
            async with asyncio.timeout(GOODBYE), db.writing() as tx:
                await forget(tx, name)
