"""Prepared questions to a SQLite file, asked in the event loop on connections of their own.

SQLite finds a row by its key in the time that the way to a thread and back takes ten times, and SQLAlchemy thirty. What
takes longer than a moment is broken off, and has to be asked the other way. It must not write.
"""

from __future__ import annotations

import asyncio
import contextlib
import sqlite3
import threading
from collections.abc import AsyncIterator, Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any, Protocol

from sqlalchemy import Dialect

from mcd.store.question import Answer, Question
from mcd.store.sqlite import LOOKED_EVERY, AtOnce

Asked = tuple[Question, Mapping[str, Any]]
"""A question and what it is about."""


class Ask(Protocol):
    async def __call__(self, *several: Asked) -> list[Answer]:
        """All of them in one way there and back."""


class Why(StrEnum):
    FULL = "full"
    """All connections for it are in use, and nobody gave one back in time."""
    LATE = "late"
    """It took longer than a moment, and was broken off."""
    FAILED = "failed"
    """The database was not reached, or did not answer."""


class TheOtherWay(Exception):
    """It cannot be asked like this now. Nothing was answered."""

    def __init__(self, why: Why) -> None:
        super().__init__(why.value)
        self.why = why


class Quick(Protocol):
    def reading(self, *, single: bool = False) -> contextlib.AbstractAsyncContextManager[Ask]:
        """One state of the database for all that is asked inside; `single`: all of it is asked at once. Raises
        TheOtherWay."""

    def connections(self) -> tuple[int, int]:
        """Those that are open: in use, idle."""

    async def close(self) -> None: ...


_KEPT = 4
"""Connections that are kept while nobody uses them. Two are in use at once only when somebody waits inside."""


class FileQuick:
    def __init__(self, path: Path, dialect: Dialect) -> None:
        self._path = path
        self._dialect = dialect
        self._idle: list[_Opened] = []
        self._used = 0

    @contextlib.asynccontextmanager
    async def reading(self, *, single: bool = False) -> AsyncIterator[Ask]:
        try:
            opened = self._idle.pop() if self._idle else _Opened(self._path, self._dialect)
        except sqlite3.Error as error:
            raise TheOtherWay(Why.FAILED) from error
        whole = False
        self._used += 1
        try:
            opened.connection.execute("BEGIN")
            try:
                yield once(opened.ask) if single else opened.ask
            finally:
                if not opened.away:
                    opened.connection.execute("COMMIT")
                    whole = True
        except sqlite3.Error as error:
            late = getattr(error, "sqlite_errorcode", None) == sqlite3.SQLITE_INTERRUPT
            raise TheOtherWay(Why.LATE if late else Why.FAILED) from error
        finally:
            self._used -= 1
            if whole and len(self._idle) < _KEPT:
                self._idle.append(opened)
            else:
                opened.close()

    def connections(self) -> tuple[int, int]:
        return self._used, len(self._idle)

    async def close(self) -> None:
        while self._idle:
            self._idle.pop().close()


def once(ask: Ask) -> Ask:
    """Refuses to be asked a second time; on SQLite too, where it would do no harm: who writes one looks there first."""
    asked = 0

    async def only(*several: Asked) -> list[Answer]:
        nonlocal asked
        asked += 1
        if asked > 1:
            raise RuntimeError("one question was announced, and a second one asked: it may be of another state")
        return await ask(*several)

    return only


class _Opened:
    """One connection. Two threads use it, and never both at a time: it is closed by the one that has it."""

    def __init__(self, path: Path, dialect: Dialect) -> None:
        self._dialect = dialect
        self._at_once = AtOnce()
        self._lock = threading.Lock()
        self.away = False
        """Whether a thread is at it, maybe for somebody who did not wait for the answer."""
        self._unwanted = False
        # It never waits: that would be in the event loop.
        self.connection = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode=rw", uri=True, timeout=0, isolation_level=None, check_same_thread=False
        )
        self.connection.execute("PRAGMA query_only = ON")
        self.connection.set_progress_handler(self._at_once.over, LOOKED_EVERY)

    async def ask(self, *several: Asked) -> list[Answer]:
        return [await self._asked(question, given) for question, given in several]

    async def _asked(self, question: Question, given: Mapping[str, Any]) -> Answer:
        if question.long:
            self.away = True
            return await asyncio.to_thread(self._in_thread, question, given)
        with self._at_once:
            return self._answer(question, given)

    def _in_thread(self, question: Question, given: Mapping[str, Any]) -> Answer:
        try:
            return self._answer(question, given)
        finally:
            with self._lock:
                self.away = False
                if self._unwanted:
                    self.connection.close()

    def _answer(self, question: Question, given: Mapping[str, Any]) -> Answer:
        prepared = question.prepared(self._dialect)
        return Answer(tuple(self.connection.execute(prepared.sql, prepared.values(given)).fetchall()), prepared.made)

    def close(self) -> None:
        with self._lock:
            if self.away:
                self._unwanted = True
                self.connection.interrupt()
            else:
                self.connection.close()
