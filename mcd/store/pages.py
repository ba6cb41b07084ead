"""Lists in pieces: the next piece begins after the last key of the one before, so that inserts move nothing.

Every list of ours is in the order of columns that are unique together, which is all that a keyset needs. The cursor
is opaque to clients and never trusted.
"""

from __future__ import annotations

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, Select, tuple_

from mcd.errors import Code, McdError
from mcd.store.columns import storable
from mcd.store.nouns import Row
from mcd.store.tx import Tx

T = TypeVar("T")

MOST = 500
"""Items of one page at most."""

_CURSOR_LIMIT = 2048


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """`next_cursor` is None at the end of the list."""

    items: tuple[T, ...]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Which piece of a list is asked for."""

    limit: int = 100
    cursor: str | None = None


FIRST = Part()


async def page(
    tx: Tx,
    statement: Select[Any],
    keys: Sequence[ColumnElement[Any]],
    part: Part,
    make: Callable[[Row], T],
    *,
    newest_first: bool = False,
) -> Page[T]:
    """`keys` are columns of the statement, unique together. Raises McdError invalid for a limit or cursor that is not
    ours."""
    after = _checked(part, keys)
    rows = await _rows(tx, statement, keys, after, part.limit + 1, newest_first=newest_first)
    more = len(rows) > part.limit
    kept = rows[: part.limit]
    return Page(tuple(make(row) for row in kept), _cursor_after(kept[-1], keys) if more else None)


SIEVED = 5_000
"""Rows that one call of `sieved` looks at: about a second of work, then the client asks on."""


async def sieved(
    tx: Tx,
    statement: Select[Any],
    keys: Sequence[ColumnElement[Any]],
    part: Part,
    make: Callable[[Row], T],
    keep: Callable[[T], bool],
) -> Page[T]:
    """A page of the items that `keep` wants, for what no column says. A page that is not full is not the end of the
    list: that is where there is no cursor. Raises as `page`."""
    after = _checked(part, keys)
    found: list[T] = []
    for _ in range(SIEVED // MOST):
        rows = await _rows(tx, statement, keys, after, MOST + 1)
        for row in rows[:MOST]:
            if len(found) == part.limit:
                return Page(tuple(found), None if after is None else _cursor(after))
            after = _values(row, keys)
            item = make(row)
            if keep(item):
                found.append(item)
        if len(rows) <= MOST:
            return Page(tuple(found))
    return Page(tuple(found), None if after is None else _cursor(after))


def _checked(part: Part, keys: Sequence[ColumnElement[Any]]) -> list[Any] | None:
    if not 1 <= part.limit <= MOST:
        raise McdError(Code.INVALID, f"limit: {part.limit} is not the size of a page.", f"Use 1 to {MOST}.")
    return None if part.cursor is None else _after(part.cursor, keys)


async def _rows(
    tx: Tx,
    statement: Select[Any],
    keys: Sequence[ColumnElement[Any]],
    after: Sequence[Any] | None,
    limit: int,
    *,
    newest_first: bool = False,
) -> Sequence[Row]:
    marked = statement.add_columns(*(key.label(f"_key{i}") for i, key in enumerate(keys)))
    if after is not None:
        here = tuple_(*keys) if len(keys) > 1 else keys[0]
        there: Any = tuple(after) if len(keys) > 1 else after[0]
        marked = marked.where(here < there if newest_first else here > there)
    return await tx.rows(marked.order_by(*(key.desc() if newest_first else key.asc() for key in keys)).limit(limit))


def _values(row: Row, keys: Sequence[ColumnElement[Any]]) -> list[Any]:
    return [row[f"_key{i}"] for i in range(len(keys))]


def _cursor_after(row: Row, keys: Sequence[ColumnElement[Any]]) -> str:
    return _cursor(_values(row, keys))


def _cursor(values: Sequence[Any]) -> str:
    return base64.urlsafe_b64encode(json.dumps(values, ensure_ascii=False).encode()).decode().rstrip("=")


def _after(cursor: str, keys: Sequence[ColumnElement[Any]]) -> list[Any]:
    refused = McdError(Code.INVALID, "cursor: it is not one of this list.", "Start again without a cursor.")
    if len(cursor) > _CURSOR_LIMIT:
        raise refused
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        values = json.loads(base64.b64decode(padded.encode(), altchars=b"-_", validate=True))
    except (binascii.Error, ValueError, RecursionError):
        raise refused from None
    if not isinstance(values, list) or len(values) != len(keys):
        raise refused
    for value, key in zip(values, keys, strict=True):
        wanted = key.type.python_type
        if type(value) is not wanted or (wanted is int and abs(value) >= 2**63):
            raise refused
        if wanted is str and storable(value) != value:
            raise refused
    return values
