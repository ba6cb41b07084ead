"""The migrations make exactly the tables that the code works with, up and down, on both databases."""

from __future__ import annotations

import re
import stat
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from alembic.script import ScriptDirectory
from sqlalchemy import create_engine, inspect, text
from sqlalchemy.engine import make_url

from mcd.errors import Code, McdError
from mcd.store import tables as t
from mcd.store.migrate import migrate
from mcd.store.revisions import folder, head
from mcd.store.session import Database


def _engine(url: str) -> Any:
    parsed = make_url(url)
    return create_engine(
        parsed.set(drivername="postgresql+psycopg") if parsed.get_backend_name() == "postgresql" else parsed
    )


def _shape(url: str) -> dict[str, Any]:
    """All that the database says about its tables, in a form that can be compared."""
    engine = _engine(url)
    found: dict[str, Any] = {}
    try:
        looked = inspect(engine)
        for table in looked.get_table_names():
            if table == "alembic_version":
                continue
            found[table] = {
                "columns": sorted((c["name"], str(c["type"]), c["nullable"]) for c in looked.get_columns(table)),
                "primary": sorted(looked.get_pk_constraint(table)["constrained_columns"]),
                "unique": sorted(
                    (u["name"] or "", tuple(u["column_names"])) for u in looked.get_unique_constraints(table)
                ),
                "checks": sorted(
                    (c["name"] or "", " ".join(c["sqltext"].split())) for c in looked.get_check_constraints(table)
                ),
                "foreign": sorted(
                    (
                        f["name"] or "",
                        tuple(f["constrained_columns"]),
                        f["referred_table"],
                        tuple(f["referred_columns"]),
                    )
                    for f in looked.get_foreign_keys(table)
                ),
                "indexes": sorted(
                    (i["name"] or "", tuple(str(c) for c in i["column_names"]), bool(i["unique"]), _where(i))
                    for i in looked.get_indexes(table)
                ),
            }
    finally:
        engine.dispose()
    return found


def _where(index: Any) -> str:
    options = index.get("dialect_options", {})
    return str(options.get("sqlite_where", options.get("postgresql_where", "")))


def test_the_migrations_make_the_tables_of_the_code(empty_url: str, tmp_path: Path) -> None:
    if empty_url.startswith("sqlite"):
        from_code = f"sqlite:///{tmp_path}/code.db"
        engine = _engine(from_code)
        t.metadata.create_all(engine)
        engine.dispose()
        migrate(empty_url)
        assert _shape(empty_url) == _shape(from_code)
        return
    engine = _engine(empty_url)
    t.metadata.create_all(engine)
    wanted = _shape(empty_url)
    t.metadata.drop_all(engine)
    engine.dispose()
    migrate(empty_url)
    assert _shape(empty_url) == wanted


def test_down_leaves_nothing_and_up_again_works(empty_url: str) -> None:
    assert migrate(empty_url) == head()
    assert migrate(empty_url) == head()
    assert migrate(empty_url, "base") == "base"
    assert _shape(empty_url) == {}
    assert migrate(empty_url) == head()


def test_the_newest_revision_is_read_as_alembic_finds_it() -> None:
    assert head() == ScriptDirectory(str(folder())).get_current_head()


