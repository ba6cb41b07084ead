"""SQLite's connections: each has a thread of its own, that thread ends once, and it is asked as seldom as can be; those
that write take turns.

Only what the driver lacks is here. It must not know a table or a transaction.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import sqlite3
import time
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import aiosqlite

AT_ONCE = 0.002
"""Seconds of processor time that a question may take in the event loop. Way to the thread and back takes a tenth of
that, and most questions a hundredth; one that takes longer is asked again there, where it keeps nobody waiting. Not by
the clock: on a machine that is full, asking again is what it lacks the time for."""
AT_MOST = 0.02
"""Seconds by the clock, when the disk is what it waits for."""

LOOKED_EVERY = 2_000
"""Steps of SQLite's machine between two looks at the clock: some tens of microseconds."""

BEGIN_WRITING = "BEGIN IMMEDIATE"

_NEXT_LOOK = 0.001
"""Seconds between two looks at the lock that another process has."""


class AtOnce:
    """Whether the question that is asked in the event loop takes too long. `with` it is asked; outside, none is."""

    _until: tuple[float, float] | None = None

    def __enter__(self) -> None:
        self._until = (time.thread_time() + AT_ONCE, time.monotonic() + AT_MOST)

    def __exit__(self, *_error: object) -> None:
        self._until = None

    def over(self) -> bool:
        """Asked by SQLite now and then, in the thread that it works in; True breaks the question off."""
        until = self._until
        return until is not None and (time.thread_time() > until[0] or time.monotonic() > until[1])


