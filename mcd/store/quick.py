"""Prepared questions to a SQLite file, asked in the event loop on connections of their own.

SQLite finds a row by its key in the time that the way to a thread and back takes ten times, and SQLAlchemy thirty. What
takes longer than a moment is broken off, and has to be asked the other way. It must not write.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Dialect

from mcd.store.question import Answer, Question

Ask = Callable[[Question, Mapping[str, Any]], Awaitable[Answer]]


class TheOtherWay(Exception):
    """It cannot be asked like this now: it takes too long, or there is no connection. Nothing was answered."""


class Quick(Protocol):
    def reading(self) -> contextlib.AbstractAsyncContextManager[Ask]:
        """One state of the database for all that is asked inside. Raises TheOtherWay."""

    async def close(self) -> None: ...


AT_ONCE = 0.002
"""Seconds that a question may take that is not known to be long."""

_LOOKED_EVERY = 2_000
"""Steps of SQLite's machine between two looks at the clock."""

_KEPT = 4
"""Connections that are kept while nobody uses them. Two are in use at once only when somebody waits inside."""


class FileQuick:
    def __init__(self, path: Path, dialect: Dialect) -> None:
        self._path = path
        self._dialect = dialect
        self._idle: list[_Opened] = []

    @contextlib.asynccontextmanager
    async def reading(self) -> AsyncIterator[Ask]:
        try:
            opened = self._idle.pop() if self._idle else _Opened(self._path, self._dialect)
        except sqlite3.Error as error:
            raise TheOtherWay from error
        whole = False
        try:
            opened.connection.execute("BEGIN")
            try:
                yield opened.ask
            finally:
                if not opened.away:
                    opened.connection.execute("COMMIT")
                    whole = True
        except sqlite3.Error as error:
            raise TheOtherWay from error
        finally:
            if whole and len(self._idle) < _KEPT:
                self._idle.append(opened)
            else:
                opened.close()

    async def close(self) -> None:
        while self._idle:
            self._idle.pop().close()


class _Opened:
    """One connection."""

    def __init__(self, path: Path, dialect: Dialect) -> None:
        self._dialect = dialect
        self._until: float | None = None
        self._asking: asyncio.Future[Answer] | None = None
        # It never waits: that would be in the event loop. Two threads use it, and never both at a time.
        self.connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=0, isolation_level=None, check_same_thread=False
        )
        self.connection.execute("PRAGMA query_only = ON")
        self.connection.set_progress_handler(self._too_long, _LOOKED_EVERY)

    @property
    def away(self) -> bool:
        """Whether the thread is at it: of somebody who did not wait for the answer."""
        return self._asking is not None and not self._asking.done()

    async def ask(self, question: Question, given: Mapping[str, Any]) -> Answer:
        if question.long:
            self._asking = asyncio.ensure_future(asyncio.to_thread(self._answer, question, given))
            return await asyncio.shield(self._asking)
        self._until = time.monotonic() + AT_ONCE
        try:
            return self._answer(question, given)
        finally:
            self._until = None

    def _answer(self, question: Question, given: Mapping[str, Any]) -> Answer:
        prepared = question.prepared(self._dialect)
        return Answer(tuple(self.connection.execute(prepared.sql, prepared.values(given)).fetchall()), prepared.made)

    def close(self) -> None:
        """As soon as no thread uses it."""
        if self._asking is not None and self.away:
            self._asking.add_done_callback(lambda _: self.connection.close())
        else:
            self.connection.close()

    def _too_long(self) -> bool:
        return self._until is not None and time.monotonic() > self._until
