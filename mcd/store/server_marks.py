"""The marks of a PostgreSQL server, asked on a connection of their own.

Apart from `marks.py`, because a laptop on SQLite has no psycopg. No table is known here.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque

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
CHANGES, WITHIN_SECONDS = 5, 0.5
"""So many commits that were seen within so many seconds: a mark is out of date before anybody comes with the next, and
to wait for it is a way there and back for nothing."""
UNREST_SECONDS = 0.25
"""For which no mark is asked for then, before it is looked whether commits still come like that."""
CALM_SECONDS = 0.05
"""Without a commit, after which they do not."""


class ServerMarks:
    """Of a PostgreSQL server. Who asks while a question is on its way shares the next one. While commits come one after
    the other nobody waits for one: each is told a mark of its own, which is equal to no other."""

    def __init__(self, url: URL) -> None:
        self._url = url
        self._connection: Connection | None = None
        self._opened = 0
        self._not_before = 0.0
        self._shared = Shared[Mark]("store-mark")
        self._last: Mark = None
        self._changes: deque[float] = deque(maxlen=CHANGES)
        self._unrest_until = 0.0
        """On the loop's clock; 0 while it is calm."""
        self._looking: asyncio.Task[None] | None = None

    async def ask(self) -> Mark:
        if not self._unrest_until:
            return await self._shared.look(None, self._asked)
        if asyncio.get_running_loop().time() >= self._unrest_until and (self._looking is None or self._looking.done()):
            self._looking = asyncio.create_task(self._look_for_calm(), name="store-mark-calm")
        return object()

    async def _look_for_calm(self) -> None:
        first = await self._shared.look(None, self._asked)
        await asyncio.sleep(CALM_SECONDS)
        second = await self._shared.look(None, self._asked)
        if second is None or first == second:
            # A server that does not answer is told as such to whoever asks next.
            self._changes.clear()
            self._unrest_until = 0.0
        else:
            self._unrest_until = asyncio.get_running_loop().time() + UNREST_SECONDS

    def _seen(self, mark: Mark) -> None:
        if mark == self._last:
            return
        now = asyncio.get_running_loop().time()
        self._last = mark
        self._changes.append(now)
        if len(self._changes) == CHANGES and now - self._changes[0] < WITHIN_SECONDS and not self._unrest_until:
            self._unrest_until = now + UNREST_SECONDS

    async def _asked(self) -> Mark:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                mark = await self._answer()
                self._seen(mark)
                return mark
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
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
        await self._shared.end()
        await self._shut()
