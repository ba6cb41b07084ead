"""The timeline: nothing missed, nothing doubled, nothing told that did not happen."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import insert, select

from mcd.errors import McdError
from mcd.model import EventKind, Noun
from mcd.store import events, intents, reads
from mcd.store import tables as t
from mcd.store.reads import Part
from mcd.store.session import Database
from mcd.store.tx import Tx
from tests.store.world import ADMIN, World


def _say(tx: Tx, world: World, message: str) -> None:
    events.append(tx, world.now, ADMIN, EventKind.CHANGED, message, noun=Noun.APP, name="x", product_line="demo")


async def test_a_reader_that_follows_the_sequence_misses_no_late_commit(world: World, other: Database) -> None:
    writers, each = 6, 15
    done = asyncio.Event()
    seen: list[int] = []

    async def write(number: int) -> None:
        db = (world.db, other)[number % 2]
        for turn in range(each):
            async with db.writing() as tx:
                _say(tx, world, f"{number}/{turn}")
                # Many statements between the wish to tell and the commit: a sequence taken now would be overtaken.
                for _ in range(number):
                    await tx.rows(select(t.cluster))

    async def read() -> None:
        last = 0
        while True:
            finished = done.is_set()
            async with other.reading() as tx:
                page = await reads.events(ADMIN, tx, Part(500), after=last, noun=Noun.APP, name="x")
            seen.extend(event.sequence for event in page.items)
            last = seen[-1] if seen else 0
            if finished and not page.items:
                return
            await asyncio.sleep(0)

    reader = asyncio.create_task(read())
    await asyncio.gather(*(write(number) for number in range(writers)))
    done.set()
    await asyncio.wait_for(reader, 60)
    assert len(seen) == writers * each
    assert seen == sorted(set(seen))
    async with world.db.reading() as tx:
        rows = await tx.values(select(t.event.c.sequence).order_by(t.event.c.sequence))
    assert list(rows) == list(range(1, len(rows) + 1)), "a sequence without holes"


async def test_what_was_rolled_back_is_not_told(world: World) -> None:
    before = await world.told()

    async def fail() -> None:
        async with world.db.writing() as tx:
            _say(tx, world, "never")
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await world.told() == before
    async with world.db.writing() as tx:
        _say(tx, world, "now")
    assert (await world.told())[len(before) :] == ["now"]


async def test_a_wish_and_its_event_are_one(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    async with world.db.writing() as tx:
        await tx.run(insert(t.event).values(_event(world, await _last(tx) + 1)))
    with pytest.raises(McdError):
        # The next sequence is taken already: the event cannot be written, so neither is the App.
        await world.app("shop")
    async with world.db.reading() as tx:
        assert (await reads.apps(ADMIN, tx)).items == ()


async def _last(tx: Tx) -> int:
    return int(await tx.value(select(t.event_counter.c.last)))


def _event(world: World, sequence: int) -> dict[str, object]:
    return {
        "sequence": sequence, "at": world.now, "noun": "app", "name": "x", "kind": "changed", "actor": "a",
        "via": "v", "message": "m", "data": {},
    }  # fmt: skip


async def test_text_that_postgres_cannot_keep_does_not_stop_the_record(world: World) -> None:
    async with world.db.writing() as tx:
        events.append(
            tx, world.now, ADMIN, EventKind.PROGRESS, "log: a\x00b \ud800 c", noun=Noun.APP, name="x",
            data={"lines": ["\x00", "\udfff", "\\u0000"]},
        )  # fmt: skip
    async with world.db.reading() as tx:
        told = (await reads.events(ADMIN, tx, Part(1))).items[0]
    assert told.message == "log: a\ufffdb \ufffd c"
    assert told.data == {"lines": ["\ufffd", "\ufffd", "\\u0000"]}


async def test_the_newest_come_first_and_filters_are_exact(world: World) -> None:
    await world.app("shop", released=True)
    async with world.db.reading() as tx:
        newest = (await reads.events(ADMIN, tx, Part(2))).items
        of_app = (await reads.events(ADMIN, tx, app="shop")).items
        pushed = (await reads.events(ADMIN, tx, kinds=[EventKind.PUSHED])).items
        of_rollout = (await reads.events(ADMIN, tx, noun=Noun.ROLLOUT, name="shop/1")).items
        last = await reads.newest_sequence(ADMIN, tx)
    assert newest[0].sequence == newest[1].sequence + 1 == last
    assert {e.app for e in of_app} == {"shop"}
    assert [e.kind for e in pushed] == [EventKind.PUSHED]
    assert of_rollout[0].kind is EventKind.ROLLOUT_REQUESTED


async def test_news_of_another_process_rings_here(world: World, other: Database) -> None:
    seen_events, seen_wishes = await other.news(0, -1), await other.woken(0, -1)
    waiting = asyncio.gather(other.news(20, seen_events), other.woken(20, seen_wishes))
    began = asyncio.get_running_loop().time()
    # The first look of a listener rings once; what is committed until it listens is not lost either.
    await world.app("shop", released=True)
    await asyncio.wait_for(waiting, 25)
    assert asyncio.get_running_loop().time() - began < 10


async def test_a_wish_rings_in_its_own_process_at_once(world: World) -> None:
    seen = await world.db.woken(0)
    async with world.db.writing() as tx:
        await intents.change_product_line(ADMIN, tx, world.now, "demo", wishes={"quota": {"pods": 1}})
    began = asyncio.get_running_loop().time()
    assert await world.db.woken(20) > seen
    assert asyncio.get_running_loop().time() - began < 1
