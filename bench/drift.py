"""P7: an object of an App is edited or deleted by hand: how long until MCD has seen it (the App's row is due), and
until it is as it was, beside a bare watch client that sees the same and one that takes the same back at once.

Meanwhile the status of other Apps changes many times a second. Some edits come right after every watch was broken off.
It must not edit one object twice: the third time in ten minutes is a fight, and MCD stops.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import sqlite3
import ssl
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from bench import rules
from bench.commit import percentiles
from bench.engine import Engine, installation, verified
from bench.relay import Relay
from bench.servers import PATHS, Servers, up
from bench.templates import Templates
from bench.witness import Seen, Witness, witness
from mcd.objects import Object

SEEN, HEALED = 3.2, 12.0
"""Times the p99 of the bare watch, and of the bare watch that takes it back."""
SEEN_MS, HEALED_MS = 100.0, 500.0
NOISE = 50.0
"""Changes of a status each second."""
QUIET_APPS = 4
"""One App of so many is there for the noise."""
EVERY = 0.25
"""Seconds between two edits, open loop."""
BROKEN = 10
"""Each so-manieth edit comes right after the watches were broken off."""
LOOK = 0.002
"""Seconds between two looks at whether anything was committed: each costs some microseconds."""
PATIENCE = 30.0
WORDS = {
    "bare seen": "a bare watch sees it", "seen": "MCD has made the App due",
    "bare healed": "a bare watch client takes it back", "healed": "MCD has taken it back",
    "broken seen": "MCD has made it due, all watches broken off right before",
    "broken healed": "MCD has taken it back, all watches broken off right before",
}  # fmt: skip


@dataclass
class Result:
    apps: int
    load: float
    took: dict[str, list[float]] = field(default_factory=lambda: {word: [] for word in WORDS})
    """Milliseconds."""
    wrong: int = 0

    def p99(self, word: str) -> float:
        return percentiles(self.took[word])[1]

    @property
    def seen(self) -> float:
        return self.p99("seen") / self.p99("bare seen")

    @property
    def healed(self) -> float:
        return self.p99("healed") / self.p99("bare healed")

    @property
    def void(self) -> tuple[str, ...]:
        return rules.void(self.load)

    @property
    def ok(self) -> bool:
        within = self.p99("seen") <= SEEN_MS and self.p99("healed") <= HEALED_MS
        return not self.wrong and self.seen <= SEEN and self.healed <= HEALED and within

    def facts(self) -> dict[str, Any]:
        return {
            "metric": "P7", "ok": self.ok, "void": self.void, "apps": self.apps, "load1": self.load,
            "target": {"seen": SEEN, "healed": HEALED}, "guard": {"seen_ms": SEEN_MS, "healed_ms": HEALED_MS},
            "ratio": {"seen": self.seen, "healed": self.healed}, "milliseconds": self.took, "wrong": self.wrong,
        }  # fmt: skip


@dataclass(frozen=True)
class _Edit:
    """What is done to an object by hand, at `path`, and how a witness knows that it was taken back."""

    key: tuple[str, str, str]
    path: str
    method: str
    body: bytes
    back: Callable[[Seen], bool]


@dataclass
class _Stage:
    engine: Engine
    seen: Witness
    relay: Relay
    http: aiohttp.ClientSession
    found: Result
    rows: dict[str, str]
    """App → its live Rollout's row."""
    file: sqlite3.Connection


def run(apps: int, say: Callable[[str], None]) -> Result:
    with tempfile.TemporaryDirectory(prefix="mcd-bench-", dir="/tmp") as folder, up(Path(folder, "servers"), 1) as made:
        return asyncio.run(_run(Path(folder), made, apps, say))


