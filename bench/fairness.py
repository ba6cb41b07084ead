"""P14: how long an App of one product line waits for its change while another line brings very many new Apps into the
same cluster, beside the same with nobody else at work.

Changes come open loop, one App after the other, from the accepted push to the Deployment as a bare watch sees it. It
must not compare two machines: both halves are one run.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench import rules
from bench.bulk import OBJECTS
from bench.change import content
from bench.commit import percentiles
from bench.engine import Engine, installation, verified
from bench.servers import Servers, up
from bench.witness import Witness, witness

TARGET = 2.0
EVERY = 1.0
"""Seconds between two changes of the line that is alone."""
OWN_APPS = 10
MOST = 1800.0
"""Seconds for the Apps of the large line."""


@dataclass(frozen=True)
class Result:
    """Milliseconds of each change of the small line; seconds of the large one."""

    apps: int
    alone: tuple[float, ...]
    beside: tuple[float, ...]
    large: float
    wrong: int
    load: float

    @property
    def ratio(self) -> float:
        return percentiles(self.beside)[1] / percentiles(self.alone)[1]

    @property
    def void(self) -> tuple[str, ...]:
        return rules.void(self.load)

    @property
    def ok(self) -> bool:
        return not self.wrong and self.ratio <= TARGET

    def facts(self) -> dict[str, Any]:
        return {
            "metric": "P14", "ok": self.ok, "void": self.void, "apps": self.apps, "target": TARGET, "load1": self.load,
            "ratio": {"alone": self.ratio}, "milliseconds": {"alone": self.alone, "beside": self.beside},
            "large_s": self.large, "wrong": self.wrong,
        }  # fmt: skip


def run(apps: int, changes: int, say: Callable[[str], None]) -> Result:
    with tempfile.TemporaryDirectory(prefix="mcd-bench-", dir="/tmp") as folder, up(Path(folder, "servers"), 1) as made:
        return asyncio.run(_run(Path(folder), made, apps, changes, say))


async def _run(folder: Path, servers: Servers, apps: int, changes: int, say: Callable[[str], None]) -> Result:
    async with installation(folder, servers, 2) as engine, witness(servers, ("Deployment",)) as seen:
        # `apps` spreads over the lines that it knows.
        large_line, small_line = engine.lines
        engine.lines = (small_line,)
        own = await engine.apps("s0", OWN_APPS)
        await engine.push(own)
        await engine.at_rest(own)
        alone = await _changes(engine, seen, own, 0, lambda number: number >= changes)
        say(f"alone: p50 {percentiles(alone)[0]:.0f} ms, p99 {percentiles(alone)[1]:.0f} ms")
        engine.lines = (large_line,)
        many = await engine.apps("m0", apps)
        began = await engine.push(many)
        rolling = asyncio.create_task(engine.each_written(many, MOST))
        beside = await _changes(engine, seen, own, len(alone), lambda _number: rolling.done())
        large = max((await rolling).values()) - began
        say(f"beside: p50 {percentiles(beside)[0]:.0f} ms, p99 {percentiles(beside)[1]:.0f} ms, {large:.0f} s")
        # What a change leaves as it is still says which Rollout wrote it.
        objects = [*await engine.rendered(many), *map(content, await engine.rendered(own))]
        right, _ = verified(servers, objects)
    return Result(apps, tuple(alone), tuple(beside), large, len(objects) - right, servers.load)


async def _changes(
    engine: Engine, seen: Witness, own: list[str], first: int, enough: Callable[[int], bool]
) -> list[float]:
    """Changes of the small line until it is enough, one at least; milliseconds of each."""
    began, number, waits = time.monotonic(), 0, []
    while not number or not enough(number):
        await asyncio.sleep(max(0.0, began + number * EVERY - time.monotonic()))
        waits.append(asyncio.create_task(_change(engine, seen, own[number % len(own)], first + number + 1)))
        number += 1
    return [took * 1e3 for took in await asyncio.gather(*waits)]


async def _change(engine: Engine, seen: Witness, name: str, number: int) -> float:
    digest = f"{number:064x}"
    pushed = await engine.push([name], f"{number:040x}", digest=digest)
    key = (engine.servers.names[0], "Deployment", f"{name}-web")
    # One that came later may have overtaken it: then that one's image is there. The first image is all a's.
    return await seen.saw(key, lambda each: digest <= each.image.rpartition(":")[2] < "a", MOST) - pushed


def table(r: Result) -> str:
    rows = [
        "| a change of one App, until it is live | times | p50 | p99 |",
        "|---|---|---|---|",
    ]
    for name, found in (("nobody else at work", r.alone), (f"while another line gets {r.apps:,} new Apps", r.beside)):
        p50, p99 = percentiles(found)
        rows.append(f"| {name} | {len(found)} | {p50:.0f} ms | {p99:.0f} ms |")
    return "\n".join([
        *rows, "",
        f"The p99 is **{r.ratio:.1f} times** what it is alone. The other line's {r.apps * OBJECTS:,} objects took "
        f"{r.large:.0f} s; load {r.load:.1f} at the start; "
        + ("every object is live as rendered." if not r.wrong else f"**{r.wrong} objects are not as rendered.**"),
    ])  # fmt: skip
