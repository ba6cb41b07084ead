"""P10: memory of the controllers with all Apps at rest, what each further object adds, and how it grows in time: two
processes, one with a quarter of the Apps and one with all, each looked at when it has looked at everything; then one
App a second gets another image, and memory is looked at again and again.

Resident memory of the process itself; that of its compiling children is told apart. It must not say of an hour what it
saw in minutes without saying how sure that is.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.bulk import OBJECTS
from bench.engine import Engine, installation
from bench.meter import Ratio, slope_of
from bench.noop import same
from bench.servers import Servers, children, resident, up

BASE, EACH = 128 * 2**20, 2 * 2**10
"""Bytes: of the process, and for an object."""
SLOPE = 2**20
"""Bytes an hour."""
CHANGES, LOOKED = 1.0, 10.0
"""Changes a second; seconds between two looks."""
WARM = 0.2
"""The share of the churn that is not looked at: pools and caches fill up at first."""


@dataclass(frozen=True)
class Held:
    """Bytes of the process and of its children, with so many Apps."""

    apps: int
    process: int
    children: int


@dataclass(frozen=True)
class Result:
    """`grown`: seconds and bytes while Apps were changed; empty when nobody asked for it. `changes` in all."""

    few: Held
    many: Held
    grown: tuple[tuple[float, float], ...] = ()
    changes: int = 0

    @property
    def slope(self) -> Ratio | None:
        """Bytes an hour."""
        return slope_of([(at / 3600, held) for at, held in self.grown]) if self.grown else None

    @property
    def each(self) -> float:
        """Bytes that one more object takes."""
        return (self.many.process - self.few.process) / ((self.many.apps - self.few.apps) * OBJECTS)

    @property
    def ok(self) -> bool:
        flat = self.slope is None or self.slope.high <= SLOPE
        return flat and self.many.process <= BASE + EACH * self.many.apps * OBJECTS

    def facts(self) -> dict[str, Any]:
        return {
            "metric": "P10", "ok": self.ok, "apps": self.many.apps,
            "guard": {"base": BASE, "each": EACH, "an_hour": SLOPE}, "grown": self.grown, "changes": self.changes,
            "slope_bytes_an_hour": [s.median, s.low, s.high] if (s := self.slope) is not None else None,
            "ours": {
                "rss_mib": self.many.process / 2**20, "children_mib": self.many.children / 2**20,
                "few_apps": self.few.apps, "few_rss_mib": self.few.process / 2**20, "bytes_per_object": self.each,
            },
        }  # fmt: skip


def run(apps: int, minutes: float, say: Callable[[str], None]) -> Result:
    with tempfile.TemporaryDirectory(prefix="mcd-bench-", dir="/tmp") as folder, up(Path(folder, "servers"), 1) as made:
        return asyncio.run(_run(Path(folder), made, apps, minutes, say))


async def _run(folder: Path, servers: Servers, apps: int, minutes: float, say: Callable[[str], None]) -> Result:
    found = []
    async with installation(folder, servers, 4) as engine:
        every: list[str] = []
        for prefix, count in (("m0", apps // 4), ("m1", apps - apps // 4)):
            names = await engine.apps(prefix, count)
            await engine.push(names)
            await engine.at_rest([*every, *names])
            every += names
            found.append(await _held(engine, len(every)))
            say(f"{len(every)} Apps: {found[-1].process / 2**20:.0f} MiB")
        grown, changes = await _churn(engine, every, minutes * 60, say)
    return Result(found[0], found[1], grown, changes)


async def _churn(
    engine: Engine, names: list[str], seconds: float, say: Callable[[str], None]
) -> tuple[tuple[tuple[float, float], ...], int]:
    """One App after the other gets another image; seconds and bytes of each look, and how many changes there were."""
    began, number, looked = time.monotonic(), 0, WARM * seconds
    found: list[tuple[float, float]] = []
    while (at := time.monotonic() - began) < seconds:
        if at >= looked:
            found.append((at, float(resident(engine.pid))))
            looked = at + LOOKED
            say(f"{at:.0f} s, {number} changes: {found[-1][1] / 2**20:.1f} MiB")
        number += 1
        await engine.push([names[number % len(names)]], f"{number:040x}", digest=f"{number:064x}")
        await asyncio.sleep(max(0.0, began + number / CHANGES - time.monotonic()))
    return tuple(found), number


async def _held(engine: Engine, apps: int) -> Held:
    """Of a process that was started with these Apps at rest."""
    engine.stop()
    before = await engine.due_at()
    engine.start()
    await engine.until("every App has a verdict", lambda: same(engine, before), 600)
    await engine.until("nobody works", engine.restless, 600)
    return Held(apps, resident(engine.pid), sum(map(resident, children(engine.pid))))


def table(r: Result) -> str:
    rows = ["| Apps at rest | objects | controllers | their compiling children |", "|---|---|---|---|"]
    rows += [
        f"| {held.apps:,} | {held.apps * OBJECTS:,} | {held.process / 2**20:.0f} MiB | "
        f"{held.children / 2**20:.0f} MiB |"
        for held in (r.few, r.many)
    ]
    said = f"**{r.each / 1024:.1f} KiB** for each further object."
    if r.slope is not None:
        minutes = (r.grown[-1][0] - r.grown[0][0]) / 60
        slope = Ratio(*(each / 2**20 for each in (r.slope.median, r.slope.low, r.slope.high)))
        said += f" While an App a second got another image, memory grew by **{slope}** MiB an hour (95 %), looked at "
        said += f"{len(r.grown)} times in {minutes:.0f} minutes with {r.changes:,} changes."
    return "\n".join([*rows, "", said])
