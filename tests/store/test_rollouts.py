"""What runs: one live Rollout per App, in the order of people's wishes, and the end of what was deleted."""

from __future__ import annotations

import asyncio

import pytest

from mcd.errors import Code, McdError
from mcd.model import (
    InventoryEntry,
    Noun,
    Ready,
    Reason,
    Result,
    Role,
    RolloutItem,
    RolloutObserved,
    Stalled,
    Trigger,
    Waiting,
)
from mcd.objects import Ref
from mcd.store import intents, leases, reads
from mcd.store.session import Database
from tests.store.world import ADMIN, World, changed

WEB = Ref("apps/v1", "Deployment", "demo", "shop-web")
BUILD_FAILED = Result(Stalled(Reason.BUILD_FAILED, "step 3: exit 1"))


async def _rollouts(world: World, app: str = "shop") -> list[tuple[int, int, int, str, bool]]:
    async with world.db.reading() as tx:
        page = await reads.rollouts(ADMIN, tx, app)
    return [(r.number, r.release, r.settings, r.trigger, r.live) for r in reversed(page.items)]


async def _request(world: World, **wish: object) -> intents.Requested:
    async with world.db.writing() as tx:
        return await intents.request_rollout(ADMIN, tx, world.now, "shop", **wish)  # type: ignore[arg-type]


async def test_a_release_that_became_ready_is_deployed_with_the_newest_settings(world: World) -> None:
    await world.app("shop")
    async with world.db.writing() as tx:
        await intents.change_settings(ADMIN, tx, world.now, "shop", changes={"components": {"web": {"replicas": 2}}})
    assert await _rollouts(world) == []
    await world.push("shop", "a" * 40)
    await world.finish(Noun.RELEASE, world.built(web="r/web@sha256:1"))
    assert await _rollouts(world) == [(1, 1, 1, "push", True)]
    async with world.db.reading() as tx:
        release = await reads.release(ADMIN, tx, "shop", 1)
    assert release.images == {"web": "r/web@sha256:1"}


async def test_a_ready_release_is_frozen(world: World) -> None:
    await world.app("shop", released=True)
    world.later(days=30)
    assert await world.take(Noun.RELEASE) == []


async def test_a_push_that_does_not_deploy_makes_no_rollout(world: World) -> None:
    await world.app("shop")
    await world.push("shop", "a" * 40, deploys=False)
    await world.finish(Noun.RELEASE, world.built())
    assert await _rollouts(world) == []


async def test_a_slow_build_does_not_undo_a_newer_push(world: World) -> None:
    await world.app("shop")
    await world.push("shop", "a" * 40)
    slow = await world.one(Noun.RELEASE)
    await world.push("shop", "b" * 40)
    await world.finish(Noun.RELEASE, world.built())
    assert await world.record(slow, world.built())
    assert await _rollouts(world) == [(1, 2, 0, "push", True)]


async def test_a_slow_build_is_deployed_when_the_newer_one_failed(world: World) -> None:
    await world.app("shop")
    await world.push("shop", "a" * 40)
    slow = await world.one(Noun.RELEASE)
    await world.push("shop", "b" * 40)
    await world.finish(Noun.RELEASE, BUILD_FAILED)
    assert await world.record(slow, world.built())
    assert await _rollouts(world) == [(1, 1, 0, "push", True)]


async def test_a_rollback_after_the_push_outranks_it(world: World) -> None:
    await world.app("shop", released=True)
    await world.push("shop", "b" * 40)
    await world.finish(Noun.RELEASE, world.built())
    await world.push("shop", "c" * 40)
    slow = await world.one(Noun.RELEASE)
    await _request(world, release=1, trigger=Trigger.ROLLBACK)
    assert await world.record(slow, world.built())
    assert (await world.live("shop")).release == 1


async def test_the_same_pair_again_changes_nothing(world: World) -> None:
    await world.app("shop", released=True)
    before = await world.told()
    again = await _request(world, release=1)
    assert not again.created
    assert again.rollout.number == 1
    assert await world.told() == before


async def test_the_same_pair_after_a_failure_is_tried_again(world: World) -> None:
    await world.app("shop", released=True)
    await world.finish(Noun.ROLLOUT, Result(Stalled(Reason.NOT_OURS, "held")))
    again = await _request(world, release=1, take_over=True)
    assert again.created
    assert again.rollout.take_over


