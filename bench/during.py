"""P11, P12 and what a write of the store takes, at rest and while Apps roll out: the API in a process of its own, the
controllers in another, PostgreSQL and a real API server on the same cores. Then P11 with API and controllers in one
process on SQLite, as `mcd serve` does without settings.

Pages are asked open loop, so many a second whatever comes back, from a process that does nothing else; the naive list
and the bare route are asked between, in the same moments. It must not change what it measures.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import tempfile
import time
from collections.abc import AsyncIterator, Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from statistics import median
from typing import Any

from bench import api, data, load
from bench.engine import Engine, installation
from bench.servers import Servers, up
from mcd.store import intents
from tests.servers.postgres import postgres

RATE, NAIVE_RATE, WRITES = 200.0, 5.0, 5.0
"""Requests a second of what is asked, of the naive list, and small writes a second beside them."""
SECONDS = 2.0
"""Of each part; the four of them are one round."""
PAUSED = 0.25
"""Seconds before each part whose latencies do not count: what is asked so often is never asked after a pause of
seconds, in which the others were measured."""
QUIET = 0.05
"""Seconds of processor time in a second, below which a process does nothing but wait."""
ONE = "P11 in one process"
REST = 5
"""Rounds before anything rolls out."""


@dataclass
class Moment:
    """What was seen at rest, or during Rollouts. Costs are seconds of processor time for a request, latencies seconds
    from when a request was due."""

    costs: dict[str, list[float]] = field(default_factory=dict)
    latencies: dict[str, list[float]] = field(default_factory=dict)

    def cost(self, name: str) -> float:
        return median(self.costs[name])

    def quantile(self, name: str, q: float = 0.99) -> float:
        ordered = sorted(self.latencies[name])
        return ordered[min(len(ordered) - 1, int(len(ordered) * q))]

    def share(self, target: api.Target) -> float:
        """Our requests for each second of processor time, in units of the bound's."""
        return self.cost(target.bound) / self.cost(target.metric)


@dataclass(frozen=True)
class Result:
    apps: int
    rest: Moment
    during: Moment
    one_rest: Moment
    one_during: Moment
    """With API and controllers in one process: latencies only, its processor time is also that of the Rollouts."""
    seconds: float
    """That the Rollouts took, with all of this beside them."""
    loads: tuple[float, float]

    @property
    def ok(self) -> bool:
        return all(
            self.during.share(target) >= target.share and self.during.quantile(target.metric) <= target.p99
            for target in (api.PORTAL, api.API)
        )

    def facts(self) -> dict[str, Any]:
        return {
            "metric": "P11 and P12 during P3", "ok": self.ok, "apps": self.apps, "seconds": self.seconds,
            "load1": self.loads,
            **{
                name: {
                    "ratio": {t.metric: moment.share(t) for t in (api.PORTAL, api.API)},
                    "p99_ms": {each: moment.quantile(each) * 1e3 for each in moment.latencies},
                    "us": {each: moment.cost(each) * 1e6 for each in moment.costs},
                }
                for name, moment in (("rest", self.rest), ("during", self.during))
            },
            "one_process": {
                name: {"p99_ms": moment.quantile(ONE) * 1e3}
                for name, moment in (("rest", self.one_rest), ("during", self.one_during))
            },
        }  # fmt: skip


def run(apps: int, say: Callable[[str], None]) -> Result:
    before = os.getloadavg()[0]
    with tempfile.TemporaryDirectory(prefix="mcd-bench-", dir="/tmp") as name:
        folder = Path(name)
        with up(folder / "servers", 1) as servers, postgres() as database, _on(database.create()):
            rest, during, took = asyncio.run(_apart(_made(folder / "apart"), servers, apps, say))
        with up(folder / "servers-of-one", 1) as servers:
            one_rest, one_during = asyncio.run(_in_one(_made(folder / "one"), servers, apps, say))
    loads = (round(before, 2), round(os.getloadavg()[0], 2))
    return Result(apps, rest, during, one_rest, one_during, took, loads)


def _made(folder: Path) -> Path:
    folder.mkdir()
    return folder


@contextlib.contextmanager
def _on(database: str) -> Iterator[None]:
    """Every process of MCD that is started meanwhile uses this database."""
    os.environ["MCD_DATABASE_URL"] = database
    try:
        yield
    finally:
        del os.environ["MCD_DATABASE_URL"]


async def _apart(folder: Path, servers: Servers, apps: int, say: Callable[[str], None]) -> tuple[Moment, Moment, float]:
    """At rest and during, with API and controllers in processes of their own; and the seconds that Rollouts took."""
    async with installation(folder, servers, 4) as engine:
        _, names, place = await _stage(engine, apps)
        with contextlib.ExitStack() as stack:
            asked = {
                name: (stack.enter_context(api.served(kind, folder)), request)
                for name, kind, request in _questions(place)
            }
            await _round(asked, Moment())  # Connections, caches and compiled statements are made in it.
            rest, during = Moment(), Moment()
            async with _writing(engine, rest):
                for _ in range(REST):
                    await _round(asked, rest)
            say(f"at rest: P11 {rest.share(api.PORTAL):.1f}, P12 {rest.share(api.API):.2f}")
            began = await engine.push(names)
            ended = asyncio.create_task(engine.until("all Apps are applied", engine.unwritten, 1800))
            async with _writing(engine, during):
                while not ended.done():
                    await _round(asked, during)
            return rest, during, await ended - began


