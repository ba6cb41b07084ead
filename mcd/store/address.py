"""The address of the database: which of the two kinds, and whether it can be one at all.

It must not connect to anything.
"""

from __future__ import annotations

from importlib.util import find_spec

from sqlalchemy.engine import URL, make_url
from sqlalchemy.exc import ArgumentError

from mcd.errors import Code, McdError

APPLICATION = "mcd"
"""What every process of MCD calls itself at PostgreSQL. A migrator does not."""


def parse_url(url: str) -> URL:
    """`sqlite:///path` or `postgresql://…`. Raises McdError invalid, without the URL: it may hold a password."""
    try:
        parsed = make_url(url)
    except ArgumentError:
        parsed = None
    backend = parsed.get_backend_name() if parsed is not None else ""
    if parsed is None or backend not in {"sqlite", "postgresql"}:
        raise McdError(
            Code.INVALID,
            "MCD_DATABASE_URL is not a database that MCD knows.",
            "Write sqlite:////var/lib/mcd/mcd.db or postgresql://user:password@host/database.",
        )
    if backend == "sqlite" and parsed.database in {None, "", ":memory:"}:
        raise McdError(Code.INVALID, "MCD_DATABASE_URL names no file.", "Write sqlite:////var/lib/mcd/mcd.db.")
    if backend == "postgresql" and find_spec("psycopg") is None:
        raise McdError(Code.UNAVAILABLE, "The PostgreSQL driver is not installed.", "Install mcd[server,postgres].")
    return parsed
