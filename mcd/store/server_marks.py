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
from mcd.store.shared import Shared

_ASK = "SELECT pg_current_snapshot()::text, pg_postmaster_start_time()::text"
"""Which transactions are over, of all that ever wrote: the only thing that a commit always changes, and never changes
back. The second tells one server, or one life of it, from another."""

ANSWER_SECONDS = 2.0
"""After which who asks goes on without a mark."""
AGAIN_SECONDS = 1.0
"""After which a server that did not answer is tried again."""


class ServerMarks:
    """Of a PostgreSQL server. Who asks while a question is on its way shares the next one."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._connection: Connection | None = None
        self._opened = 0
        self._not_before = 0.0
        self._shared = Shared[Mark]("store-mark")

    async def ask(self) -> Mark:
        return await self._shared.look(None, self._asked)

    async def _asked(self) -> Mark:
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
        return (0, 0) if self._connection is None else (1, 0) if self._shared.under_way(None) else (0, 1)

    async def _shut(self) -> None:
        connection, self._connection = self._connection, None
        if connection is not None:
            with contextlib.suppress(psycopg.Error, OSError):
                await connection.close()

    async def close(self) -> None:
        await self._shared.end()
        await self._shut()
