"""What is live of an App beside what is asked for by name: the same from lists and from caches, and without a request
from caches."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from mcd.errors import Code
from mcd.kube.client import KubeClient
from mcd.kube.cluster import Cluster, Kind, KubeError, KubeReason
from mcd.kube.inventory import stamped
from mcd.kube.kubeconfig import parse_kubeconfig
from mcd.kube.live import LiveObjects
from mcd.kube.memory import Faults, MemoryCluster
from mcd.kube.newer import newer
from mcd.kube.watch import Caches
from mcd.model import Known
from mcd.objects import COMMIT, ROLLOUT, Object, Ref, ref_of
from tests.kube.apiserver import ApiServer
from tests.kube.given import OWNER, deployment, in_sync, service

ASKED = datetime(2026, 5, 3, 10, tzinfo=UTC)
KINDS = (Kind("v1", "Service"), Kind("apps/v1", "Deployment"))
OLD, NEW = "a" * 40, "b" * 40


def written(obj: Object, rollout: int, commit: str = "") -> Object:
    """As that Rollout writes it; each is asked for a minute after the one before."""
    marks = {ROLLOUT: f"{rollout}@{(ASKED + timedelta(minutes=rollout)).isoformat()}"}
    if commit:
        marks[COMMIT] = commit
    return stamped({**obj, "metadata": {**obj["metadata"], "annotations": marks}}, OWNER)


async def given(cluster: Cluster, namespace: str) -> Known:
    """Rollout 1 is known; 2 renamed the component, and 3 came after that. Another App's objects are beside them."""
    await cluster.apply(written(service("shop-site", namespace), 2))
    await cluster.apply(written(deployment("shop-site", namespace), 3, NEW))
    await cluster.apply(written(deployment("shop-old", namespace), 1, OLD))
    other = written(deployment("other-web", namespace), 9, NEW)
    other["metadata"]["labels"] = {**other["metadata"]["labels"], "app.kubernetes.io/instance": "other"}
    await cluster.apply(other)
    at = ASKED + timedelta(minutes=1)
    return Known(at, frozenset({(1, at)}))


async def test_what_nobody_named_is_found_by_its_labels(cluster: Cluster, namespace: str) -> None:
    known = await given(cluster, namespace)
    found = await LiveObjects(cluster).of_kinds(KINDS, namespace, "shop")
    assert {str(ref) for ref in found} == {"Service/shop-site", "Deployment/shop-site", "Deployment/shop-old"}
    assert all(ref == ref_of(obj) for ref, obj in found.items())
    later = newer(found.values(), known, OWNER)
    assert later is not None
    assert (later.number, str(later.ref), later.others) == (3, "Deployment/shop-site", 1)
    assert later.commits == (NEW,)
    assert newer(found.values(), known, "another-mcd") is None


async def test_with_caches_it_asks_for_nothing_and_finds_the_same(cluster: Cluster, namespace: str) -> None:
    await given(cluster, namespace)
    caches = Caches(cluster, KINDS)
    watching = asyncio.create_task(caches.run())
    try:
        await in_sync(caches)
        asked: list[str] = []
        cached = await LiveObjects(deaf(asked), caches).of_kinds(KINDS, namespace, "shop")
        assert cached == await LiveObjects(cluster).of_kinds(KINDS, namespace, "shop")
        assert asked == []
    finally:
        watching.cancel()
        await asyncio.gather(watching, return_exceptions=True)


def deaf(asked: list[str], reason: KubeReason = KubeReason.UNREACHABLE) -> MemoryCluster:
    """A cluster that answers nothing and notes what it was asked."""

    def refuse(verb: str, ref: Ref) -> KubeError:
        asked.append(f"{verb} {ref.kind}")
        return KubeError(Code.UNAVAILABLE, reason, "no")

    return MemoryCluster(faults=Faults(refuse=refuse))


async def test_a_kind_that_could_not_be_looked_at_is_not_taken_for_empty() -> None:
    with pytest.raises(KubeError):
        await LiveObjects(deaf([])).of_kinds(KINDS, "default", "shop")


@pytest.mark.parametrize("reason", [KubeReason.FORBIDDEN, KubeReason.NOT_SERVED])
async def test_a_kind_that_we_may_not_list_is_asked_for_once_and_then_left_out(reason: KubeReason) -> None:
    """We never wrote one: whoever may not list may not watch either, and then no pass asks again."""
    asked: list[str] = []
    refusing = deaf(asked, reason)
    assert await LiveObjects(refusing).of_kinds(KINDS, "default", "shop") == {}
    caches = Caches(refusing, KINDS)
    watching = asyncio.create_task(caches.run())
    async with asyncio.timeout(20):
        while not all(caches.problem(kind) for kind in KINDS):
            await asyncio.sleep(0)
    del asked[:]
    assert await LiveObjects(refusing, caches).of_kinds(KINDS, "default", "shop") == {}
    assert [what for what in asked if what.startswith("list")] == []
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


@pytest.mark.cluster
async def test_the_real_api_server_says_no_in_these_words(api_server: ApiServer) -> None:
    weak = KubeClient(parse_kubeconfig(api_server.kubeconfig("weak")))
    try:
        assert await LiveObjects(weak).of_kinds(KINDS, "default", "shop") == {}
    finally:
        await weak.close()
