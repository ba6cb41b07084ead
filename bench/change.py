"""P6: how many requests one change of an App costs, beside the number of its objects that differ.

Counted by the API server. Each change is made to so many Apps at rest, one App after the other in no order.
"""

from __future__ import annotations

import asyncio
import tempfile
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from bench.engine import Engine, installation
from bench.servers import Servers, between, up, without_watches
from mcd.objects import HASH, ROLLOUT, Object, ref_of

CHANGES: tuple[tuple[str, dict[str, str]], ...] = (
    ("another image", {"digest": "b" * 64}),
    ("another variable", {"digest": "b" * 64, "tag": "2"}),
    ("another commit of the same app.yaml", {"digest": "b" * 64, "tag": "2"}),
)


@dataclass(frozen=True)
class Change:
    """Of all Apps together."""

    name: str
    objects: int
    requests: int
    verbs: dict[str, int]


@dataclass(frozen=True)
class Result:
    apps: int
    changes: tuple[Change, ...]

    @property
    def ok(self) -> bool:
        return all(change.requests == change.objects for change in self.changes)

    def facts(self) -> dict[str, Any]:
        return {
            "metric": "P6", "ok": self.ok, "apps": self.apps, "target": 1.0,
            "changes": [
                {"name": c.name, "objects": c.objects, "requests": c.requests, "verbs": c.verbs} for c in self.changes
            ],
        }  # fmt: skip


def run(apps: int, say: Callable[[str], None]) -> Result:
    with tempfile.TemporaryDirectory(prefix="mcd-bench-", dir="/tmp") as folder, up(Path(folder, "servers"), 1) as made:
        return asyncio.run(_run(Path(folder), made, apps, say))


async def _run(folder: Path, servers: Servers, apps: int, say: Callable[[str], None]) -> Result:
    found = []
    async with installation(folder, servers, 4) as engine:
        names = await engine.apps("m0", apps)
        await engine.push(names)
        before = await engine.at_rest(names)
        for number, (name, written) in enumerate(CHANGES):
            change, before = await _change(engine, names, name, f"{number + 1:040x}", written, before)
            found.append(change)
            say(f"{name}: {change.objects} objects differ, {change.requests} requests {change.verbs}")
    return Result(apps, tuple(found))


async def _change(
    engine: Engine, names: list[str], name: str, commit: str, written: dict[str, str], before: list[Object]
) -> tuple[Change, list[Object]]:
    asked = engine.servers.asked()
    await engine.push(names, commit, **written)
    await engine.until("all Apps were looked at", engine.restless, 600)
    verbs = between(asked, engine.servers.asked())
    after = await engine.rendered(names)
    old = {ref_of(obj): content(obj) for obj in before}
    differ = sum(content(obj) != old.get(ref_of(obj)) for obj in after)
    await engine.play(after)
    await engine.until("all Apps are Ready", engine.unready, 600)
    await engine.until("nobody works", engine.restless, 600)
    return Change(name, differ, without_watches(verbs), verbs), after


def content(obj: Object) -> Any:
    """An object without what says only which Rollout wrote it."""
    kept = {key: text for key, text in obj["metadata"]["annotations"].items() if key not in (ROLLOUT, HASH)}
    return {**obj, "metadata": {**obj["metadata"], "annotations": kept}}


def table(r: Result) -> str:
    rows = [f"| a change of {r.apps} Apps | objects that differ | requests | of it |", "|---|---|---|---|"]
    for c in r.changes:
        verbs = ", ".join(f"{count} {verb}" for verb, count in sorted(c.verbs.items())) or "none"
        rows.append(f"| {c.name} | {c.objects} | {c.requests} | {verbs} |")
    return "\n".join(rows)
