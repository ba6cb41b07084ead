"""Brings the tables of a database to those of this version, and says whether they are.

Synchronous, because Alembic is and nobody waits beside it: used by the command and by tests, never by a request.
"""

from __future__ import annotations

import functools
import os
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, create_engine, event, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from mcd.errors import Code, McdError
from mcd.store.address import parse_url
from mcd.store.failures import as_mcd_error, not_migrated, place

_MIGRATOR_LOCK = 0x6D6364
"""PostgreSQL advisory lock that one migrator holds: two that start together do not run the same step twice."""


def folder() -> Path:
    """Where the revisions are: inside the package when it was installed from a wheel, at the top of a clone."""
    here = Path(__file__).resolve().parent
    inside = here / "migrations"
    return inside if inside.is_dir() else here.parents[1] / "migrations"


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


@functools.cache
def head() -> str:
    """The newest revision that this version knows."""
    return str(ScriptDirectory.from_config(_config()).get_current_head())


def migrate(url: str, revision: str = "head") -> str:
    """Moves the tables up (or down, when `revision` is older) in one transaction, and answers the revision that they
    are at now. Raises McdError: unavailable (with what to do), invalid for a revision that is not known."""
    parsed = parse_url(url)
    sqlite = parsed.get_backend_name() == "sqlite"
    try:
        if sqlite:
            _private_file(Path(str(parsed.database)))
        engine = create_engine(
            URL.create("sqlite", database=parsed.database) if sqlite else parsed.set(drivername="postgresql+psycopg"),
            poolclass=NullPool,
            hide_parameters=True,
        )
        if sqlite:
            _transactional_ddl(engine)
        with engine.connect() as connection, connection.begin():
            if not sqlite:
                connection.execute(text("SELECT pg_advisory_xact_lock(:key)"), {"key": _MIGRATOR_LOCK})
            _move(connection, revision)
            return MigrationContext.configure(connection).get_current_revision() or "base"
    except CommandError as error:
        raise _unknown_revision(parsed, error) from error
    except (SQLAlchemyError, OSError) as error:
        ours = as_mcd_error(error, parsed)
        if ours is None:
            raise
        raise ours from error


def _move(connection: Connection, revision: str) -> None:
    config = _config(connection)
    scripts = ScriptDirectory.from_config(config)
    current = MigrationContext.configure(connection).get_current_revision()
    before = {s.revision for s in scripts.walk_revisions("base", current)} if current is not None else set()
    older = revision == "base" or revision in before
    if older and revision != current:
        command.downgrade(config, revision)
    else:
        command.upgrade(config, revision)


def _private_file(path: Path) -> None:
    """The file holds digests of tokens and sealed secrets: it is nobody else's to read."""
    path.parent.mkdir(parents=True, exist_ok=True)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT, 0o600))


def _transactional_ddl(engine: object) -> None:
    @event.listens_for(engine, "connect")
    def connected(connection: object, _record: object) -> None:
        # Without this the driver commits around DDL, and a killed migration would leave half a schema.
        connection.isolation_level = None  # type: ignore[attr-defined]
        cursor = connection.cursor()  # type: ignore[attr-defined]
        cursor.execute("PRAGMA journal_mode = WAL")
        cursor.execute("PRAGMA busy_timeout = 5000")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begun(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")


def require_head(connection: Connection, url: URL) -> None:
    """Raises McdError unavailable when the tables are not those of this version."""
    current = MigrationContext.configure(connection).get_current_revision()
    if current == head():
        return
    known = {script.revision for script in ScriptDirectory.from_config(_config()).walk_revisions()}
    if current is None or current in known:
        raise not_migrated(url)
    raise McdError(
        Code.UNAVAILABLE,
        f"the database was migrated by a newer MCD (revision {current}).",
        "Run that version, or restore the backup from before the migration.",
        reason="DatabaseTooNew",
        place=place(url),
    )


def _unknown_revision(url: URL, error: CommandError) -> McdError:
    return McdError(
        Code.INVALID,
        f"{str(error).rstrip('.')}.",
        "Revisions of this version are in the folder migrations/versions.",
        reason="UnknownRevision",
        place=place(url),
    )
