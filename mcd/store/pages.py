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
    if not 1 <= part.limit <= MOST:
        raise McdError(Code.INVALID, f"limit: {part.limit} is not the size of a page.", f"Use 1 to {MOST}.")
    marked = statement.add_columns(*(key.label(f"_key{i}") for i, key in enumerate(keys)))
    if part.cursor is not None:
        after = _after(part.cursor, keys)
        here = tuple_(*keys) if len(keys) > 1 else keys[0]
        there: Any = tuple(after) if len(keys) > 1 else after[0]
        marked = marked.where(here < there if newest_first else here > there)
    marked = marked.order_by(*(key.desc() if newest_first else key.asc() for key in keys)).limit(part.limit + 1)
    rows = await tx.rows(marked)
    more = len(rows) > part.limit
    kept = rows[: part.limit]
    last = [kept[-1][f"_key{i}"] for i in range(len(keys))] if more else None
    return Page(tuple(make(row) for row in kept), None if last is None else _cursor(last))


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
