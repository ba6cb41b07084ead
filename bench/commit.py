"""P1: one push of one new App, from when it was accepted until the last of its six objects is live, beside
`kubectl kustomize | kubectl apply --server-side` of the same objects and beside the bound.

MCD's end is when a bare watch has seen the last object, which is later than the last answer to MCD. One App at a time,
at random moments; the order of MCD and the shell is drawn by the seed. It must not have two Apps under way.
"""

from __future__ import annotations

import asyncio
import random
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench import peers, rules
from bench.engine import Engine, installation, verified
from bench.meter import Ratio, ratio_of
from bench.servers import PATHS, Servers, up
from bench.templates import Templates
from bench.witness import Witness, witness
from mcd.objects import Object

TARGET, P50, P99 = 0.5, 50.0, 200.0
"""Times the shell's; milliseconds."""
PAUSE = 0.5
"""Seconds at the most between two Apps."""
WIDTH = 6
"""Requests in flight of the bound: all that an App has."""


@dataclass(frozen=True)
class Turn:
    """Milliseconds for one App; `bound` is the mean of before and after."""

    ours: float
    shell: float
    before: float
    after: float

    @property
    def bound(self) -> float:
        return (self.before + self.after) / 2


@dataclass(frozen=True)
class Result:
    turns: tuple[Turn, ...]
    wrong: int
    load: float

    @property
    def ratio(self) -> Ratio:
        return ratio_of([turn.ours / turn.shell for turn in self.turns])

    @property
    def of_bound(self) -> Ratio:
        return ratio_of([turn.ours / turn.bound for turn in self.turns])

    @property
    def drift(self) -> float:
        return abs(median(turn.after for turn in self.turns) / median(turn.before for turn in self.turns) - 1)

    @property
    def void(self) -> tuple[str, ...]:
        return rules.void(self.load, self.drift)

    @property
    def ok(self) -> bool:
        p50, p99 = percentiles([turn.ours for turn in self.turns])
        return not self.wrong and self.ratio.median <= TARGET and p50 <= P50 and p99 <= P99

    def facts(self) -> dict[str, Any]:
        each = {name: [getattr(turn, name) for turn in self.turns] for name in ("ours", "shell", "bound")}
        return {
            "metric": "P1", "ok": self.ok, "void": self.void, "target": TARGET, "guard": {"p50_ms": P50, "p99_ms": P99},
            "ratio": {"shell": self.ratio.median, "bound": self.of_bound.median}, "wrong": self.wrong,
            "milliseconds": each, "load1": self.load,
        }  # fmt: skip


def percentiles(found: Sequence[float]) -> tuple[float, float]:
    """p50 and p99 of all samples."""
    ordered = sorted(found)
    return median(ordered), ordered[min(len(ordered) - 1, int(len(ordered) * 0.99))]


def run(turns: int, say: Callable[[str], None], seed: int = 7) -> Result:
    with tempfile.TemporaryDirectory(prefix="mcd-bench-", dir="/tmp") as folder, up(Path(folder, "servers"), 1) as made:
        return asyncio.run(_run(Path(folder), made, turns, random.Random(seed), say))


async def _run(folder: Path, servers: Servers, turns: int, dice: random.Random, say: Callable[[str], None]) -> Result:
    found: list[Turn] = []
    async with installation(folder, servers, 1) as engine, witness(servers, tuple(PATHS)) as seen:
        templates = await Templates.made(engine)
        names = await engine.apps("m0", turns)
        for number, name in enumerate(names):
            before = _bound(servers, templates, f"a{number}")
            steps: list[Callable[[], Any]] = [
                lambda name=name: _ours(engine, seen, name),  # type: ignore[misc]
                lambda number=number: _shell(servers, templates, f"k{number}"),  # type: ignore[misc]
            ]
            order = dice.sample((0, 1), 2)
            took = {}
            for step in order:
                await asyncio.sleep(dice.uniform(0.2, 1.0) * PAUSE)
                took[step] = await steps[step]()
            found.append(Turn(took[0], took[1], before, _bound(servers, templates, f"e{number}")))
            last = found[-1]
            say(f"{name}: {last.ours:.0f} ms, the shell {last.shell:.0f} ms, the bound {last.bound:.0f} ms")
        await engine.until("all Apps are applied", engine.unwritten, 120)
        objects = await engine.rendered(names)
        right, _ = verified(servers, objects)
    return Result(tuple(found), len(objects) - right, servers.load)


async def _ours(engine: Engine, seen: Witness, name: str) -> float:
    began = await engine.push([name])
    await engine.until("the App is applied", lambda: _one_left(engine, name), 120)
    return (await seen.saw_all(keys(await engine.rendered([name]), engine))) * 1e3 - began * 1e3


async def _one_left(engine: Engine, name: str) -> int:
    return 1 - sum((await engine.written([name])).values())


def keys(objects: Sequence[Object], engine: Engine) -> list[tuple[str, str, str]]:
    """What the witness calls these objects of an installation with one cluster."""
    return [(engine.servers.names[0], obj["kind"], obj["metadata"]["name"]) for obj in objects]


def _bound(servers: Servers, templates: Templates, prefix: str) -> float:
    return peers.bound(servers, templates.files(prefix, 1), WIDTH).seconds * 1e3


async def _shell(servers: Servers, templates: Templates, prefix: str) -> float:
    cluster, file = next(iter(templates.files(prefix, 1).items()))
    return (await asyncio.to_thread(peers.kustomized, servers, cluster, file)) * 1e3


def table(r: Result) -> str:
    def row(name: str, found: Sequence[float]) -> str:
        p50, p99 = percentiles(found)
        return f"| {name} | {p50:.0f} ms | {p99:.0f} ms |"

    return "\n".join([
        "| one new App of six objects, until all of them are live | p50 | p99 |",
        "|---|---|---|",
        row("MCD, from the accepted push", [turn.ours for turn in r.turns]),
        row("`kubectl kustomize \\| kubectl apply --server-side`", [turn.shell for turn in r.turns]),
        row("the bound, six requests at once", [turn.bound for turn in r.turns]),
        "",
        f"**{r.ratio}** times the shell, **{r.of_bound}** times the bound, by turn. {len(r.turns)} Apps, one at a "
        f"time; load {r.load:.1f} at the start; "
        + ("every object is live as rendered." if not r.wrong else f"**{r.wrong} objects are not as rendered.**"),
    ])  # fmt: skip