class Connection(aiosqlite.Connection):
    """The driver's connection, which may be stopped twice, and whose cursors ask the thread once for a statement.

    Who is cancelled twice in a question (by the loop that hands over and by the end of the process, by a client that
    goes away) has its connection stopped twice: by SQLAlchemy at once, and by the orderly close that it began before.
    The driver answers the second one when its thread takes note, and that thread has ended with the first: the close
    waits for ever, and with it the end of the process.

    What is answered in no time is answered without the thread, where it is known that it only reads, or that it writes
    by a key. The way there and back costs ten times what a question by a key does, for each statement, and the loop has
    nothing else to do meanwhile than to be woken. A question that turns out to be long is broken off and given to the
    thread.
    """

    _stopped = False
    _stopping: asyncio.Future[Any] | None = None
    _limit: AtOnce
    _away: list[None]
    """One for each question that the thread has and has not answered, also when nobody waits for it any more."""

    def stop(self) -> asyncio.Future[Any] | None:
        if not self._stopped:
            self._stopped = True
            self._stopping = super().stop()
        return self._stopping

    def cursor(self) -> Cursor:  # type: ignore[override]
        return Cursor(self)

    def _run(self, how: Callable[..., Any], cursor: sqlite3.Cursor, sql: str, parameters: Sequence[Any]) -> None:
        how(cursor, sql, parameters)

    async def ask(self, sql: str, values: Any) -> list[Any]:
        """The rows of a question."""
        return list(await self._at_once(self._fetched, sql, values))

    async def write(self, sql: str, values: Any) -> int:
        """What a write by a key changed, inside a transaction: the file is locked by then, and nothing waits."""
        if not self._running or self._away:
            return int(await self._execute(self._wrote, sql, values))
        return self._wrote(sql, values)

    async def write_many(self, sql: str, many: Sequence[Any]) -> int:
        """The same for each of these values, in one go; what all of them changed."""
        if not self._running or self._away:
            return int(await self._execute(self._wrote_many, sql, many))
        return self._wrote_many(sql, many)

    def _fetched(self, sql: str, values: Any) -> list[Any]:
        return self._conn.execute(sql, values).fetchall()

    def _wrote(self, sql: str, values: Any) -> int:
        return self._conn.execute(sql, values).rowcount

    def _wrote_many(self, sql: str, many: Sequence[Any]) -> int:
        return self._conn.executemany(sql, many).rowcount

    async def _connect(self) -> Connection:
        self._away = []
        self._limit = AtOnce()
        await super()._connect()
        self._conn.set_progress_handler(self._limit.over, LOOKED_EVERY)
        return self

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        def answered() -> Any:
            try:
                return fn(*args, **kwargs)
            finally:
                self._away.pop()

        self._away.append(None)
        return await super()._execute(answered)  # type: ignore[no-untyped-call]

    async def _at_once(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        """In the event loop if it only reads and does not take long."""
        if not self._running or self._away:
            # Behind a question that the thread is at, the loop would wait for SQLite's own lock.
            return await Connection._execute(self, fn, *args, **kwargs)
        try:
            with self._limit:
                return fn(*args, **kwargs)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode != sqlite3.SQLITE_INTERRUPT:
                raise
        return await Connection._execute(self, fn, *args, **kwargs)


class Reader(Connection):
    """A connection that only reads: whatever it is asked is tried in the event loop."""

    async def _execute(self, fn: Callable[..., Any], *args: Any, **kwargs: Any) -> Any:
        if fn == self._conn.close:
            return await super()._execute(fn, *args, **kwargs)
        return await self._at_once(fn, *args, **kwargs)


class Writer(Connection):
    """A connection that writes. Who waits for the file's lock has a turn, and nobody else tries meanwhile.

    SQLite's own waiting is a race that is lost to whoever writes all the time: it looks again after up to 0.1 s, and
    the other has begun anew. Here the other has to get a turn first. A turn is a lock on a file beside the database,
    gone with the process that has it; without it (no room for the file) SQLite's lock is all there is.
    """

    turns: str
    """The path of that file."""
    patience: float
    """Seconds after which the database is called busy."""

    def _run(self, how: Callable[..., Any], cursor: sqlite3.Cursor, sql: str, parameters: Sequence[Any]) -> None:
        if sql != BEGIN_WRITING:
            how(cursor, sql, parameters)
            return
        until = time.monotonic() + self.patience
        turn = self._turn(time.monotonic() + self.patience / 5)
        try:
            while not self._begun(cursor, until):
                time.sleep(_NEXT_LOOK)
        finally:
            if turn is not None:
                os.close(turn)

    def _begun(self, cursor: sqlite3.Cursor, until: float) -> bool:
        try:
            cursor.execute(BEGIN_WRITING)
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY or time.monotonic() > until:
                raise
            return False
        return True

    def _turn(self, until: float) -> int | None:
        """The file, locked; closing it ends the turn."""
        try:
            file = os.open(self.turns, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        except OSError:
            return None
        # Who has it may be stopped: after a while the lock that counts is SQLite's.
        while not _locked(file) and time.monotonic() < until:
            time.sleep(_NEXT_LOOK)
        return file


def _locked(file: int) -> bool:
    with contextlib.suppress(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return True
    return False


class Cursor:
    """One statement: asked and answered in one go, so that the answer is here when somebody wants to read it."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._rows: list[Any] = []
        self.description: Any = None
        self.rowcount = -1
        self.lastrowid: int | None = None
        self.arraysize = 1

    async def __aenter__(self) -> Cursor:
        return self

    async def execute(self, sql: str, parameters: Sequence[Any] = ()) -> Cursor:
        await self._in_one_go(sqlite3.Cursor.execute, sql, parameters)
        return self

    async def executemany(self, sql: str, parameters: Sequence[Sequence[Any]]) -> Cursor:
        await self._in_one_go(sqlite3.Cursor.executemany, sql, parameters)
        return self

    async def fetchall(self) -> list[Any]:
        rows, self._rows = self._rows, []
        return rows

    async def close(self) -> None:
        self._rows = []

    async def _in_one_go(self, *what: Any) -> None:
        await self._connection._execute(self._ask, *what)

    def _ask(self, how: Callable[..., Any], sql: str, parameters: Sequence[Any]) -> None:
        """In the thread, or for a moment in the loop. The driver's own cursor lives no longer than this."""
        cursor = self._connection._conn.cursor()
        try:
            self._connection._run(how, cursor, sql, parameters)
            rows = cursor.fetchall() if cursor.description else []
            self._rows, self.description = rows, cursor.description
            self.rowcount, self.lastrowid = cursor.rowcount, cursor.lastrowid
        finally:
            cursor.close()


def connect(path: str, *, reads: bool = False, timeout: float = 5.0, **options: Any) -> Connection:
    """To be awaited. `timeout`: seconds after which the database is busy; `options` as `sqlite3.connect` has them."""
    # It is used by two threads, and never by both at a time: whoever asks waits for the answer.
    options |= {"timeout": timeout, "check_same_thread": False}
    made = (Reader if reads else Writer)(partial(sqlite3.connect, path, **options), iter_chunk_size=64)
    if isinstance(made, Writer):
        made.turns, made.patience = f"{path}-turn", timeout
    # A process that must end does not wait for a statement.
    made._thread.daemon = True
    return made
