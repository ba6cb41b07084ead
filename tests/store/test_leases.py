"""Who works on what: nobody twice, nobody late, nobody for ever."""

from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest
from sqlalchemy import select, update

from mcd.errors import Code, McdError
from mcd.model import (
    Action,
    Change,
    ConditionType,
    EventKind,
    InventoryEntry,
    Noun,
    Ready,
    Reason,
    ReleaseItem,
    Result,
    RolloutItem,
    RolloutObserved,
    Stalled,
    Waiting,
)
from mcd.objects import Ref
from mcd.store import intents, leases, reads
from mcd.store import tables as t
from mcd.store.session import Database
from tests.store.world import ADMIN, World, changed, taken

WEB = Ref("apps/v1", "Deployment", "demo", "shop-web")
SERVICE = Ref("v1", "Service", "demo", "shop-web")


async def test_two_workers_never_hold_one_lease(world: World, other: Database) -> None:
    for number in range(12):
        await world.app(f"app-{number}", released=True)
    mine, theirs = await asyncio.gather(world.take(Noun.ROLLOUT, limit=8), world.take(Noun.ROLLOUT, limit=8, db=other))
    rest = await world.take(Noun.ROLLOUT, limit=12, db=other)
    taken = [lease.row_id for lease in (*mine, *theirs, *rest)]
    assert len(taken) == 12
    assert len(set(taken)) == 12


async def test_a_wish_is_taken_before_another_look_that_was_due_sooner(world: World) -> None:
    await world.app("slow", released=True)
    await world.record(await world.one(Noun.ROLLOUT), Result(Waiting(Reason.PROGRESSING, "starts", 10)), next_in=10)
    world.later(seconds=20)
    await world.app("new", released=True)
    (first,) = await world.take(Noun.ROLLOUT, limit=1)
    assert isinstance(first.item, RolloutItem)
    assert first.item.app.name == "new"
    assert len(await world.take(Noun.ROLLOUT)) == 1, "and then the other one"


async def test_a_record_by_a_lost_lease_changes_nothing(world: World, other: Database) -> None:
    await world.app("shop", released=True)
    late = await world.one(Noun.ROLLOUT)
    world.later(seconds=31)
    taken_over = await world.one(Noun.ROLLOUT, db=other)
    before = await world.told()
    entries = (InventoryEntry(WEB, "uid"),)
    done = changed(Change(WEB, Action.CREATED), inventory=entries, observed=RolloutObserved({"web": "a"}, {}))
    assert await world.record(late, done) is False
    assert await world.told() == before
    async with world.db.reading() as tx:
        assert await reads.inventory(ADMIN, tx, "shop") == ()
    assert (await world.live("shop")).commits == {}
    assert await world.record(taken_over, done) is True
    async with world.db.reading() as tx:
        assert await reads.inventory(ADMIN, tx, "shop") == entries


async def test_a_record_after_the_lease_ran_out_is_dropped_though_nobody_took_it(world: World) -> None:
    await world.app("shop", released=True)
    late = await world.one(Noun.ROLLOUT)
    world.later(seconds=30)
    assert await world.record(late, changed()) is False


async def test_a_lost_lease_can_neither_be_extended_nor_write_inventory(world: World, other: Database) -> None:
    await world.app("shop", released=True)
    late = await world.one(Noun.ROLLOUT)
    world.later(seconds=31)
    await world.one(Noun.ROLLOUT, db=other)
    async with world.db.writing() as tx:
        assert await leases.extend(tx, late, world.now, 30) is False
        assert await leases.intend(tx, late, [WEB]) is False
    async with world.db.reading() as tx:
        assert await reads.inventory(ADMIN, tx, "shop") == ()


async def test_an_extended_lease_is_not_taken(world: World, other: Database) -> None:
    await world.app("shop", released=True)
    lease = await world.one(Noun.ROLLOUT)
    world.later(seconds=20)
    async with world.db.writing() as tx:
        assert await leases.extend(tx, lease, world.now, 30) is True
    world.later(seconds=20)
    assert await world.take(Noun.ROLLOUT, db=other) == []
    assert await world.record(lease, changed()) is True


async def test_a_wish_during_a_pass_means_one_more_pass(world: World) -> None:
    lease = next(lease for lease in await world.take(Noun.PRODUCT_LINE) if lease.item.line.name == "demo")  # type: ignore[union-attr]
    async with world.db.writing() as tx:
        await intents.change_product_line(ADMIN, tx, world.now, "demo", wishes={"quota": {"pods": 5}})
    assert await world.take(Noun.PRODUCT_LINE) == []
    assert await world.record(lease, changed()) is True
    async with world.db.reading() as tx:
        line = await reads.product_line(ADMIN, tx, "demo")
    assert line.state.observed_generation < line.state.generation
    again = await world.one(Noun.PRODUCT_LINE)
    assert again.item.line.wishes == {"quota": {"pods": 5}}  # type: ignore[union-attr]
    assert await world.record(again, changed()) is True
    assert await world.take(Noun.PRODUCT_LINE) == []


