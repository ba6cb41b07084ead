"""Rings the bells of this process when another one commits, by PostgreSQL's LISTEN.

On a connection of its own. It must not be imported where there is no PostgreSQL: a laptop on SQLite has no psycopg.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
from collections.abc import Mapping

import psycopg
from sqlalchemy.engine import URL

from mcd.store.server_connection import connect
from mcd.store.wakes import CHANNEL, Bell, Ring


class Listener:
    """LISTEN on a connection of its own, again with back-off when it breaks, until `close`."""

    def __init__(self, url: URL, bells: Mapping[Ring, Bell]) -> None:
        self._url = url
        self._bells = bells
        self._task: asyncio.Task[None] | None = None
        self._listens = False

    def start(self) -> None:
        """Idempotent. Needs a running event loop."""
        if self._task is None or self._task.done():
            self._task = asyncio.create_task(self._run(), name="store-listener")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._task
            self._task = None
            self._listens = False

    def connections(self) -> tuple[int, int]:
        """Those that are open: in use, idle."""
        return int(self._listens), 0

    async def _run(self) -> None:
        pause = 0.5
        while True:
            try:
                connection = await connect(self._url)
                self._listens = True
                async with connection:
                    await connection.execute(f"LISTEN {CHANNEL}")
                    pause = 0.5
                    # Whatever was committed while nobody listened is looked for once.
                    for bell in self._bells.values():
                        bell.ring()
                    async for notice in connection.notifies():
                        if notice.payload in set(Ring):
                            self._bells[Ring(notice.payload)].ring()
            except (psycopg.Error, OSError):
                self._listens = False
                await asyncio.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311
                pause = min(pause * 2, 15.0)
