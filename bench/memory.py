"""P10: memory of the controllers with all Apps at rest, and what each further object adds: two processes, one with a
quarter of the Apps and one with all, each looked at when it has looked at everything.

Resident memory of the process itself; that of its compiling children is told apart. It says nothing of growth in time.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.bulk import OBJECTS
from bench.engine import Engine, installation
from bench.noop import same
from bench.servers import Servers, children, resident, up

BASE, EACH = 128 * 2**20, 2 * 2**10
"""Bytes: of the process, and for an object."""


@dataclass(frozen=True)
class Held:
    """Bytes of the process and of its children, with so many Apps."""

    apps: int
    process: int
    children: int


@dataclass(frozen=True)
class Result:
    few: Held
    many: Held

    @property
    def each(self) -> float:
        """Bytes that one more object takes."""
        return (self.many.process - self.few.process) / ((self.many.apps - self.few.apps) * OBJECTS)

    @property
    def ok(self) -> bool:
        return self.many.process <= BASE + EACH * self.many.apps * OBJECTS

    def facts(self) -> dict[str, Any]:
        return {
            "metric": "P10", "ok": self.ok, "apps": self.many.apps, "guard": {"base": BASE, "each": EACH},
            "ours": {
                "rss_mib": self.many.process / 2**20, "children_mib": self.many.children / 2**20,
                "few_apps": self.few.apps, "few_rss_mib": self.few.process / 2**20, "bytes_per_object": self.each,
            },
        }  # fmt: skip


def run(apps: int, say: Callable[[str], None]) -> Result:
    with tempfile.TemporaryDirectory(prefix="mcd-bench-", dir="/tmp") as folder, up(Path(folder, "servers"), 1) as made:
        return asyncio.run(_run(Path(folder), made, apps, say))


async def _run(folder: Path, servers: Servers, apps: int, say: Callable[[str], None]) -> Result:
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
    return Result(*found)


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
    return "\n".join([*rows, "", f"**{r.each / 1024:.1f} KiB** for each further object."])