async def test_a_hint_during_a_pass_means_one_more_pass(world: World) -> None:
    await world.app("shop", released=True)
    lease = await world.one(Noun.ROLLOUT)
    async with world.db.writing() as tx:
        assert await leases.wake(tx, Noun.ROLLOUT, ["shop", "unknown"], world.now) == 1
    world.later(seconds=1)
    assert await world.record(lease, changed()) is True
    assert await world.record(await world.one(Noun.ROLLOUT), changed()) is True
    assert await world.take(Noun.ROLLOUT) == []


async def test_extending_does_not_lose_a_hint(world: World) -> None:
    await world.app("shop", released=True)
    lease = await world.one(Noun.ROLLOUT)
    async with world.db.writing() as tx:
        await leases.wake(tx, Noun.ROLLOUT, ["shop"], world.now)
    async with world.db.writing() as tx:
        assert await leases.extend(tx, lease, world.later(seconds=5), 30)
    assert await world.record(lease, changed()) is True
    assert len(await world.take(Noun.ROLLOUT)) == 1


async def test_a_row_whose_process_died_is_due_when_its_lease_ends(world: World, other: Database) -> None:
    await world.app("shop", released=True)
    await world.one(Noun.ROLLOUT)
    world.later(seconds=29)
    assert await world.take(Noun.ROLLOUT, db=other) == []
    world.later(seconds=1)
    assert len(await world.take(Noun.ROLLOUT, db=other)) == 1


async def quarantined(world: World) -> None:
    """An App whose process died three times."""
    await world.app("shop", released=True)
    for _ in range(3):
        await world.one(Noun.ROLLOUT)
        world.later(seconds=31)
    assert await world.take(Noun.ROLLOUT) == []
    stalled = {c.type: c for c in (await world.live("shop")).state.conditions}[ConditionType.STALLED]
    assert stalled.status
    assert stalled.reason is Reason.QUARANTINED


async def hinted(world: World) -> None:
    async with world.db.writing() as tx:
        await leases.wake(tx, Noun.ROLLOUT, ["shop"], world.now)


async def test_a_row_that_ends_its_process_three_times_is_left_alone_until_somebody_wishes(world: World) -> None:
    await quarantined(world)
    world.later(minutes=50)
    assert await world.take(Noun.ROLLOUT) == []
    await hinted(world)
    assert await world.take(Noun.ROLLOUT) == [], "a hint is no wish"
    async with world.db.writing() as tx:
        asked = await intents.request_rollout(ADMIN, tx, world.now, "shop", release=1)
    assert asked.created
    assert len(await world.take(Noun.ROLLOUT)) == 1


async def test_one_that_was_left_alone_for_an_hour_is_tried_once(world: World) -> None:
    """It may have died with others' processes, and nobody may know of it to ask again."""
    await quarantined(world)
    world.later(minutes=61)
    await world.one(Noun.ROLLOUT)
    world.later(seconds=31)
    assert await world.take(Noun.ROLLOUT) == [], "it ended its process again"
    await hinted(world)
    world.later(minutes=50)
    assert await world.take(Noun.ROLLOUT) == [], "it is left alone for an hour again"
    world.later(minutes=11)
    lease = await world.one(Noun.ROLLOUT)
    assert await world.record(lease, Result(Ready("as asked")))
    for _ in range(2):
        world.later(minutes=15)
        await world.one(Noun.ROLLOUT)
    async with world.db.reading() as tx:
        told = (await reads.events(ADMIN, tx, app="shop")).items
    assert [event.kind for event in told].count(EventKind.STALLED) == 2, "each time of it is told once"


async def test_a_lease_that_was_lost_by_a_process_that_lives_is_no_death(world: World) -> None:
    await world.app("shop", released=True)
    for _ in range(6):
        lease = await world.one(Noun.ROLLOUT)
        world.later(seconds=31)
        assert not await world.record(lease, Result(Ready("too late")))
        async with world.db.writing() as tx:
            await leases.outlived(tx, lease)


