"""A mark is equal only while nobody committed anything; what is kept under one is never older than the question."""

from __future__ import annotations

import asyncio
import shutil
from datetime import timedelta
from pathlib import Path

import psycopg
import pytest
from sqlalchemy import select, text, update

from mcd.errors import Code, McdError
from mcd.model import Actor, Role
from mcd.store import accounts, intents, server_marks
from mcd.store import tables as t
from mcd.store.kept import OVERHEAD, Kept
from mcd.store.migrate import migrate
from mcd.store.session import Database
from mcd.store.visitors import Visitors
from tests.servers.postgres import Postgres, name_of
from tests.store.world import ADMIN, World

PASSWORD = "correct horse battery"


async def test_a_mark_stays_until_somebody_commits(world: World, other: Database) -> None:
    first = await world.db.mark()
    async with other.reading() as tx:
        await tx.rows(select(t.app))
    assert first is not None
    assert await world.db.mark() == first
    async with other.writing() as tx:
        await tx.run(text("UPDATE event_counter SET last = last + 1"))
        # Not before it is committed: nobody can see it yet.
        assert await world.db.mark() == first
    second = await world.db.mark()
    assert second != first
    async with world.db.writing() as tx:
        await tx.run(text("UPDATE event_counter SET last = last + 1"))
    assert await world.db.mark() not in {first, second}, "one's own commits count too"


