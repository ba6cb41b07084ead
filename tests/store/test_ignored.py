"""A Release that its push did not deploy: nobody works on it, and everybody may ask for it."""

from __future__ import annotations

from mcd.model import ConditionType, Noun, Reason, Release, StateWord, state_word
from mcd.store import intents, reads
from tests.store.world import ADMIN, World

WHY = "branch try is not the default branch (main)."


async def release(world: World, number: int) -> Release:
    async with world.db.reading() as tx:
        return await reads.release(ADMIN, tx, "shop", number)


async def test_it_is_nobodys_work_and_says_why(world: World) -> None:
    await world.app("shop", released=True)
    number = await world.push("shop", "b" * 40, ignored=WHY)
    assert await world.take(Noun.RELEASE) == []
    kept = await release(world, number)
    assert state_word(kept.state) is StateWord.IGNORED
    told = kept.state.condition(ConditionType.READY)
    assert told is not None
    assert (told.status, told.reason, told.message) == (False, Reason.IGNORED, WHY)
    assert not kept.deploys
    async with world.db.reading() as tx:
        assert (await reads.release(ADMIN, tx, "shop")).number == 1
        assert [r.number for r in (await reads.releases(ADMIN, tx, "shop", ignored=True)).items] == [2]
        assert [r.number for r in (await reads.releases(ADMIN, tx, "shop", ignored=False)).items] == [1]
        assert [r.number for r in (await reads.releases(ADMIN, tx, "shop")).items] == [2, 1]


async def test_a_rollout_that_names_it_ends_that_and_waits_for_it(world: World) -> None:
    await world.app("shop", released=True)
    await world.push("shop", "b" * 40, ignored=WHY)
    async with world.db.writing() as tx:
        await intents.request_rollout(ADMIN, tx, world.now, "shop", release=2)
    assert state_word((await release(world, 2)).state) is StateWord.PROGRESSING
    await world.finish(Noun.RELEASE, world.built())
    live = await world.live("shop")
    assert (live.release, live.trigger) == (2, "deploy")


async def test_a_push_that_deploys_its_commit_takes_it_under_the_names_of_the_push(world: World) -> None:
    await world.app("shop", released=True)
    async with world.db.writing() as tx:
        await intents.push(ADMIN, tx, world.now, "shop", commit="b" * 40, branch="try", ignored=WHY)
    async with world.db.writing() as tx:
        await intents.push(ADMIN, tx, world.now, "shop", commit="b" * 40, branch="main", tag="v1")
    merged = await release(world, 2)
    assert (merged.branch, merged.tag, merged.ignored, merged.deploys) == ("main", "v1", "", True)
    await world.finish(Noun.RELEASE, world.built())
    assert (await world.live("shop")).release == 2


async def test_a_push_that_does_not_deploy_changes_nothing_of_a_release_that_is_there(world: World) -> None:
    await world.app("shop", released=True)
    before = await release(world, 1)
    await world.push("shop", "a" * 40, ignored=WHY)
    assert await release(world, 1) == before
    assert (await world.told("pushed"))[-1].endswith(f"Not deployed: {WHY}")


async def test_a_tag_is_told_as_one(world: World) -> None:
    await world.app("shop")
    async with world.db.writing() as tx:
        await intents.push(ADMIN, tx, world.now, "shop", commit="b" * 40, branch="", tag="v1", title="x")
    assert (await world.told("pushed"))[-1] == f"{'b' * 12} was pushed as tag v1 as Release 1: x"
