"""The composition root: settings to database, key ring, clusters, forges, builder, clock.

It wires and does nothing else. Whoever needs one of these is handed it from here; nothing reads a setting by itself.
"""

from __future__ import annotations

import asyncio
import contextlib
import contextvars
import os
import socket
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import structlog

from mcd import model, rounds
from mcd.build import machine
from mcd.build.buildah import Buildah, BuildLimits
from mcd.build.builder import Builder
from mcd.build.pins import Pin, Registry
from mcd.compiling.compiler import Compiler
from mcd.errors import Code, McdError, echo
from mcd.forge.forge import Forge
from mcd.forge.local import LocalForge
from mcd.kube.client import KubeClient
from mcd.kube.cluster import Cluster, Kind
from mcd.kube.echoes import Echoes
from mcd.kube.kinds import KINDS
from mcd.kube.kubeconfig import parse_kubeconfig
from mcd.kube.live import LiveObjects
from mcd.kube.watch import SURROUNDINGS, Caches
from mcd.objects import Object
from mcd.observability import metrics
from mcd.settings import Environment
from mcd.store import secrets
from mcd.store.gauges import Gauges
from mcd.store.installation import identity
from mcd.store.keyring import exposed, read_keyring
from mcd.store.session import Database
from mcd.store.visitors import Visitors

log = structlog.get_logger("mcd.runtime")

_MIB = 1024 * 1024

WATCHED = tuple(
    kind
    for kind in KINDS
    if kind.kind not in {"Node", "Event", "PersistentVolume", "Secret", "CustomResourceDefinition", "StorageClass"}
)
"""The kinds of which a controller keeps what is live. Secrets are not among them: their values stay in the cluster."""

Connect = Callable[[str, str], Cluster]
"""Kubeconfig text and a token that replaces the one in it (or an empty text) → a client."""


def connect(kubeconfig: str, token: str) -> Cluster:
    """A client of the real API server. Raises McdError(invalid, KubeconfigUnsafe)."""
    return KubeClient(parse_kubeconfig(kubeconfig, token=token))


