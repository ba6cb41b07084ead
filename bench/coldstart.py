"""P9: from the start of the process until every App has a verdict, nothing changed meanwhile, beside a bare client that
starts and lists the same kinds. Nothing may be written to a cluster.

It must not count what the controllers write into their own database.
"""

from __future__ import annotations

import asyncio
import os
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median
from typing import Any

from bench import peers, rules
from bench.engine import Engine, installation
from bench.noop import same
from bench.servers import Servers, between, cpu_of, resident, up, without_watches
from mcd.kube.kinds import KINDS, collection_path
from mcd.runtime import WATCHED

TARGET, GUARD = 1.45, 3.0
LINES = 5
"""Of each cluster."""


@dataclass
class Result:
    apps: int
    clusters: int
    ours: list[float] = field(default_factory=list)
    bare: list[float] = field(default_factory=list)
    cpu: list[float] = field(default_factory=list)
    bare_cpu: list[float] = field(default_factory=list)
    """Seconds, by turn."""
    load: float = 0.0
    requests: dict[str, int] = field(default_factory=dict)
    rss: int = 0

    @property
    def ratio(self) -> float:
        return median(a / b for a, b in zip(self.ours, self.bare, strict=True))

    @property
    def work(self) -> float:
        """As `ratio`, of processor time: what another program on the machine changes little."""
        return median(a / b for a, b in zip(self.cpu, self.bare_cpu, strict=True))

    @property
    def void(self) -> tuple[str, ...]:
        drift = max(self.bare) / min(self.bare) - 1
        return rules.void(self.load, drift, clusters=self.clusters)

    @property
    def writes(self) -> int:
        return without_watches({verb: n for verb, n in self.requests.items() if verb not in ("GET", "LIST")})

    @property
    def ok(self) -> bool:
        return self.ratio <= TARGET and median(self.ours) <= GUARD and self.writes == 0

    def facts(self) -> dict[str, Any]:
        return {
            "metric": "P9", "ok": self.ok, "apps": self.apps, "clusters": self.clusters, "target": TARGET,
            "void": self.void, "load1": self.load,
            "ours": {"wall_s": self.ours, "cpu_s": self.cpu, "rss_mib": self.rss / 2**20},
            "bound": {"wall_s": self.bare, "cpu_s": self.bare_cpu}, "requests": self.requests,
            "ratio": {"bound": self.ratio, "work": self.work},
            "guard": {"wall_s": GUARD}, "writes": self.writes,
        }  # fmt: skip


def run(apps: int, clusters: int, turns: int, say: Callable[[str], None]) -> Result:
    with (
        tempfile.TemporaryDirectory(prefix="mcd-bench-", dir="/tmp") as folder,
        up(Path(folder, "servers"), clusters) as made,
    ):
        return asyncio.run(_run(Path(folder), made, apps, turns, say))


async def _run(folder: Path, servers: Servers, apps: int, turns: int, say: Callable[[str], None]) -> Result:
    found = Result(apps, len(servers.names), load=servers.load)
    async with installation(folder, servers, LINES) as engine:
        names = await engine.apps("m0", apps)
        await engine.push(names)
        await engine.at_rest(names)
        lists = _lists(folder / "lists")
        for number in range(turns):
            engine.stop()
            began = time.monotonic()
            bare = peers.bound(servers, dict.fromkeys(servers.names, lists), 8, "", method="GET")
            found.bare.append(time.monotonic() - began)
            found.bare_cpu.append(bare.process)
            found.ours.append(await _start(engine, found))
            say(
                f"turn {number + 1}: {found.ours[-1]:.1f} s ({found.cpu[-1]:.1f} of the processor), bare "
                f"{found.bare[-1]:.1f} s ({found.bare_cpu[-1]:.1f}); load {os.getloadavg()[0]:.1f}"
            )
    return found


async def _start(engine: Engine, found: Result) -> float:
    asked, before = engine.servers.asked(), await engine.due_at()
    began = engine.start()
    ended = await engine.until("every App has a verdict", lambda: same(engine, before), 600)
    found.cpu.append(cpu_of(engine.pid))
    found.requests, found.rss = between(asked, engine.servers.asked()), resident(engine.pid)
    return ended - began


def _lists(file: Path) -> Path:
    """What is watched in the whole cluster, of the kinds that these API servers know, as lists from their cache."""
    served = [kind for kind in WATCHED if "keda" not in kind.api_version and "cert-manager" not in kind.api_version]
    query = "?labelSelector=app.kubernetes.io%2Fmanaged-by%3Dmcd&resourceVersion=0"
    lines = [collection_path(kind.api_version, kind.kind, "") + query for kind in served if kind in KINDS]
    file.write_text("\n".join(lines) + "\n")
    return file


def table(r: Result) -> str:
    verbs = ", ".join(f"{n} {verb}" for verb, n in sorted(r.requests.items())) or "none"
    return "\n".join([
        f"| {r.apps:,} Apps on {r.clusters} clusters | seconds | |",
        "|---|---|---|",
        f"| `mcd serve controllers`, from its start until every App has a verdict | **{median(r.ours):.1f}** | "
        f"{median(r.cpu):.1f} s of processor time, {r.rss / 2**20:.0f} MiB |",
        f"| a bare client, from its start until it has listed the same kinds | {median(r.bare):.1f} | "
        f"{median(r.bare_cpu):.1f} s of processor time |",
        "",
        f"**{r.ratio:.2f} times** the bare client, **{r.work:.2f}** in processor time. Requests: {verbs}; writes: "
        f"{r.writes}. {len(r.ours)} turns; load {r.load:.1f} at the start.",
    ])  # fmt: skip
