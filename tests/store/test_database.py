"""When the database is busy, away, full or torn: one clear line, nothing half done, and it goes on when it can."""

from __future__ import annotations

import asyncio
import sqlite3
from datetime import UTC, datetime, timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import insert, select, text

from mcd.errors import Code, McdError
from mcd.model import Actor
from mcd.store import intents, reads, session
from mcd.store import tables as t
from mcd.store.failures import place
from mcd.store.migrate import migrate
from mcd.store.session import Database, parse_url
from tests.servers.postgres import Postgres, name_of
from tests.store.world import ADMIN, START, World


def _file(url: str) -> Path:
    return Path(url.removeprefix("sqlite:///"))


async def test_a_time_without_a_zone_does_not_get_in(world: World) -> None:
    with pytest.raises(Exception, match="without a zone"):
        async with world.db.writing() as tx:
            await intents.create_app(ADMIN, tx, datetime(2026, 1, 1), "shop", product_line="demo")


async def test_times_come_out_as_they_went_in(world: World) -> None:
    await world.app("shop")
    async with world.db.reading() as tx:
        made = (await reads.app(ADMIN, tx, "shop")).created_at
    assert made == START
    assert made.utcoffset() is not None


async def test_a_reading_transaction_cannot_write(world: World) -> None:
    with pytest.raises(Exception, match=r"(?i)read.?only|cannot be written"):
        async with world.db.reading() as tx:
            await tx.run(insert(t.installation).values(id=1, name="x"))


async def test_a_reading_transaction_sees_one_state(world: World, other: Database) -> None:
    async with other.reading() as tx:
        before = (await reads.apps(ADMIN, tx)).items
        await world.app("shop")
        assert (await reads.apps(ADMIN, tx)).items == before
    async with other.reading() as tx:
        assert len((await reads.apps(ADMIN, tx)).items) == 1


async def test_impossible_rows_are_refused_by_the_tables(world: World) -> None:
    await world.app("shop", released=True)
    live = await world.live("shop")
    impossible = [
        f"UPDATE rollout SET observed_generation = 99 WHERE id = '{live.id}'",
        f"UPDATE rollout SET lease_token = 'x' WHERE id = '{live.id}'",
        f"UPDATE rollout SET trigger = 'magic' WHERE id = '{live.id}'",
        f"UPDATE rollout SET release = 99 WHERE id = '{live.id}'",
        f"UPDATE rollout SET live = false WHERE id = '{live.id}'",
        "UPDATE app SET gone_at = created_at",
        "UPDATE event_counter SET id = 2",
        "DELETE FROM product_line",
    ]
    for statement in impossible:
        with pytest.raises(Exception, match=r"(?i)constraint|violates"):
            async with world.db.writing() as tx:
                await tx.run(text(statement))


async def test_a_busy_sqlite_file_is_refused_in_time_and_then_works(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "BUSY_SECONDS", 0.2)
    url = f"sqlite:///{tmp_path}/mcd.db"
    migrate(url)
    world = World(Database(url))
    blocker = sqlite3.connect(_file(url), isolation_level=None)
    blocker.execute("BEGIN IMMEDIATE")
    with pytest.raises(McdError) as refused:
        async with world.db.writing():
            pass
    assert (refused.value.code, refused.value.reason) == (Code.UNAVAILABLE, "DatabaseBusy")
    async with world.db.reading() as tx:
        assert (await reads.apps(ADMIN, tx)).items == ()
    blocker.execute("ROLLBACK")
    blocker.close()
    async with world.db.writing():
        pass
    await world.db.close()