async def test_a_restart_is_kept_by_the_rollouts_after_it(world: World) -> None:
    await world.app("shop", released=True)
    restarted = await _request(world, release=1, trigger=Trigger.RESTART, restart=["web"])
    assert restarted.rollout.restarts == {"web": world.now.isoformat()}
    async with world.db.writing() as tx:
        await intents.change_settings(
            ADMIN, tx, world.later(hours=1), "shop", changes={"components": {"web": {"replicas": 2}}}
        )
    assert (await world.live("shop")).restarts == restarted.rollout.restarts


async def test_a_failed_release_cannot_be_asked_for_but_tried_again(world: World) -> None:
    await world.app("shop")
    await world.push("shop", "a" * 40)
    await world.finish(Noun.RELEASE, BUILD_FAILED)
    with pytest.raises(McdError, match="step 3: exit 1") as refused:
        await _request(world, release=1)
    assert refused.value.code is Code.CONFLICT
    async with world.db.writing() as tx:
        await intents.retry_release(ADMIN, tx, world.now, "shop", 1)
    asked = await _request(world, release=1)
    assert asked.created, "one on its way may be asked for: the Rollout waits for it"
    await world.finish(Noun.RELEASE, world.built())
    assert await _rollouts(world) == [(1, 1, 0, "deploy", True)]


async def test_a_commit_pushed_again_is_the_same_release(world: World) -> None:
    await world.app("shop", released=True)
    await world.push("shop", "b" * 40)
    await world.finish(Noun.RELEASE, world.built())
    assert await world.push("shop", "a" * 40, forced=True) == 1
    assert (await world.live("shop")).release == 1
    assert await world.push("shop", "a" * 40) == 1
    assert len(await _rollouts(world)) == 3


async def test_a_commit_pushed_while_it_is_built_is_built_once_and_deployed(world: World) -> None:
    await world.app("shop")
    async with world.db.writing() as tx:
        made = await intents.make_release(ADMIN, tx, world.now, "shop", commit="a" * 40, branch="")
    building = await world.one(Noun.RELEASE)
    async with world.db.writing() as tx:
        await leases.append_build_log(tx, made.id, ["step 1"])
    assert await world.push("shop", "a" * 40) == made.number
    async with world.db.writing() as tx:
        await intents.retry_release(ADMIN, tx, world.now, "shop", made.number)
        log = await reads.release_log(ADMIN, tx, "shop", made.number)
    assert list(log.lines) == ["step 1"]
    assert await world.record(building, Result(Waiting(Reason.BUILDING, "it is built", 30)))
    assert await world.take(Noun.RELEASE) == [], "the work is begun a second time"
    world.later(minutes=20)
    await world.finish(Noun.RELEASE, world.built())
    assert await _rollouts(world) == [(1, 1, 0, "push", True)]


async def test_a_push_of_what_waits_for_its_next_try_is_looked_at_now(world: World) -> None:
    await world.app("shop")
    await world.push("shop", "a" * 40)
    assert await world.record(await world.one(Noun.RELEASE), Result(Waiting(Reason.BUILDING, "it waits", 600)))
    assert await world.take(Noun.RELEASE) == []
    await world.push("shop", "a" * 40)
    await world.finish(Noun.RELEASE, world.built())


async def test_two_deploys_at_one_moment_leave_one_live_rollout(world: World, other: Database) -> None:
    await world.app("shop", released=True)

    async def ask(db: Database, word: str) -> None:
        async with db.writing() as tx:
            await intents.change_settings(ADMIN, tx, world.now, "shop", changes={"components": {word: {"replicas": 1}}})

    await asyncio.gather(*(ask((world.db, other)[i % 2], f"v{i}") for i in range(10)))
    rollouts = await _rollouts(world)
    assert [r[0] for r in rollouts] == list(range(1, 12))
    assert [r[4] for r in rollouts] == [False] * 10 + [True]
    async with world.db.reading() as tx:
        newest = await reads.settings(ADMIN, tx, "shop")
    assert newest.revision == 10
    assert len(newest.values["components"]) == 10


