"""What the bare watch client tells, kept for whoever asks when something was first seen in a cluster.

It runs in a process of its own, so that nothing of the bench is in its way, and one clock tells the time of all
processes. It must not ask MCD anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sys
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from bench.servers import PATHS, Servers

Key = tuple[str, str, str]
"""Cluster, kind, name of an object."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One event: when, on the monotonic clock, and of what."""

    at: float
    type: str
    version: str
    generation: int
    image: str


@dataclass
class Witness:
    events: dict[Key, list[Seen]] = field(default_factory=dict)
    listed: int = 0
    _news: asyncio.Event = field(default_factory=asyncio.Event)

    async def saw(self, key: Key, which: Callable[[Seen], bool], seconds: float = 60.0) -> float:
        """When the first such event of an object came; waits for it. Raises RuntimeError."""
        return await self._first(lambda: next((s.at for s in self.events.get(key, ()) if which(s)), None), key, seconds)

    async def saw_all(self, keys: Sequence[Key], seconds: float = 60.0) -> float:
        """When the last of these objects was first seen."""

        def last() -> float | None:
            return max(self.events[key][0].at for key in keys) if all(key in self.events for key in keys) else None

        return await self._first(last, keys[-1], seconds)

    async def has_listed(self, lists: int) -> None:
        """Returns when it has read so many lists: from then on nothing is missed."""
        await self._first(lambda: 0.0 if self.listed >= lists else None, ("the lists of the bare watch",), 120)

    async def _first(self, found: Callable[[], float | None], what: tuple[str, ...], seconds: float) -> float:
        try:
            async with asyncio.timeout(seconds):
                while (at := found()) is None:
                    self._news.clear()
                    await self._news.wait()
                return at
        except TimeoutError:
            raise RuntimeError(f"not seen in {seconds:.0f} s: {'/'.join(what)}") from None

    async def read(self, lines: asyncio.StreamReader) -> None:
        while line := await lines.readline():
            self.take(json.loads(line))

    def take(self, told: Sequence[Any]) -> None:
        at, target, kind_of_event, *rest = told
        if kind_of_event == "LISTED":
            self.listed += 1
        else:
            kind, _, name, version, generation, image = rest
            self.events.setdefault((target, kind, name), []).append(Seen(at, kind_of_event, version, generation, image))
        self._news.set()


@contextlib.asynccontextmanager
async def witness(
    servers: Servers, kinds: Sequence[str], *, through: Mapping[str, str] | None = None,
    wanted: Mapping[str, Mapping[str, str]] | None = None,
) -> AsyncIterator[Witness]:  # fmt: skip
    """Watches these kinds in every cluster; what Apps have and nothing else. `through`: cluster → another address of
    it; `wanted`: cluster → path → body of what it takes back when somebody changes it."""
    targets = []
    for name in servers.names:
        one: dict[str, Any] = {
            **servers.target(name, Path(), "admin"),
            "name": name,
            "wanted": (wanted or {}).get(name, {}),
        }
        one["server"] = (through or {}).get(name, one["server"])
        selector = "?labelSelector=app.kubernetes.io%2Finstance"
        targets.append({**one, "paths": [PATHS[kind].format("") + selector for kind in kinds]})
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-m", "bench.watcher", stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
        limit=2**20,
    )  # fmt: skip
    assert process.stdin is not None
    assert process.stdout is not None
    made = Witness()
    reading = asyncio.create_task(made.read(process.stdout))
    try:
        process.stdin.write(json.dumps({"targets": targets}).encode() + b"\n")
        await process.stdin.drain()
        await made.has_listed(len(targets) * len(kinds))
        yield made
    finally:
        process.kill()
        await process.wait()
        await reading
