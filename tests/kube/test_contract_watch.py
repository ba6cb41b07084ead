"""The contract of `Cluster.watch`, and the caches on top of it: what exists, then what changes, and no silent loss."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncGenerator, AsyncIterator, Mapping
from typing import cast

import pytest

from mcd.errors import Code
from mcd.kube import watch
from mcd.kube.cluster import Cluster, Kind, KubeError, KubeReason, WatchEvent, WatchEventType
from mcd.kube.memory import Faults, MemoryCluster
from mcd.kube.watch import Caches
from mcd.objects import MANAGED_BY, Object, Ref, ref_of
from tests.kube.given import config, in_sync

CONFIG_MAP = Kind("v1", "ConfigMap")
SHOP = {"app.kubernetes.io/instance": "shop"}
PATIENCE = 20.0
"""Seconds within which a change must be told, on a busy machine."""


@contextlib.asynccontextmanager
async def watching(
    cluster: Cluster, namespace: str, version: str = "", selector: dict[str, str] | None = SHOP
) -> AsyncIterator[AsyncGenerator[WatchEvent, None]]:
    stream = cluster.watch(CONFIG_MAP, namespace, selector, resource_version=version)
    async with contextlib.aclosing(cast(AsyncGenerator[WatchEvent, None], stream)) as events:
        yield events


async def following(events: AsyncGenerator[WatchEvent, None]) -> tuple[str, str]:
    """The next event that is not a mere bookmark."""
    async with asyncio.timeout(PATIENCE):
        while True:
            event = await anext(events)
            if event.type is not WatchEventType.BOOKMARK:
                return event.type.value, event.object["metadata"]["name"]


async def test_a_watch_begins_with_what_exists_and_says_when_that_is_all(cluster: Cluster, namespace: str) -> None:
    await cluster.apply(config("a", namespace))
    await cluster.apply(config("b", namespace))
    async with watching(cluster, namespace) as events, asyncio.timeout(PATIENCE):
        first = [await anext(events) for _ in range(3)]
    assert [e.object["metadata"].get("name") for e in first[:2]] == ["a", "b"]
    assert first[2].type is WatchEventType.BOOKMARK
    assert first[2].initial_end
    assert first[0].object["kind"] == "ConfigMap"


async def test_a_watch_goes_on_from_a_version_with_every_change(cluster: Cluster, namespace: str) -> None:
    listing = await cluster.list(CONFIG_MAP, namespace, SHOP)
    made = await cluster.apply(config("a", namespace))
    made = await cluster.apply(config("a", namespace, x="2"), live=made)
    await cluster.delete(ref_of(made), made["metadata"]["uid"])
    async with watching(cluster, namespace, listing.resource_version) as events:
        assert [await following(events) for _ in range(3)] == [("ADDED", "a"), ("MODIFIED", "a"), ("DELETED", "a")]


async def test_a_watch_from_a_version_says_first_that_it_is_open(cluster: Cluster, namespace: str) -> None:
    version = (await cluster.list(CONFIG_MAP, namespace, SHOP)).resource_version
    async with watching(cluster, namespace, version) as events, asyncio.timeout(PATIENCE):
        first = await anext(events)
    assert (first.type, first.initial_end) == (WatchEventType.BOOKMARK, True)
    assert first.object["metadata"]["resourceVersion"] == version


async def test_what_loses_its_label_is_deleted_for_the_watch(cluster: Cluster, namespace: str) -> None:
    made = await cluster.apply(config("a", namespace))
    async with watching(cluster, namespace, made["metadata"]["resourceVersion"]) as events:
        bare = config("a", namespace)
        bare["metadata"]["labels"] = {}
        made = await cluster.apply(bare, live=made)
        assert await following(events) == ("DELETED", "a")
        await cluster.apply(config("a", namespace), live=made)
        assert await following(events) == ("ADDED", "a")


async def test_a_watch_sees_a_write_that_comes_after_it_began(cluster: Cluster, namespace: str) -> None:
    async with watching(cluster, namespace) as events:
        waiting = asyncio.ensure_future(following(events))
        await asyncio.sleep(0)
        await cluster.apply(config("late", namespace))
        assert await waiting == ("ADDED", "late")


async def test_a_version_that_is_too_old_is_told_apart() -> None:
    cluster = MemoryCluster()
    await cluster.apply(config("a"))
    cluster.forget_history()
    with pytest.raises(KubeError) as refused:
        async with watching(cluster, "default", "2") as events:
            await anext(events)
    assert refused.value.kube_reason is KubeReason.EXPIRED


# --- caches ---------------------------------------------------------------------------------------------------------


@contextlib.asynccontextmanager
async def cached(cluster: Cluster, *kinds: Kind) -> AsyncIterator[tuple[Caches, asyncio.Queue[tuple[str, bool]]]]:
    told: asyncio.Queue[tuple[str, bool]] = asyncio.Queue()

    def tell(obj: Object, deleted: bool) -> None:
        told.put_nowait((f"{obj['metadata'].get('namespace')}/{obj['metadata']['name']}", deleted))

    caches = Caches(cluster, kinds or (CONFIG_MAP,), tell)
    task = asyncio.ensure_future(caches.run())
    try:
        await in_sync(caches)
        yield caches, told
    finally:
        task.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await task


async def told_of(told: asyncio.Queue[tuple[str, bool]], name: str) -> bool:
    """Waits until a change of an object is told; answers whether it was its end."""
    async with asyncio.timeout(PATIENCE):
        while True:
            who, deleted = await told.get()
            if who == name:
                return deleted


async def test_a_cache_follows_what_is_ours_and_hints_at_each_change(cluster: Cluster, namespace: str) -> None:
    first = await cluster.apply(config("a", namespace))
    async with cached(cluster) as (caches, told):
        assert caches.get(ref_of(first)) == first
        assert caches.healthy()
        assert [o["metadata"]["name"] for o in caches.of_instance(CONFIG_MAP, namespace, "shop")] == ["a"]
        second = await cluster.apply(config("b", namespace))
        assert not await told_of(told, f"{namespace}/b")
        assert caches.get(ref_of(second)) == second
        await cluster.delete(ref_of(first), first["metadata"]["uid"])
        while not await told_of(told, f"{namespace}/a"):
            pass
        assert caches.get(ref_of(first)) is None
    assert not caches.synced(CONFIG_MAP), "a closed cache does not claim to know anything"


async def test_a_cache_finds_what_was_deleted_while_its_stream_was_too_old() -> None:
    cluster = MemoryCluster()
    await cluster.apply(config("a"))
    async with cached(cluster) as (caches, told):
        # Deleted and forgotten in one step: no event of it will ever come, only a 410.
        cluster.person_deletes(ref_of(config("a")))
        cluster.forget_history()
        while not await told_of(told, "default/a"):
            pass
        assert caches.get(ref_of(config("a"))) is None
        await cluster.apply(config("b"))
        assert not await told_of(told, "default/b")


class Lossy(MemoryCluster):
    """Its streams lose each change, as a middlebox or the server's own cache may, and end in order a moment later."""

    async def watch(
        self, kind: Kind, namespace: str = "", selector: Mapping[str, str] | None = None, *, resource_version: str = ""
    ) -> AsyncIterator[WatchEvent]:
        events = super().watch(kind, namespace, selector, resource_version=resource_version)
        async with contextlib.aclosing(cast(AsyncGenerator[WatchEvent, None], events)) as stream:
            async for event in stream:
                if not resource_version:
                    yield event
                if event.initial_end == (not resource_version):
                    version = event.object["metadata"]["resourceVersion"]
                    yield WatchEvent(WatchEventType.BOOKMARK, {"metadata": {"resourceVersion": version}})
                    return


