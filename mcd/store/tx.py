"""One transaction, as the functions of this room see it: statements in, rows out, and what must happen at its edge.

Events and wake-ups are collected here and written by `session.py` just before the commit. Nothing here begins,
commits or rolls back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Executable
from sqlalchemy.ext.asyncio import AsyncConnection

from mcd.store.keyring import KeyRing
from mcd.store.question import Answer, Question


@dataclass(slots=True)
class Tx:
    """Lives from `async with db.writing()` or `db.reading()` to the end of that block, and no longer."""

    opened: AsyncConnection | None
    """None where only prepared questions may be asked."""
    writable: bool
    keyring: KeyRing | None
    pending: list[Mapping[str, Any]] = field(default_factory=list)
    """Events that are appended at the edge (`events.flush`)."""
    wished: bool = False
    """Whether somebody should look for due rows after the commit."""
    used_token: tuple[str, datetime] | None = None
    """The token that proved who asks, and when: noted after the transaction, because a question does not write."""
    quick: Callable[[Question, Mapping[str, Any]], Awaitable[Answer]] | None = None
    """The short way for prepared questions, where there is one."""

    @property
    def connection(self) -> AsyncConnection:
        if self.opened is None:
            raise RuntimeError("only prepared questions are asked in this transaction")
        return self.opened

    async def asked(self, question: Question, given: Mapping[str, Any]) -> Answer:
        """What a prepared question is answered."""
        if self.quick is not None:
            return await self.quick(question, given)
        return question.answer((await self.connection.execute(question.statement, given)).all())

    async def rows(self, statement: Executable, given: Mapping[str, Any] | None = None) -> list[dict[str, Any]]:
        """`given` are the values of a statement that is made once and asked often."""
        return [dict(row) for row in (await self.connection.execute(statement, given)).mappings()]

    async def tuples(self, statement: Executable) -> Sequence[Any]:
        """Rows by position: for the few questions that read a row for each App."""
        return (await self.connection.execute(statement)).all()

    async def row(self, statement: Executable, given: Mapping[str, Any] | None = None) -> dict[str, Any] | None:
        """The only row, or None. More than one is a bug."""
        found = (await self.connection.execute(statement, given)).mappings().one_or_none()
        return None if found is None else dict(found)

    async def value(self, statement: Executable) -> Any:
        """The first column of the only row, or None."""
        return (await self.connection.execute(statement)).scalar_one_or_none()

    async def values(self, statement: Executable) -> Sequence[Any]:
        """The first column of every row."""
        return (await self.connection.execute(statement)).scalars().all()

    async def run(self, statement: Executable, many: Sequence[Mapping[str, Any]] | None = None) -> int:
        """The number of rows that were written. With `many`, once for each set of parameters; none: nothing is done."""
        if many is None:
            return int((await self.connection.execute(statement)).rowcount)
        if not many:
            return 0
        return int((await self.connection.execute(statement, many)).rowcount)