async def _run(folder: Path, servers: Servers, apps: int, say: Callable[[str], None]) -> Result:
    found, name = Result(apps, servers.load), servers.names[0]
    async with contextlib.AsyncExitStack() as later:
        relay = await later.enter_async_context(Relay(servers.planes.named(name).port("api")).running())
        through = {name: f"https://127.0.0.1:{relay.port}"}
        engine = await later.enter_async_context(installation(folder, servers, 1, through))
        bare = _wanted(await Templates.made(engine), apps)
        http = await later.enter_async_context(_session(servers, name))
        await _apply(http, bare)
        names = await engine.apps("m0", apps)
        await engine.push(names)
        objects = await engine.at_rest([*names, "w0-0000"])
        seen = await later.enter_async_context(
            witness(servers, ("Deployment", "Service"), through=through, wanted={name: bare})
        )
        file = sqlite3.connect(f"file:{folder / 'mcd.db'}?mode=ro", uri=True)
        later.callback(file.close)
        stage = _Stage(engine, seen, relay, http, found, await _rows(engine), file)
        noisy = {name for number, name in enumerate(names) if number % QUIET_APPS == 0}
        noise = asyncio.create_task(_noise(stage, sorted(noisy)))
        try:
            await _edits(stage, [name for name in names if name not in noisy], say)
        finally:
            noise.cancel()
            await asyncio.gather(noise, return_exceptions=True)
        await engine.until("nobody works", engine.restless, 120)
        right, wrong = verified(servers, objects)
        found.wrong = len(objects) - right
        say(f"{right} of {len(objects)} objects are as rendered {wrong[:3]}")
    return found


def _wanted(templates: Templates, apps: int) -> dict[str, str]:
    """The Deployments and Services of as many Apps that only the bare client looks after."""
    lines = next(iter(templates.files("b0", apps).values())).read_text().splitlines()
    pairs = (line.partition("\t") for line in lines)
    return {path: body for path, _, body in pairs if "/deployments/" in path or "/services/" in path}


def _session(servers: Servers, name: str) -> aiohttp.ClientSession:
    tls = ssl.create_default_context(cafile=str(servers.planes.authority(name)))
    return aiohttp.ClientSession(
        servers.planes.server(name), connector=aiohttp.TCPConnector(ssl=tls),
        headers={"Authorization": f"Bearer {servers.planes.token(name, 'admin')}"},
    )  # fmt: skip


async def _apply(http: aiohttp.ClientSession, wanted: dict[str, str]) -> None:
    for path, body in wanted.items():
        await _ask(http, "PATCH", f"{path}?fieldManager=bare&force=true", body.encode(), "application/apply-patch+yaml")


async def _ask(http: aiohttp.ClientSession, method: str, path: str, body: bytes, kind: str) -> Object:
    headers = {"Content-Type": kind} if body else {}
    async with http.request(method, path, data=body or None, headers=headers) as answer:
        told: Object = json.loads(await answer.read())
        if answer.status not in (200, 201, 202):
            raise RuntimeError(f"{method} {path}: {answer.status}: {str(told)[:300]}")
        return told


async def _rows(engine: Engine) -> dict[str, str]:
    """App → the id of its live Rollout."""
    query = "SELECT app.name, rollout.id FROM rollout JOIN app ON app.id = rollout.app_id WHERE rollout.live"
    with contextlib.closing(sqlite3.connect(f"file:{engine.folder / 'mcd.db'}?mode=ro", uri=True)) as file:
        return dict(file.execute(query).fetchall())


async def _noise(stage: _Stage, names: list[str]) -> None:
    """What a busy cluster says of other Apps: their status changes, and nothing has to be done."""
    cluster, began, number = stage.engine.servers.names[0], time.monotonic(), 0
    line = stage.engine.lines[0]
    while True:
        await asyncio.sleep(max(0.0, began + number / NOISE - time.monotonic()))
        path = PATHS["Deployment"].format(f"namespaces/{line}/") + f"/{names[number % len(names)]}-web/status"
        said = [{"type": "Progressing", "status": "True", "reason": "Noise", "message": f"{cluster} {number}"}]
        body = json.dumps({"status": {"conditions": said}}).encode()
        await _ask(stage.http, "PATCH", path, body, "application/merge-patch+json")
        number += 1


async def _edits(stage: _Stage, names: list[str], say: Callable[[str], None]) -> None:
    """First a field of each App's Deployment, then its Service is deleted; the bare client's Apps the same way."""
    line, cluster = stage.engine.lines[0], stage.engine.servers.names[0]
    for word, make in (("edited", _field), ("deleted", _deletion)):
        began, under_way = time.monotonic(), []
        for number, name in enumerate(names):
            await asyncio.sleep(max(0.0, began + number * EVERY - time.monotonic()))
            broken = number % BROKEN == BROKEN - 1
            if broken:
                stage.relay.hang_up()
            else:
                other = make(cluster, line, f"b0-{int(name.rpartition('-')[2]):04}")
                under_way.append(asyncio.create_task(_bare(stage, other)))
            under_way.append(asyncio.create_task(_ours(stage, name, make(cluster, line, name), broken=broken)))
        await asyncio.gather(*under_way)
        say(
            f"{len(names)} {word}: seen p99 {stage.found.p99('seen'):.0f} ms, healed {stage.found.p99('healed'):.0f} ms"
        )


