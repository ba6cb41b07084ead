"""P3: many Apps at once on one cluster, from the first accepted push to the last recorded apply, beside the bound and
beside kubectl with one List. The same bytes, the same user, the same API server.

Each turn is bound, MCD, kubectl, bound. What was written is compared with what was rendered by lists of its own; a
fast wrong deployer scores nothing.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench import peers, rules
from bench.engine import Engine, installation, verified
from bench.servers import Servers, between, cpu_of, up
from bench.templates import Templates

BOUND, KUBECTL, CPU_MS = 0.85, 2.0, 0.8
"""Targets: of the bound's objects a second, of kubectl's; milliseconds of the client's processor for an object."""
OBJECTS = 6
SECONDS = 900.0


@dataclass(frozen=True)
class Turn:
    """Objects a second; milliseconds of processor time for an object, of a client and, as `NAME all`, with that of the
    API server and etcd, which no other program on the machine changes much."""

    before: float
    after: float
    ours: float
    kubectl: float
    cpu: dict[str, float]
    requests: dict[str, int]
    in_flight: int
    verified: int
    load: tuple[float, float]
    each: tuple[float, ...] = ()
    """Seconds until the last App of each cluster was applied."""

    @property
    def bound(self) -> float:
        return (self.before + self.after) / 2

    @property
    def drift(self) -> float:
        return abs(self.after / self.before - 1)


@dataclass
class Result:
    """`load` is that of the machine before anything was started."""

    apps: int
    turns: list[Turn] = field(default_factory=list)
    load: float = 0.0

    def over(self, of: Callable[[Turn], float]) -> tuple[float, float, float]:
        """Median, least and most of the turns."""
        found = [of(turn) for turn in self.turns]
        return median(found), min(found), max(found)

    @property
    def share(self) -> float:
        return self.over(lambda turn: turn.ours / turn.bound)[0]

    @property
    def of_kubectl(self) -> float:
        return self.over(lambda turn: turn.ours / turn.kubectl)[0]

    @property
    def work(self) -> float:
        """All processor time that the bound takes for an object, as a share of what MCD takes: what its share of the
        bound would be on a machine that does nothing else."""
        return self.over(lambda turn: turn.cpu["bound all"] / turn.cpu["mcd all"])[0]

    @property
    def void(self) -> tuple[str, ...]:
        return rules.void(self.load, max(turn.drift for turn in self.turns))

    @property
    def ok(self) -> bool:
        whole = all(turn.verified == self.apps * OBJECTS for turn in self.turns)
        return whole and self.share >= BOUND and self.of_kubectl >= KUBECTL

    def facts(self) -> dict[str, Any]:
        return {
            "metric": "P3", "ok": self.ok, "apps": self.apps, "objects": self.apps * OBJECTS, "target": BOUND,
            "ratio": {"bound": self.share, "kubectl_list": self.of_kubectl, "work": self.work},
            "guard": {"cpu_ms": CPU_MS}, "void": self.void,
            "turns": [
                {
                    "bound": {"before_obj_s": t.before, "after_obj_s": t.after, "in_flight": t.in_flight},
                    "ours": {"obj_s": t.ours}, "peers": {"kubectl_list": t.kubectl}, "cpu_ms_per_object": t.cpu,
                    "requests": t.requests, "verified": t.verified, "load1": t.load,
                }
                for t in self.turns
            ],
        }  # fmt: skip


def run(apps: int, turns: int, say: Callable[[str], None]) -> Result:
    with (
        tempfile.TemporaryDirectory(prefix="mcd-bench-", dir="/tmp") as folder,
        up(Path(folder, "servers"), 1) as servers,
    ):
        return asyncio.run(_run(Path(folder), servers, apps, turns, say))


async def _run(folder: Path, servers: Servers, apps: int, turns: int, say: Callable[[str], None]) -> Result:
    found = Result(apps, load=servers.load)
    async with installation(folder, servers, 4) as engine:
        templates = await Templates.made(engine)
        for number in range(turns):
            load = os.getloadavg()[0]
            before, best = best_bound(engine, templates, apps, number, peers.IN_FLIGHT)
            ours = await brought(engine, f"m{number}", apps)
            kubectl = peers.kubectl_list(servers, "c00", templates.files(f"k{number}", apps)["c00"])
            after = peers.bound(servers, templates.files(f"e{number}", apps), best)
            cpu = ours.cpu | cost("bound", after) | cost("kubectl", kubectl)
            loads = (round(load, 2), round(os.getloadavg()[0], 2))
            turn = Turn(
                before, after.rate, ours.rate, kubectl.rate, cpu, ours.requests, best, ours.verified, loads, ours.each
            )
            found.turns.append(turn)
            say(
                f"turn {number + 1}: bound {turn.before:,.0f} and {turn.after:,.0f} objects/s ({best} in flight), MCD "
                f"{ours.rate:,.0f}, kubectl {turn.kubectl:,.0f}; load {loads[0]} to {loads[1]}; "
                f"{ours.verified} of {apps * OBJECTS} right"
            )
    return found


