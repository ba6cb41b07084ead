"""Questions and commands that are put together once and asked often: the statement, its text for each database, how
values go in and rows are read.

To put a statement together costs more than to ask it, and to make rows of an answer into values more than both. What
was asked is here as the driver answered it, so that two answers can be compared before anything is made of them. No
transaction and no table here.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from sqlalchemy import ColumnElement, Delete, Dialect, Float, Insert, Select, Table, Update, bindparam
from sqlalchemy.dialects import postgresql, sqlite

Raw = tuple[tuple[Any, ...], ...]
Values = tuple[Any, ...] | dict[str, Any]


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
    """A statement as one driver takes it."""

    sql: str
    names: tuple[str, ...] | None
    """Of its parameters in their order; None: they have names there too."""
    made: Callable[[Raw], list[dict[str, Any]]]
    fixed: Mapping[str, Any]
    """Parameters that the statement itself has."""
    converts: Mapping[str, Callable[[Any], Any]]
    """What makes a value of ours one of the driver's, where they differ."""
    defaults: Mapping[str, Callable[[], Any]]
    """Of columns that a command does not name."""

    def values(self, given: Mapping[str, Any]) -> Values:
        converts, fixed = self.converts, self.fixed
        if self.defaults:
            given = {**{name: make() for name, make in self.defaults.items() if name not in given}, **given}
        if converts:
            given = {name: converts[name](value) if name in converts else value for name, value in given.items()}
        if self.names is None:
            return {**fixed, **given}
        return tuple([given[name] if name in given else fixed[name] for name in self.names])


class Question:
    """A statement that reads, with named parameters."""

    def __init__(self, statement: Select[Any], *, long: bool = False) -> None:
        """`long`: one that reads a row of everything there is; nobody waits for it in the event loop."""
        self.statement = statement
        self.long = long
        self.columns = tuple(str(column.key) for column in statement.selected_columns)
        self._prepared: dict[str, Prepared] = {}

    def prepared(self, dialect: Dialect) -> Prepared:
        found = self._prepared.get(dialect.name)
        if found is None:
            kinds = [column.type for column in self.statement.selected_columns]
            columns = list(zip(self.columns, kinds, strict=True))
            found = self._prepared[dialect.name] = _prepared(self.statement, dialect, columns)
        return found


Among = Callable[[ColumnElement[Any], str], ColumnElement[bool]]
"""Whether a column is one of the values that are given under a name."""


class OfMany:
    """A question about several things at once. There is a statement for each power of two; the last value is given so
    often as there is room."""

    def __init__(self, make: Callable[[Among], Select[Any]], *, long: bool = False) -> None:
        self._make = make
        self._long = long
        self._sized: dict[int, Question] = {}

    def of(self, lists: Mapping[str, Collection[Any]]) -> tuple[Question, dict[str, Any]]:
        """The question for these lists, none of them empty, and its parameters."""
        room = 1 << max(len(values) - 1 for values in lists.values()).bit_length()
        question = self._sized.get(room)
        if question is None:
            question = self._sized[room] = Question(
                self._make(lambda column, name: _among(column, name, room)), long=self._long
            )
        given: dict[str, Any] = {}
        for name, values in lists.items():
            *_, last = values
            given |= {f"{name}_{at}": value for at, value in enumerate(values)}
            given |= {f"{name}_{at}": last for at in range(len(values), room)}
        return question, given


def _among(column: ColumnElement[Any], name: str, room: int) -> ColumnElement[bool]:
    return column.in_([bindparam(f"{name}_{at}", type_=column.type) for at in range(room)])


class Command:
    """A statement that writes a few rows by their keys, with named parameters: what it takes is no more than a
    moment."""

    def __init__(self, statement: Insert | Update | Delete | Callable[[Any], Insert]) -> None:
        """An insert that says what to do when there is a row is made with the `insert` of its database."""
        self.statement = statement
        self._prepared: dict[str, Prepared] = {}

    def prepared(self, dialect: Dialect) -> Prepared:
        found = self._prepared.get(dialect.name)
        if found is None:
            statement = self.statement
            if not isinstance(statement, Insert | Update | Delete):
                statement = statement(postgresql.insert if dialect.name == "postgresql" else sqlite.insert)
            found = self._prepared[dialect.name] = _prepared(statement, dialect, ())
        return found


def inserted(table: Table, *names: str) -> Insert:
    """A row of which these columns are given; the others have their defaults."""
    return table.insert().values({name: bindparam(name) for name in names})


def _prepared(statement: Any, dialect: Dialect, columns: Sequence[tuple[str, Any]]) -> Prepared:
    compiled: Any = statement.compile(dialect=dialect)
    converts = {
        name: convert
        for bind, name in compiled.bind_names.items()
        if (convert := bind.type.dialect_impl(dialect).bind_processor(dialect)) is not None
    }
    fixed = {
        name: converts[name](value) if value is not None and name in converts else value
        for name, value in compiled.params.items()
    }
    defaults = {column.key: _default(column) for column in (*compiled.insert_prefetch, *compiled.update_prefetch)}
    order = tuple(compiled.positiontup) if compiled.positional else None
    return Prepared(str(compiled), order, _reader(columns, dialect), fixed, converts, defaults)


def _default(column: Any) -> Callable[[], Any]:
    default = column.default
    return (lambda: default.arg) if default.is_scalar else lambda: default.arg(None)


def _reader(columns: Sequence[tuple[str, Any]], dialect: Dialect) -> Callable[[Raw], list[dict[str, Any]]]:
    names = tuple(name for name, _ in columns)
    converting = [
        (at, name, convert)
        for at, (name, kind) in enumerate(columns)
        # Both drivers answer a float as one; SQLAlchemy asks for the number of the type that the server said.
        if not isinstance(kind, Float) and (convert := kind.dialect_impl(dialect).result_processor(dialect, None))
    ]

    def made(raw: Raw) -> list[dict[str, Any]]:
        found = []
        for row in raw:
            one = dict(zip(names, row, strict=True))
            for at, name, convert in converting:
                one[name] = convert(row[at])
            found.append(one)
        return found

    return made