async def _in_one(folder: Path, servers: Servers, apps: int, say: Callable[[str], None]) -> tuple[Moment, Moment]:
    """P11 at rest and during, with API and controllers in one process."""
    async with installation(folder, servers, 4) as engine:
        listed, names, place = await _stage(engine, apps)
        engine.stop()
        rest, during = Moment(), Moment()
        with api.served("whole", folder) as server:
            await engine.at_rest(listed)
            await _quiet(server)
            asked = {ONE: (server, api.request(api.PORTAL.path, place, admin=True))}
            for _ in range(REST):
                await _round(asked, rest)
            say(f"in one process at rest: p99 {rest.quantile(ONE) * 1e3:.1f} ms")
            await engine.push(names)
            ended = asyncio.create_task(engine.until("all Apps are applied", engine.unwritten, 1800))
            while not ended.done():
                await _round(asked, during)
            await ended
        return rest, during


async def _quiet(server: api.Server) -> None:
    """Until a process that just started has read all that it reads then. Raises RuntimeError after two minutes."""
    for _ in range(120):
        before = server.cpu
        await asyncio.sleep(1)
        if server.cpu - before < QUIET:
            return
    raise RuntimeError("the process with API and controllers did not come to rest within two minutes")


async def _stage(engine: Engine, apps: int) -> tuple[list[str], list[str], data.Installation]:
    """Apps at rest, Apps that run nothing yet, and who asks."""
    listed = await engine.apps("r", apps)
    await engine.push(listed)
    await engine.at_rest(listed)
    return listed, await engine.apps("d", apps), await _people(engine, listed[0])


async def _people(engine: Engine, app: str) -> data.Installation:
    token = await data.person(engine.db, data.PERSON, engine.lines[0], admin=False)
    admin_token = await data.person(engine.db, f"{data.PERSON}-admin", engine.lines[0], admin=True)
    return data.Installation(engine.folder, token, admin_token, app, engine.lines[0], 0, tuple(engine.servers.names))


def _questions(place: data.Installation) -> list[tuple[str, str, bytes]]:
    """What is measured, as which server of bench/served.py, and the request."""
    found = []
    for target in (api.PORTAL, api.API):
        found.append((target.metric, "mcd", api.request(target.path, place, admin=target.admin)))
        found.append((target.bound, target.bound, api.request(target.bound_path, place, admin=target.admin)))
    return found


async def _round(asked: dict[str, tuple[api.Server, bytes]], into: Moment) -> None:
    for name, (server, request) in asked.items():
        rate = NAIVE_RATE if name == api.PORTAL.bound else RATE
        began = server.cpu
        found = await load.paced_apart(server.port, request, rate, PAUSED + SECONDS, lead=PAUSED)
        into.costs.setdefault(name, []).append((server.cpu - began) / found.requests)
        into.latencies.setdefault(name, []).extend(found.latencies)


@contextlib.asynccontextmanager
async def _writing(engine: Engine, into: Moment) -> AsyncIterator[None]:
    """Makes an App now and then, as the API does, from this process: it waits for the same file."""
    taken = into.latencies.setdefault("write", [])

    async def write() -> None:
        while True:
            began, now = time.perf_counter(), datetime.now(UTC)
            async with engine.db.writing() as tx:
                name = f"w-{now.timestamp():.6f}".replace(".", "-")
                await intents.create_app(data.ADMIN, tx, now, name, product_line=engine.lines[-1])
            taken.append(time.perf_counter() - began)
            await asyncio.sleep(1 / WRITES)

    writer = asyncio.create_task(write())
    try:
        yield
    finally:
        writer.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await writer


def table(r: Result) -> str:
    said = {
        api.PORTAL.metric: "`GET /apps`",
        api.PORTAL.bound: "the naive list",
        api.API.metric: "`GET /api/v1/apps/APP`",
        api.API.bound: "the bare route",
    }
    rows = [
        "| | processor time at rest | during | p99 at rest | during |",
        "|---|---|---|---|---|",
        *(
            f"| {said[name]} | {r.rest.cost(name) * 1e6:,.0f} µs | {r.during.cost(name) * 1e6:,.0f} µs | "
            f"{r.rest.quantile(name) * 1e3:,.1f} ms | {r.during.quantile(name) * 1e3:,.1f} ms |"
            for name in said
        ),
        f"| `GET /apps`, API and controllers in one process, SQLite | | | {r.one_rest.quantile(ONE) * 1e3:,.1f} ms | "
        f"{r.one_during.quantile(ONE) * 1e3:,.1f} ms |",
        f"| an App made in the store | | | {r.rest.quantile('write') * 1e3:,.1f} ms | "
        f"{r.during.quantile('write') * 1e3:,.1f} ms |",
        "",
        f"{r.apps:,} Apps of 6 objects, beside {r.apps:,} at rest, rolled out in {r.seconds:.0f} s meanwhile. "
        "For each second of processor time: "
        f"P11 {r.rest.share(api.PORTAL):.0f} times the naive list at rest, "
        f"**{r.during.share(api.PORTAL):.0f}** during; P12 {r.rest.share(api.API):.2f} and "
        f"**{r.during.share(api.API):.2f}** of the bare route. "
        f"Load {r.loads[0]} to {r.loads[1]} on {os.cpu_count()} cores.",
    ]
    return "\n".join(rows)
