"""Whose turn it is: a product line with a thousand wishes is not in the way of one with a single one."""

from __future__ import annotations

import pytest
from sqlalchemy import select, update

from mcd.model import RECONCILED, Noun, RolloutItem
from mcd.store import intents, turns
from mcd.store import tables as t
from mcd.store.turns import SHARED, AtWork
from tests.store.world import ADMIN, World, taken

MANY = 5


async def _line_of(world: World, noun: Noun, limit: int, at_work: AtWork) -> list[str]:
    """The product lines of what is taken, in the order in which it is."""
    leases = await taken(world.db, noun, "test", world.now, limit, at_work=at_work)
    return [lease.item.line.name for lease in leases if isinstance(lease.item, RolloutItem)]


async def _ids(world: World) -> dict[str, str]:
    """Product line → its id."""
    leases = await taken(world.db, Noun.PRODUCT_LINE, "test", world.now, 100)
    return {lease.item.line.name: lease.row_id for lease in leases}  # type: ignore[union-attr]


async def _crowd(world: World, *, count: int = MANY, lines: tuple[str, ...] = ("small",)) -> dict[str, str]:
    """Many Apps of `demo` with a Rollout that nobody has looked at, then one of each other line. Line → its id."""
    for line in lines:
        async with world.db.writing() as tx:
            await intents.create_product_line(ADMIN, tx, world.now, line, cluster="local")
    for number in range(count):
        world.later(seconds=1)
        await world.app(f"demo-{number}", released=True)
    for line in lines:
        world.later(seconds=1)
        await world.app(f"{line}-0", line, released=True)
    return await _ids(world)


async def test_the_only_wish_of_a_line_does_not_wait_for_all_those_of_another(world: World) -> None:
    await _crowd(world, lines=("small", "tiny"))
    first = await _line_of(world, Noun.ROLLOUT, 4, AtWork(1000))
    assert first == ["demo", "small", "tiny", "demo"]


async def test_what_is_worked_on_of_a_line_counts_as_turns_that_it_has_had(world: World) -> None:
    ids = await _crowd(world)
    busy = AtWork(1000, {ids["demo"]: 3})
    assert await _line_of(world, Noun.ROLLOUT, 1, busy) == ["small"], "one place came free, and it is the other's"


async def test_a_line_that_is_alone_is_taken_in_the_order_of_its_wishes(world: World) -> None:
    await _crowd(world, lines=())
    leases = await taken(world.db, Noun.ROLLOUT, "test", world.now, 5, at_work=AtWork(1000))
    assert [lease.item.app.name for lease in leases] == [f"demo-{n}" for n in range(5)]  # type: ignore[union-attr]


async def test_a_rollout_does_not_wait_until_every_release_of_another_line_is_made(world: World) -> None:
    await _crowd(world, count=0)
    for number in range(MANY):
        await world.app(f"demo-{number}")
        await world.push(f"demo-{number}", "b" * 40)
    chosen = await turns.in_turn(world.db, (Noun.RELEASE, Noun.ROLLOUT), world.now, 2, AtWork(1000))
    assert [len(chosen[noun]) for noun in (Noun.ROLLOUT, Noun.RELEASE)] == [1, 1]


async def test_a_line_never_has_all_workers_while_there_is_another(world: World) -> None:
    """A build of a quarter of an hour holds its worker; a cluster that hangs does too."""
    ids = await _crowd(world)
    first = await _line_of(world, Noun.ROLLOUT, 10, AtWork(4))
    assert sorted(first) == ["demo", "demo", "demo", "small"], "one worker of four is not for who has the others"
    assert await _line_of(world, Noun.ROLLOUT, 1, AtWork(4, {ids["demo"]: 3})) == []
    assert await _line_of(world, Noun.ROLLOUT, 1, AtWork(4, {ids["demo"]: 2})) == ["demo"]


async def test_a_line_that_is_alone_has_all_workers(world: World) -> None:
    await _crowd(world, lines=())
    async with world.db.writing() as tx:
        gone = {
            "gone_at": world.now,
            "deleted_at": world.now,
            "next_run_at": None,
            "lease_token": None,
            "lease_until": None,
        }
        await tx.run(update(t.product_line).where(t.product_line.c.name != "demo").values(**gone, lease_holder=None))
    assert len(await _line_of(world, Noun.ROLLOUT, 4, AtWork(4))) == 4


async def test_turns_are_the_same_among_more_rows_than_are_read_at_a_look(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    ids = await _crowd(world, lines=("small", "tiny"))
    at_work = AtWork(1000, {ids["demo"]: 2})
    few = await turns.in_turn(world.db, SHARED, world.now, 4, at_work)
    monkeypatch.setattr(turns, "AT_A_LOOK", 1)
    assert await turns.in_turn(world.db, SHARED, world.now, 4, at_work) == few
    assert len(few[Noun.ROLLOUT]) == 4
    full = AtWork(4, {ids["demo"]: 3})
    assert len((await turns.in_turn(world.db, SHARED, world.now, 4, full))[Noun.ROLLOUT]) == 2, "none of demo's"


async def test_a_cluster_never_has_all_workers_while_there_is_another(world: World) -> None:
    ids = await _crowd(world, lines=())
    (cluster,) = [lease.item.cluster.id for lease in await taken(world.db, Noun.ROLLOUT, "test", world.now, 1)]
    async with world.db.writing() as tx:
        await intents.create_cluster(ADMIN, tx, world.now, "far", kubeconfig="apiVersion: v1", facts={})
        await intents.create_product_line(ADMIN, tx, world.now, "there", cluster="far")
    await world.app("there-0", "there", released=True)
    busy = AtWork(4, {ids["demo"]: 1}, {cluster: 3})
    assert await _line_of(world, Noun.ROLLOUT, 4, busy) == ["there"]


async def test_many_lines_of_a_cluster_that_is_full_are_not_in_the_way_of_another(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Among more rows than are read at a look: whoever may not be taken is not read."""
    monkeypatch.setattr(turns, "AT_A_LOOK", 1)
    await _crowd(world, lines=tuple(f"near-{number}" for number in range(8)))
    async with world.db.reading() as tx:
        cluster = await tx.value(select(t.cluster.c.id))
    async with world.db.writing() as tx:
        await intents.create_cluster(ADMIN, tx, world.now, "far", kubeconfig="apiVersion: v1", facts={})
        await intents.create_product_line(ADMIN, tx, world.now, "there", cluster="far")
    world.later(seconds=1)
    await world.app("there-0", "there", released=True)
    assert await _line_of(world, Noun.ROLLOUT, 1, AtWork(4, {}, {cluster: 3})) == ["there"]


async def test_no_more_are_chosen_than_there_is_room_for(world: World) -> None:
    await _crowd(world)
    chosen = await turns.in_turn(world.db, RECONCILED, world.now, 3, AtWork(16))
    assert sum(map(len, chosen.values())) == 3
