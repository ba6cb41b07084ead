"""A whole control plane in one process: the real store on a SQLite file, the real loop, a cluster in memory, a clock of
its own. Tests wish, settle and look at the world; nothing of ours is replaced.
"""

from __future__ import annotations

import asyncio
import shutil
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from dulwich.repo import Repo

from mcd.controllers.loop import Loop
from mcd.forge.forge import Forge
from mcd.forge.local import LocalForge
from mcd.kube.memory import MemoryCluster
from mcd.kube.play import play
from mcd.model import RECONCILED, Actor, App, Condition, ConditionType, EventKind, Release, Rollout
from mcd.objects import Object, Ref
from mcd.runtime import Runtime
from mcd.settings import Environment
from mcd.store import intents, leases, reads
from mcd.store.installation import identity
from mcd.store.keyring import create_keyring
from mcd.store.migrate import migrate
from mcd.store.session import Database
from tests import warm
from tests.controllers.foundry import HOST, Foundry
from tests.forge.written import bare, commit
from tests.kube.apiserver import ApiServer

ADMIN = Actor("p0", "admin", admin=True)
LINE = "demo"
START = datetime(2026, 5, 3, 10, tzinfo=UTC)

HELLO = """
appname: hello
components:
  web: {type: web, image: "registry.test/hello:1"}
"""


@dataclass
class Clock:
    """Time that moves when it is told to."""

    at: datetime = START

    def __call__(self) -> datetime:
        return self.at

    def forward(self, seconds: float) -> None:
        self.at += timedelta(seconds=seconds)


@dataclass
class World:
    runtime: Runtime
    kube: MemoryCluster
    clock: Clock
    loop: Loop
    pods_run: bool = True
    """Whether somebody plays the controllers of Kubernetes: pods of a Deployment become ready."""
    _played: int = 0
    """The version of the cluster before the last play: a play that changes nothing is the last until something does."""
    _commits: Iterator[str] = field(default_factory=lambda: (f"{n:040x}" for n in range(1, 1000)))

    # --- wishes ---

    async def push(
        self, app_yaml: str, app: str = "hello", files: Mapping[str, str] | None = None, deletes: Iterable[Ref] = ()
    ) -> Release:
        """A pushed commit, as the git remote stores it; the App is made by the first. With `files` the commit is in a
        real repository. `deletes` is what it no longer names."""
        async with self.runtime.db.writing() as tx:
            known = {listed.app.name: listed.app for listed in (await reads.apps(ADMIN, tx)).items}
            owner = known.get(app) or await intents.create_app(ADMIN, tx, self.clock(), app, product_line=LINE)
        commit = next(self._commits) if files is None else self.commit(owner, {"app.yaml": app_yaml, **files})
        async with self.runtime.db.writing() as tx:
            return await intents.push(
                ADMIN, tx, self.clock(), app,
                commit=commit, branch="main", app_yaml=app_yaml, wished_deletes=deletes,
            )  # fmt: skip

    def commit(self, app: App, files: Mapping[str, str]) -> str:
        """Writes a commit into the App's repository, which nobody is told of."""
        folder = self.runtime.settings.repositories / f"{app.name}.git"
        if not folder.exists():
            bare(folder).close()
            (folder / "mcd-app").write_text(app.id)
        with Repo(str(folder), bare=True) as repo:
            return commit(repo, {name: text.encode() for name, text in files.items()})

    async def retry(self, release: Release) -> None:
        async with self.runtime.db.writing() as tx:
            await intents.retry_release(ADMIN, tx, self.clock(), release.app, release.number)

    async def delete(self, app: str = "hello") -> None:
        async with self.runtime.db.writing() as tx:
            await intents.delete_app(ADMIN, tx, self.clock(), app)

    # --- time ---

    async def settle(self, horizon: float = 40.0, turns: int = 200) -> None:
        """Works until nothing is due for `horizon` seconds, moving the clock to what is due next."""
        for _ in range(turns):
            if await self.turn():
                continue
            async with self.runtime.db.reading() as tx:
                due = await leases.next_due(tx, self.clock())
            if due is None or (due - self.clock()).total_seconds() > horizon:
                return
            self.clock.at = max(self.clock.at, due)
        raise AssertionError(f"not settled after {turns} turns: {await self.said()}")

    async def turn(self) -> int:
        """One look at everything that is due; answers how many rows were worked on."""
        await self.loop.beat()
        taken = 0
        for noun in RECONCILED:
            taken += await self.loop.take(noun, 100)
            await self.loop.idle()
        if self.pods_run and self.kube.version != self._played:
            self._played = self.kube.version
            play(self.kube)
        return taken

    # --- looking ---

    async def live(self, app: str = "hello") -> Rollout | None:
        async with self.runtime.db.reading() as tx:
            return await reads.live_rollout(ADMIN, tx, app)

    async def ready(self, app: str = "hello") -> Condition:
        rollout = await self.live(app)
        assert rollout is not None, f"{app} has no live Rollout"
        return next(c for c in rollout.state.conditions if c.type is ConditionType.READY)

    async def said(self) -> str:
        async with self.runtime.db.reading() as tx:
            page = await reads.apps(ADMIN, tx)
        lines = []
        for listed in page.items:
            rollout = await self.live(listed.app.name)
            lines.append(f"{listed.app.name}: {[str(c) for c in rollout.state.conditions] if rollout else 'none'}")
        return "; ".join(lines)

    async def events(self, kind: str) -> list[str]:
        """The messages of all Events of one kind, oldest first."""
        async with self.runtime.db.reading() as tx:
            page = await reads.events(ADMIN, tx, after=0, kinds=[EventKind(kind)])
        return [event.message for event in page.items]

    async def release(self, number: int, app: str = "hello") -> Release:
        async with self.runtime.db.reading() as tx:
            return await reads.release(ADMIN, tx, app, number)

    async def release_conditions(self, release: Release) -> dict[ConditionType, Condition]:
        async with self.runtime.db.reading() as tx:
            seen = await reads.release(ADMIN, tx, release.app, release.number)
        return {c.type: c for c in seen.state.conditions}

    def ours(self) -> dict[str, Object]:
        """Live objects that carry our label, as `Kind/name`."""
        return {
            f"{ref.kind}/{ref.name}": obj
            for ref, obj in self.kube.objects().items()
            if (obj["metadata"].get("labels") or {}).get("app.kubernetes.io/managed-by") == "mcd"
        }

    def writes_since(self, count: int) -> list[str]:
        """Writes by MCD after the first `count` of them, as `verb Kind/name`."""
        return [f"{w.verb} {w.ref}" for w in list(self.kube.ours())[count:]]

    @property
    def written(self) -> int:
        return len(self.kube.ours())


