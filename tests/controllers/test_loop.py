"""The loop itself: leases, fences, hints, what breaks, and handing over."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from mcd.build.pins import Pinned
from mcd.controllers.loop import Loop
from mcd.controllers.loop.turns import HELD_BACK
from mcd.errors import Code
from mcd.kube.cluster import KubeError, KubeReason
from mcd.kube.memory import Died, Faults
from mcd.model import ConditionType, Noun, Reason
from mcd.objects import Ref
from mcd.store import leases, turns
from mcd.store.leases import Lease
from mcd.store.session import Database
from tests.controllers.world import HELLO, World, world


async def test_a_lease_that_ran_out_before_the_write_writes_nothing(here: World) -> None:
    """The process slept between its decision and the write; somebody else may own the App by now."""
    await here.push(HELLO)
    await here.settle()
    await here.push(HELLO.replace("hello:1", "hello:2"))
    await here.loop.take(Noun.RELEASE, 10)
    await here.loop.idle()
    before = here.written
    await here.loop.take(Noun.ROLLOUT, 10)
    for fence in here.loop.fences:
        fence.deadline = 0.0
    await here.loop.idle()
    assert here.writes_since(before) == []


async def test_what_a_pass_found_without_its_lease_is_dropped(here: World) -> None:
    await here.push(HELLO)
    await here.loop.take(Noun.RELEASE, 10)
    here.clock.forward(3600)
    await here.loop.idle()
    release = await here.release(1)
    ready = next(c for c in release.state.conditions if c.type is ConditionType.READY)
    assert ready.reason is Reason.NEW


async def test_a_pass_that_was_too_slow_for_its_lease_is_no_death_of_the_process(here: World) -> None:
    """Three deaths quarantine a row; a machine that is too busy for minutes kills nobody."""
    await here.push(HELLO)
    for _ in range(6):
        await here.loop.take(Noun.RELEASE, 10)
        here.clock.forward(3600)
        await here.loop.idle()
    await here.settle()
    assert (await here.ready()).status, await here.said()


async def test_a_cluster_that_does_not_answer_loses_no_wish(here: World) -> None:
    def unreachable(verb: str, ref: Ref) -> KubeError | None:
        return KubeError(Code.UNAVAILABLE, KubeReason.UNREACHABLE, "the cluster does not answer.")

    here.kube.faults.refuse = unreachable
    await here.push(HELLO)
    await here.settle(horizon=3)
    ready = await here.ready()
    assert not ready.status
    assert "does not answer" in await here.said()
    here.kube.faults.refuse = None
    await here.settle()
    assert (await here.ready()).status


async def test_a_bug_in_a_reconciler_shows_no_text_of_it_and_is_tried_again(here: World) -> None:
    seen: list[str] = []

    def broken(verb: str, ref: Ref) -> KubeError | None:
        if verb == "apply" and ref.kind == "Deployment" and not seen:
            seen.append("once")
            raise RuntimeError("token=hunter2")
        return None

    here.kube.faults.refuse = broken
    await here.push(HELLO)
    await here.settle()
    assert seen
    assert "hunter2" not in await here.said()
    assert (await here.ready()).status


async def test_a_process_started_again_under_its_name_need_not_wait(tmp_path: Path, template: Path) -> None:
    async with world(tmp_path, template) as here:
        here.runtime.settings = here.runtime.settings.model_copy(update={"holder": "local"})
        here.loop = Loop(here.runtime, "local")
        await here.push(HELLO)
        here.kube.faults = Faults(die_before=here.kube.counted + 1)
        with pytest.raises(Died):
            await here.settle()
        here.kube.faults = Faults()
        died = here.clock()
        successor = Loop(here.runtime, "local")
        stop = asyncio.Event()
        stop.set()
        await successor.run(stop)
        here.loop = successor
        while await here.turn():
            continue
        assert here.clock() == died
        assert "Deployment/hello-web" in here.ours()


async def test_a_stopped_loop_gives_back_what_it_holds(here: World) -> None:
    held = asyncio.Event()

    def hold(verb: str, ref: Ref) -> KubeError | None:
        held.set()
        return None

    here.kube.faults.refuse = hold
    await here.push(HELLO)
    stop = asyncio.Event()
    running = asyncio.create_task(here.loop.run(stop))
    await asyncio.wait_for(held.wait(), 30)
    stop.set()
    await asyncio.wait_for(running, 30)
    here.kube.faults = replace(here.kube.faults, refuse=None)
    here.loop = Loop(here.runtime, "next")
    await here.turn()
    await here.settle()
    assert (await here.ready()).status


async def test_a_loop_that_ended_leaves_nothing_running(here: World) -> None:
    """Whoever closes the database next must find nobody in it: a question cut off twice never came back."""
    before = asyncio.all_tasks()
    stop = asyncio.Event()
    stop.set()
    await asyncio.wait_for(here.loop.run(stop), 30)
    await here.runtime.disconnect()  # a watch outlives the loop that was the first to need it
    assert {task.get_name() for task in asyncio.all_tasks() - before} == set()


async def test_what_another_process_is_taking_is_not_looked_for_without_a_pause(
    here: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may sleep in the middle of it, for as long as its database lets it: the row is due, and locked. What this
    process commits meanwhile wakes it, a few times when it begins."""
    looks: list[float] = []
    whole, taken, clock = turns.in_turn, leases.take, asyncio.get_running_loop().time

    # Of this world only: a loop of another test's server may run in a thread beside it.
    async def looked(db: Database, *given: Any) -> Any:
        if db is here.runtime.db:
            looks.append(clock())
        return await whole(db, *given)

    async def locked(db: Database, *given: Any) -> list[Lease]:
        return [] if db is here.runtime.db else await taken(db, *given)

    await here.push(HELLO)
    monkeypatch.setattr(turns, "in_turn", looked)
    monkeypatch.setattr(leases, "take", locked)
    stop = asyncio.Event()
    running = asyncio.create_task(here.loop.run(stop))
    try:
        async with asyncio.timeout(20):
            while sum(after - before > HELD_BACK * 0.9 for before, after in pairwise(looks)) < 3:
                await asyncio.sleep(0.01)
    finally:
        stop.set()
        await running


async def test_a_stop_is_heard_while_every_worker_is_busy(here: World) -> None:
    begun = asyncio.Event()

    async def never(image: str) -> Pinned:
        begun.set()
        await asyncio.Event().wait()
        raise AssertionError(image)

    here.runtime.pin = never
    here.runtime.settings = here.runtime.settings.model_copy(update={"workers": 1})
    here.loop = Loop(here.runtime, "test", patience=0.1)
    release = await here.push(HELLO)
    stop = asyncio.Event()
    running = asyncio.create_task(here.loop.run(stop))
    await asyncio.wait_for(begun.wait(), 30)
    stop.set()
    await asyncio.wait_for(running, 30)
    async with here.runtime.db.reading() as tx:
        assert await leases.next_due(tx, here.clock()) == here.clock(), f"{release.id} was not given back"
