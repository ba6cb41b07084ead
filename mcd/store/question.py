"""Questions that are put together once and asked often: the statement, its text for each database, how rows are read.

To put a statement together costs more than to ask it, and to make rows of an answer into values more than both. What
was asked is here as the driver answered it, so that two answers can be compared before anything is made of them. No
transaction and no table here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import Dialect, Select

Raw = tuple[tuple[Any, ...], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a question was answered. Two of one question are equal when they tell the same."""

    raw: Raw
    _made: Callable[[Raw], list[dict[str, Any]]] = field(compare=False, repr=False)

    def rows(self) -> list[dict[str, Any]]:
        """By the names of the columns, with our types."""
        return self._made(self.raw)

    @property
    def size(self) -> int:
        """Bytes that keeping it takes, about."""
        return 100 + sum(100 + sum(_size(value) for value in row) for row in self.raw)


def _size(value: object) -> int:
    if isinstance(value, str | bytes):
        return 60 + len(value)
    if isinstance(value, list | tuple):
        return 100 + sum(map(_size, value))
    if isinstance(value, dict):
        return 200 + sum(_size(key) + _size(one) for key, one in value.items())
    return 40


@dataclass(frozen=True, slots=True)
class Prepared:
    """A question as one driver takes it."""

    sql: str
    names: tuple[str, ...] | None
    """Of its parameters in their order; None: they have names there too."""
    made: Callable[[Raw], list[dict[str, Any]]]
    fixed: Mapping[str, Any]
    """Parameters that the statement itself has."""

    def values(self, given: Mapping[str, Any]) -> tuple[Any, ...] | dict[str, Any]:
        fixed = self.fixed
        if self.names is None:
            return {**fixed, **given}
        return tuple(given[name] if name in given else fixed[name] for name in self.names)


class Question:
    """A statement with named parameters, each a text or bytes as they are: nothing is converted on the way in."""

    def __init__(self, statement: Select[Any], *, long: bool = False) -> None:
        """`long`: one that reads a row of everything there is; nobody waits for it in the event loop."""
        self.statement = statement
        self.long = long
        self.columns = tuple(str(column.key) for column in statement.selected_columns)
        self._prepared: dict[str, Prepared] = {}

    def prepared(self, dialect: Dialect) -> Prepared:
        found = self._prepared.get(dialect.name)
        if found is None:
            found = self._prepared[dialect.name] = self._prepare(dialect)
        return found

    def _prepare(self, dialect: Dialect) -> Prepared:
        compiled: Any = self.statement.compile(dialect=dialect)
        kinds = [column.type.dialect_impl(dialect) for column in self.statement.selected_columns]
        converting = [
            (at, name, convert)
            for at, (name, kind) in enumerate(zip(self.columns, kinds, strict=True))
            if (convert := kind.result_processor(dialect, None)) is not None
        ]
        columns = self.columns

        def made(raw: Raw) -> list[dict[str, Any]]:
            found = []
            for row in raw:
                one = dict(zip(columns, row, strict=True))
                for at, name, convert in converting:
                    one[name] = convert(row[at])
                found.append(one)
            return found

        order = tuple(compiled.positiontup) if compiled.positional else None
        return Prepared(str(compiled), order, made, compiled.params)

    def answer(self, rows: Sequence[Sequence[Any]]) -> Answer:
        """Of rows that have our types already."""
        return Answer(tuple(tuple(row) for row in rows), self._as_they_are)

    def _as_they_are(self, raw: Raw) -> list[dict[str, Any]]:
        return [dict(zip(self.columns, row, strict=True)) for row in raw]