def _field(cluster: str, line: str, name: str) -> _Edit:
    """Another image, which is a field that the App's file says."""
    path = PATHS["Deployment"].format(f"namespaces/{line}/") + f"/{name}-web"
    image = "registry.test/by-hand:1"
    body = json.dumps([{"op": "replace", "path": "/spec/template/spec/containers/0/image", "value": image}]).encode()
    return _Edit(
        (cluster, "Deployment", f"{name}-web"),
        path,
        "PATCH",
        body,
        lambda seen: seen.image not in ("", image),
    )


def _deletion(cluster: str, line: str, name: str) -> _Edit:
    path = PATHS["Service"].format(f"namespaces/{line}/") + f"/{name}-web"
    return _Edit((cluster, "Service", f"{name}-web"), path, "DELETE", b"", lambda seen: seen.type == "ADDED")


async def _done(stage: _Stage, edit: _Edit) -> tuple[float, int]:
    """Does it; answers when it was sent, and how many events of the object there were before."""
    before, at = len(stage.seen.events.get(edit.key, ())), time.monotonic()
    await _ask(stage.http, edit.method, edit.path, edit.body, "application/json-patch+json")
    return at, before


async def _healed(stage: _Stage, edit: _Edit, at: float, before: int) -> float:
    """Milliseconds until it was taken back."""

    def back(seen: Seen) -> bool:
        return seen in stage.seen.events[edit.key][before:] and edit.back(seen)

    return (await stage.seen.saw(edit.key, back, PATIENCE) - at) * 1e3


async def _bare(stage: _Stage, edit: _Edit) -> None:
    at, before = await _done(stage, edit)
    stage.found.took["bare healed"].append(await _healed(stage, edit, at, before))
    stage.found.took["bare seen"].append((stage.seen.events[edit.key][before].at - at) * 1e3)


async def _ours(stage: _Stage, name: str, edit: _Edit, *, broken: bool) -> None:
    word = "broken " if broken else ""
    due = asyncio.create_task(_due(stage, stage.rows[name]))
    await asyncio.sleep(0)
    at, before = await _done(stage, edit)
    stage.found.took[f"{word}healed"].append(await _healed(stage, edit, at, before))
    stage.found.took[f"{word}seen"].append((await due - at) * 1e3)


async def _due(stage: _Stage, row: str) -> float:
    """When the row was first seen to be due at another time than before: the hint was written."""
    query = "SELECT next_run_at FROM rollout WHERE id = ?"
    (before,), version = stage.file.execute(query, (row,)).fetchone(), -1
    deadline = time.monotonic() + PATIENCE
    while time.monotonic() < deadline:
        (now,) = stage.file.execute("PRAGMA data_version").fetchone()
        if now != version:
            version = now
            (due,) = stage.file.execute(query, (row,)).fetchone()
            if due != before:
                return time.monotonic()
        await asyncio.sleep(LOOK)
    raise RuntimeError(f"MCD did not see in {PATIENCE:.0f} s that an object of an App was changed")


def table(r: Result) -> str:
    rows = ["| an object is edited or deleted by hand | times | p50 | p99 |", "|---|---|---|---|"]
    for word, said in WORDS.items():
        if r.took[word]:
            p50, p99 = percentiles(r.took[word])
            rows.append(f"| {said} | {len(r.took[word])} | {p50:.0f} ms | {p99:.0f} ms |")
    return "\n".join([
        *rows, "",
        f"Seen within **{r.seen:.1f} times** the p99 of the bare watch, healed within **{r.healed:.1f} times** that of "
        f"the bare client. {NOISE:.0f} changes of other Apps' status a second beside it; load {r.load:.1f} at the "
        "start; "
        + ("every object is as rendered at the end." if not r.wrong else f"**{r.wrong} objects are not as rendered.**"),
    ])  # fmt: skip
