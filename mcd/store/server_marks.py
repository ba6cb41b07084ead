"""The marks of a PostgreSQL server, asked on a connection of their own.

Apart from `marks.py`, because a laptop on SQLite has no psycopg. No table is known here.
"""

from __future__ import annotations

import asyncio
import contextlib

import psycopg
from sqlalchemy.engine import URL

from mcd.store.marks import Mark
from mcd.store.server_connection import Connection, connect

_ASK = "SELECT pg_current_snapshot()::text, pg_postmaster_start_time()::text"
"""Which transactions are over, of all that ever wrote: the only thing that a commit always changes, and never changes
back. The second tells one server, or one life of it, from another."""

ANSWER_SECONDS = 2.0
"""After which who asks goes on without a mark."""
AGAIN_SECONDS = 1.0
"""After which a server that did not answer is tried again."""


class ServerMarks:
    """Of a PostgreSQL server. Who asks while a question is on its way shares the next one: it is sent after all of them
    asked, and a hundred requests at once cost one."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._connection: Connection | None = None
        self._opened = 0
        self._not_before = 0.0
        self._asking: asyncio.Task[Mark] | None = None
        self._next: asyncio.Task[Mark] | None = None

    async def ask(self) -> Mark:
        if self._next is None:
            self._next = asyncio.create_task(self._asked(self._asking), name="store-mark")
        # Others wait for the same answer: one who goes away does not end it.
        return await asyncio.shield(self._next)

    async def _asked(self, before: asyncio.Task[Mark] | None) -> Mark:
        if before is not None:
            await asyncio.wait({before})
        self._asking, self._next = self._next, None
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                return await self._answer()
        except (psycopg.Error, OSError, TimeoutError):
            await self._shut()
            self._not_before = asyncio.get_running_loop().time() + AGAIN_SECONDS
            return None

    async def _answer(self) -> Mark:
        if self._connection is None:
            if asyncio.get_running_loop().time() < self._not_before:
                return None
            self._connection = await connect(self._url)
            self._connection.prepare_threshold = 0
            self._opened += 1
        cursor = await self._connection.execute(_ASK)
        return self._opened, await cursor.fetchone()

    def connections(self) -> tuple[int, int]:
        asked = self._asking is not None and not self._asking.done()
        return (0, 0) if self._connection is None else (1, 0) if asked else (0, 1)

    async def _shut(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error, OSError):
                await connection.close()

    async def close(self) -> None:
        for task in (self._next, self._asking):
            if task is not None:
                task.cancel()
                with contextlib.suppress(asyncio.CancelledError):
                    await task
        self._next = self._asking = None
        await self._shut()
