"""What Apps have to do with one another, as the store keeps it: a host has one owner, and who calls whom is known."""

from __future__ import annotations

import asyncio

import pytest

from mcd.errors import Code, McdError
from mcd.model import Caller, Footprint, Noun, Reason, ReleaseItem, Result, Role, RolloutItem, Serving, Stalled
from mcd.store import intents, reads
from tests.store.world import ADMIN, World, changed

FACE = ("face.example.com", "/")
SERVES = Footprint({"web": Serving("web")}, hosts=(FACE,))
BARE = Footprint({"web": Serving("web")})
CALLS = Footprint({"web": Serving("web")}, calls={"user-center": "rpc"})
TAKEN = 'face.example.com/ already belongs to App "face". Use another host or path.'


async def deployed(world: World, app: str, commit: str, footprint: Footprint, *, good: bool = True) -> None:
    """Pushed, built and rolled out."""
    await world.push(app, commit, footprint=footprint)
    await world.finish(Noun.RELEASE, world.built())
    for lease in await world.take(Noun.ROLLOUT):
        assert await world.record(lease, changed() if good else Result(Stalled(Reason.IMAGE_PULL, "it dies")))


async def refused(world: World, app: str, commit: str, footprint: Footprint) -> str:
    with pytest.raises(McdError) as error:
        await world.push(app, commit, footprint=footprint)
    assert error.value.code is Code.CONFLICT
    return str(error.value)


async def test_a_host_of_another_app_is_refused_from_its_push_on(world: World) -> None:
    await world.app("face")
    await world.app("shop")
    await world.push("face", "a" * 40, footprint=SERVES)
    assert await refused(world, "shop", "b" * 40, SERVES) == TAKEN


async def test_what_is_of_another_product_line_is_not_named(world: World) -> None:
    await world.app("face", "other")
    await world.app("shop")
    await world.push("face", "a" * 40, footprint=SERVES)
    said = await refused(world, "shop", "b" * 40, SERVES)
    assert said == "face.example.com/ already belongs to an App of another product line. Use another host or path."


async def test_of_two_pushes_at_one_time_one_wins_and_the_other_is_told(world: World) -> None:
    await world.app("face")
    await world.app("shop")

    async def pushed(app: str, commit: str) -> str:
        try:
            await world.push(app, commit, footprint=SERVES)
        except McdError as error:
            return str(error)
        return "won"

    said = await asyncio.gather(pushed("face", "a" * 40), pushed("shop", "b" * 40))
    assert sorted(said)[-1] == "won"
    loser = next(words for words in said if words != "won")
    assert loser.startswith("face.example.com/ already belongs to App")


async def test_another_path_of_a_host_is_another_apps_to_serve(world: World) -> None:
    await world.app("face")
    await world.app("shop")
    await world.push("face", "a" * 40, footprint=SERVES)
    await world.push("shop", "b" * 40, footprint=Footprint(hosts=(("face.example.com", "/shop"),)))


async def test_a_push_that_cannot_be_built_gives_its_host_up(world: World) -> None:
    await world.app("face")
    await world.app("shop")
    await world.push("face", "a" * 40, footprint=SERVES)
    await world.finish(Noun.RELEASE, Result(Stalled(Reason.BUILD_FAILED, "no")))
    await world.push("shop", "b" * 40, footprint=SERVES)


async def test_a_host_is_free_again_when_the_rollout_without_it_runs_and_not_before(world: World) -> None:
    await world.app("face")
    await world.app("shop")
    await deployed(world, "face", "a" * 40, SERVES)
    await deployed(world, "face", "b" * 40, BARE, good=False)
    assert await refused(world, "shop", "c" * 40, SERVES) == TAKEN
    await deployed(world, "face", "d" * 40, BARE)
    await world.push("shop", "c" * 40, footprint=SERVES)


async def test_a_way_back_to_a_host_that_is_gone_is_refused(world: World) -> None:
    await world.app("face")
    await world.app("shop")
    await deployed(world, "face", "a" * 40, SERVES)
    await deployed(world, "face", "b" * 40, BARE)
    await deployed(world, "shop", "c" * 40, SERVES)
    with pytest.raises(McdError, match='already belongs to App "shop"'):
        async with world.db.writing() as tx:
            await intents.request_rollout(ADMIN, tx, world.now, "face", release=1)
    assert (await world.live("face")).release == 2


async def test_a_host_of_a_deleted_app_is_free(world: World) -> None:
    await world.app("face")
    await world.app("shop")
    await deployed(world, "face", "a" * 40, SERVES)
    async with world.db.writing() as tx:
        await intents.delete_app(ADMIN, tx, world.now, "face")
    assert await refused(world, "shop", "b" * 40, SERVES) == TAKEN
    await world.finish(Noun.ROLLOUT, changed(gone=True))
    await world.push("shop", "b" * 40, footprint=SERVES)