def cost(name: str, sent: peers.Sent) -> dict[str, float]:
    """Milliseconds of processor time for an object: the client's, and with API servers and etcd."""
    mine = sent.cpu * 1e3 / sent.requests
    return {name: mine, f"{name} all": mine + sent.servers * 1e3 / sent.requests}


def best_bound(
    engine: Engine, templates: Templates, apps: int, number: int, widths: tuple[int, ...]
) -> tuple[float, int]:
    """Objects a second of the best of these numbers of requests in flight for each cluster, and which it was."""
    sent = [
        peers.bound(engine.servers, templates.files(f"{letter}{number}", apps), width)
        for letter, width in zip("abcd", widths, strict=True)
    ]
    best = max(sent, key=lambda one: one.rate)
    return best.rate, best.in_flight


@dataclass(frozen=True)
class Brought:
    """What MCD did: objects a second, milliseconds for an object, requests by verb, objects that are as rendered, and
    the seconds of each cluster."""

    rate: float
    cpu: dict[str, float]
    requests: dict[str, int]
    verified: int
    each: tuple[float, ...]


async def brought(engine: Engine, prefix: str, apps: int) -> Brought:
    """So many new Apps, all pushed at once."""
    names = await engine.apps(prefix, apps)
    asked, spent, cpu = engine.servers.asked(), engine.servers.spent(), cpu_of(engine.pid)
    began = await engine.push(names)
    ended = await engine.each_written(names, SECONDS)
    mine, theirs = cpu_of(engine.pid) - cpu, engine.servers.spent().since(spent)
    requests = between(asked, engine.servers.asked())
    count = apps * OBJECTS
    each = {"mcd": mine, "apiserver": theirs.servers, "etcd": theirs.etcd, "mcd all": mine + theirs.both}
    right, _ = verified(engine.servers, await engine.rendered(names))
    seconds = tuple(sorted(at - began for at in ended.values()))
    return Brought(count / seconds[-1], {name: s * 1e3 / count for name, s in each.items()}, requests, right, seconds)


def table(r: Result) -> str:
    def row(name: str, of: Callable[[Turn], float], cpu: str) -> str:
        middle, low, high = r.over(of)
        spent = r.over(lambda turn: turn.cpu[cpu])[0]
        whole = r.over(lambda turn: turn.cpu[f"{cpu} all"])[0]
        return f"| {name} | {middle:,.0f} | {low:,.0f} to {high:,.0f} | {spent:.2f} ms | {whole:.2f} ms |"

    asked = sum(sum(turn.requests.values()) for turn in r.turns) / len(r.turns) / (r.apps * OBJECTS)
    loads = [load for turn in r.turns for load in turn.load]
    wrong = sum(r.apps * OBJECTS - turn.verified for turn in r.turns)
    return "\n".join([
        f"| {r.apps:,} Apps of {OBJECTS} objects | objects/s | least to most | processor time for one: client | "
        "with API server and etcd |",
        "|---|---|---|---|---|",
        row("the bound, before and after", lambda turn: turn.bound, "bound"),
        row("MCD", lambda turn: turn.ours, "mcd"),
        row("`kubectl apply --server-side` of one List", lambda turn: turn.kubectl, "kubectl"),
        "",
        f"Of the bound **{r.share:.2f}**, of kubectl **{r.of_kubectl:.2f}**; in processor time for an object, the "
        f"bound's is **{r.work:.2f}** of MCD's. {asked:.2f} requests for an object. "
        f"{len(r.turns)} turns; the bound moved by {r.over(lambda turn: turn.drift)[2]:.0%} at the most within one; "
        f"load {min(loads):.1f} to {max(loads):.1f} on {os.cpu_count()} cores; "
        + ("every object is live as rendered." if not wrong else f"**{wrong} objects are not as rendered.**"),
    ])  # fmt: skip