def test_a_migration_that_fails_half_way_leaves_the_tables_as_they_were(
    empty_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = tmp_path / "migrations"
    (copy / "versions").mkdir(parents=True)
    for file in [*folder().glob("*.*"), *folder().glob("versions/*.py")]:
        (copy / file.relative_to(folder())).write_bytes(file.read_bytes())
    (copy / "versions" / "breaks.py").write_text(
        "from alembic import op\nimport sqlalchemy as sa\n"
        f"revision = 'breaks'\ndown_revision = '{head()}'\nbranch_labels = None\ndepends_on = None\n"
        "def upgrade():\n    op.create_table('half', sa.Column('id', sa.Integer))\n"
        "    op.execute('SELECT nonsense FROM nowhere')\n"
        "def downgrade():\n    pass\n"
    )
    monkeypatch.setattr("mcd.store.revisions.folder", lambda: copy)
    head.cache_clear()
    with pytest.raises(McdError):
        migrate(empty_url)
    assert _shape(empty_url) == {}
    head.cache_clear()


def test_secrets_that_were_set_before_there_was_a_counter_are_counted(empty_url: str) -> None:
    migrate(empty_url, "0001")
    engine = _engine(empty_url)
    try:
        with engine.begin() as connection:
            for version in (1, 2):
                connection.execute(
                    text(
                        "INSERT INTO secret (owner_id, name, version, key, owner, key_id, nonce, sealed, created_at, "
                        "created_by) VALUES ('a1', 'payment', :version, 'token', 'app', 'k1', :bytes, :bytes, "
                        "'2026-05-03 10:00:00', 'dora')"
                    ),
                    {"version": version, "bytes": b"sealed"},
                )
        migrate(empty_url)
        with engine.connect() as connection:
            assert connection.execute(text("SELECT owner_id, name, last FROM secret_counter")).all() == [
                ("a1", "payment", 2)
            ]
    finally:
        engine.dispose()


def test_an_unknown_revision_is_refused_in_one_line(empty_url: str) -> None:
    with pytest.raises(McdError) as refused:
        migrate(empty_url, "zzzz")
    assert refused.value.code is Code.INVALID
    assert "\n" not in str(refused.value)


async def test_check_says_what_to_run(empty_url: str) -> None:
    database = Database(empty_url)
    with pytest.raises(McdError, match="mcd admin migrate") as refused:
        await database.check()
    assert refused.value.reason == "DatabaseNotMigrated"
    migrate(empty_url)
    await database.check()
    engine = _engine(empty_url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE alembic_version SET version_num = 'future'"))
    engine.dispose()
    with pytest.raises(McdError, match="newer") as refused:
        await database.check()
    assert refused.value.reason == "DatabaseTooNew"
    await database.close()


@pytest.fixture
def newer(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bool], None]]:
    """From the call on this is a version with one revision more, beside which older programs go on, or do not. At the
    next call it is the version of the checkout again."""
    copy, real = tmp_path / "migrations", folder()

    def play(older_goes_on: bool | None = None) -> None:
        if older_goes_on is None:
            monkeypatch.setattr("mcd.store.revisions.folder", lambda: real)
        else:
            (copy / "versions").mkdir(parents=True, exist_ok=True)
            for file in [*real.glob("*.*"), *real.glob("versions/*.py")]:
                (copy / file.relative_to(real)).write_bytes(file.read_bytes())
            (copy / "versions" / "more.py").write_text(
                "from alembic import op\nimport sqlalchemy as sa\n"
                f"revision = 'more'\ndown_revision = '{head()}'\nbranch_labels = None\ndepends_on = None\n"
                f"OLDER_GOES_ON = {older_goes_on}\n"
                "def upgrade():\n    op.create_table('more', sa.Column('id', sa.Integer, primary_key=True))\n"
                "def downgrade():\n    op.drop_table('more')\n"
            )
            monkeypatch.setattr("mcd.store.revisions.folder", lambda: copy)
        head.cache_clear()

    yield play
    head.cache_clear()


async def test_an_older_program_goes_on_beside_tables_that_only_grew(
    empty_url: str, newer: Callable[..., None]
) -> None:
    mine = migrate(empty_url)
    database = Database(empty_url)
    await database.check()
    newer(True)
    assert migrate(empty_url) == "more"
    newer()
    assert head() == mine
    await database.check()
    await database.close()
    assert migrate(empty_url) == "more", "an older migrator leaves them as they are"


async def test_an_older_program_stops_at_tables_that_changed_under_it(
    empty_url: str, newer: Callable[..., None]
) -> None:
    migrate(empty_url)
    newer(False)
    assert migrate(empty_url) == "more"
    newer()
    database = Database(empty_url)
    with pytest.raises(McdError) as refused:
        await database.check()
    await database.close()
    assert refused.value.reason == "DatabaseTooNew"
    with pytest.raises(McdError):
        migrate(empty_url)


async def test_what_older_programs_cannot_stand_waits_until_they_are_gone(
    empty_url: str, newer: Callable[..., None], monkeypatch: pytest.MonkeyPatch
) -> None:
    if empty_url.startswith("sqlite"):
        pytest.skip("on SQLite there is one process, and who migrates has stopped it")
    mine = migrate(empty_url)
    monkeypatch.setattr("mcd.store.migrate.OTHERS_SECONDS", 0.5)
    database = Database(empty_url)
    await database.check()
    newer(False)
    with pytest.raises(McdError, match="older processes") as refused:
        migrate(empty_url)
    assert refused.value.code is Code.CONFLICT
    newer()
    await database.check()
    assert head() == mine
    await database.close()
    monkeypatch.setattr("mcd.store.migrate.OTHERS_SECONDS", 10.0)
    newer(False)
    assert migrate(empty_url) == "more"


def test_each_revision_says_whether_older_programs_go_on() -> None:
    for file in sorted(folder().glob("versions/*.py")):
        text_of = file.read_text()
        assert ("\nOLDER_GOES_ON = True\n" in text_of) != ("\nOLDER_GOES_ON = False\n" in text_of), file.name
        upgrade = text_of.partition("def upgrade")[2].partition("def downgrade")[0]
        if "\nOLDER_GOES_ON = True\n" in text_of:
            assert not re.search(r"op\.(drop|alter|rename)_|batch_alter|DROP |RENAME |ALTER ", upgrade), (
                f"{file.name} takes something away, and says that older programs go on beside it"
            )


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    migrate(f"sqlite:///{tmp_path}/deep/mcd.db")
    assert stat.S_IMODE((tmp_path / "deep" / "mcd.db").stat().st_mode) == 0o600