async def test_no_mark_is_equal_across_a_commit_however_many_ask_at_once(
    world: World, other: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is read after a mark was asked for is what everybody with that mark may be told: a later reader with an
    equal mark never finds anything older or newer."""
    monkeypatch.setattr(server_marks, "WITHIN_SECONDS", 0.0)  # Each is asked for, however many commits there are.
    found: dict[object, set[int]] = {}
    done = asyncio.Event()
    last = select(t.event_counter.c.last)
    told = 0

    async def ask() -> None:
        over = False
        while not over:
            over = done.is_set()  # Once more after the last commit: then two marks are equal, however slow the machine.
            before = told
            mark = await world.db.mark()
            async with world.db.reading() as tx:
                value = await tx.value(last)
            assert value >= before, "what was committed before the request began was not seen"
            if await world.db.mark() == mark:
                found.setdefault(mark, set()).add(value)

    readers = [asyncio.create_task(ask()) for _ in range(8)]
    for _ in range(40):
        async with other.writing() as tx:
            value = await tx.value(text("UPDATE event_counter SET last = last + 1 RETURNING last"))
        told = value
        await asyncio.sleep(0)
    done.set()
    await asyncio.gather(*readers)
    assert found
    assert all(len(values) == 1 for values in found.values()), found


@pytest.mark.postgres
async def test_a_server_that_went_away_leaves_no_old_mark(server: Postgres) -> None:
    url = server.create()
    migrate(url)
    db = Database(url)
    try:
        before = await db.mark()
        assert before is not None
        with psycopg.connect(server.admin_url, autocommit=True) as killer:
            killer.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [name_of(url)])
        assert await db.mark() is None, "not known is equal to nothing"
        async with asyncio.timeout(30):
            while (after := await db.mark()) is None:
                await asyncio.sleep(0.05)
        assert after != before, "another connection may be to another server"
    finally:
        await db.close()
        server.drop(url)


@pytest.mark.postgres
async def test_while_commits_come_one_after_the_other_nobody_waits_for_a_mark(
    server: Postgres, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_marks, "WITHIN_SECONDS", 60.0)
    url = server.create()
    migrate(url)
    db, other = Database(url), Database(url)
    try:
        told = [await db.mark()]
        for _ in range(server_marks.CHANGES):
            async with other.writing() as tx:
                await tx.run(text("UPDATE event_counter SET last = last + 1"))
            told.append(await db.mark())
        told += [await db.mark() for _ in range(20)]
        assert len(set(told)) == len(told), "each is equal to no other, though nothing was committed any more"
        async with asyncio.timeout(30):
            while await db.mark() != await db.mark():
                await asyncio.sleep(0.02)
        assert await db.mark() == await db.mark(), "it is calm again"
    finally:
        await db.close()
        await other.close()
        server.drop(url)


async def test_a_file_that_was_put_in_the_place_of_another_has_other_marks(tmp_path: Path) -> None:
    url, there = f"sqlite:///{tmp_path}/mcd.db", tmp_path / "mcd.db"
    migrate(url)
    db = Database(url)
    try:
        before = await db.mark()
        shutil.copy(there, tmp_path / "restored.db")
        (tmp_path / "restored.db").rename(there)
        assert await db.mark() not in {before, None}
        there.rename(tmp_path / "away.db")
        assert await db.mark() is None
    finally:
        await db.close()


# --- who asks ---------------------------------------------------------------------------------------------------------


class People:
    """alice with a token and a session, as one process knows her; what happens, happens in another."""

    def __init__(self, world: World, other: Database) -> None:
        self.world = world
        self.other = other
        self.visitors = Visitors(world.db)
        self.token = self.session = self.token_id = ""

    async def come(self) -> None:
        alice = await self.world.person("alice", Role.OWNER)
        async with self.world.db.writing() as tx:
            await accounts.set_password(ADMIN, tx, self.world.now, "alice", PASSWORD)
            made, secret = await intents.create_token(alice, tx, self.world.now, "laptop")
        self.token, self.token_id = secret.reveal(), made.id
        self.session = await accounts.sign_in(self.world.db, "alice", PASSWORD, self.world.now)

    async def asks(self) -> tuple[Actor, Actor]:
        """By token and by session."""
        now = self.world.now
        return await self.visitors.by_token(self.token, now), await self.visitors.by_session(self.session, now)

    async def refused(self) -> list[bool]:
        now = self.world.now
        asked = await asyncio.gather(
            self.visitors.by_token(self.token, now), self.visitors.by_session(self.session, now), return_exceptions=True
        )
        return [isinstance(one, McdError) and one.code is Code.UNAUTHENTICATED for one in asked]


@pytest.fixture
async def people(world: World, other: Database) -> People:
    made = People(world, other)
    await made.come()
    # Both are known now, and known again from what was kept.
    assert await made.asks() == await made.asks()
    return made


async def test_a_token_that_another_process_revoked_is_dead_at_the_next_request(people: People) -> None:
    async with people.other.writing() as tx:
        await intents.revoke_token(await people.world.actor("alice"), tx, people.world.now, people.token_id)
    assert await people.refused() == [True, False]


async def test_a_session_that_another_process_ended_is_dead_at_the_next_request(people: People) -> None:
    async with people.other.writing() as tx:
        await accounts.sign_out(tx, people.session)
    assert await people.refused() == [False, True]


async def test_a_person_whom_another_process_disabled_is_nobody_at_the_next_request(people: People) -> None:
    async with people.other.writing() as tx:
        await accounts.change_person(ADMIN, tx, people.world.now, "alice", disabled=True)
    assert await people.refused() == [True, True]


async def test_a_revoked_token_is_dead_at_once_also_while_commits_come_one_after_the_other(
    people: People, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(server_marks, "WITHIN_SECONDS", 60.0)
    for _ in range(server_marks.CHANGES):
        async with people.other.writing() as tx:
            await tx.run(text("UPDATE event_counter SET last = last + 1"))
        await people.asks()
    async with people.other.writing() as tx:
        await intents.revoke_token(await people.world.actor("alice"), tx, people.world.now, people.token_id)
    assert await people.refused() == [True, False]


async def test_a_role_that_another_process_changed_counts_at_the_next_request(people: People) -> None:
    for role in (Role.VIEWER, None, Role.DEVELOPER):
        async with people.other.writing() as tx:
            if role is None:
                await intents.remove_member(ADMIN, tx, people.world.now, "demo", "alice")
            else:
                await intents.add_member(ADMIN, tx, people.world.now, "demo", "alice", role)
        assert [who.roles.get("demo") for who in await people.asks()] == [role, role]


async def test_what_time_ends_is_looked_at_each_time(people: People) -> None:
    people.world.later(hours=12)
    assert await people.refused() == [False, True]
    people.world.later(days=3650)
    assert await people.refused() == [True, True]


async def test_no_refusal_is_kept(people: People) -> None:
    async with people.other.writing() as tx:
        await tx.run(update(t.person).values(disabled_at=people.world.now))
    assert await people.refused() == [True, True]
    assert await people.refused() == [True, True]
    async with people.other.writing() as tx:
        await tx.run(update(t.person).values(disabled_at=None))
    assert await people.refused() == [False, False]


async def test_when_a_token_was_used_is_noted_though_it_was_known(people: People) -> None:
    people.world.later(minutes=5)
    await people.asks()
    async with asyncio.timeout(10):
        while True:
            async with people.other.reading() as tx:
                used = await tx.value(select(t.token.c.last_used_at).where(t.token.c.id == people.token_id))
            if used is not None and used >= people.world.now - timedelta(seconds=1):
                break
            await asyncio.sleep(0.01)


# --- what is kept -----------------------------------------------------------------------------------------------------


def test_what_is_kept_has_so_many_bytes_at_most_and_the_oldest_goes_first() -> None:
    room = 10 * (1000 + OVERHEAD)
    kept: Kept[bytes] = Kept(room)
    for number in range(1000):
        kept.keep(number, "mark", b"x" * 1000, 1000)
        kept.good(0, "mark")
        assert kept.size <= room
    assert len(kept) == 10
    assert kept.good(0, "mark") is not None, "it was used all the time"
    assert kept.good(500, "mark") is None
    kept.keep("huge", "mark", b"", room)
    assert kept.good("huge", "mark") is None
    kept.keep(999, "mark", b"", 1)
    kept.drop(998)
    assert len(kept) == 9
    assert kept.size == 8 * (1000 + OVERHEAD) + 1 + OVERHEAD


def test_nothing_is_given_back_for_another_mark_or_none() -> None:
    kept: Kept[str] = Kept(10_000)
    kept.keep("a", "one", "value", 10)
    assert kept.good("a", "one") == "value"
    assert kept.good("a", "two") is None
    kept.keep("a", None, "value", 10)
    assert kept.good("a", None) is None
