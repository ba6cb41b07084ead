"""Prepared questions and commands in a transaction that SQLAlchemy began, asked of the driver under it.

SQLAlchemy puts a statement together, finds it again in its cache, changes to a stack of its own, and makes rows of the
answer: ten times the work of a statement by its key. Its own statements and these may take turns in one transaction. It
must not begin or end one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

from sqlalchemy import Dialect
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncConnection

from mcd.rounds import breathe
from mcd.store.question import Answer, Command, Question


class Direct(Protocol):
    """Raises what SQLAlchemy raises."""

    async def ask(self, question: Question, given: Mapping[str, Any]) -> Answer: ...

    async def run(self, command: Command, given: Mapping[str, Any]) -> int:
        """The number of rows that were written."""

    async def run_many(self, command: Command, many: Sequence[Mapping[str, Any]]) -> int:
        """The same, once for each set of parameters."""

    async def say(self, words: str) -> None:
        """Of savepoints."""


def direct(connection: AsyncConnection) -> Direct:
    """Of a connection that is open and in a transaction."""
    under = connection.sync_connection
    assert under is not None
    driver = under.connection.driver_connection
    return (FileDirect if connection.dialect.name == "sqlite" else ServerDirect)(driver, connection.dialect)


@dataclass(frozen=True, slots=True)
class FileDirect:
    """Answered without a pause, dozens of them in a row: a pass lets others go first between two."""

    driver: Any
    """`sqlite.Connection`."""
    dialect: Dialect

    async def ask(self, question: Question, given: Mapping[str, Any]) -> Answer:
        await breathe()
        prepared = question.prepared(self.dialect)
        with _as_sqlalchemy_says(self.dialect, prepared.sql):
            return Answer(tuple(await self.driver.ask(prepared.sql, prepared.values(given))), prepared.made)

    async def run(self, command: Command, given: Mapping[str, Any]) -> int:
        await breathe()
        prepared = command.prepared(self.dialect)
        with _as_sqlalchemy_says(self.dialect, prepared.sql):
            return int(await self.driver.write(prepared.sql, prepared.values(given)))

    async def run_many(self, command: Command, many: Sequence[Mapping[str, Any]]) -> int:
        if not many:
            return 0
        await breathe()
        prepared = command.prepared(self.dialect)
        with _as_sqlalchemy_says(self.dialect, prepared.sql):
            return int(await self.driver.write_many(prepared.sql, [prepared.values(given) for given in many]))

    async def say(self, words: str) -> None:
        with _as_sqlalchemy_says(self.dialect, words):
            await self.driver.write(words, ())


@dataclass(frozen=True, slots=True)
class ServerDirect:
    driver: Any
    """`psycopg.AsyncConnection`."""
    dialect: Dialect

    async def ask(self, question: Question, given: Mapping[str, Any]) -> Answer:
        prepared = question.prepared(self.dialect)
        with _as_sqlalchemy_says(self.dialect, prepared.sql):
            cursor = await self.driver.execute(prepared.sql, prepared.values(given))
            return Answer(tuple(await cursor.fetchall()), prepared.made)

    async def run(self, command: Command, given: Mapping[str, Any]) -> int:
        prepared = command.prepared(self.dialect)
        with _as_sqlalchemy_says(self.dialect, prepared.sql):
            return int((await self.driver.execute(prepared.sql, prepared.values(given))).rowcount)

    async def run_many(self, command: Command, many: Sequence[Mapping[str, Any]]) -> int:
        if not many:
            return 0
        prepared = command.prepared(self.dialect)
        with _as_sqlalchemy_says(self.dialect, prepared.sql):
            async with self.driver.cursor() as cursor:
                await cursor.executemany(prepared.sql, [prepared.values(given) for given in many])
                return int(cursor.rowcount)

    async def say(self, words: str) -> None:
        with _as_sqlalchemy_says(self.dialect, words):
            await self.driver.execute(words)


@contextmanager
def _as_sqlalchemy_says(dialect: Any, sql: str) -> Iterator[None]:
    """A refusal of the driver in the words that the rest of this room reads, without the values."""
    try:
        yield
    except dialect.loaded_dbapi.Error as error:
        raise DBAPIError.instance(
            sql, None, error, dialect.loaded_dbapi.Error, hide_parameters=True, dialect=dialect
        ) from error