@asynccontextmanager
async def world(
    folder: Path, template: Path, kube: MemoryCluster | None = None, foundry: Foundry | None = None
) -> AsyncIterator[World]:
    """A world with one cluster and one product line, settled. `template` is a migrated database; without a foundry
    nothing is built or pinned."""
    shutil.copy(template, folder / "mcd.db")
    settings = Environment(data=folder, workers=100, registry=HOST if foundry else "")
    keyring = create_keyring(folder / "keys.json")
    db = Database(settings.database, keyring)
    clock = Clock()
    kube = kube or MemoryCluster(clock=clock)
    runtime = Runtime(
        settings,
        db,
        await identity(db),
        forges={"mcd": LocalForge(settings.repositories)},
        connect=lambda _text, _token: kube,
        clock=clock,
        compiler=warm.compiler(),
    )
    if foundry is not None:
        runtime.builder, runtime.pin = foundry, foundry.pin
    made = World(runtime, kube, clock, Loop(runtime, "test"))
    async with db.writing() as tx:
        await intents.create_cluster(
            ADMIN, tx, clock(), "local", kubeconfig="memory", facts={"base_domain": "apps.localhost"}
        )
    async with db.writing() as tx:
        await intents.create_product_line(ADMIN, tx, clock(), LINE, cluster="local")
    try:
        await made.settle()
        yield made
    finally:
        await asyncio.shield(runtime.close())


@asynccontextmanager
async def world_on(server: ApiServer, folder: Path, template: Path) -> AsyncIterator[World]:
    """A world whose cluster is a real API server, with one product line that nobody has looked at. No pod ever becomes
    ready there, so it does not settle; `kube` is not asked."""
    shutil.copy(template, folder / "mcd.db")
    settings = Environment(data=folder, workers=100)
    db, clock = Database(settings.database, create_keyring(folder / "keys.json")), Clock()
    forges: dict[str, Forge] = {"mcd": LocalForge(settings.repositories)}
    runtime = Runtime(settings, db, await identity(db), forges=forges, clock=clock, compiler=warm.compiler())
    made = World(runtime, MemoryCluster(clock=clock), clock, Loop(runtime, "test"), pods_run=False)
    async with db.writing() as tx:
        await intents.create_cluster(
            ADMIN, tx, clock(), "local", kubeconfig=server.kubeconfig(), facts={"base_domain": "apps.localhost"}
        )
    async with db.writing() as tx:
        await intents.create_product_line(ADMIN, tx, clock(), LINE, cluster="local")
    try:
        yield made
    finally:
        await asyncio.shield(runtime.close())


def migrated(path: Path) -> Path:
    """A database file with the tables."""
    migrate(f"sqlite:///{path}")
    return path


__all__ = ["ADMIN", "HELLO", "LINE", "World", "migrated", "world", "world_on"]
