"""Watch caches of one cluster: one stream per kind, the last state of each object, and a hint for whoever is concerned.

A lost hint costs time and never correctness; a cache that is not synced says so. It must not decide anything, and what
it holds is never older than `age` seconds without saying so.
"""

from __future__ import annotations

import asyncio
import contextlib
import random
import time
from collections import Counter
from collections.abc import AsyncGenerator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import cast

from mcd.errors import Code
from mcd.kube.cluster import Cluster, Kind, KubeError, KubeReason, WatchEvent, WatchEventType
from mcd.kube.held import Held, held, known_as
from mcd.kube.kinds import NODE, STORAGE_CLASS
from mcd.kube.secret import KIND as SECRET
from mcd.kube.stock import PLAYED
from mcd.objects import MANAGED_BY, Object, Ref, ref_of
from mcd.observability import metrics
from mcd.packed import Alike
from mcd.rounds import breathe

OURS: Mapping[str, str] = {MANAGED_BY: "mcd"}
"""The label that selects what MCD made; pods and replica sets inherit it from their template."""

SURROUNDINGS = (NODE, STORAGE_CLASS)
"""What a cluster has beside what is ours, and whose change matters to what is compiled for it."""

SELECTED: Mapping[Kind, Mapping[str, str] | None] = {Kind("v1", "Event"): None, NODE: PLAYED, STORAGE_CLASS: None}
"""Kinds that do not carry our label, and of which other ones are watched: those with these labels, or all (None). Of
nodes only those that play one: the others say every few seconds how they are."""

THIN = frozenset({"Node", "Event", "Pod", "ReplicaSet"})
"""Kinds whose `managedFields` nobody asks for: they are dropped, which halves the memory."""

MANY = frozenset({"Node", "Event"})
"""Kinds that are gone through by the thousand when somebody asks: they are kept as they are. Everything else is
packed."""

MAX_EVENTS = 5_000
"""Kubernetes Events kept in all; the oldest go first."""

FORGOTTEN_AFTER = 3600.0
"""Seconds after which the watch of one namespace ends when nobody asked for it."""

FIRST_LOOK = 10.0
"""Seconds after which nobody waits any more for the lists that the streams begin with."""

RELISTED_AFTER = 600.0
"""Seconds after which a stream that ends is begun anew with a list. One that goes on from a version shows only what
came since: an event that was lost on the way, or that the API server's own cache skipped, would be missed for ever."""

STEADY = 10.0
"""Seconds that a stream must live to be gone on from when it breaks, if it had nothing to tell meanwhile."""

FIRST_BACKOFF, LAST_BACKOFF = 0.2, 60.0
"""Seconds between two attempts to watch: doubled after each failure, with jitter."""


@dataclass
class _Store:
    """The objects of one kind."""

    objects: dict[Ref, Held] = field(default_factory=dict)
    by_app: dict[tuple[str, str], Ref | set[Ref]] = field(default_factory=dict)
    """Most Apps have one object of a kind, and a set takes more than what it holds."""
    alike: Alike = field(default_factory=Alike)
    synced: bool = False
    heard: float = 0.0
    problem: KubeError | None = None
    namespace: str = ""
    asked: float = 0.0
    """When `follow` was called last, for the store of one namespace."""
    version: str = ""
    """What was told last: the next stream goes on from there. Empty: it begins with a list."""
    told: int = 0
    """What the last stream said, counted with that it is open; 0: it was not opened."""
    touched: Counter[tuple[str, str]] = field(default_factory=Counter)
    """How often anything of an App was stored or dropped; all stores of a cluster count together."""

    def put(self, ref: Ref, new: Held) -> None:
        self.drop(ref)
        self.touched[new.app] += 1
        self.objects[ref] = new
        match self.by_app.setdefault(new.app, ref):
            case Ref() as other if other != ref:
                self.by_app[new.app] = {other, ref}
            case set() as refs:
                refs.add(ref)

    def drop(self, ref: Ref) -> Held | None:
        old = self.objects.pop(ref, None)
        if old is not None:
            self.touched[old.app] += 1
            refs = self.by_app.get(old.app)
            if isinstance(refs, set) and len(refs) > 1:
                refs.discard(ref)
            else:
                self.by_app.pop(old.app, None)
        return old

    def of_app(self, app: tuple[str, str]) -> Iterable[Ref]:
        refs = self.by_app.get(app, set())
        return (refs,) if isinstance(refs, Ref) else refs


