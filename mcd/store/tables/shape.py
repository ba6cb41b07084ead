"""What tables have in common: how their constraints are named, and the invariants that several of them hold.

No table here.
"""

from __future__ import annotations

from enum import StrEnum

from sqlalchemy import CheckConstraint, Column, Index, MetaData, Text, text

from mcd.store.columns import Utc

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def one_of(column: str, words: tuple[str, ...] | type[StrEnum]) -> CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


def gone() -> list[Column[object] | CheckConstraint]:
    """A thing that is gone keeps its row, because history refers to it; its name is free again."""
    return [
        Column("gone_at", Utc),
        CheckConstraint("gone_at IS NULL OR deleted_at IS NOT NULL", name="gone"),
    ]


def unique_while_there(table: str, *columns: str) -> Index:
    there = text("gone_at IS NULL")
    return Index(f"uq_{table}_{'_'.join(columns)}", *columns, unique=True, sqlite_where=there, postgresql_where=there)


def rest() -> list[Column[object]]:
    """What the last pass of a row at rest was judged by, for a process that is started again (ADR 26): in a word, until
    when that may be believed, and when the row was due by it. Due at any other time it says nothing any more."""
    return [Column("rest_due", Utc), Column("rest_until", Utc), Column("rest_of", Text)]


def due(table: str) -> Index:
    waiting = text("next_run_at IS NOT NULL")
    return Index(f"ix_{table}_due", "next_run_at", sqlite_where=waiting, postgresql_where=waiting)