@dataclass(slots=True)
class _Connection:
    generation: int
    token: str
    client: Cluster
    caches: Caches | None = None
    task: asyncio.Task[None] | None = None
    watched: tuple[Kind, ...] = ()
    name: str = ""
    surroundings: Caches | None = None
    surroundings_task: asyncio.Task[None] | None = None

    def look_at_surroundings(self) -> Caches:
        """Begins to watch what the cluster has beside what is ours, once."""
        if self.surroundings is None:
            self.surroundings = Caches(self.client, SURROUNDINGS)
            self.surroundings_task = _watching(self.surroundings, f"surroundings:{self.name}")
        return self.surroundings

    async def watch(self, caches: Caches, kinds: tuple[Kind, ...], name: str) -> None:
        """Begins to watch, or begins anew when the cluster serves other kinds than before."""
        before = self.task
        self.watched, self.caches, self.name = kinds, caches, name
        self.task = _watching(caches, f"watch:{name}")
        if before is not None:
            before.cancel()
            await asyncio.gather(before, return_exceptions=True)

    async def close(self) -> None:
        tasks = [task for task in (self.task, self.surroundings_task) if task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await self.client.close()


def _watching(caches: Caches, name: str) -> asyncio.Task[None]:
    """In a context of its own: a watch outlives the request or the pass that was the first to need it."""
    return asyncio.create_task(caches.run(), name=name, context=rounds.background(contextvars.Context()))


@dataclass(slots=True)
class Runtime:
    """What a process works with. Opened by `open_runtime`, closed by leaving it."""

    settings: Environment
    db: Database
    owner: str
    """Id of this MCD, written on every object that it makes: two MCDs never fight over one object."""
    builder: Builder | None = None
    pin: Pin = Registry("").pin
    """Finds the digest of an image that app.yaml names."""
    forges: dict[str, Forge] = field(default_factory=dict)
    connect: Connect = connect
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    skew: timedelta = timedelta(0)
    """How far the database's clock is ahead of ours. All processes tell time by the database's."""
    compiler: Compiler = field(default_factory=Compiler)
    """What app.yaml is compiled with. Closed by who opened it."""
    gauges: Gauges = field(default_factory=Gauges)
    """What this process tells of how everything stands. One for its loop and its API."""
    visitors: Visitors = field(init=False)
    """Who asks this process, by what they prove themselves with."""
    _connections: dict[str, _Connection] = field(default_factory=dict)
    _connecting: asyncio.Lock = field(default_factory=asyncio.Lock)
    _on_change: Callable[[Object], None] | None = None
    echoes: Echoes = field(default_factory=Echoes)
    """What this process wrote and its watches have yet to tell."""

    def __post_init__(self) -> None:
        self.visitors = Visitors(self.db)

    def now(self) -> datetime:
        return self.clock() + self.skew

    @property
    def holder(self) -> str:
        """The name of this process in leases."""
        if self.holder_lasts:
            return self.settings.holder or "sqlite"
        return f"{socket.gethostname()}-{os.getpid()}"

    @property
    def holder_lasts(self) -> bool:
        """Whether a process that is started again has the name of the one before it: it was given one, or it is the
        only process on its SQLite file."""
        return bool(self.settings.holder) or self.settings.database.startswith("sqlite")

    def forge(self, repository: str) -> Forge:
        """The git host of a repository's URL. Raises McdError(invalid) for one that is not served."""
        scheme, colon, _ = repository.partition(":")
        forge = self.forges.get(scheme) if colon else None
        if forge is None:
            raise McdError(
                Code.INVALID,
                f'there is no git host for "{echo(repository)}".',
                f"Known: {', '.join(sorted(f'{word}:' for word in self.forges))}.",
            )
        return forge

    # --- clusters -----------------------------------------------------------------------------------------------

    async def cluster(self, cluster_id: str, generation: int = 0) -> Cluster:
        """A client of a cluster. With `generation` (of the Cluster row) a client of older credentials is replaced."""
        return (await self._connection(cluster_id, generation)).client

    async def client(self, cluster: model.Cluster) -> Cluster:
        return await self.cluster(cluster.id, cluster.state.generation)

    async def live(self, cluster: model.Cluster) -> LiveObjects:
        """What is live in a cluster: from watches when this process keeps them (`watch_with`). Whoever comes first
        waits a few seconds for what they begin with."""
        connection = await self._connection(cluster.id, cluster.state.generation)
        if self._on_change is not None and cluster.serves.kubernetes:
            kinds = tuple(k for k in WATCHED if cluster.serves.has(k.api_version, k.kind))
            if connection.watched != kinds:
                await connection.watch(Caches(connection.client, kinds, self._changed), kinds, cluster.name)
            if connection.caches is not None:
                await connection.caches.first_look()
        return LiveObjects(connection.client, connection.caches, self.echoes)

    async def surroundings(self, cluster: model.Cluster) -> Caches | None:
        """What a cluster that answered once has beside what is ours, as far as this process watches (`watch_with`)."""
        if self._on_change is None or not cluster.serves.kubernetes:
            return None
        return (await self._connection(cluster.id, cluster.state.generation)).look_at_surroundings()

    def watched(self, cluster_id: str) -> Caches | None:
        """What this process sees of a cluster already, or None where it does not watch it. Asks nobody."""
        known = self._connections.get(cluster_id)
        return known.caches if known is not None else None

    def silent_clusters(self) -> list[str]:
        """The names of watched clusters whose watches are not all alive."""
        watched = [c for c in self._connections.values() if c.caches is not None]
        return sorted(c.name for c in watched if c.caches is not None and not c.caches.healthy())

    def measure_watches(self) -> None:
        """How the watches of this process stand, for the metrics."""
        for connection in self._connections.values():
            if connection.caches is not None:
                metrics.WATCH_UNSYNCED.labels(connection.name).set(connection.caches.unsynced())
                metrics.WATCH_AGE_SECONDS.labels(connection.name).set(connection.caches.quiet())

    def watch_with(self, on_change: Callable[[Object], None]) -> None:
        """From now on clusters are watched, and every change of an object of ours is told."""
        self._on_change = on_change

    def _changed(self, obj: Object, deleted: bool) -> None:
        if self._on_change is not None:
            self._on_change(obj)

    async def _connection(self, cluster_id: str, generation: int) -> _Connection:
        async with self._connecting:
            known = self._connections.get(cluster_id)
            name = known.name if known is not None and known.name else await self._name(cluster_id)
            token = self._token(name)
            if known is not None and known.generation >= generation and known.token == token:
                return known
            async with self.db.reading() as tx:
                kubeconfig = (await secrets.credentials(tx, cluster_id)).reveal()
            made = _Connection(generation, token, self.connect(kubeconfig, token), name=name)
            made.client.name = name
            self._connections[cluster_id] = made
        if known is not None:
            await known.close()
        return made

    async def _name(self, cluster_id: str) -> str:
        async with self.db.reading() as tx:
            return await secrets.cluster_name(tx, cluster_id)

    def _token(self, name: str) -> str:
        if self.settings.cluster_tokens is None or not name:
            return ""
        file = self.settings.cluster_tokens / name
        return file.read_text(encoding="utf-8").strip() if file.is_file() else ""

    async def close(self) -> None:
        await self.disconnect()
        await self.db.close()

    async def disconnect(self) -> None:
        """Leaves every cluster: its watches end, its connections close."""
        for connection in self._connections.values():
            await connection.close()
        self._connections.clear()


@contextlib.asynccontextmanager
async def open_runtime(settings: Environment) -> AsyncIterator[Runtime]:
    """Everything that `mcd serve` needs, checked: raises McdError(unavailable) with what to do when the database or the
    key ring is not as it should be."""
    keyring = read_keyring(settings.keys_file)
    if said := exposed(settings.keys_file):
        log.warning("key_ring_exposed", message=said)
    db = Database(settings.database, keyring)
    try:
        await db.check()
        async with db.reading() as tx:
            lost = await secrets.unopenable(tx, keyring)
        if lost is not None:
            log.error("keys_missing", message=str(lost), values=lost.values, keys=list(lost.keys))
        runtime = Runtime(
            settings,
            db,
            owner=await identity(db),
            builder=_builder(settings),
            pin=Registry(settings.registry).pin,
            forges=_forges(settings),
            skew=await db.skew(datetime.now(UTC)),
        )
    except BaseException:
        await db.close()
        raise
    try:
        yield runtime
    finally:
        await runtime.close()
        runtime.compiler.close()


def _builder(settings: Environment) -> Builder | None:
    if settings.builder == "none" or not settings.registry:
        return None
    return Buildah(
        settings.data / "build",
        settings.registry,
        machine=machine.read(os.environ),
        others=frozenset(settings.build_registries.split()),
        limits=BuildLimits(image=settings.build_image_limit * _MIB),
    )


def _forges(settings: Environment) -> dict[str, Forge]:
    forges: dict[str, Forge] = {"mcd": LocalForge(settings.repositories)}
    if settings.forge_folder is not None:
        forges["file"] = LocalForge(Path(settings.forge_folder), "file")
    return forges
