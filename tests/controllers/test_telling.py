"""What comes again and again is told when it begins and when it ends: a crash loop, pods that are replaced."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
import structlog
from structlog.testing import LogCapture

from mcd.kube.play import Fate, play
from mcd.model import AppState, ConditionType, Noun, Reason, app_state
from mcd.objects import Object
from mcd.store import leases
from tests.controllers.world import HELLO, World


@pytest.fixture
def lines() -> Iterator[list[Any]]:
    """Log lines, newest last."""
    capture = LogCapture()
    structlog.configure(processors=[capture])
    yield capture.entries
    structlog.reset_defaults()


async def looked(here: World) -> AppState:
    """One pass, as a watch would have woken it; answers what the App is then."""
    async with here.runtime.db.writing() as tx:
        await leases.wake(tx, Noun.ROLLOUT, ["hello"], here.clock())
    await here.turn()
    rollout = await here.live()
    assert rollout is not None
    return app_state(rollout.state)


def container(here: World, fate: Fate, restarts: int, ran: float, *, code: int = 1) -> None:
    """What the kubelet says of the App's container after so many restarts: it waits for the next one, or runs again
    from now on. The run before lasted `ran` seconds."""
    play(here.kube, lambda _workload: fate)
    now = here.clock()
    died = {
        "reason": "OOMKilled" if code == 137 else "Error",
        "exitCode": code,
        "startedAt": (now - timedelta(seconds=ran + 1)).isoformat(),
        "finishedAt": (now - timedelta(seconds=1)).isoformat(),
    }
    running: Object = {"running": {"startedAt": now.isoformat()}}
    for ref, pod in here.kube.objects().items():
        if ref.kind == "Pod":
            (told,) = pod["status"]["containerStatuses"]
            told |= {"restartCount": restarts, "lastState": {"terminated": died}}
            if fate is Fate.READY:
                told["state"] = running
            here.kube.set_status(ref, pod["status"])


async def crashes(
    here: World, times: int, *, first: int = 0, ran: float = 4.0, codes: tuple[int, ...] = (1,)
) -> list[AppState]:
    """A loop: it dies, waits, runs again, is ready for a moment. Answers what the App was at each look."""
    states = []
    for restarts in range(first, first + times):
        code = codes[restarts % len(codes)]
        container(here, Fate.CRASH, restarts, ran, code=code)
        states.append(await looked(here))
        here.clock.forward(min(300, 10 * 2**restarts))
        container(here, Fate.READY, restarts + 1, ran, code=code)
        states.append(await looked(here))
        here.clock.forward(ran)
        states.append(await looked(here))
        here.clock.forward(1)
    return states


@pytest.mark.parametrize("codes", [(1,), (1, 3), (1, 137)], ids=["the same", "other exit codes", "causes in turn"])
async def test_a_crash_loop_is_told_when_it_begins_and_when_it_ends(
    here: World, lines: list[Any], codes: tuple[int, ...]
) -> None:
    await here.push(HELLO)
    await here.settle()
    here.pods_run = False
    assert len(await here.events("ready")) > 0
    before = {kind: len(await here.events(kind)) for kind in ("ready", "progress", "stalled")}
    states = await crashes(here, 12, codes=codes)
    assert set(states[:6]) == {AppState.PROGRESSING}
    assert set(states[6:]) == {AppState.STALLED}, "between two crashes it was called something else"
    begun = (await here.events("stalled"))[before["stalled"] :]
    assert len(begun) == len(set(codes) & {1, 137} or {1}), begun
    assert "web: the program ends with exit" in begun[0]
    assert len(await here.events("progress")) - before["progress"] <= len(begun)
    assert len(await here.events("ready")) == before["ready"], "a moment between two crashes was told as its end"
    here.clock.forward(60)
    assert await looked(here) is AppState.READY
    assert len(await here.events("ready")) == before["ready"] + 1
    named = [line["event"] for line in lines if line["event"].startswith("rollout_")]
    assert named[:2] == ["rollout_ready", "rollout_stalled"]
    assert named[-1] == "rollout_ready"
    assert named.count("rollout_ready") == 2


async def test_the_end_of_a_crash_loop_is_seen_without_any_change_in_the_cluster(here: World) -> None:
    await here.push(HELLO)
    await here.settle()
    here.pods_run = False
    await crashes(here, 4)
    await here.settle(horizon=30)
    assert (await here.ready()).status, await here.said()


async def test_since_when_it_crashes_is_when_that_began(here: World) -> None:
    await here.push(HELLO)
    await here.settle()
    here.pods_run = False
    await crashes(here, 3)
    rollout = await here.live()
    assert rollout is not None
    began = rollout.state.condition(ConditionType.STALLED)
    await crashes(here, 3, first=3)
    rollout = await here.live()
    assert rollout is not None
    now = rollout.state.condition(ConditionType.STALLED)
    assert began is not None
    assert now is not None
    assert (now.reason, now.last_transition) == (Reason.CRASH_LOOPING, began.last_transition)


async def test_one_crash_of_a_program_that_ran_for_long_is_no_loop(here: World) -> None:
    await here.push(HELLO)
    await here.settle()
    here.pods_run = False
    container(here, Fate.READY, 7, 3600.0)
    assert await looked(here) is AppState.READY


async def test_pods_that_are_replaced_after_a_heal_are_not_told_as_ready_again(here: World, lines: list[Any]) -> None:
    await here.push(HELLO)
    await here.settle()
    said = len(lines)
    ready, progress = len(await here.events("ready")), len(await here.events("progress"))
    deployment = next(ref for ref in here.kube.objects() if ref.kind == "Deployment")

    def edit(obj: Object) -> None:
        obj["spec"]["template"]["spec"]["containers"][0]["image"] = "evil:1"

    for _ in range(2):
        here.clock.forward(700)
        here.pods_run = False
        here.kube.edit(deployment, edit, manager="kubectl-edit")
        assert await looked(here) is AppState.PROGRESSING
        here.pods_run = True
        here.clock.forward(5)
        await here.settle()
        assert (await here.ready()).status
    assert len(await here.events("healed")) == 2
    assert len(await here.events("ready")) == ready
    assert len(await here.events("progress")) == progress
    assert [line["event"] for line in lines[said:] if line["event"].startswith("rollout_")] == []


async def test_pods_that_found_no_node_are_told_and_their_end_too(here: World) -> None:
    await here.push(HELLO)
    await here.settle()
    ready = len(await here.events("ready"))
    here.clock.forward(700)
    here.pods_run = False
    play(here.kube, lambda _workload: Fate.PENDING)
    assert await looked(here) is AppState.PROGRESSING
    assert any("no node takes the pod" in told for told in await here.events("progress"))
    here.clock.forward(5)
    play(here.kube, lambda _workload: Fate.NEVER_READY)
    assert await looked(here) is AppState.PROGRESSING
    here.clock.forward(5)
    play(here.kube)
    assert await looked(here) is AppState.READY
    assert len(await here.events("ready")) == ready + 1