async def test_a_pass_that_fails_and_says_so_is_never_quarantined(world: World) -> None:
    await world.app("shop", released=True)
    for failures in range(6):
        lease = await world.one(Noun.ROLLOUT)
        assert lease.failures == failures
        waiting = Result(Waiting(Reason.RETRYING, "no answer", 1))
        assert await world.record(lease, waiting, next_in=1, attempts=failures + 1)
        world.later(seconds=1)


async def test_a_row_given_back_is_due_at_once_and_not_counted(world: World, other: Database) -> None:
    await world.app("shop", released=True)
    for _ in range(5):
        lease = await world.one(Noun.ROLLOUT)
        async with world.db.writing() as tx:
            await leases.give_back(tx, lease)
    lease = await world.one(Noun.ROLLOUT, db=other)
    assert lease.failures == 0


async def test_the_leases_of_a_dead_process_are_freed_by_its_name_only(world: World) -> None:
    await world.app("shop", released=True)
    await world.app("face", released=True)
    await taken(world.db, Noun.ROLLOUT, "dead", world.now, 1)
    await taken(world.db, Noun.ROLLOUT, "alive", world.now, 1)
    async with world.db.writing() as tx:
        assert await leases.free_held(tx, "dead", world.now) == 1
    assert len(await world.take(Noun.ROLLOUT)) == 1


async def test_the_next_due_time_is_that_of_the_first_row_that_nobody_holds(world: World) -> None:
    async def due() -> timedelta | None:
        async with world.db.reading() as tx:
            found = await leases.next_due(tx, world.now)
        return None if found is None else found - world.now

    assert await due() == timedelta(0)
    for noun in (Noun.CLUSTER, Noun.PRODUCT_LINE):
        for lease in await world.take(noun):
            assert await world.record(lease, changed(), next_in=600)
    assert await due() == timedelta(seconds=600)
    await world.app("shop", released=True)
    assert await due() == timedelta(0)
    await world.one(Noun.ROLLOUT)
    async with world.db.writing() as tx:
        await leases.wake(tx, Noun.ROLLOUT, ["shop"], world.now)
    assert await due() == timedelta(seconds=30)


async def test_a_superseded_rollout_ends_before_the_next_begins(world: World, other: Database) -> None:
    await world.app("shop", released=True)
    old = await world.one(Noun.ROLLOUT)
    async with world.db.writing() as tx:
        await intents.change_settings(ADMIN, tx, world.now, "shop", changes={"components": {"web": {"replicas": 2}}})
    assert await world.take(Noun.ROLLOUT, db=other) == []
    async with world.db.reading() as tx:
        due = await leases.next_due(tx, world.now)
    assert due is None or due > world.now or (await world.take(Noun.CLUSTER)), "the loop would spin"
    async with world.db.writing() as tx:
        assert await leases.extend(tx, old, world.now, 30) is False
        assert await leases.intend(tx, old, [SERVICE]) is False
    entries = (InventoryEntry(WEB, "uid"),)
    wrote = Result(Waiting(Reason.PROGRESSING, "1 of 2", 1), changes=(Change(WEB, Action.CREATED),), inventory=entries)
    assert await world.record(old, wrote) is True
    new = await world.one(Noun.ROLLOUT, db=other)
    assert isinstance(new.item, RolloutItem)
    assert new.item.rollout.number == 2
    assert new.item.inventory == entries
    async with world.db.reading() as tx:
        said = (await reads.rollout(ADMIN, tx, old.row_id)).state.conditions
    assert {c.reason for c in said} == {Reason.SUPERSEDED}


async def test_the_inventory_is_a_union_until_the_record(world: World) -> None:
    await world.app("shop", released=True)
    lease = await world.one(Noun.ROLLOUT)
    async with world.db.writing() as tx:
        assert await leases.intend(tx, lease, [WEB, SERVICE], RolloutObserved({"web": "a" * 40}, {"web": "d"}))
    async with world.db.writing() as tx:
        assert await leases.intend(tx, lease, [WEB])
    async with world.db.reading() as tx:
        assert {entry.ref for entry in await reads.inventory(ADMIN, tx, "shop")} == {WEB, SERVICE}
    assert (await world.live("shop")).commits == {"web": "a" * 40}
    entries = (InventoryEntry(WEB, "uid", "hash"),)
    assert await world.record(lease, changed(inventory=entries))
    async with world.db.reading() as tx:
        assert await reads.inventory(ADMIN, tx, "shop") == entries


async def test_an_object_belongs_to_one_app(world: World) -> None:
    await world.app("shop", released=True)
    await world.app("face", released=True)
    first, second = await world.take(Noun.ROLLOUT)
    async with world.db.writing() as tx:
        assert await leases.intend(tx, first, [WEB])
    with pytest.raises(McdError, match="belongs to another App") as refused:
        async with world.db.writing() as tx:
            await leases.intend(tx, second, [SERVICE, WEB])
    assert refused.value.code is Code.CONFLICT
    async with world.db.reading() as tx:
        rows = await tx.rows(select(t.inventory.c.name))
    assert len(rows) == 1


