"""The files that a Release is frozen with: kept once, loaded where something is compiled, gone with its App."""

from __future__ import annotations

import asyncio
import hashlib

from sqlalchemy import func, select

from mcd.model import Noun, Ready, ReleaseItem, ReleaseObserved, Result, RolloutItem
from mcd.store import intents, leases, reads, work
from mcd.store import tables as t
from mcd.store.files import freeze
from mcd.store.session import Database
from tests.store.world import ADMIN, World

BINARY = bytes(range(256)) * 4
FILES = {"deploy/a.conf": b"key = 1\n", "logo.bin": BINARY, "gone": None, "empty": b""}


async def count(world: World, table: object = t.file) -> int:
    async with world.db.reading() as tx:
        return int(await tx.value(select(func.count()).select_from(table)))  # type: ignore[arg-type]


async def files(world: World, app: str, number: int) -> object:
    async with world.db.reading() as tx:
        return (await reads.release(ADMIN, tx, app, number, files=True)).files


async def go(world: World, app: str) -> None:
    """The App is deleted, and its Rollout has taken everything away."""
    async with world.db.writing() as tx:
        await intents.delete_app(ADMIN, tx, world.now, app)
    for lease in await world.take(Noun.ROLLOUT):
        await world.record(lease, Result(Ready("it is gone"), gone=True), next_in=None)


async def deployed(world: World, app: str, commit: str, **more: object) -> None:
    await world.push(app, commit, **more)
    await world.finish(Noun.RELEASE, world.built())
    await world.finish(Noun.ROLLOUT, Result(Ready("it runs")))


async def test_the_same_bytes_come_back_and_what_was_absent_is_known_to_be(world: World) -> None:
    await world.app("shop")
    number = await world.push("shop", "a" * 40, files=FILES)
    assert await files(world, "shop", number) == FILES
    async with world.db.reading() as tx:
        assert (await reads.release(ADMIN, tx, "shop", number)).files == {}, "a list has no use for them"


async def test_many_releases_of_one_file_keep_it_once(world: World) -> None:
    await world.app("shop")
    big = {"big": bytes(500_000)}
    async with world.db.writing() as tx:
        for number in range(100):
            await intents.push(ADMIN, tx, world.now, "shop", commit=f"{number:040x}", branch="main", files=big)
    assert await count(world) == 1
    assert await count(world, t.release_file) == 100
    async with world.db.reading() as tx:
        (kept,) = await tx.rows(select(t.file))
    assert kept["sha256"] == hashlib.sha256(bytes(500_000)).hexdigest()


async def test_files_go_with_the_last_app_that_has_them(world: World) -> None:
    await world.app("shop")
    await world.app("other")
    await deployed(world, "shop", "a" * 40, files={"mine": b"1", "ours": b"2"})
    await deployed(world, "other", "b" * 40, files={"ours": b"2"})
    await go(world, "shop")
    async with world.db.reading() as tx:
        left = [row["content"] for row in await tx.rows(select(t.file))]
    assert left == [b"2"]
    assert await files(world, "other", 1) == {"ours": b"2"}
    await go(world, "other")
    assert (await count(world), await count(world, t.release_file)) == (0, 0)


async def test_only_a_pass_that_compiles_is_handed_files(world: World) -> None:
    await world.app("shop")
    await world.push("shop", "a" * 40, files=FILES)
    lease = await world.one(Noun.RELEASE)
    assert isinstance(lease.item, ReleaseItem)
    assert lease.item.release.files == FILES
    async with world.db.writing() as tx:
        await intents.request_rollout(ADMIN, tx, world.now, "shop", release=1)
    (waits,) = await world.take(Noun.ROLLOUT)
    assert isinstance(waits.item, RolloutItem)
    assert waits.item.release.files == {}, "it waits for its Release"
    async with world.db.writing() as tx:
        await leases.give_back(tx, waits)
    assert await world.record(lease, world.built())
    runs = await world.one(Noun.ROLLOUT)
    assert runs.item.release.files == FILES  # type: ignore[union-attr]
    assert await world.record(runs, Result(Ready("it runs")))
    async with world.db.reading() as tx:
        row = await tx.value(select(t.release.c.id))
        frozen = (await work.load(tx, Noun.RELEASE, [row], sparing=True))[row]
        whole = (await work.load(tx, Noun.RELEASE, [row]))[row]
    assert frozen.release.files == {}  # type: ignore[union-attr]
    assert whole.release.files == FILES  # type: ignore[union-attr]
    async with world.db.writing() as tx:
        await intents.delete_app(ADMIN, tx, world.now, "shop")
    going = await world.one(Noun.ROLLOUT)
    assert going.item.release.files == {}, "taking away asks for no compile"  # type: ignore[union-attr]


async def test_what_a_pass_read_is_frozen_until_the_release_is_ready_and_not_after(world: World) -> None:
    await world.app("shop")
    await world.push("shop", "a" * 40, files={"a": None})
    lease = await world.one(Noun.RELEASE)
    seen = ReleaseObserved(images={"web": "r/web@sha256:1"}, files={"a": b"1", "b": b"2"})
    assert await world.record(lease, Result(Ready("built"), observed=seen))
    assert await files(world, "shop", 1) == {"a": b"1", "b": b"2"}
    async with world.db.writing() as tx:
        release = await tx.value(select(t.release.c.id))
        await tx.run(t.release.update().where(t.release.c.id == release).values(next_run_at=world.now))
    again = await world.one(Noun.RELEASE)
    later = ReleaseObserved(images={"web": "r/web@sha256:1"}, files={"a": b"another"})
    assert await world.record(again, Result(Ready("built"), observed=later))
    assert await files(world, "shop", 1) == {"a": b"1", "b": b"2"}


async def test_a_commit_that_is_there_already_keeps_its_files(world: World) -> None:
    await world.app("shop")
    await world.push("shop", "a" * 40, files=FILES)
    await world.push("shop", "a" * 40, files={"deploy/a.conf": b"another"})
    assert await files(world, "shop", 1) == FILES


async def test_a_file_that_is_dropped_and_named_at_the_same_moment_is_there(world: World, other: Database) -> None:
    """An App goes with the last Release that names a file, while a push to another App names it."""
    await world.app("shop")
    await world.app("other")
    await deployed(world, "shop", "a" * 40, files={"ours": b"2"})
    async with world.db.writing() as tx:
        await intents.delete_app(ADMIN, tx, world.now, "shop")
    lease = await world.one(Noun.ROLLOUT)

    async def push() -> None:
        async with other.writing() as tx:
            await intents.push(
                ADMIN, tx, world.now, "other", commit="b" * 40, branch="main", files={"ours": b"2", "mine": b"3"}
            )

    gone = world.record(lease, Result(Ready("it is gone"), gone=True), next_in=None)
    await asyncio.gather(push(), gone)
    assert await files(world, "other", 1) == {"ours": b"2", "mine": b"3"}
    assert await count(world) == 2


async def test_nothing_is_written_for_a_release_without_files(world: World) -> None:
    await world.app("shop")
    await world.push("shop", "a" * 40)
    async with world.db.writing() as tx:
        await freeze(tx, await tx.value(select(t.release.c.id)), {})
    assert (await count(world), await count(world, t.release_file)) == (0, 0)
