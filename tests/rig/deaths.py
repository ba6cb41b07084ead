"""Faults F01 to F11: the process dies, or is asked to stop, at the worst moments of a change.

Each is a block around the change; at its end the next process has been started. What must hold is judged elsewhere.
"""

from __future__ import annotations

import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator

from tests.rig import oracles
from tests.rig.lane import LINE
from tests.rig.rules import Asked, Delay, DropAnswer, Kill, Rule
from tests.rig.scene import Scene
from tests.rig.workloads import SHAPES, back, second


@contextlib.asynccontextmanager
async def dies_at_write(scene: Scene, number: int, *, after: bool) -> AsyncIterator[Rule]:
    rule = scene.ahead(Kill(scene.lane.kill, after=after), verb="write", nth=number)
    yield rule
    await scene.met(rule)
    scene.over(rule)
    if rule.fired.is_set():
        await scene.again()


@contextlib.asynccontextmanager
async def dies_at_commit(scene: Scene, number: int, *, after: bool) -> AsyncIterator[None]:
    scene.lane.board.arm(number, after=after)
    yield

    async def over() -> bool:
        return not scene.lane.alive or scene.lane.resting(1.0)

    await scene.lane.until(over, 30.0, "the commit")
    scene.lane.board.disarm()
    if not scene.lane.alive:
        await scene.again()


@contextlib.asynccontextmanager
async def f01(scene: Scene) -> AsyncIterator[None]:
    """Dies when it is about to take what was wished a moment ago: nobody but the database knows of it."""
    async with dies_at_commit(scene, 1, after=False):
        yield


@contextlib.asynccontextmanager
async def f02(scene: Scene) -> AsyncIterator[None]:
    async with dies_at_write(scene, scene.some_write, after=scene.dice.random() < 0.5):
        yield


@contextlib.asynccontextmanager
async def f03(scene: Scene) -> AsyncIterator[None]:
    lost: set[str] = set()

    def first(what: Asked) -> bool:
        fresh = str(what) not in lost
        lost.add(str(what))
        return fresh

    scene.ahead(DropAnswer(), verb="write", chosen=first)
    yield
    await scene.lane.settled(scene.patience)


@contextlib.asynccontextmanager
async def f04(scene: Scene) -> AsyncIterator[None]:
    """All is written and nothing is recorded: the next pass records, with no write."""
    async with dies_at_write(scene, scene.writes, after=True):
        yield
    mark = scene.lane.witness.mark()
    await scene.lane.settled(scene.patience)
    facts = oracles.by_us(scene.lane, mark)
    scene.verdict.must(not facts, f"F04: written again: {[str(f) for f in facts]}")


@contextlib.asynccontextmanager
async def f05(scene: Scene) -> AsyncIterator[None]:
    async with dies_at_write(scene, 1, after=False):
        yield


@contextlib.asynccontextmanager
async def f06(scene: Scene) -> AsyncIterator[None]:
    rule = scene.ahead(Kill(scene.lane.kill, after=True), verb="delete", nth=1)
    yield
    await scene.met(rule)
    scene.over(rule)
    if rule.fired.is_set():
        await scene.again()


@contextlib.asynccontextmanager
async def f07(scene: Scene) -> AsyncIterator[None]:
    """Dies at a commit of the change, on a side of it that the dice say; the crash campaign enumerates them."""
    async with dies_at_commit(scene, scene.dice.randint(2, 5), after=scene.dice.random() < 0.5):
        yield


@contextlib.asynccontextmanager
async def f09(scene: Scene) -> AsyncIterator[None]:
    """A way back is under way when it dies, and ends after that, with nothing made or deleted twice; then comes the
    change."""
    mark, scene.counts_may_differ = scene.lane.witness.mark(), True
    await second(scene.lane, SHAPES["plain"])
    await scene.lane.settled()
    async with dies_at_write(scene, scene.dice.randint(1, 2), after=scene.dice.random() < 0.5):
        await back(scene.lane, SHAPES["plain"])
    await scene.lane.settled(scene.patience)
    live = await scene.lane.api.ok("GET", f"/apis/apps/v1/namespaces/{LINE}/deployments/hello-web")
    image = live["spec"]["template"]["spec"]["containers"][0]["image"]
    scene.verdict.must(image.endswith(":1"), f"F09: it went back, and {image} runs")
    for word, counts in zip(
        ("made", "deleted"), oracles.made_and_deleted(oracles.by_us(scene.lane, mark)), strict=True
    ):
        twice = {name: count for name, count in counts.items() if count > 1}
        scene.verdict.must(not twice, f"F09: {word} more than once: {twice}")
    yield


@contextlib.asynccontextmanager
async def f11(scene: Scene) -> AsyncIterator[None]:
    """SIGTERM in the middle: no more than 10 s, exit code 0, and the next process goes on."""
    rule = scene.ahead(Delay(0.3), verb="write")
    yield
    await scene.met(rule)
    if not scene.lane.alive:
        return
    began = time.monotonic()
    os.kill(scene.lane.pid, signal.SIGTERM)
    code = await scene.lane.zygote.ended(scene.lane.pid, 20.0)
    scene.verdict.must(code == 0, f"F11: exit code {code}")
    scene.verdict.must(time.monotonic() - began < 10, f"F11: took {time.monotonic() - began:.1f} s")
    scene.over(rule)
    await scene.again()
