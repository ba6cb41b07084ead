"""P5: Apps at rest are looked at again and nothing has changed: processor time of the controllers, and requests as the
API server counts them. Beside it, what to apply all of it again costs a bare client.

Two ways: the resync that comes by itself, and every App woken by a hint that was none. It must not change anything.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from bench import peers, rules
from bench.engine import Engine, installation
from bench.servers import Servers, between, cpu_of, up, without_watches
from mcd.kube.kinds import object_path
from mcd.objects import Object, canonical, ref_of

APPS = 1490
"""That the target was set for; another number is converted to it."""
CPU, TIMES = 0.3, 60.0
"""Seconds of processor time; how many times faster than to apply everything again."""
RESYNC = 10.0


@dataclass(frozen=True)
class Look:
    """One look at every App: seconds of the controllers' processor time, and what was asked of the API server."""

    cpu: float
    verbs: dict[str, int]

    @property
    def requests(self) -> int:
        """Those that are no watch."""
        return without_watches(self.verbs)


@dataclass(frozen=True)
class Result:
    apps: int
    resync: Look
    woken: Look
    woken_seconds: float
    again: peers.Sent
    load: float = 0.0

    def for_all(self, look: Look) -> float:
        """Seconds of processor time if it were 1,490 Apps."""
        return look.cpu * APPS / self.apps

    @property
    def times(self) -> float:
        """How many times a resync fits into applying everything again, by the clock of the latter."""
        return self.again.seconds / max(self.resync.cpu, 1e-3)

    @property
    def void(self) -> tuple[str, ...]:
        return rules.void(self.load)

    @property
    def ok(self) -> bool:
        asked = self.resync.requests + self.woken.requests
        return asked == 0 and self.for_all(self.resync) <= CPU and self.times >= TIMES

    def facts(self) -> dict[str, Any]:
        return {
            "metric": "P5", "ok": self.ok, "apps": self.apps, "guard": {"cpu_s": CPU}, "target": TIMES,
            "void": self.void, "load1": self.load,
            "ours": {
                "resync_cpu_s": self.for_all(self.resync), "woken_cpu_s": self.for_all(self.woken),
                "woken_s": self.woken_seconds,
            },
            "requests": {"resync": self.resync.verbs, "woken": self.woken.verbs},
            "bound": {"again_s": self.again.seconds, "requests": self.again.requests}, "ratio": {"bound": self.times},
        }  # fmt: skip


def run(apps: int, resyncs: int, say: Callable[[str], None]) -> Result:
    with tempfile.TemporaryDirectory(prefix="mcd-bench-", dir="/tmp") as folder, up(Path(folder, "servers"), 1) as made:
        return asyncio.run(_run(Path(folder), made, apps, resyncs, say))


async def _run(folder: Path, servers: Servers, apps: int, resyncs: int, say: Callable[[str], None]) -> Result:
    async with installation(folder, servers, 4) as engine:
        names = await engine.apps("m0", apps)
        await engine.push(names)
        objects = await engine.at_rest(names)
        say(f"{apps} Apps are at rest")
        woken, seconds = await _woken(engine)
        say(f"woken: {woken.cpu:.2f} s of processor time, {woken.requests} requests, {seconds:.1f} s by the clock")
        resync = await _resync(engine, resyncs)
        say(f"resync: {resync.cpu:.3f} s of processor time, {resync.requests} requests {resync.verbs}")
        engine.stop()
        again = peers.bound(servers, {"c00": requests_of(objects, folder / "again")}, 16)
    return Result(apps, resync, woken, seconds, again, servers.load)


def requests_of(objects: list[Object], file: Path) -> Path:
    """The requests that apply these very objects."""
    lines = [object_path(ref_of(obj)).encode() + b"\t" + canonical(obj) for obj in objects]
    file.write_bytes(b"\n".join(lines) + b"\n")
    return file


async def _woken(engine: Engine) -> tuple[Look, float]:
    asked, cpu, began = engine.servers.asked(), cpu_of(engine.pid), time.monotonic()
    await engine.wake()
    ended = await engine.until("every App was looked at", engine.restless, 1800)
    spent = cpu_of(engine.pid) - cpu
    return Look(spent, between(asked, engine.servers.asked())), ended - began


async def _resync(engine: Engine, resyncs: int) -> Look:
    """What so many of them cost, less what the same time costs without any; of one."""
    with_them = await _window(engine, RESYNC, RESYNC * resyncs)
    without = await _window(engine, 3600.0, RESYNC * resyncs)
    return Look(max(0.0, with_them.cpu - without.cpu) / resyncs, with_them.verbs)


async def _window(engine: Engine, every: float, seconds: float) -> Look:
    engine.stop()
    before = await engine.due_at()
    engine.start(MCD_RESYNC=str(every))
    # The first look of a process is a whole one, and so is the next: the first may have begun before all was seen.
    await engine.until("every App was looked at", lambda: same(engine, before), 600)
    await asyncio.sleep(2.5 * min(every, RESYNC))
    await engine.until("nobody works", engine.restless, 600)
    asked, cpu = engine.servers.asked(), cpu_of(engine.pid)
    await asyncio.sleep(seconds)
    return Look(cpu_of(engine.pid) - cpu, between(asked, engine.servers.asked()))


async def same(engine: Engine, before: dict[str, Any]) -> int:
    """How many nobody has looked at: they are due when they were due before, or due now, as a hint makes them."""
    found, now = await engine.due_at(), datetime.now(UTC)
    return sum(row not in found or found[row] in (None, due) or found[row] <= now for row, due in before.items())


def table(r: Result) -> str:
    return "\n".join([
        f"| {r.apps:,} Apps of 6 objects at rest, nothing changed | processor time, for {APPS:,} Apps | requests |",
        "|---|---|---|",
        f"| one resync | **{r.for_all(r.resync):.2f} s** | {r.resync.requests} |",
        f"| every App woken by a hint that was none | {r.for_all(r.woken):.2f} s | {r.woken.requests} |",
        f"| a bare client applies all of it again, which changes nothing | "
        f"{(r.again.cpu + r.again.servers) * APPS / r.apps:.2f} s with the API server | {r.again.requests:,} |",
        "",
        f"To apply all of it again takes {r.again.seconds:.1f} s by the clock: **{r.times:,.0f} times** the processor "
        "time of a resync.",
    ])  # fmt: skip
