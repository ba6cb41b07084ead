"""Prepared questions to a PostgreSQL server on connections of their own, by the driver and nothing above it.

SQLAlchemy asks whether the connection is alive, begins, asks and takes everything back, and makes rows of the answer:
four times the work of the question. It must not write.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

import psycopg
from sqlalchemy import Dialect
from sqlalchemy.engine import URL

from mcd.store.question import Answer
from mcd.store.quick import Ask, Asked, TheOtherWay, Why, once
from mcd.store.server_connection import Connection, connect, cut

MOST = 4
"""Connections. Who finds none free waits for one: the other way is four times the work, which a server that is slow
has no time for."""
A_TURN = 250
"""Rows that are made of an answer before others have their turn: about a millisecond."""
AGAIN_SECONDS = 1.0
"""After which a server that could not be reached is tried again."""
ANSWER_SECONDS = 2.0
"""After which a server that does not answer is asked the other way, which has its own limits."""


BEGIN = "BEGIN ISOLATION LEVEL REPEATABLE READ"


class ServerQuick:
    """`options`: what a connection begins with; that it may only read comes from here."""

    def __init__(self, url: URL, dialect: Dialect, options: str) -> None:
        self._url = url
        self._dialect = dialect
        self._options = f"{options} -c default_transaction_read_only=on"
        self._idle: list[Connection] = []
        self._count = 0
        self._free = asyncio.Semaphore(MOST)
        self._not_before = 0.0

    @contextlib.asynccontextmanager
    async def reading(self, *, single: bool = False) -> AsyncIterator[Ask]:
        await self._turn()
        try:
            async with self._reading(single) as ask:
                yield ask
        finally:
            self._free.release()

    async def _turn(self) -> None:
        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                await self._free.acquire()
        except TimeoutError:
            raise TheOtherWay(Why.FULL) from None

    @contextlib.asynccontextmanager
    async def _reading(self, single: bool) -> AsyncIterator[Ask]:
        connection = await self._taken()
        whole = True

        async def ask(*several: Asked) -> list[Answer]:
            nonlocal whole
            whole = False
            with _answered(connection):
                cursors = await self._sent(connection, several, apart=single)
            answers = [
                Answer(await _rows(cursor), question.prepared(self._dialect).made)
                for cursor, (question, _) in zip(cursors, several, strict=True)
            ]
            whole = True
            return answers

        async def say(words: str) -> None:
            nonlocal whole
            whole = False
            with _answered(connection):
                await connection.execute(words)
            whole = True

        try:
            if not single:
                await say(BEGIN)
            try:
                yield once(ask) if single else ask
            finally:
                if whole and not single:
                    await say("COMMIT")
        except (psycopg.Error, OSError) as error:
            raise TheOtherWay(Why.FAILED) from error
        finally:
            if whole:
                self._idle.append(connection)
            else:
                # It broke, or somebody went away in the middle of a question.
                await self._ended(connection)

    async def _sent(
        self, connection: Connection, several: Sequence[Asked], *, apart: bool
    ) -> list[psycopg.AsyncCursor[tuple[Any, ...]]]:
        """Their cursors. Several that are `apart` have a transaction of their own around them, and all of it goes to
        the server at once."""
        prepared = [(question.prepared(self._dialect), given) for question, given in several]
        if not apart or len(several) == 1:
            return [await connection.execute(one.sql, one.values(given)) for one, given in prepared]
        async with connection.pipeline():
            await connection.execute(BEGIN)
            cursors = [await connection.execute(one.sql, one.values(given)) for one, given in prepared]
            await connection.execute("COMMIT")
        return cursors

    async def _taken(self) -> Connection:
        if self._idle:
            return self._idle.pop()
        now = asyncio.get_running_loop().time()
        if now < self._not_before:
            raise TheOtherWay(Why.FAILED)
        self._count += 1
        try:
            return await connect(self._url, self._options)
        except BaseException as error:
            self._count -= 1
            if not isinstance(error, psycopg.Error | OSError):
                raise
            self._not_before = now + AGAIN_SECONDS
            raise TheOtherWay(Why.FAILED) from error

    def connections(self) -> tuple[int, int]:
        return self._count - len(self._idle), len(self._idle)

    async def _ended(self, connection: Connection) -> None:
        self._count -= 1
        await connection.close()

    async def close(self) -> None:
        while self._idle:
            await self._ended(self._idle.pop())


async def _rows(cursor: psycopg.AsyncCursor[tuple[Any, ...]]) -> tuple[tuple[Any, ...], ...]:
    found = [*await cursor.fetchmany(A_TURN)]
    while len(found) % A_TURN == 0 and (more := await cursor.fetchmany(A_TURN)):
        found += more
        await asyncio.sleep(0)  # Rows are made here; who asks for something small does not wait for all.
    return tuple(found)


@contextlib.contextmanager
def _answered(connection: Connection) -> Iterator[None]:
    """In time, or psycopg.OperationalError."""
    late = asyncio.get_running_loop().call_later(ANSWER_SECONDS, cut, connection)
    try:
        yield
    finally:
        late.cancel()
