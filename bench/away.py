"""What one cluster that hangs, is dead or comes and goes costs the Apps of the others: pairs of the same changes with
that cluster well and ill, one after the other in an order that the seed draws.

What is compared is the p99 of an App of another cluster, from its accepted push to its Deployment as a bare watch sees
it. The ill cluster's own Apps are changed too, so that its queue is not empty. It must not break anything else.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Any

from bench import rules
from bench.change import content
from bench.engine import Engine, installation, verified
from bench.meter import Ratio, ratio_of
from bench.relay import Health, Relay
from bench.servers import Servers, up
from bench.witness import Witness, witness

TARGET = 1.25
"""Times the p99 with all clusters well: the upper end of what the ratio is with 95 % confidence."""
RATE = 4.0
"""Changes a second, open loop, of the Apps of the other clusters; the ill one's come beside them."""
ILL = (Health.HUNG, Health.DEAD, Health.FLAPPING)
PATIENCE = 120.0


@dataclass(frozen=True)
class Pair:
    """Milliseconds: p99 of the others."""

    well: float
    ill: float


@dataclass(frozen=True)
class Result:
    apps: int
    clusters: int
    samples: int
    pairs: dict[str, tuple[Pair, ...]]
    load: float
    wrong: int = 0
    """Objects that are not as rendered when all clusters are well again."""

    def ratio(self, health: str) -> Ratio:
        return ratio_of([pair.ill / pair.well for pair in self.pairs[health]])

    @property
    def void(self) -> tuple[str, ...]:
        return rules.void(self.load, clusters=self.clusters)

    @property
    def ok(self) -> bool:
        return not self.wrong and all(self.ratio(health).high <= TARGET for health in self.pairs)

    def facts(self) -> dict[str, Any]:
        return {
            "metric": "one cluster away", "ok": self.ok, "void": self.void, "apps": self.apps, "target": TARGET,
            "clusters": self.clusters, "samples": self.samples, "load1": self.load, "wrong": self.wrong,
            "ratio": {h: [r.median, r.low, r.high] for h in self.pairs for r in (self.ratio(h),)},
            "pairs": {h: [[pair.well, pair.ill] for pair in pairs] for h, pairs in self.pairs.items()},
        }  # fmt: skip


@dataclass
class _Stage:
    """The Apps of a run; the first cluster is the one that falls ill."""

    engine: Engine
    seen: Witness
    relay: Relay
    others: list[tuple[str, str]]
    """Cluster and App."""
    ill: list[str]
    dice: random.Random
    changes: int = 0


def run(
    apps: int, clusters: int, pairs: int, seconds: float, say: Callable[[str], None], seed: int = 7
) -> Result:  # fmt: skip
    with (
        tempfile.TemporaryDirectory(prefix="mcd-bench-", dir="/tmp") as folder,
        up(Path(folder, "servers"), clusters) as servers,
    ):
        return asyncio.run(_run(Path(folder), servers, apps, (pairs, seconds, seed), say))


async def _run(
    folder: Path, servers: Servers, apps: int, how: tuple[int, float, int], say: Callable[[str], None]
) -> Result:
    (pairs, seconds, seed), load = how, servers.load
    found: dict[str, list[Pair]] = {health: [] for health in ILL}
    async with contextlib.AsyncExitStack() as later:
        first = servers.names[0]
        relay = await later.enter_async_context(Relay(servers.planes.named(first).port("api")).running())
        through = {first: f"https://127.0.0.1:{relay.port}"}
        engine = await later.enter_async_context(installation(folder, servers, 1, through))
        seen = await later.enter_async_context(witness(servers, ("Deployment",)))
        names = await engine.apps("m0", apps)
        await engine.push(names)
        await engine.at_rest(names)
        placed = [(engine.cluster_of(number), name) for number, name in enumerate(names)]
        stage = _Stage(
            engine, seen, relay, [each for each in placed if each[0] != first],
            [name for cluster, name in placed if cluster == first], random.Random(seed),
        )  # fmt: skip
        for number in range(pairs):
            for health in ILL:
                order = [Health.WELL, health]
                stage.dice.shuffle(order)
                p99 = {each: await _arm(stage, each, seconds) for each in order}
                found[health].append(Pair(p99[Health.WELL], p99[health]))
            last = ", ".join(f"{health} {found[health][-1].ill / found[health][-1].well:.2f}" for health in ILL)
            say(f"pair {number + 1}: p99 well {p99[Health.WELL]:.0f} ms; times that: {last}")
        # What a change leaves as it is still says which Rollout wrote it.
        objects = [content(obj) for obj in await engine.rendered(names)]
        right, _ = verified(servers, objects)
    samples = int(seconds * RATE)
    whole = {h: tuple(each) for h, each in found.items()}
    return Result(apps, len(servers.names), samples, whole, load, len(objects) - right)


async def _arm(stage: _Stage, health: Health, seconds: float) -> float:
    """Milliseconds: the p99 of the others' changes while the first cluster is so."""
    await stage.relay.become(health)
    if stage.ill:
        stage.changes += 1
        await _push(stage, stage.ill)
    count, began = int(seconds * RATE), time.monotonic()
    waits = []
    for number in range(count):
        await asyncio.sleep(max(0.0, began + number / RATE - time.monotonic()))
        waits.append(asyncio.create_task(_change(stage, stage.dice.choice(stage.others))))
    took = sorted(await asyncio.gather(*waits))
    await stage.relay.become(Health.WELL)
    await stage.engine.until("the cluster that was away is as wished", stage.engine.unready, PATIENCE)
    return took[min(len(took) - 1, int(len(took) * 0.99))] * 1e3


async def _change(stage: _Stage, where: tuple[str, str]) -> float:
    """Seconds from when the change was accepted until its image is live."""
    cluster, name = where
    stage.changes += 1
    image = f"{stage.changes:064x}"
    pushed = await _push(stage, [name])
    key = (cluster, "Deployment", f"{name}-web")
    # One that came later may have overtaken it: then that one's image is there.
    at = await stage.seen.saw(key, lambda seen: image <= seen.image.rpartition(":")[2] < "a", PATIENCE)
    return at - pushed


async def _push(stage: _Stage, names: list[str]) -> float:
    digest = f"{stage.changes:064x}"
    return await stage.engine.push(names, f"{stage.changes:040x}", digest=digest)


def table(r: Result) -> str:
    rows = [
        f"| one of {r.clusters} clusters is | p99 of the others' Apps, all well | with it | times (95 %) |",
        "|---|---|---|---|",
    ]
    for health, pairs in r.pairs.items():
        ratio = r.ratio(health)
        rows.append(
            f"| {health} | {median(p.well for p in pairs):.0f} ms | {median(p.ill for p in pairs):.0f} ms | "
            f"**{ratio.median:.2f}** ({ratio.low:.2f} to {ratio.high:.2f}) |"
        )
    return "\n".join([
        *rows, "",
        f"{len(next(iter(r.pairs.values())))} interleaved pairs of each, {r.samples} changes a run, {r.apps:,} Apps; "
        f"load {r.load:.1f} at the start; "
        + ("every object is live as rendered at the end." if not r.wrong else f"**{r.wrong} are not as rendered.**"),
    ])  # fmt: skip