async def _counted(stream: AsyncGenerator[WatchEvent, None], cluster: str) -> AsyncGenerator[WatchEvent, None]:
    """The events of a stream, which is counted among the open ones while it gives them."""
    with metrics.KUBE_WATCHES.labels(cluster).track_inprogress():
        async for event in stream:
            yield event


def _cause(error: KubeError | None) -> str:
    """Why a watch ended, in the words of the metric."""
    if error is None:
        return "ended"
    return {KubeReason.EXPIRED: "expired", KubeReason.UNREACHABLE: "unreachable"}.get(error.kube_reason, "refused")


def _goes_on(error: KubeError, told: int, lived: float) -> bool:
    """Whether a stream that broke, or fell silent, is opened again from what it told last. Not one that broke as soon
    as it was open: it may break at the same event again. Silence alone says nothing: of a kind in which nothing happens
    an API server sends no bookmarks, and what a dead connection kept to itself is told by the next one."""
    return error.kube_reason is KubeReason.UNREACHABLE and (told > 1 or (told == 1 and lived > STEADY))


def _unreadable(kind: Kind) -> KubeError:
    return KubeError(
        Code.UNAVAILABLE, KubeReason.UNREACHABLE, f"watch of {kind.kind}: what it tells cannot be read.",
        "Check the server address of the cluster.",
    )  # fmt: skip


