"""Which revision the tables of a database are at, and which one this version knows: asked at every start.

By reading alone. Alembic, which knows the way from one to another, is a tenth of a start, and is asked only where they
differ. It must not change a table.
"""

from __future__ import annotations

import functools
import re
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.engine import URL

_NAMED = re.compile(r"""^(revision|down_revision) = ["'](\w+)["']$""", re.MULTILINE)


def folder() -> Path:
    """Where the revisions are: inside the package when it was installed from a wheel, at the top of a clone."""
    here = Path(__file__).resolve().parent
    inside = here / "migrations"
    return inside if inside.is_dir() else here.parents[1] / "migrations"


@functools.cache
def head() -> str:
    """The newest revision that this version knows: the one that no other comes after."""
    named: dict[str, set[str]] = {"revision": set(), "down_revision": set()}
    for file in (folder() / "versions").glob("*.py"):
        for word, revision in _NAMED.findall(file.read_text(encoding="utf-8")):
            named[word].add(revision)
    (newest,) = named["revision"] - named["down_revision"]
    return newest


def require_head(connection: Connection, url: URL) -> None:
    """Raises McdError unavailable when the tables are not those of this version, nor of a newer one beside which this
    one goes on."""
    if _is_head(connection):
        return
    from mcd.store.migrate import require_way  # Alembic is imported where there is something to say only

    require_way(connection, url)


def _is_head(connection: Connection) -> bool:
    if not inspect(connection).has_table("alembic_version"):
        return False
    return list(connection.execute(text("SELECT version_num FROM alembic_version")).scalars()) == [head()]