async def test_one_pass_is_told_once(world: World) -> None:
    await world.app("shop", released=True)
    held = Change(SERVICE, Action.HELD, "it exists and is not ours", reason=Reason.NOT_OURS)
    stalled = Result(Stalled(Reason.NOT_OURS, "Service/shop-web is not ours"), changes=(held,))
    for _ in range(3):
        assert await world.record(await world.one(Noun.ROLLOUT), stalled, next_in=0)
    assert len(await world.told("held")) == 1
    assert len(await world.told("stalled")) == 1
    healed = Change(WEB, Action.CONFIGURED, "spec.replicas", healed_from="kubectl-edit")
    assert await world.record(await world.one(Noun.ROLLOUT), changed(healed), next_in=0)
    assert "kubectl-edit" in (await world.told("healed"))[0]
    assert len(await world.told("ready")) == 1
    assert await world.record(await world.one(Noun.ROLLOUT), changed())
    assert len(await world.told("ready")) == 1


async def test_the_previous_and_the_last_good_rollout_are_told_apart(world: World) -> None:
    await world.app("shop", released=True)
    lease = await world.one(Noun.ROLLOUT)
    assert isinstance(lease.item, RolloutItem)
    assert (lease.item.previous, lease.item.last_good, lease.item.was_ready) == (None, None, False)
    assert await world.record(lease, changed(observed=RolloutObserved({"web": "a"}, {})), next_in=0)
    again = await world.one(Noun.ROLLOUT)
    assert again.item.was_ready is True  # type: ignore[union-attr]
    assert await world.record(again, changed())
    await world.push("shop", "b" * 40)
    await world.finish(Noun.RELEASE, world.built())
    second = await world.one(Noun.ROLLOUT)
    async with world.db.writing() as tx:
        await leases.intend(tx, second, [WEB], RolloutObserved({"web": "b"}, {}))
    assert await world.record(second, Result(Stalled(Reason.CRASH_LOOPING, "exit 1")))
    await world.push("shop", "c" * 40)
    await world.finish(Noun.RELEASE, world.built())
    third = await world.one(Noun.ROLLOUT)
    assert isinstance(third.item, RolloutItem)
    assert third.item.previous is not None
    assert third.item.last_good is not None
    assert (third.item.previous.number, third.item.last_good.number) == (2, 1)


async def test_a_quiet_look_takes_no_write_lock(world: World, other: Database) -> None:
    for noun in (Noun.CLUSTER, Noun.PRODUCT_LINE):
        for lease in await world.take(noun):
            assert await world.record(lease, changed(), next_in=None)
    async with world.db.writing():
        # On SQLite this would wait for the writer above, for ever in one task.
        assert await asyncio.wait_for(world.take(Noun.CLUSTER, db=other), 2) == []


async def test_a_release_is_built_once_for_equal_inputs(world: World) -> None:
    await world.app("shop")
    await world.push("shop", "a" * 40)
    result = world.built()
    assert result.observed is not None
    remembered = Result(Ready("built"), observed=type(result.observed)(builds={"inputs": "r/web@sha256:1"}))  # type: ignore[call-arg]
    await world.finish(Noun.RELEASE, remembered)
    await world.push("shop", "b" * 40)
    lease = await world.one(Noun.RELEASE)
    assert isinstance(lease.item, ReleaseItem)
    assert lease.item.builds == {"inputs": "r/web@sha256:1"}


@pytest.mark.parametrize("url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
async def test_a_hint_that_passes_over_what_somebody_holds_waits_for_nobody(world: World, other: Database) -> None:
    """Who has an App in hand and waits for its product line may wait in a circle."""

    async def hinted() -> int:
        async with asyncio.timeout(3), other.writing() as tx:
            return await leases.wake(tx, Noun.PRODUCT_LINE, ["demo"], world.now, skip_locked=True)

    async with world.db.writing() as tx:
        await tx.run(update(t.product_line).values(next_run_at=world.now + timedelta(hours=1)))
    async with world.db.writing() as holding:
        await holding.rows(select(t.product_line.c.id).with_for_update())
        assert await hinted() == 0
        # What whoever holds it wants it to be.
        await holding.run(update(t.product_line).values(next_run_at=world.now + timedelta(hours=2)))
    await world.until_due(t.product_line.c.next_run_at, t.product_line.c.name == "demo")
