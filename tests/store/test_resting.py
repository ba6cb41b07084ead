"""Rows at rest are put off in one statement, and never one that somebody wished, hinted, or works on."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import timedelta

import pytest
from sqlalchemy import insert, select, update

from mcd.model import Noun
from mcd.store import intents, leases, resting
from mcd.store import tables as t
from mcd.store.resting import Due, Left, Rest
from mcd.store.rolling import wake_neighbours
from mcd.store.session import Database
from tests.store.world import ADMIN, World, changed

RESYNC = timedelta(seconds=600)


async def at_rest(world: World, count: int, rest: Rest | None = None) -> list[Due]:
    """So many Rollouts that were recorded as ready, as a process remembers them; in the order of their Apps."""
    for number in range(count):
        await world.app(f"app-{number}", released=True)
    rest = rest or Rest(None, world.now + timedelta(hours=1))
    for lease in await world.take(Noun.ROLLOUT, limit=count):
        assert await world.record(lease, changed(), rest=rest)
    async with world.db.reading() as tx:
        rows = await tx.rows(
            select(t.rollout.c.id, t.rollout.c.next_run_at)
            .join(t.app, t.app.c.id == t.rollout.c.app_id)
            .where(t.rollout.c.live)
            .order_by(t.app.c.name)
        )
    return [Due(row["id"], row["next_run_at"], row["next_run_at"] + RESYNC) for row in rows]


async def test_only_what_nobody_touched_is_put_off(world: World) -> None:
    free, hinted, wished, taken = await at_rest(world, 4)
    async with world.db.writing() as tx:
        await leases.wake(tx, Noun.ROLLOUT, ["app-1"], world.now)
        await intents.delete_app(ADMIN, tx, world.now, "app-2")
        await leases.wake(tx, Noun.ROLLOUT, ["app-3"], world.later(seconds=1))
    (held,) = [lease for lease in await world.take(Noun.ROLLOUT, limit=4) if lease.row_id == taken.row_id]
    async with world.db.writing() as tx:
        assert await resting.renew(tx, Noun.ROLLOUT, [free, hinted, wished, taken]) == {free.row_id}
        late = Due(free.row_id, free.was, free.now_at + RESYNC)
        assert await resting.renew(tx, Noun.ROLLOUT, [late]) == set(), "what was remembered is not true any more"
    assert await world.record(held, changed())


async def test_all_of_them_are_put_off_when_nothing_happened(world: World) -> None:
    rows = await at_rest(world, 3)
    async with world.db.writing() as tx:
        assert await resting.renew(tx, Noun.ROLLOUT, rows) == {row.row_id for row in rows}
        assert await resting.renew(tx, Noun.ROLLOUT, []) == set()
    world.later(seconds=599)
    assert await world.take(Noun.ROLLOUT, limit=3) == []


async def test_a_hint_of_what_is_due_already_takes_it_out_of_its_rest(world: World) -> None:
    """It is due, so the hint need not make it so; and whoever puts it off all the same would lose the hint."""
    free, hinted = await at_rest(world, 2, Rest("word", world.now + timedelta(hours=1)))
    world.later(seconds=700)
    async with world.db.writing() as tx:
        assert await leases.wake(tx, Noun.ROLLOUT, ["app-1"], world.now) == 1
    assert [row.row_id for row in await found(world)] == [free.row_id]
    async with world.db.writing() as tx:
        assert await resting.renew(tx, Noun.ROLLOUT, [free, hinted]) == {free.row_id}
    assert [lease.row_id for lease in await world.take(Noun.ROLLOUT)] == [hinted.row_id], "in its old place"


async def _calls(world: World, caller: str, called: str) -> str:
    """The id of the App that calls the other one from now on."""
    async with world.db.writing() as tx:
        app_id = str(await tx.value(select(t.app.c.id).where(t.app.c.name == caller)))
        row = {"app_id": app_id, "called": called, "component": "web", "seen": True}
        await tx.run(insert(t.dependency).values(row))
    return app_id


async def test_a_neighbour_of_what_is_due_already_takes_it_out_of_its_rest(world: World) -> None:
    free, called = await at_rest(world, 2, Rest("word", world.now + timedelta(hours=1)))
    caller = await _calls(world, "app-0", "app-1")
    world.later(seconds=700)
    async with world.db.writing() as tx:
        await wake_neighbours(tx, world.now, caller, "app-0")
    assert [row.row_id for row in await found(world)] == [free.row_id]
    async with world.db.writing() as tx:
        assert await resting.renew(tx, Noun.ROLLOUT, [free, called]) == {free.row_id}


@pytest.mark.parametrize("url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
async def test_a_neighbour_that_another_process_just_puts_off_is_looked_at_all_the_same(
    world: World, other: Database
) -> None:
    _, called = await at_rest(world, 2, Rest("word", world.now + timedelta(hours=1)))
    caller = await _calls(world, "app-0", "app-1")
    world.later(seconds=700)
    async with world.db.writing() as renewing:
        # Due, as far as anybody else can see.
        assert await resting.renew(renewing, Noun.ROLLOUT, [called]) == {called.row_id}
        async with asyncio.timeout(5), other.writing() as tx:
            await wake_neighbours(tx, world.now, caller, "app-0")
    await world.until_due(t.rollout.c.next_run_at, t.rollout.c.id == called.row_id)
    assert [row.row_id for row in await found(world)].count(called.row_id) == 0, "and is not at rest"


async def test_a_wish_at_the_very_moment_at_which_a_row_is_due_takes_it_out_of_its_rest(world: World) -> None:
    (row,) = await at_rest(world, 1, Rest("word", world.now + timedelta(hours=1)))
    world.now = row.was
    async with world.db.writing() as tx:
        await intents.delete_app(ADMIN, tx, world.now, "app-0")
    assert await found(world) == []
    async with world.db.writing() as tx:
        assert await resting.renew(tx, Noun.ROLLOUT, [row]) == set()


async def test_a_hint_of_an_older_program_takes_a_row_out_of_its_rest(world: World) -> None:
    """It says only when the row is due."""
    (row,) = await at_rest(world, 1, Rest("word", world.now + timedelta(hours=1)))
    async with world.db.writing() as tx:
        await tx.run(update(t.rollout).where(t.rollout.c.id == row.row_id).values(next_run_at=world.now))
        assert await resting.renew(tx, Noun.ROLLOUT, [row]) == set()
    assert await found(world) == []


async def test_what_was_taken_and_given_back_is_not_at_rest(world: World) -> None:
    (row,) = await at_rest(world, 1, Rest("word", world.now + timedelta(hours=1)))
    world.now = row.was  # the very moment at which it is due
    lease = await world.one(Noun.ROLLOUT)
    async with world.db.writing() as tx:
        await leases.give_back(tx, lease)
    assert await found(world) == []
    async with world.db.writing() as tx:
        assert await resting.renew(tx, Noun.ROLLOUT, [row]) == set()


async def test_what_a_pass_left_is_found_until_anybody_touches_the_row(world: World) -> None:
    rows = await at_rest(world, 4, Rest("word", world.now + timedelta(hours=1)))
    free, hinted, wished, taken = [row.row_id for row in rows]
    assert {row.row_id: row.name for row in await found(world)} == {
        free: "app-0", hinted: "app-1", wished: "app-2", taken: "app-3"
    }  # fmt: skip
    async with world.db.writing() as tx:
        await leases.wake(tx, Noun.ROLLOUT, ["app-1"], world.now)
        await intents.delete_app(ADMIN, tx, world.now, "app-2")
        await leases.wake(tx, Noun.ROLLOUT, ["app-3"], world.later(seconds=1))
    assert [(row.row_id, row.rest.of) for row in await found(world)] == [(free, "word")]
    leases_held = await world.take(Noun.ROLLOUT, limit=4)
    async with world.db.writing() as tx:
        assert await resting.renew(tx, Noun.ROLLOUT, [rows[0]]) == {free}
    assert [row.due for row in await found(world)] == [rows[0].now_at], "put off, it is still as it was left"
    (held,) = [lease for lease in leases_held if lease.row_id == taken]
    assert await world.record(held, changed())
    assert [row.row_id for row in await found(world)] == [free], "a pass that was in doubt leaves nothing"


async def test_a_record_by_a_lost_lease_leaves_nothing(world: World) -> None:
    await world.app("app-0", released=True)
    lease = await world.one(Noun.ROLLOUT)
    world.later(seconds=lease.ttl + 1)
    assert not await world.record(lease, changed(), rest=Rest("stale", world.now + timedelta(hours=1)))
    assert await found(world) == []


async def found(world: World) -> list[Left]:
    return await world.db.asked(lambda tx: resting.left(tx, Noun.ROLLOUT))


async def test_the_word_of_a_line_changes_with_what_apps_are_compiled_with(world: World) -> None:
    places = resting.Places()
    first = await words(world, places)
    async with world.db.writing() as tx:
        await intents.change_product_line(ADMIN, tx, world.now, "demo", wishes={"timezone": "Asia/Tokyo"})
    second = await words(world, places)
    assert await words(world, places) is second, "nothing is made anew of rows that are the same"
    assert await words(world, resting.Places()) == second, "another process has the same words"
    assert first.keys() == second.keys()
    assert [line for line in first if first[line] != second[line]] == [await line_id(world, "demo")]
    async with world.db.writing() as tx:
        await intents.change_cluster(ADMIN, tx, world.now, "local", facts={"base_domain": "other.example.com"})
    third = await words(world, places)
    assert all(third[line] != second[line] for line in third)


async def words(world: World, places: resting.Places) -> Mapping[str, str]:
    await world.db.asked(places.read)
    return places.words


async def line_id(world: World, name: str) -> str:
    async with world.db.reading() as tx:
        found: str = await tx.value(select(t.product_line.c.id).where(t.product_line.c.name == name))
    return found