async def test_a_way_back_is_a_rollout_of_the_older_pair(world: World) -> None:
    await world.app("shop", released=True)
    await world.finish(Noun.ROLLOUT, changed(observed=RolloutObserved({"web": "a"}, {})))
    await world.push("shop", "b" * 40)
    await world.finish(Noun.RELEASE, world.built())
    lease = await world.one(Noun.ROLLOUT)
    assert isinstance(lease.item, RolloutItem)
    back = Result(Stalled(Reason.ROLLED_BACK, "web failed"), roll_back_to=lease.item.last_good)
    assert await world.record(lease, back)
    live = await world.live("shop")
    assert (live.number, live.release, live.trigger) == (3, 1, "auto-rollback")
    async with world.db.reading() as tx:
        failed = await reads.rollout(ADMIN, tx, lease.row_id)
    assert Reason.ROLLED_BACK in {c.reason for c in failed.state.conditions}, "history says why it failed"


async def test_settings_say_when_they_changed_meanwhile(world: World) -> None:
    await world.app("shop", released=True)
    async with world.db.writing() as tx:
        first = await intents.change_settings(
            ADMIN, tx, world.now, "shop", changes={"components": {"web": {"replicas": 3}}}, base_revision=0
        )
    assert first.values == {"components": {"web": {"replicas": 3}}}
    with pytest.raises(McdError) as refused:
        async with world.db.writing() as tx:
            await intents.change_settings(
                ADMIN, tx, world.now, "shop", changes={"components": {"web": {"replicas": 2}}}, base_revision=0
            )
    assert refused.value.code is Code.PRECONDITION
    async with world.db.writing() as tx:
        gone = await intents.change_settings(
            ADMIN, tx, world.now, "shop", changes={"components": {"web": {"replicas": None}}}
        )
    assert gone.values == {}


@pytest.mark.parametrize(
    "changes",
    [
        {"components": {"web": {"replicas": -1}}},
        {"components": {"web": {"replicas": True}}},
        {"components": {"web": {"autoscale": {}}}},
        {"components": {"Web": {}}},
        {"components": {"web": {"replicas": 501}}},
        {"env": {"A B": "b"}},
        {"env": {"A": ["b"]}},
        {"env": {"A": "\ud800"}},
        {"env": {"A": "b\0"}},
        {"configs": {"Site": {}}},
        {"configs": {"site": {"a/b": "c"}}},
        {"configs": {"site": {"a": 1}}},
        {"configs": {f"c{n}": {"a": "b"} for n in range(101)}},
        {"secrets": {"payment": {"keys": [], "version": 9}}},
        {"other": {}},
        {"env": []},
    ],
)
async def test_settings_of_a_wrong_form_are_refused_whole(world: World, changes: dict[str, object]) -> None:
    await world.app("shop")
    with pytest.raises(McdError) as refused:
        async with world.db.writing() as tx:
            await intents.change_settings(ADMIN, tx, world.now, "shop", changes=changes)
    assert refused.value.code is Code.INVALID
    assert "\n" not in str(refused.value)
    async with world.db.reading() as tx:
        assert (await reads.settings(ADMIN, tx, "shop")).revision == 0


async def test_a_deploy_keeps_the_deletes_that_an_unfinished_push_named(world: World) -> None:
    await world.app("shop")
    await world.push("shop", "a" * 40, wished_deletes=[WEB])
    await world.finish(Noun.RELEASE, world.built())
    async with world.db.writing() as tx:
        await intents.change_settings(ADMIN, tx, world.now, "shop", changes={"components": {"web": {"replicas": 2}}})
    lease = await world.one(Noun.ROLLOUT)
    assert lease.item.wished_deletes == (WEB,)  # type: ignore[union-attr]


# --- the end --------------------------------------------------------------------------------------------------------


async def _delete(world: World, app: str = "shop") -> None:
    async with world.db.writing() as tx:
        await intents.delete_app(ADMIN, tx, world.now, app)


async def _create(world: World, name: str, line: str) -> None:
    async with world.db.writing() as tx:
        await intents.create_app(ADMIN, tx, world.now, name, product_line=line)


