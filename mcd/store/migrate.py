"""Brings the tables of a database to those of this version, and says whether they are.

Expand, then contract: a revision that says OLDER_GOES_ON only adds, and programs of the version before go on beside it,
so that an upgrade needs no pause. Any other waits until they are gone. Synchronous, because Alembic is and nobody waits
beside it: used by the command and by tests, never by a request.
"""

from __future__ import annotations

import os
import time
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import Script, ScriptDirectory
from alembic.util import CommandError
from sqlalchemy import Connection, create_engine, delete, event, insert, inspect, select, text
from sqlalchemy.engine import URL
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from mcd.errors import Code, McdError
from mcd.store import revisions
from mcd.store import tables as t
from mcd.store.address import APPLICATION, parse_url
from mcd.store.failures import as_mcd_error, not_migrated, place

_MIGRATOR_LOCK = 0x6D6364
"""PostgreSQL advisory lock that one migrator holds: two that start together do not run the same step twice."""

OTHERS_SECONDS = 20.0
"""For how long a revision that older programs cannot go on beside waits for them to end."""


def _config(connection: Connection | None = None) -> Config:
    config = Config()
    config.set_main_option("script_location", str(revisions.folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    return config


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
    if revision == "head" and _goes_on(connection, scripts, current):
        return  # they are a newer version's, and this one goes on beside them
    before = {s.revision for s in scripts.walk_revisions("base", current)} if current is not None else set()
    older = revision == "base" or revision in before
    if older and revision != current:
        _alone(connection, f"going back to {revision}")
        command.downgrade(config, revision)
    else:
        if current is not None:
            breaks = [s.revision for s in scripts.iterate_revisions(revision, current) if not _older_goes_on(s)]
            if breaks:
                _alone(connection, f"revision {breaks[-1]}")
        command.upgrade(config, revision)
    _write_oldest(connection, scripts)


def _older_goes_on(script: Script) -> bool:
    """Whether a program that knows only the revision before goes on beside this one."""
    return bool(getattr(script.module, "OLDER_GOES_ON", False))


def _alone(connection: Connection, what: str) -> None:
    """Waits until no other process of MCD is connected. Raises McdError when one still is. On SQLite nobody can tell:
    there the one process was stopped by whoever migrates."""
    if connection.dialect.name != "postgresql":
        return
    deadline = time.monotonic() + OTHERS_SECONDS
    while others := _others(connection):
        if time.monotonic() >= deadline:
            raise McdError(
                Code.CONFLICT,
                f"{what} changes what older processes of MCD need, and {others} of their connections are open.",
                "Stop every `mcd serve` (in a cluster: scale its Deployments to 0), then run this again. Nothing was "
                "changed.",
                reason="OlderProcesses",
            )
        time.sleep(0.2)


def _others(connection: Connection) -> int:
    asked = (
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND application_name = :name "
        "AND pid <> pg_backend_pid()"
    )
    # In a transaction it would be the same answer for ever.
    connection.execute(text("SELECT pg_stat_clear_snapshot()"))
    return int(connection.execute(text(asked), {"name": APPLICATION}).scalar_one())


def _write_oldest(connection: Connection, scripts: ScriptDirectory) -> None:
    """Leaves word for older programs. They cannot know this version's revisions."""
    current = MigrationContext.configure(connection).get_current_revision()
    if current is None or not inspect(connection).has_table(t.compatibility.name):
        return
    oldest = scripts.get_revision(current)
    while _older_goes_on(oldest) and isinstance(oldest.down_revision, str):
        oldest = scripts.get_revision(oldest.down_revision)
    connection.execute(delete(t.compatibility))
    connection.execute(insert(t.compatibility).values(id=1, revision=current, oldest=oldest.revision))


def _goes_on(connection: Connection, scripts: ScriptDirectory, current: str | None) -> bool:
    """Whether the tables are a newer version's that left word that this one goes on beside them."""
    known = {script.revision for script in scripts.walk_revisions()}
    if current is None or current in known or not inspect(connection).has_table(t.compatibility.name):
        return False
    word = select(t.compatibility.c.oldest).where(t.compatibility.c.revision == current)
    return connection.execute(word).scalar_one_or_none() in known


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


def require_way(connection: Connection, url: URL) -> None:
    """For tables that are not at the newest revision of this version: raises McdError unavailable, unless they are
    those of a newer one beside which this one goes on."""
    current = MigrationContext.configure(connection).get_current_revision()
    scripts = ScriptDirectory.from_config(_config())
    if current is None or current in {script.revision for script in scripts.walk_revisions()}:
        raise not_migrated(url)
    if _goes_on(connection, scripts, current):
        return
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
