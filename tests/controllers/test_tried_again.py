"""What failed and was mended outside gets a try of its own: the verdict of before the wish is not given again."""

from __future__ import annotations

from mcd.kube.play import Fate, play
from mcd.model import ConditionType, Reason
from mcd.store import intents
from tests.controllers.world import ADMIN, World

TWO = """
appname: hello
components:
  web: {type: web, image: "registry.test/hello:1"}
  worker: {type: daemon, image: "registry.test/worker:1"}
"""


async def crashed(here: World) -> None:
    """The first Release: its web dies, for its database is away; the worker is well."""
    here.pods_run = False
    await here.push(TWO)
    for _ in range(20):
        await here.turn()
        play(here.kube, lambda w: Fate.CRASH if w["metadata"]["name"] == "hello-web" else Fate.READY)
        here.clock.forward(15)
        if await stalled(here):
            return
    raise AssertionError(await here.said())


async def stalled(here: World) -> bool:
    rollout = await here.live()
    assert rollout is not None
    return rollout.state.is_now(ConditionType.STALLED)


async def asked_again(here: World) -> None:
    async with here.runtime.db.writing() as tx:
        await intents.request_rollout(ADMIN, tx, here.clock(), "hello", release=1)


async def test_the_pods_that_failed_are_made_anew_before_anybody_judges(here: World) -> None:
    await crashed(here)
    assert (await here.ready()).reason is Reason.CRASH_LOOPING
    before = here.written
    await asked_again(here)
    await here.turn()
    assert not await stalled(here), "that is the pod of before the wish"
    assert here.writes_since(before) == ["apply Deployment/hello-web"], "the worker is well and keeps its pods"
    here.pods_run = True
    await here.settle()
    assert (await here.ready()).status, await here.said()


async def test_what_still_fails_is_said_of_the_new_pods(here: World) -> None:
    await crashed(here)
    await asked_again(here)
    await here.turn()
    assert not await stalled(here)
    play(here.kube, lambda w: Fate.CRASH if w["metadata"]["name"] == "hello-web" else Fate.READY)
    here.clock.forward(15)
    await here.turn()
    assert await stalled(here)
    assert (await here.ready()).reason is Reason.CRASH_LOOPING


async def test_what_runs_well_is_asked_for_again_without_a_write(here: World) -> None:
    await here.push(TWO)
    await here.settle()
    before = here.written
    await asked_again(here)
    await here.settle()
    assert here.writes_since(before) == []
