"""One transaction, as the functions of this room see it: statements in, rows out, and what must happen at its edge.

Events and wake-ups are collected here and written by `session.py` just before the commit. Nothing here begins,
commits or rolls back.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Executable
from sqlalchemy.ext.asyncio import AsyncConnection

from mcd.store.direct import Direct, direct
from mcd.store.keyring import KeyRing
from mcd.store.question import Answer, Command, OfMany, Question
from mcd.store.quick import Ask, Asked


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
    afterwards: list[Callable[[Tx], Awaitable[object]]] = field(default_factory=list)
    """What has to wait until this transaction is over, because somebody else holds it: hints, each in a transaction of
    its own."""
    quick: Ask | None = None
    """The short way for prepared questions, where nothing else may be asked."""
    _direct: Direct | None = None

    @property
    def connection(self) -> AsyncConnection:
        if self.opened is None:
            raise RuntimeError("only prepared questions are asked in this transaction")
        return self.opened

    @property
    def direct(self) -> Direct:
        if self._direct is None:
            self._direct = direct(self.connection)
        return self._direct

    async def asked(self, question: Question, given: Mapping[str, Any]) -> Answer:
        """What a prepared question is answered."""
        if self.quick is not None:
            return (await self.quick((question, given)))[0]
        return await self.direct.ask(question, given)

    async def asked_all(self, *several: Asked) -> list[Answer]:
        """What several prepared questions are answered; where it can be, in one way there and back."""
        if self.quick is not None:
            return await self.quick(*several)
        return [await self.direct.ask(question, given) for question, given in several]

    async def ask(self, question: Question, **given: Any) -> list[dict[str, Any]]:
        """The rows that a prepared question is answered."""
        return (await self.asked(question, given)).rows()

    async def ask_one(self, question: Question, **given: Any) -> dict[str, Any] | None:
        """The only row, or None. More than one is a bug."""
        found = await self.ask(question, **given)
        if len(found) > 1:
            raise RuntimeError("a question about one row was answered with several")
        return found[0] if found else None

    async def ask_of(self, question: OfMany, **lists: Collection[Any]) -> list[dict[str, Any]]:
        """The rows of a question about several things; none where a list is empty."""
        if not all(lists.values()):
            return []
        one, given = question.of(lists)
        return (await self.asked(one, given)).rows()

    async def told(self, command: Command, *given: Mapping[str, Any]) -> int:
        """Carries out a prepared command, once for each set of parameters; the number of rows that were written."""
        if len(given) == 1:
            return await self.direct.run(command, given[0])
        return await self.direct.run_many(command, given)

    async def savepoint(self, words: str) -> None:
        """Makes, undoes to, or releases one."""
        await self.direct.say(words)

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
