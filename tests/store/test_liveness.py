"""Whether a controller is alive: by its own word, for a while, and not by what it holds."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest

from mcd.store import liveness
from mcd.store.liveness import Living
from mcd.store.session import Database
from tests.store.world import World


async def beat(db: Database, holder: str, now: datetime) -> None:
    async with db.writing() as tx:
        await liveness.beat(tx, holder, now)


async def living(db: Database, now: datetime) -> Living:
    async with db.reading() as tx:
        return await liveness.living(tx, now)


async def test_where_no_controller_ever_ran_nobody_says_since_when(world: World) -> None:
    assert await living(world.db, world.now) == Living(())


async def test_one_that_was_killed_is_alive_until_two_beats_are_missing_and_gone_since_its_last(world: World) -> None:
    last = world.now
    await beat(world.db, "one", last)
    assert (await living(world.db, world.later(seconds=74))).holders == ("one",)
    assert await living(world.db, world.later(seconds=1)) == Living((), last)


async def test_one_that_stopped_is_gone_at_once_and_back_when_it_starts_again(world: World) -> None:
    await beat(world.db, "one", world.now)
    at = world.later(seconds=10)
    async with world.db.writing() as tx:
        await liveness.stopped(tx, "one", at)
    assert await living(world.db, world.later(seconds=1)) == Living((), at)
    await beat(world.db, "one", world.later(seconds=1))
    assert await living(world.db, world.now) == Living(("one",))


async def test_each_process_sees_all_that_are_alive_and_none_that_is_not(world: World, other: Database) -> None:
    await beat(world.db, "gone", world.now)
    world.later(seconds=80)
    await beat(world.db, "two", world.now)
    await beat(other, "one", world.now)
    assert await living(world.db, world.now) == await living(other, world.now) == Living(("one", "two"))


@pytest.mark.parametrize(("days", "known"), [(6, True), (8, False)])
async def test_a_name_that_came_with_one_start_is_forgotten_after_a_week(world: World, days: int, known: bool) -> None:
    first = world.now
    await beat(world.db, "host-4711", first)
    world.later(days=days)
    await beat(world.db, "host-4712", world.now)
    async with world.db.writing() as tx:
        await liveness.stopped(tx, "host-4712", first - timedelta(days=1))
    assert (await living(world.db, world.now)).since == (first if known else first - timedelta(days=1))