async def test_a_full_disk_is_said_and_reading_goes_on(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/mcd.db"
    migrate(url)
    db = Database(url)
    async with db.writing() as tx:
        pages = await tx.value(text("PRAGMA page_count"))
        await tx.value(text(f"PRAGMA max_page_count = {pages}"))
    row = {"person_id": "p", "key": "k", "digest": "x" * 100_000, "created_at": START}
    with pytest.raises(McdError) as refused:
        async with db.writing() as tx:
            await tx.run(insert(t.idempotency_key).values(**row))
    assert (refused.value.code, refused.value.reason) == (Code.UNAVAILABLE, "StorageFull")
    assert (str(tmp_path) in str(refused.value), refused.value.place) == (False, f"{tmp_path}/mcd.db")
    async with db.reading() as tx:
        assert await tx.rows(select(t.idempotency_key)) == []
    async with db.writing() as tx:
        await tx.value(text("PRAGMA max_page_count = 1073741823"))
        await tx.run(insert(t.idempotency_key).values(**row))
    await db.close()


@pytest.mark.parametrize("harm", ["not a database at all" * 100, None])
async def test_a_torn_file_is_named_and_points_to_the_backup(tmp_path: Path, harm: str | None) -> None:
    url = f"sqlite:///{tmp_path}/mcd.db"
    migrate(url)
    sqlite3.connect(_file(url)).execute("PRAGMA wal_checkpoint(TRUNCATE)").close()
    whole = _file(url).read_bytes()
    if harm is not None:
        _file(url).write_text(harm)
    else:
        torn = bytearray(whole)
        for at in range(4096, len(torn), 4096):
            torn[at : at + 64] = b"\xff" * 64
        _file(url).write_bytes(bytes(torn))
    before = _file(url).read_bytes()
    db = Database(url)
    with pytest.raises(McdError) as refused:
        await db.check()
    assert refused.value.reason == "DatabaseDamaged"
    assert refused.value.place == str(_file(url))
    assert "restore" in str(refused.value)
    await db.close()
    assert _file(url).read_bytes() == before


async def test_a_file_that_was_moved_away_is_not_made_anew(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path}/mcd.db"
    migrate(url)
    db = Database(url)
    await db.check()
    await db.close()
    _file(url).rename(tmp_path / "elsewhere.db")
    with pytest.raises(McdError) as refused:
        async with db.writing():
            pass
    assert refused.value.reason == "DatabaseNotMigrated"
    assert not _file(url).exists()


async def test_a_folder_that_is_not_there_is_one_line() -> None:
    db = Database("sqlite:////nowhere/at/all/mcd.db")
    with pytest.raises(McdError) as refused:
        await db.check()
    assert refused.value.reason == "DatabaseUnreachable"
    assert "nowhere" not in str(refused.value), "whoever asks reads it"
    assert refused.value.place == "/nowhere/at/all/mcd.db"
    await db.close()


@pytest.mark.parametrize("url", ["", "nonsense", "mysql://u:secret@h/d", "sqlite://", "sqlite:///:memory:", "http://x"])
def test_an_address_that_is_not_a_database_is_refused_without_repeating_it(url: str) -> None:
    with pytest.raises(McdError) as refused:
        Database(url)
    assert refused.value.code is Code.INVALID
    assert "secret" not in str(refused.value)


def test_a_password_is_in_no_place() -> None:
    assert "hunter2" not in place(parse_url("postgresql://mcd:hunter2@db.example/mcd"))


@pytest.mark.postgres
async def test_postgres_that_is_away_is_said_without_its_password() -> None:
    db = Database("postgresql://mcd:hunter2@127.0.0.1:9/mcd")
    with pytest.raises(McdError) as refused:
        await db.check()
    assert (refused.value.code, refused.value.reason) == (Code.UNAVAILABLE, "DatabaseUnreachable")
    assert "hunter2" not in str(refused.value)
    await db.close()


@pytest.mark.postgres
async def test_a_connection_killed_under_a_wish_leaves_nothing_and_the_next_one_works(server: Postgres) -> None:
    url = server.create()
    migrate(url)
    db = Database(url)

    async def cut_off() -> None:
        async with db.writing() as tx:
            await tx.run(insert(t.installation).values(id=1, name="half"))
            with psycopg.connect(server.admin_url, autocommit=True) as killer:
                killer.execute(
                    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name_of(url)]
                )

    try:
        with pytest.raises(McdError) as refused:
            await cut_off()
        assert refused.value.reason == "DatabaseUnreachable"
        async with db.writing() as tx:
            assert await tx.rows(select(t.installation)) == []
    finally:
        await db.close()
        server.drop(url)


async def test_a_wish_sent_twice_is_done_once(world: World, other: Database) -> None:
    alice = await world.person("alice", admin=True)

    async def send(db: Database) -> object:
        async with db.writing() as tx:
            known = await intents.idempotent(alice, tx, world.now, "key-1", "digest")
            if known is not None:
                return known
            app = await intents.create_app(alice, tx, world.now, "shop", product_line="demo")
            response = {"status": 201, "body": {"name": app.name}}
            await intents.remember(alice, tx, world.now, "key-1", response)
            return response

    answers = await asyncio.gather(*(send(db) for db in (world.db, other, world.db, other)))
    assert answers == [{"status": 201, "body": {"name": "shop"}}] * 4
    with pytest.raises(McdError) as refused:
        async with world.db.writing() as tx:
            await intents.idempotent(alice, tx, world.now, "key-1", "another digest")
    assert refused.value.reason == "IdempotencyKeyReused"
    stranger = Actor(person="somebody", name="somebody")
    async with world.db.writing() as tx:
        assert await intents.idempotent(stranger, tx, world.now, "key-1", "digest") is None


async def test_a_wish_that_failed_may_be_sent_again_with_its_key(world: World) -> None:
    alice = await world.person("alice", admin=True)

    async def fail() -> None:
        async with world.db.writing() as tx:
            assert await intents.idempotent(alice, tx, world.now, "key-1", "digest") is None
            await intents.create_app(alice, tx, world.now, "shop", product_line="nothing")

    with pytest.raises(McdError):
        await fail()
    async with world.db.writing() as tx:
        assert await intents.idempotent(alice, tx, world.now, "key-1", "digest") is None


async def test_the_skew_of_the_clocks_can_be_measured(world: World) -> None:
    ahead = datetime.now(UTC) + timedelta(hours=1)
    skew = await world.db.skew(ahead)
    assert skew == timedelta(0) or abs(skew + timedelta(hours=1)) < timedelta(minutes=1)