async def test_a_change_that_no_stream_told_is_found_by_the_next_list(monkeypatch: pytest.MonkeyPatch) -> None:
    cluster = Lossy()
    async with cached(cluster) as (caches, told):
        await cluster.apply(config("a"))
        assert caches.get(ref_of(config("a"))) is None
        monkeypatch.setattr(watch, "RELISTED_AFTER", 0.0)
        assert not await told_of(told, "default/a")
        assert caches.get(ref_of(config("a"))) is not None


class Broken(MemoryCluster):
    """Its streams break when they are told to, and remember where they began."""

    def __post_init__(self) -> None:
        super().__post_init__()
        self.began: list[str] = []
        self.breaking = 0
        self.silences = 0

    async def watch(
        self, kind: Kind, namespace: str = "", selector: Mapping[str, str] | None = None, *, resource_version: str = ""
    ) -> AsyncIterator[WatchEvent]:
        self.began.append(resource_version)
        events = super().watch(kind, namespace, selector, resource_version=resource_version)
        async with contextlib.aclosing(cast(AsyncGenerator[WatchEvent, None], events)) as stream:
            async for event in stream:
                if self.silences and event.initial_end:
                    yield event
                    self.silences -= 1
                    raise KubeError(Code.UNAVAILABLE, KubeReason.UNREACHABLE, "nothing was heard for 100 s.")
                if self.breaking and event.type is not WatchEventType.BOOKMARK:
                    self.breaking -= 1
                    raise KubeError(Code.UNAVAILABLE, KubeReason.UNREACHABLE, "the connection broke.")
                yield event