async def test_an_app_that_never_ran_is_gone_at_once(world: World) -> None:
    await world.app("shop")
    await world.push("shop", "a" * 40)
    building = await world.one(Noun.RELEASE)
    await _delete(world)
    with pytest.raises(McdError) as refused:
        await world.live("shop")
    assert refused.value.code is Code.NOT_FOUND
    assert await world.record(building, world.built())
    assert await world.take(Noun.ROLLOUT) == []
    assert await world.take(Noun.RELEASE) == []


async def test_the_live_rollout_carries_the_delete_out(world: World) -> None:
    await world.app("shop", released=True)
    await world.finish(Noun.ROLLOUT, changed(inventory=(InventoryEntry(WEB, "uid"),)))
    await _delete(world)
    await _delete(world)
    for refused in (world.push("shop", "b" * 40), _request(world, release=1)):
        with pytest.raises(McdError, match="being deleted"):
            await refused
    lease = await world.one(Noun.ROLLOUT)
    assert isinstance(lease.item, RolloutItem)
    assert lease.item.rollout.state.deleted_at is not None
    assert lease.item.app.deleted_at is not None
    assert await world.record(lease, Result(Ready("gone"), inventory=(), gone=True))
    assert await world.take(Noun.ROLLOUT) == []
    with pytest.raises(McdError) as unseen:
        await world.live("shop")
    assert unseen.value.code is Code.NOT_FOUND


async def test_a_deleted_name_is_kept_for_its_product_line(world: World) -> None:
    await world.app("shop")
    await _delete(world)
    with pytest.raises(McdError, match="is kept until"):
        await _create(world, "shop", "other")
    await _create(world, "shop", "demo")
    await _delete(world)
    world.later(days=30)
    await _create(world, "shop", "other")


async def test_a_product_line_goes_after_its_apps(world: World) -> None:
    await world.app("shop", released=True)
    with pytest.raises(McdError, match="shop") as refused:
        async with world.db.writing() as tx:
            await intents.delete_product_line(ADMIN, tx, world.now, "demo")
    assert refused.value.code is Code.CONFLICT
    await _delete(world)
    async with world.db.writing() as tx:
        await intents.delete_product_line(ADMIN, tx, world.now, "demo")
    lines = {lease.item.line.name: lease for lease in await world.take(Noun.PRODUCT_LINE)}  # type: ignore[union-attr]
    assert lines["demo"].item.apps == 1  # type: ignore[union-attr]
    assert await world.record(lines["demo"], changed(), next_in=600)
    await world.finish(Noun.ROLLOUT, Result(Ready("gone"), inventory=(), gone=True))
    lease = await world.one(Noun.PRODUCT_LINE)
    assert lease.item.apps == 0  # type: ignore[union-attr]
    assert await world.record(lease, Result(Ready("gone"), inventory=(), gone=True))
    async with world.db.writing() as tx:
        await intents.create_product_line(ADMIN, tx, world.now, "demo", cluster="local")


async def test_a_cluster_is_ready_and_wakes_what_waits_for_it(world: World) -> None:
    for lease in await world.take(Noun.PRODUCT_LINE):
        assert await world.record(lease, Result(Stalled(Reason.CLUSTER_PENDING, "not seen yet")))
    assert await world.take(Noun.PRODUCT_LINE) == []
    await world.finish(Noun.CLUSTER, changed())
    assert len(await world.take(Noun.PRODUCT_LINE)) == 2


async def test_a_taken_name_is_explained_only_to_who_may_see_it(world: World) -> None:
    await world.app("shop", "demo")
    stranger = await world.person("eve", Role.DEVELOPER, "other")
    friend = await world.person("alice", Role.VIEWER, "demo")
    async with world.db.writing() as tx:
        await intents.add_member(ADMIN, tx, world.now, "other", "alice", Role.DEVELOPER)
    friend = await world.actor(friend.name)
    said = {}
    for actor in (stranger, friend):
        with pytest.raises(McdError) as refused:
            async with world.db.writing() as tx:
                await intents.create_app(actor, tx, world.now, "shop", product_line="other")
        assert refused.value.code is Code.CONFLICT
        said[actor.name] = refused.value.message
    assert said["eve"] == 'the name "shop" is taken.'
    assert "demo" in said["alice"]
