"""P4: many Apps at once on many clusters, from the first accepted push to the last recorded apply, beside the bound on
the same clusters. The same bytes, the same user, as many Apps on each.

A turn is bound, MCD, bound. What is live afterwards is compared with what was rendered, on every cluster.
It must not compare clusters that have different numbers of Apps.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from statistics import mean, median
from typing import Any

from bench import peers, rules
from bench.bulk import OBJECTS, Turn, best_bound, brought, cost
from bench.engine import installation
from bench.servers import Servers, up
from bench.templates import Templates

BOUND, SLOWEST, GUARD = 1.22, 1.3, 30.0
"""Times the bound's seconds; the slowest cluster's of the mean of all; seconds."""
LINES = 5
"""Of each cluster."""
IN_FLIGHT = (1, 2, 4, 8)
"""Requests in flight to each cluster: with 20 of them many more in all than two cores can answer."""


@dataclass(frozen=True)
class Result:
    apps: int
    clusters: int
    turns: tuple[Turn, ...]
    load: float
    """Of the machine before anything was started."""

    @property
    def ratio(self) -> float:
        """MCD's seconds, times the bound's."""
        return median(turn.bound / turn.ours for turn in self.turns)

    @property
    def work(self) -> float:
        return median(turn.cpu["mcd all"] / turn.cpu["bound all"] for turn in self.turns)

    @property
    def slowest(self) -> float:
        """The last cluster's seconds, times the mean of all; the worst turn."""
        return max(max(turn.each) / mean(turn.each) for turn in self.turns)

    @property
    def seconds(self) -> float:
        return median(max(turn.each) for turn in self.turns)

    @property
    def wrong(self) -> int:
        return sum(self.apps * OBJECTS - turn.verified for turn in self.turns)

    @property
    def void(self) -> tuple[str, ...]:
        drift = max(turn.drift for turn in self.turns)
        return rules.void(self.load, drift, clusters=self.clusters)

    @property
    def ok(self) -> bool:
        return not self.wrong and self.ratio <= BOUND and self.slowest <= SLOWEST and self.seconds <= GUARD

    def facts(self) -> dict[str, Any]:
        return {
            "metric": "P4", "ok": self.ok, "void": self.void, "apps": self.apps, "clusters": self.clusters,
            "objects": self.apps * OBJECTS, "target": BOUND, "guard": {"wall_s": GUARD, "slowest": SLOWEST},
            "ratio": {"bound": self.ratio, "slowest": self.slowest, "work": self.work},
            "turns": [
                {
                    "bound": {"before_obj_s": t.before, "after_obj_s": t.after, "in_flight_each": t.in_flight},
                    "ours": {"obj_s": t.ours, "each_s": t.each}, "cpu_ms_per_object": t.cpu, "requests": t.requests,
                    "verified": t.verified, "load1": t.load,
                }
                for t in self.turns
            ],
        }  # fmt: skip


def run(apps: int, clusters: int, turns: int, say: Callable[[str], None]) -> Result:
    with (
        tempfile.TemporaryDirectory(prefix="mcd-bench-", dir="/tmp") as folder,
        up(Path(folder, "servers"), clusters) as servers,
    ):
        found = asyncio.run(_run(Path(folder), servers, apps, turns, say))
    return Result(apps, clusters, found, servers.load)


async def _run(folder: Path, servers: Servers, apps: int, turns: int, say: Callable[[str], None]) -> tuple[Turn, ...]:
    found = []
    async with installation(folder, servers, LINES) as engine:
        templates = await Templates.made(engine)
        for number in range(turns):
            load = os.getloadavg()[0]
            before, best = best_bound(engine, templates, apps, number, IN_FLIGHT)
            ours = await brought(engine, f"m{number}", apps)
            after = peers.bound(servers, templates.files(f"e{number}", apps), best)
            found.append(Turn(
                before, after.rate, ours.rate, 0.0, ours.cpu | cost("bound", after), ours.requests, best, ours.verified,
                (round(load, 2), round(os.getloadavg()[0], 2)), ours.each,
            ))  # fmt: skip
            say(
                f"turn {number + 1}: bound {before:,.0f} and {after.rate:,.0f} objects/s ({best} in flight each), MCD "
                f"{ours.rate:,.0f} in {ours.each[-1]:.1f} s; load {load:.1f} to {os.getloadavg()[0]:.1f}; "
                f"{ours.verified} of {apps * OBJECTS} right"
            )
    return tuple(found)


def table(r: Result) -> str:
    def row(name: str, of: Callable[[Turn], float], cpu: str) -> str:
        rates = [of(turn) for turn in r.turns]
        seconds = r.apps * OBJECTS / median(rates)
        mine, whole = (median(turn.cpu[each] for turn in r.turns) for each in (cpu, f"{cpu} all"))
        return f"| {name} | {seconds:.1f} | {median(rates):,.0f} | {mine:.2f} ms | {whole:.2f} ms |"

    asked = sum(sum(turn.requests.values()) for turn in r.turns) / len(r.turns) / (r.apps * OBJECTS)
    loads = [load for turn in r.turns for load in turn.load]
    return "\n".join([
        f"| {r.apps:,} Apps of {OBJECTS} objects on {r.clusters} clusters | seconds | objects/s | "
        "processor time for an object: client | with API servers and etcd |",
        "|---|---|---|---|---|",
        row("the bound, before and after", lambda turn: turn.bound, "bound"),
        row("MCD", lambda turn: turn.ours, "mcd"),
        "",
        f"**{r.ratio:.2f} times** the bound's seconds; in processor time {r.work:.2f} times. The slowest cluster took "
        f"{r.slowest:.2f} times the mean of all. {asked:.2f} requests for an object. {len(r.turns)} turns; load "
        f"{min(loads):.1f} to {max(loads):.1f} on {os.cpu_count()} cores; "
        + ("every object is live as rendered." if not r.wrong else f"**{r.wrong} objects are not as rendered.**"),
    ])  # fmt: skip