def _known_by(obj: Object) -> Object:
    """What a hint needs of an object: until the first look is over, all there are wait here."""
    meta = {key: each for key, each in obj["metadata"].items() if key not in ("managedFields", "annotations")}
    return {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": meta}


class Caches:
    """The caches of one cluster. `run` fills them until it is cancelled; `on_change(object, deleted)` is told each
    change, never while two objects are half stored, and must not block. What exists already is told when all of it was
    read: an App is then looked at once, and not once for each of its kinds."""

    def __init__(
        self, cluster: Cluster, kinds: Iterable[Kind], on_change: Callable[[Object, bool], None] | None = None
    ) -> None:
        self._cluster = cluster
        self._touched: Counter[tuple[str, str]] = Counter()
        self._words: dict[tuple[str, str], tuple[int, str | None]] = {}
        self._stores = {kind: _Store(touched=self._touched) for kind in kinds}
        self._on_change = on_change
        self._places: dict[tuple[Kind, str], _Store] = {}
        """Kinds that are watched namespace by namespace (`follow`)."""
        self._tasks: list[asyncio.Task[None]] = []
        self._following: set[asyncio.Task[None]] = set()
        self._running = False
        self._first_look = asyncio.Event()
        self._untold: dict[Ref, tuple[Object, bool]] = {}
        """Changes before the first look was over, with what their objects are known by."""
        self._random = random.Random()  # noqa: S311  (jitter, not a secret)

    async def first_look(self) -> None:
        """Returns when each kind that is watched in the whole cluster was read once or cannot be read, and after
        `FIRST_LOOK` seconds at the latest: what asks each object by itself until then costs a request each."""
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(FIRST_LOOK):
                await self._first_look.wait()

    def _looked(self, *, whatever: bool = False) -> None:
        """Ends the first look when there is nothing more to wait for."""
        if self._first_look.is_set() or not (
            whatever or all(store.synced or store.problem for store in self._stores.values())
        ):
            return
        self._first_look.set()
        untold, self._untold = self._untold, {}
        for obj, deleted in untold.values():
            self._tell(obj, deleted)

    @property
    def kinds(self) -> Sequence[Kind]:
        return tuple(self._stores)

    def follow(self, kind: Kind, namespace: str) -> None:
        """From now on also watches a kind in one namespace: for Secrets, which nobody may list in a whole cluster."""
        if kind in self._stores or not self._running:
            return
        place = (kind, namespace)
        store = self._places.get(place)
        if store is None:
            store = self._places[place] = _Store(namespace=namespace, touched=self._touched)
            task = asyncio.ensure_future(self._keep_place(place, store))
            self._following.add(task)
            task.add_done_callback(self._following.discard)
        store.asked = time.monotonic()

    def touched(self, keys: Iterable[tuple[str, str]]) -> int:
        """A number that is another one as soon as anything changes here of these: each a namespace and the name of an
        App, no name for what is of no App. A change that made no difference does not count."""
        return sum(self._touched[key] for key in keys)

    def shown(self, keys: Iterable[tuple[str, str]]) -> str | None:
        """A word for all that is held of these, the same in another process that is shown the same. None where a Secret
        is among them."""
        words = [self._word(key) for key in keys]
        return None if None in words else blake2b(repr(words).encode(), digest_size=16).hexdigest()

    def _word(self, key: tuple[str, str]) -> str | None:
        count, word = self._words.get(key, (-1, None))
        if count == self._touched[key]:
            return word
        found = []
        for (kind, _), store in (*(((kind, ""), store) for kind, store in self._stores.items()), *self._places.items()):
            refs = tuple(store.of_app(key))
            if refs and kind == SECRET:
                return None
            found += [(ref.kind, ref.api_version, ref.name, store.objects[ref].digest) for ref in refs]
        word = blake2b(repr(sorted(found)).encode(), digest_size=16).hexdigest()
        if not key[1]:
            # It is asked for with each App of its namespace.
            self._words[key] = (self._touched[key], word)
        return word

    def synced(self, kind: Kind, namespace: str = "") -> bool:
        """Whether the cache of this kind (in this namespace) has all that exists and its stream lives."""
        store = self._store(kind, namespace)
        return store is not None and store.synced

    def _store(self, kind: Kind, namespace: str) -> _Store | None:
        return self._stores.get(kind) or self._places.get((kind, namespace))

    def healthy(self) -> bool:
        """Whether every kind is synced that is watched in the whole cluster."""
        return all(store.synced for store in self._stores.values())

    def unsynced(self) -> int:
        """How many of these kinds are not synced."""
        return sum(not store.synced for store in self._stores.values())

    def quiet(self) -> float:
        """Seconds since the quietest of these streams said anything, of those that are synced; 0 where none is."""
        heard = [store.heard for store in self._stores.values() if store.synced]
        return time.monotonic() - min(heard) if heard else 0.0

    def age(self, kind: Kind) -> float:
        """Seconds since the stream of this kind said anything; infinite when it never did."""
        store = self._stores.get(kind)
        return time.monotonic() - store.heard if store is not None and store.heard else float("inf")

    def problem(self, kind: Kind) -> KubeError | None:
        """Why the stream of this kind is not there, or None."""
        store = self._stores.get(kind)
        return store.problem if store is not None else None

    def get(self, ref: Ref) -> Object | None:
        """The object as last seen. Not to be altered. None also when it does not carry our label."""
        store = self._store(Kind(ref.api_version, ref.kind), ref.namespace)
        found = store.objects.get(ref) if store is not None else None
        return found.object if found is not None else None

    def shows(self, ref: Ref) -> bool:
        """Whether there is such an object, by a cache that is synced."""
        store = self._store(Kind(ref.api_version, ref.kind), ref.namespace)
        return store is not None and store.synced and ref in store.objects

    def of_instance(self, kind: Kind, namespace: str, app: str) -> tuple[Object, ...]:
        """All objects of a kind with the App's label, by name. Not to be altered."""
        store = self._stores[kind]
        return tuple(store.objects[ref].object for ref in sorted(store.of_app((namespace, app))))

    def all(self, kind: Kind, namespace: str = "") -> tuple[Object, ...]:
        """All objects of a kind, of one namespace if one is given, by name."""
        found = self._stores[kind].objects
        return tuple(found[ref].object for ref in sorted(found) if not namespace or ref.namespace == namespace)

    async def run(self) -> None:
        """Watches every kind until cancelled. A stream that breaks is opened again; only its own kind waits for it."""
        self._running = True
        patience = asyncio.get_running_loop().call_later(FIRST_LOOK, lambda: self._looked(whatever=True))
        self._tasks = [asyncio.ensure_future(self._keep(kind, store)) for kind, store in self._stores.items()]
        try:
            await asyncio.gather(*self._tasks)
        finally:
            patience.cancel()
            self._untold.clear()
            self._first_look.set()
            await self.close()

    async def close(self) -> None:
        """Ends every stream. Calling it twice is fine."""
        self._running = False
        tasks = [*self._tasks, *self._following]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._tasks = []
        for store in (*self._stores.values(), *self._places.values()):
            store.synced = False
        self._places.clear()

    async def _keep_place(self, place: tuple[Kind, str], store: _Store) -> None:
        """The watch of one namespace, until nobody asks for it any more."""
        watching = asyncio.ensure_future(self._keep(place[0], store))
        try:
            while (left := store.asked + FORGOTTEN_AFTER - time.monotonic()) > 0:
                await asyncio.wait([watching], timeout=left)
                if watching.done():
                    watching.result()
        finally:
            watching.cancel()
            await asyncio.gather(watching, return_exceptions=True)
            self._places.pop(place, None)
            for ref in tuple(store.objects):
                # Counted as touched: the next watch of this place knows nothing of what goes until it begins.
                store.drop(ref)

    async def _keep(self, kind: Kind, store: _Store) -> None:
        failures = 0
        listed = 0.0
        while True:
            began = time.monotonic()
            if began - listed > RELISTED_AFTER:
                store.version = ""
            if not store.version:
                listed = began
            stopped: KubeError | None = None
            try:
                await self._follow(kind, store)
            except KubeError as error:
                stopped = error
            except (AttributeError, KeyError, TypeError, ValueError):
                # No object of a Kubernetes API server looks like that. Whoever says it may be well again tomorrow; what
                # was told of this stream is not gone on from, or it would be told the same.
                stopped, store.told = _unreadable(kind), 0
            if stopped is not None:
                store.problem = stopped
                self._looked()
                lived = time.monotonic() - began if store.told else 0.0
                if not _goes_on(stopped, store.told, lived):
                    # Too old, forbidden or away: what we hold may be behind, so it is listed again.
                    store.version = ""
                failures = failures + 1 if lived < STEADY else 1
                if failures > 1 or not store.version:
                    store.synced = False
            metrics.WATCH_RESTARTS.labels(self._cluster.name, _cause(stopped)).inc()
            if time.monotonic() - began > LAST_BACKOFF:
                failures = 0
            # Also after a stream that ended in order: a server that closes every second is not asked more often.
            wait = min(LAST_BACKOFF, FIRST_BACKOFF * 2**failures) * self._random.uniform(0.5, 1.0)
            await asyncio.sleep(wait)

    async def _follow(self, kind: Kind, store: _Store) -> None:
        """One stream, to its end, from the version that was told last."""
        selector = SELECTED.get(kind, OURS)
        seen: set[Ref] | None = None if store.version else set()
        store.told = 0
        opened = self._cluster.watch(kind, store.namespace, selector, resource_version=store.version)
        watch = cast(AsyncGenerator[WatchEvent, None], opened)
        heard = _counted(watch, self._cluster.name)
        async with contextlib.aclosing(watch), contextlib.aclosing(heard) as counted:
            async for event in counted:
                store.heard = time.monotonic()
                store.told += 1
                if event.initial_end:
                    if seen is not None:
                        self._forget_unseen(store, seen)
                    seen = None
                    store.synced, store.problem = True, None
                    self._looked()
                if seen is not None and event.type not in (WatchEventType.DELETED, WatchEventType.BOOKMARK):
                    seen.add(ref_of(event.object))
                if event.type is not WatchEventType.BOOKMARK:
                    self._take(kind, store, event)
                if seen is None:
                    # Not before the list is whole: its objects come in no order of their versions.
                    store.version = str(event.object["metadata"].get("resourceVersion", store.version))
                # Hundreds may have come in one piece.
                await breathe()

    def _take(self, kind: Kind, store: _Store, event: WatchEvent) -> None:
        obj, deleted = event.object, event.type is WatchEventType.DELETED
        ref = known_as(obj)
        if kind.kind in THIN:
            obj["metadata"].pop("managedFields", None)
        if deleted:
            store.drop(ref)
        else:
            known = store.objects.get(ref)
            if known is not None and known.version == str(obj["metadata"].get("resourceVersion", "")):
                return
            store.put(ref, held(obj, None if kind.kind in MANY else store.alike))
            if kind.kind == "Event" and len(store.objects) > MAX_EVENTS:
                store.drop(next(iter(store.objects)))
        self._tell(obj, deleted)

    def _forget_unseen(self, store: _Store, seen: set[Ref]) -> None:
        """What was there before and is not in the new list was deleted while nobody looked."""
        for ref in [r for r in store.objects if r not in seen]:
            old = store.drop(ref)
            if old is not None:
                self._tell(old.object, True)

    def _tell(self, obj: Object, deleted: bool) -> None:
        if not self._first_look.is_set():
            self._untold[ref_of(obj)] = (_known_by(obj), deleted)
        elif self._on_change is not None:
            self._on_change(obj, deleted)
