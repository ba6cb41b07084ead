"""SQLite's connections: each has a thread of its own, and that thread ends once.

Only what the driver lacks is here. It must not know a table or a transaction.
"""

from __future__ import annotations

import asyncio
import sqlite3
from functools import partial
from typing import Any

import aiosqlite


class Connection(aiosqlite.Connection):
    """The driver's connection, which may be stopped twice.

    Who is cancelled twice in a question (by the loop that hands over and by the end of the process, by a client that
    goes away) has its connection stopped twice: by SQLAlchemy at once, and by the orderly close that it began before.
    The driver answers the second one when its thread takes note, and that thread has ended with the first: the close
    waits for ever, and with it the end of the process.
    """

    _stopped = False
    _stopping: asyncio.Future[Any] | None = None

    def stop(self) -> asyncio.Future[Any] | None:
        if not self._stopped:
            self._stopped = True
            self._stopping = super().stop()
        return self._stopping


def connect(path: str, **options: Any) -> Connection:
    """To be awaited. `options` as `sqlite3.connect` has them."""
    made = Connection(partial(sqlite3.connect, path, **options), iter_chunk_size=64)
    # A process that must end does not wait for a statement.
    made._thread.daemon = True
    return made