async def test_a_release_that_only_the_loop_compiled_takes_its_host_and_the_loser_is_told_by_its_facts(
    world: World,
) -> None:
    await world.app("face")
    await world.app("shop")
    await deployed(world, "face", "a" * 40, SERVES)
    await world.push("shop", "b" * 40)
    lease = await world.one(Noun.RELEASE)
    assert await world.record(lease, Result(world.built().outcome, observed=world.built().observed, footprint=SERVES))
    lease = await world.one(Noun.ROLLOUT)
    assert isinstance(lease.item, RolloutItem)
    assert lease.item.facts.hosts == {FACE: "face"}


async def test_a_host_that_was_given_up_goes_to_who_wants_it_before_the_next_pass(world: World) -> None:
    await world.app("face")
    await world.app("shop")
    await deployed(world, "face", "a" * 40, SERVES)
    await world.push("shop", "b" * 40)
    lease = await world.one(Noun.RELEASE)
    assert await world.record(lease, Result(world.built().outcome, observed=world.built().observed, footprint=SERVES))
    await world.finish(Noun.ROLLOUT, Result(Stalled(Reason.INVALID_APP_YAML, TAKEN)))
    await deployed(world, "face", "c" * 40, BARE)
    world.later(seconds=3600)
    (item,) = [lease.item for lease in await world.take(Noun.ROLLOUT) if lease.item.app.name == "shop"]  # type: ignore[union-attr]
    assert isinstance(item, RolloutItem)
    assert item.facts.hosts == {}
    assert (await refused(world, "face", "d" * 40, SERVES)).startswith("face.example.com/ already belongs")


async def test_a_pusher_who_may_not_see_an_app_has_no_facts_of_it(world: World) -> None:
    await world.app("user-center", "other")
    await world.app("shop")
    await deployed(world, "user-center", "a" * 40, Footprint({"rpc": Serving("service", {"grpc": 9000})}))
    blind = await world.person("li", Role.DEVELOPER)
    async with world.db.writing() as tx:
        await intents.push(blind, tx, world.now, "shop", commit="b" * 40, branch="main", footprint=CALLS)
    lease = await world.one(Noun.RELEASE)
    assert isinstance(lease.item, ReleaseItem)
    assert lease.item.facts.apps == {}
    async with world.db.reading() as tx:
        assert (await reads.callers(ADMIN, tx, "user-center")).seen == ()


async def test_what_an_app_serves_and_who_calls_it_is_known_on_both_sides(world: World) -> None:
    await world.app("user-center", "other")
    await world.app("shop")
    serves = Footprint({"rpc": Serving("service", {"grpc": 9000, "admin": 8000})})
    await deployed(world, "user-center", "a" * 40, serves)
    await deployed(world, "shop", "b" * 40, CALLS)
    world.later(seconds=3600)
    items = {lease.item.app.name: lease.item for lease in await world.take(Noun.ROLLOUT)}  # type: ignore[union-attr]
    shop, center = items["shop"], items["user-center"]
    assert isinstance(shop, RolloutItem)
    assert isinstance(center, RolloutItem)
    assert shop.facts.apps is not None
    other = shop.facts.apps["user-center"]
    assert (other.product_line, other.cluster, other.components) == ("other", "local", serves.components)
    assert list((other.components or {})["rpc"].ports) == ["grpc", "admin"]
    assert center.facts.callers == (Caller("shop", shop.line.namespace, "rpc"),)


async def test_who_calls_an_app_is_told_to_those_who_may_see_them_and_counted_for_others(world: World) -> None:
    await world.app("user-center", "other")
    await world.app("shop")
    await deployed(world, "user-center", "a" * 40, BARE)
    await deployed(world, "shop", "b" * 40, CALLS)
    owner = await world.person("mei", Role.OWNER, "other")
    async with world.db.reading() as tx:
        assert await reads.callers(ADMIN, tx, "user-center") == reads.Callers(("shop",), 0)
        assert await reads.callers(owner, tx, "user-center") == reads.Callers((), 1)


async def test_a_push_of_what_is_called_wakes_who_calls_it(world: World) -> None:
    await world.app("user-center")
    await world.app("shop")
    await deployed(world, "user-center", "a" * 40, BARE)
    await deployed(world, "shop", "b" * 40, CALLS)
    for lease in await world.take(Noun.ROLLOUT):
        assert await world.record(lease, changed())
    await world.push("user-center", "c" * 40, footprint=BARE)
    await world.finish(Noun.RELEASE, world.built())
    assert {lease.item.app.name for lease in await world.take(Noun.ROLLOUT)} == {"user-center", "shop"}  # type: ignore[union-attr]
