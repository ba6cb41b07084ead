"""Every store test runs twice: on a SQLite file and on a real PostgreSQL, both made by the migrations."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from mcd.store.keyring import KeyRing, create_keyring
from mcd.store.migrate import migrate
from mcd.store.session import Database
from tests.servers.postgres import Postgres, name_of, postgres
from tests.store.world import World


@pytest.fixture(scope="session")
def server() -> Iterator[Postgres]:
    with postgres() as running:
        yield running


@pytest.fixture(scope="session")
def _templates() -> dict[str, str]:
    """Databases with the tables, migrated once per session and copied for each test."""
    return {}


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def empty_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """A database without tables."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/mcd.db"
        return
    running: Postgres = request.getfixturevalue("server")
    fresh = running.create()
    yield fresh
    running.drop(fresh)


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def url(
    request: pytest.FixtureRequest, tmp_path: Path, _templates: dict[str, str], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    """A database with the tables of the newest revision and nothing in them."""
    kind = request.param
    if kind == "sqlite":
        if kind not in _templates:
            _templates[kind] = str(tmp_path_factory.mktemp("template") / "mcd.db")
            migrate(f"sqlite:///{_templates[kind]}")
        shutil.copy(_templates[kind], tmp_path / "mcd.db")
        yield f"sqlite:///{tmp_path}/mcd.db"
        return
    running: Postgres = request.getfixturevalue("server")
    if kind not in _templates:
        _templates[kind] = running.create()
        migrate(_templates[kind])
    fresh = running.create(name_of(_templates[kind]))
    yield fresh
    running.drop(fresh)


@pytest.fixture(scope="session")
def keyring(tmp_path_factory: pytest.TempPathFactory) -> KeyRing:
    return create_keyring(tmp_path_factory.mktemp("keys") / "keys.json")


@pytest.fixture
async def db(url: str, keyring: KeyRing) -> AsyncIterator[Database]:
    database = Database(url, keyring)
    yield database
    await database.close()


@pytest.fixture
async def other(url: str, keyring: KeyRing) -> AsyncIterator[Database]:
    """A second process on the same database, as far as the database can tell."""
    database = Database(url, keyring)
    yield database
    await database.close()


@pytest.fixture
async def world(db: Database) -> World:
    """A cluster and the product lines `demo` and `other`, nothing in them."""
    made = World(db)
    await made.places("demo", "other")
    return made
