"""An installation of MCD on those API servers, its controllers in a process of their own as `mcd serve controllers`
starts them, and the wishes and looks of the benchmarks at its database.

Wishes go through the doors that the API uses. It must not measure.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from sqlalchemy import func, select, update

from bench import peers
from bench.data import ADMIN
from bench.servers import Servers
from mcd.appyaml.live import desired
from mcd.infra.catalog import KINDS
from mcd.kube.inventory import stamped
from mcd.kube.kinds import object_path
from mcd.kube.newer import signed
from mcd.model import Noun
from mcd.objects import Object, canonical, ref_of
from mcd.settings import Environment
from mcd.store import intents
from mcd.store import tables as t
from mcd.store.installation import identity
from mcd.store.keyring import create_keyring, read_keyring
from mcd.store.migrate import migrate
from mcd.store.session import Database
from mcd.store.work import load

SIX = """appname: {name}
components:
  web:
    type: web
    image: registry.test/shop/{name}@sha256:{digest}
    port: 8080
    replicas: 0
    env: {{LOG_LEVEL: info, RELEASE: "{tag}"}}
"""
"""Six objects: ServiceAccount, NetworkPolicy, Service, Deployment, HTTPRoute, PrometheusRule. No pods, because there
are no nodes."""
STEP = 0.02
"""Seconds between two looks at the database, at the least."""
SHARE = 0.05
"""As much of a core those looks may take, which are no part of what is measured."""
DIGEST = "a" * 64


def app_yaml(name: str, digest: str = DIGEST, tag: str = "1") -> str:
    return SIX.format(name=name, digest=digest, tag=tag)


@dataclass
class Engine:
    """`folder` is MCD_DATA. One process of controllers at a time."""

    folder: Path
    servers: Servers
    settings: Environment
    db: Database
    lines: tuple[str, ...] = ()
    process: subprocess.Popen[bytes] | None = None
    _writing: asyncio.Lock = field(default_factory=asyncio.Lock)
    """Held by one push at a time: who waits for the only connection for more than some seconds is refused, as people
    are, and on a machine that is busy changes that come open loop wait for longer."""

    # --- the process ---

    def start(self, **told_too: str) -> float:
        """Starts the controllers, with more of the environment; answers when, on the monotonic clock."""
        began = time.monotonic()
        kept = {key: value for key, value in os.environ.items() if not key.startswith("MCD_")}
        told = {"MCD_DATA": str(self.folder), "MCD_LOG_LEVEL": "warning", "MCD_DATABASE_URL": self.settings.database}
        told |= told_too
        with (self.folder / "controllers.log").open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "mcd", "serve", "controllers"],
                env={**kept, **told},
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        return began

    def stop(self) -> None:
        if self.process is not None:
            self.process.terminate()
            self.process.wait(30)
            self.process = None

    @property
    def pid(self) -> int:
        if self.process is None or self.process.poll() is not None:
            raise RuntimeError(f"the controllers do not run; see {self.folder / 'controllers.log'}")
        return self.process.pid

    # --- wishes ---

    async def places(self, lines: int, through: Mapping[str, str]) -> None:
        """Makes the clusters and so many product lines on each, and waits until both are ready. `through`: cluster →
        another address of it."""
        now = datetime.now(UTC)
        async with self.db.writing() as tx:
            for name in self.servers.names:
                text = self.servers.planes.kubeconfig(name).read_text()
                text = text.replace(
                    self.servers.planes.server(name), through.get(name, self.servers.planes.server(name))
                )
                await intents.create_cluster(
                    ADMIN, tx, now, name, kubeconfig=text, facts={"base_domain": "apps.localhost"}
                )
        made = []
        async with self.db.writing() as tx:
            for name in self.servers.names:
                for number in range(lines):
                    made.append(f"{name}-l{number}")
                    await intents.create_product_line(ADMIN, tx, now, made[-1], cluster=name)
        self.lines = tuple(made)
        await self.until("clusters and product lines are ready", self._unready_lines, 120)

    async def apps(self, prefix: str, count: int) -> list[str]:
        """Makes Apps, spread evenly over the lines, that run nothing yet."""
        names = [f"{prefix}-{number:04}" for number in range(count)]
        async with self.db.writing() as tx:
            for number, name in enumerate(names):
                line = self.lines[number % len(self.lines)]
                await intents.create_app(ADMIN, tx, datetime.now(UTC), name, product_line=line)
        return names

    async def push(self, names: Sequence[str], commit: str = "a" * 40, **written: str) -> float:
        """A push to each, all accepted in one transaction; answers when it was committed, on the monotonic clock."""
        async with self._writing, self.db.writing() as tx:
            now = datetime.now(UTC)
            for name in names:
                text = app_yaml(name, **written)
                await intents.push(ADMIN, tx, now, name, commit=commit, branch="main", app_yaml=text)
        return time.monotonic()

    # --- looks ---

    async def rendered(self, names: Sequence[str]) -> list[Object]:
        """What MCD sends for the live Rollouts of these Apps: compiled here, stamped and signed as it does."""
        owner = await identity(self.db)
        async with self.db.reading() as tx:
            live = select(t.rollout.c.id).join(t.app, t.app.c.id == t.rollout.c.app_id)
            ids = await tx.values(live.where(t.rollout.c.live, t.app.c.name.in_(names)))
            items = await load(tx, Noun.ROLLOUT, ids)
        found: list[Object] = []
        for item in items.values():
            made = desired(item, KINDS, item.rollout, item.previous)  # type: ignore[arg-type, union-attr]
            found += [signed(stamped(obj, owner), item.rollout) for obj in made.objects]  # type: ignore[union-attr]
        return found

    async def until(self, what: str, missing: Any, seconds: float) -> float:
        """Waits until `missing()` answers 0; answers when, on the monotonic clock. Raises RuntimeError."""
        deadline = time.monotonic() + seconds
        while True:
            looked = time.monotonic()
            left = await missing()
            now = time.monotonic()
            if not left:
                return now
            if now > deadline:
                raise RuntimeError(f"not after {seconds:.0f} s: {what} ({left} left); see {self.folder}")
            if self.process is not None and self.process.poll() is not None:
                raise RuntimeError(f"the controllers ended; see {self.folder / 'controllers.log'}")
            await asyncio.sleep(max(STEP, (now - looked) / SHARE))

    async def unwritten(self) -> int:
        """Live Rollouts that have not written all of their objects, by what was recorded of them."""
        whole = (
            select(t.inventory.c.owner_id)
            .where(t.inventory.c.applied != "", t.inventory.c.owner_id.in_(select(t.app.c.id)))
            .group_by(t.inventory.c.owner_id)
            .having(func.count() >= 6)
        )
        async with self.db.reading() as tx:
            apps = await tx.value(select(func.count()).select_from(t.release).where(t.release.c.deploys))
            written = await tx.value(select(func.count()).select_from(whole.subquery()))
        return int(apps - written)

    async def written(self, names: Sequence[str]) -> dict[str, int]:
        """Cluster → how many of these Apps have written all of their objects."""
        whole = (
            select(t.inventory.c.owner_id)
            .where(t.inventory.c.applied != "")
            .group_by(t.inventory.c.owner_id)
            .having(func.count() >= 6)
        )
        line = t.product_line.c
        query = (
            select(line.name, func.count().label("apps"))
            .join(t.app, t.app.c.product_line_id == line.id)
            .where(t.app.c.id.in_(whole), t.app.c.name.in_(names))
            .group_by(line.name)
        )
        found: dict[str, int] = {}
        async with self.db.reading() as tx:
            for row in await tx.rows(query):
                cluster = row["name"].partition("-")[0]
                found[cluster] = found.get(cluster, 0) + row["apps"]
        return found

    async def each_written(self, names: Sequence[str], seconds: float) -> dict[str, float]:
        """Waits until all of these Apps are; answers for each cluster when its last was, on the monotonic clock."""
        wanted = Counter(self.cluster_of(number) for number in range(len(names)))
        done: dict[str, float] = {}

        async def missing() -> int:
            found = await self.written(names)
            for cluster in wanted:
                if cluster not in done and found.get(cluster, 0) >= wanted[cluster]:
                    done[cluster] = time.monotonic()
            return len(names) - sum(found.values())

        await self.until("all Apps are applied", missing, seconds)
        return done

    def cluster_of(self, number: int) -> str:
        """Of the App of that number, as `apps` spreads them."""
        return self.lines[number % len(self.lines)].partition("-")[0]

    async def unready(self) -> int:
        """Live Rollouts that were never Ready, and Releases that are not yet."""
        async with self.db.reading() as tx:
            live = select(func.count()).select_from(t.rollout).where(t.rollout.c.live, t.rollout.c.ready_at.is_(None))
            return int(await tx.value(live)) + await _unready_releases(tx)

    async def restless(self) -> int:
        """What is due, worked on, or not begun."""
        now = datetime.now(UTC)
        table = t.rollout
        busy = (table.c.next_run_at <= now) | (table.c.lease_until > now) | table.c.began_at.is_(None)
        async with self.db.reading() as tx:
            live = select(func.count()).select_from(table).where(table.c.live, busy)
            return int(await tx.value(live)) + await _unready_releases(tx)

    async def due_at(self) -> dict[str, datetime]:
        """When each live Rollout that nobody works on is looked at next."""
        table = t.rollout
        query = select(table.c.id, table.c.next_run_at).where(table.c.live, table.c.lease_token.is_(None))
        async with self.db.reading() as tx:
            return {row["id"]: row["next_run_at"] for row in await tx.rows(query)}

    async def wake(self) -> None:
        """Makes every live Rollout due, as a hint does."""
        async with self.db.writing() as tx:
            await tx.run(update(t.rollout).where(t.rollout.c.live).values(next_run_at=datetime.now(UTC)))
            tx.wished = True

    async def play(self, objects: Sequence[Object]) -> None:
        """Says of every Deployment what a controller manager would: that it was looked at. None has pods."""
        for name in self.servers.names:
            lines = []
            for obj in objects:
                if obj["kind"] == "Deployment" and obj["metadata"]["namespace"].startswith(f"{name}-"):
                    said = {"apiVersion": "apps/v1", "kind": "Deployment", "status": {"observedGeneration": 99}}
                    said["metadata"] = {key: obj["metadata"][key] for key in ("name", "namespace")}
                    lines.append(object_path(ref_of(obj)).encode() + b"/status\t" + canonical(said))
            file = self.folder / f"play-{name}"
            file.write_bytes(b"\n".join(lines) + b"\n")
            peers.bound(self.servers, {name: file}, 8, "?fieldManager=play&force=true", user="admin")

    async def at_rest(self, names: Sequence[str]) -> list[Object]:
        """Waits until these Apps are applied, plays the cluster, and waits until all are Ready and nobody works;
        answers their objects as they were rendered."""
        await self.until("all Apps are applied", self.unwritten, 1800)
        objects = await self.rendered(names)
        await self.play(objects)
        await self.until("all Apps are Ready", self.unready, 1800)
        await self.until("nobody works", self.restless, 1800)
        return objects

    async def _unready_lines(self) -> int:
        async with self.db.reading() as tx:
            found = [
                row for table in (t.cluster, t.product_line) for row in await tx.values(select(table.c.conditions))
            ]
        return sum(not any(c["type"] == "Ready" and c["status"] for c in conditions) for conditions in found)


async def _unready_releases(tx: Any) -> int:
    return int(await tx.value(select(func.count()).select_from(t.release).where(t.release.c.ready_at.is_(None))))


def contains(live: Any, wanted: Any) -> bool:
    """Whether everything that is wanted stands in what is live, as it was sent."""
    if isinstance(wanted, dict):
        return isinstance(live, dict) and all(key in live and contains(live[key], each) for key, each in wanted.items())
    if isinstance(wanted, list):
        return isinstance(live, list) and len(live) == len(wanted) and all(map(contains, live, wanted))
    return bool(live == wanted) or str(live) == str(wanted)


def verified(servers: Servers, objects: Sequence[Object]) -> tuple[int, list[str]]:
    """How many of these objects are live as they were rendered, by lists that MCD has no part in, and which are not."""
    found: dict[tuple[str, str, str], Any] = {}
    kinds = sorted({obj["kind"] for obj in objects})
    for name in servers.names:
        for kind in kinds:
            for obj in servers.live(name, kind, "app.kubernetes.io/managed-by=mcd"):
                found[kind, obj["metadata"]["namespace"], obj["metadata"]["name"]] = obj
    wrong = [
        str(ref_of(obj))
        for obj in objects
        if not contains(found.get((obj["kind"], obj["metadata"]["namespace"], obj["metadata"]["name"])), _plain(obj))
    ]
    return len(objects) - len(wrong), wrong


def _plain(obj: Object) -> Any:
    """As it was sent, without what a list leaves out of its items."""
    return {key: each for key, each in orjson.loads(canonical(obj)).items() if key not in ("apiVersion", "kind")}


@contextlib.asynccontextmanager
async def installation(
    folder: Path, servers: Servers, lines: int, through: Mapping[str, str] | None = None
) -> AsyncIterator[Engine]:
    """An empty one, in a folder that is there, whose clusters and lines are ready and whose controllers run."""
    settings = Environment(data=folder)
    migrate(settings.database)
    create_keyring(settings.keys_file)
    db = Database(settings.database, read_keyring(settings.keys_file))
    made = Engine(folder, servers, settings, db)
    try:
        made.start()
        await made.places(lines, through or {})
        yield made
    finally:
        made.stop()
        await db.close()