async def test_a_stream_that_breaks_goes_on_from_what_it_told_last() -> None:
    cluster = Broken()
    await cluster.apply(config("a"))
    async with cached(cluster) as (caches, told):
        last = await cluster.apply(config("b"))
        assert not await told_of(told, "default/b")
        cluster.breaking = 1
        await cluster.apply(config("c"))
        assert not await told_of(told, "default/c"), "what the broken stream did not tell is told by the next"
        assert caches.synced(CONFIG_MAP)
    assert cluster.began == ["", last["metadata"]["resourceVersion"]]


async def test_a_stream_in_which_nothing_happened_goes_on_without_a_list(monkeypatch: pytest.MonkeyPatch) -> None:
    """An API server sends no bookmarks of a kind at rest: its stream falls silent, and the next one does too."""
    monkeypatch.setattr(watch, "STEADY", -1.0)
    cluster = Broken()
    cluster.silences = 3
    async with cached(cluster) as (caches, told):
        async with asyncio.timeout(PATIENCE):
            while cluster.silences:
                await asyncio.sleep(0)
        await cluster.apply(config("b"))
        assert not await told_of(told, "default/b")
        assert caches.synced(CONFIG_MAP)
    assert [bool(version) for version in cluster.began] == [False, True, True, True]


async def test_a_stream_that_breaks_as_soon_as_it_is_open_begins_with_a_list() -> None:
    """It may break at the same event as long as it is asked for it."""
    cluster = Broken()
    async with cached(cluster) as (_, told):
        await cluster.apply(config("a"))
        assert not await told_of(told, "default/a")
        cluster.breaking = 2
        await cluster.apply(config("b"))
        assert not await told_of(told, "default/b")
    assert [bool(version) for version in cluster.began] == [False, True, False]


async def test_a_cache_whose_stream_cannot_be_opened_again_says_so() -> None:
    """What it holds may be behind, and whoever decides by it would not know."""
    cluster = Broken()
    async with cached(cluster) as (caches, told):
        away = KubeError(Code.UNAVAILABLE, KubeReason.UNREACHABLE, "it refuses the connection.")
        cluster.faults = Faults(refuse=lambda verb, _: away if verb == "watch" else None)
        cluster.breaking = 1
        await cluster.apply(config("a"))
        async with asyncio.timeout(PATIENCE):
            while caches.synced(CONFIG_MAP):
                await asyncio.sleep(0)
        assert not caches.healthy()
        assert not caches.shows(ref_of(config("a")))
        cluster.faults = Faults()
        assert not await told_of(told, "default/a")
        assert caches.synced(CONFIG_MAP)


async def test_one_kind_that_is_forbidden_does_not_stop_the_others() -> None:
    cluster = MemoryCluster()
    secret = Kind("v1", "Secret")

    def refuse(verb: str, ref: Ref) -> KubeError | None:
        if verb == "watch" and ref.kind == "Secret":
            return KubeError(Code.FORBIDDEN, KubeReason.FORBIDDEN, "not allowed")
        return None

    cluster.faults = Faults(refuse=refuse)
    caches = Caches(cluster, (CONFIG_MAP, secret))
    task = asyncio.ensure_future(caches.run())
    async with asyncio.timeout(PATIENCE):
        while not (caches.synced(CONFIG_MAP) and caches.problem(secret)):
            await asyncio.sleep(0)
    assert not caches.synced(secret)
    assert not caches.healthy()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_a_foreign_object_is_not_in_the_cache() -> None:
    cluster = MemoryCluster()
    foreign = config("by-hand")
    foreign["metadata"]["labels"].pop(MANAGED_BY)
    cluster.person(foreign)
    async with cached(cluster) as (caches, _):
        assert caches.get(ref_of(foreign)) is None
