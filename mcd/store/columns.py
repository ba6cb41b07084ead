"""Column types that behave alike on SQLite and PostgreSQL, and the columns that every reconciled table shares.

A time that comes out of here is always aware and UTC. This module must not know any table.
"""

from __future__ import annotations

import contextlib
import json
import re
from datetime import UTC, datetime
from typing import Any

import orjson
from sqlalchemy import CheckConstraint, Column, DateTime, Dialect, Integer, Text
from sqlalchemy.dialects.postgresql import JSONB
from sqlalchemy.schema import SchemaItem
from sqlalchemy.types import JSON, TypeDecorator


class Utc(TypeDecorator[datetime]):
    """An instant. A naive datetime is refused on the way in, because nobody can say which hour it meant; SQLite keeps
    text without a zone, so the zone is put back on the way out."""

    impl = DateTime(timezone=True)
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a datetime without a zone reached the store")
        utc = value.astimezone(UTC)
        return utc.replace(tzinfo=None) if dialect.name == "sqlite" else utc

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        if value is None:
            return None
        return value.replace(tzinfo=UTC) if value.tzinfo is None else value.astimezone(UTC)


class Words(TypeDecorator[str]):
    """Text from outside: logs, messages of clusters, titles of commits. What PostgreSQL cannot keep (NUL, halves of
    surrogate pairs) becomes U+FFFD, because a record that can never be written would be tried for ever."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: str | None, dialect: Dialect) -> str | None:
        return None if value is None else storable(value)


def storable(text: str) -> str:
    """The text without the characters that PostgreSQL cannot keep."""
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    try:
        text.encode()
    except UnicodeEncodeError:
        text = text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")
    return text


def json_text(value: Any) -> str:
    """The JSON text that is stored. Same care as `Words`, at any depth."""
    text = json.dumps(value, ensure_ascii=False, separators=(",", ":"))
    if "\\u0000" in text or not _encodes(text):
        text = json.dumps(_storable(value), ensure_ascii=False, separators=(",", ":"))
    return text


_LONG = re.compile(r"[0-9]{19}")
"""A number that may have more than 64 bits: orjson makes a fraction of one."""


def json_value(text: str) -> Any:
    """The value of a JSON text that was stored, as the standard library reads it, in a third of the time."""
    if _LONG.search(text) is None:
        with contextlib.suppress(orjson.JSONDecodeError):  # half a character, or no number
            return orjson.loads(text)
    return json.loads(text)


def _encodes(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    if isinstance(value, dict):
        return {storable(str(k)): _storable(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return [_storable(v) for v in value]
    return value


Json = JSON().with_variant(JSONB(), "postgresql")
"""A JSON value. Never compared in SQL: the two databases order and normalise it differently."""


def loop_columns() -> list[SchemaItem]:
    """What `due → reconcile → record` needs, the same for every reconciled noun.

    `next_run_at` empty: nothing to do until somebody wishes or wakes. While a lease is held it stands at the lease's
    end, so that a row whose process died is due by itself, and a wake-up during the pass (an earlier time) shows.
    `attempts` counts passes since the last good one (for the back-off); `takes` counts leases since the last record
    (for the quarantine). Both grow when the lease is taken, so that a pass that kills its process counts.
    """
    return [
        Column("generation", Integer, nullable=False, default=1),
        Column("observed_generation", Integer, nullable=False, default=0),
        Column("conditions", Json, nullable=False, default=list),
        Column("attempts", Integer, nullable=False, default=0),
        Column("takes", Integer, nullable=False, default=0),
        Column("next_run_at", Utc),
        Column("lease_token", Text),
        Column("lease_until", Utc),
        Column("lease_holder", Text),
        Column("deleted_at", Utc),
        CheckConstraint("generation >= 1", name="generation"),
        CheckConstraint("observed_generation >= 0 AND observed_generation <= generation", name="observed_generation"),
        CheckConstraint("attempts >= 0 AND takes >= 0", name="attempts"),
        CheckConstraint("(lease_token IS NULL) = (lease_until IS NULL)", name="lease"),
    ]
