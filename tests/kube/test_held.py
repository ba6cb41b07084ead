"""What a watch cache keeps: whole when it is asked for, and at most 1 KiB for an object as the API server tells it."""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterable
from typing import Any
from uuid import UUID

import orjson

from mcd.kube.cluster import Kind, WatchEvent, WatchEventType
from mcd.kube.held import held
from mcd.kube.memory import MemoryCluster
from mcd.kube.watch import Caches
from mcd.objects import INSTANCE, Object, Ref
from mcd.packed import Alike


def deployment(number: int) -> Object:
    """With fields of two managers, as a live one has."""
    fields: dict[str, Any] = {f"f:field-{each}": {".": {}, f"k:{each}": {}} for each in range(60)}
    managers = [{"manager": name, "operation": "Apply", "fieldsV1": {"f:spec": fields}} for name in ("mcd", "kube")]
    containers = [{"name": f"c{each}", "image": f"registry.test/shop:{number}", "args": ["--x"] * 9} for each in (1, 2)]
    meta: dict[str, Any] = {"name": f"shop-{number}", "namespace": "shop", "labels": {INSTANCE: f"shop-{number}"}}
    meta |= {
        "uid": str(UUID(int=number * 2**64 + number**9)),
        "resourceVersion": str(number),
        "managedFields": managers,
    }
    spec = {"replicas": 1, "template": {"spec": {"containers": containers}}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}


def test_what_is_packed_comes_back_whole_and_cannot_be_altered_through_it() -> None:
    alike = Alike()
    for number in (7, 8):
        obj = deployment(number)
        kept = held(obj, alike)
        assert (kept.version, kept.app) == (str(number), ("shop", f"shop-{number}"))
        assert kept.object == obj
        kept.object["spec"]["replicas"] = 9
        assert kept.object == obj
        assert held(obj, None).object is obj


def test_the_digest_of_an_object_is_the_same_however_it_is_packed_and_another_when_anything_is() -> None:
    first, beside = Alike(), Alike()
    held(deployment(1), first)
    held(deployment(2), beside)
    found = {held(deployment(7), alike).digest for alike in (first, beside, None)}
    assert len(found) == 1
    other = deployment(7)
    other["spec"]["template"]["spec"]["containers"][1]["args"][8] = "--y"
    assert held(other, first).digest not in found


def test_an_object_of_no_app_is_known_by_its_namespace_alone() -> None:
    line = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    assert held(line, Alike()).app == ("shop", ""), "a Namespace is of what is in it"
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "quota", "namespace": "shop"}}
    assert held(quota, Alike()).app == ("shop", "")


def taken(kind: Kind, texts: Iterable[bytes]) -> tuple[Caches, float]:
    """A cache that was told of these objects, and the bytes that one of them takes there."""
    caches = Caches(MemoryCluster(), [kind])
    caches._looked(whatever=True)
    store, count = caches._stores[kind], 0
    tracemalloc.start()
    try:
        for count, text in enumerate(texts, 1):  # noqa: B007
            caches._take(kind, store, WatchEvent(WatchEventType.ADDED, orjson.loads(text)))
        return caches, tracemalloc.get_traced_memory()[0] / count
    finally:
        tracemalloc.stop()


def test_an_object_in_a_cache_takes_no_more_than_one_kibibyte() -> None:
    texts = [orjson.dumps(deployment(number)) for number in range(200)]
    assert sum(map(len, texts)) / len(texts) > 3_000
    kind = Kind("apps/v1", "Deployment")
    caches, each = taken(kind, texts)
    assert each <= 1024
    assert caches.get(Ref("apps/v1", "Deployment", "shop", "shop-111")) == orjson.loads(texts[111])
    assert [obj["metadata"]["name"] for obj in caches.of_instance(kind, "shop", "shop-8")] == ["shop-8"]


def test_many_objects_of_one_app_are_found_and_forgotten_one_by_one() -> None:
    kind = Kind("v1", "ConfigMap")
    objects = [deployment(number) | {"apiVersion": "v1", "kind": "ConfigMap"} for number in range(3)]
    for obj in objects:
        obj["metadata"]["labels"] = {INSTANCE: "shop"}
    caches, _ = taken(kind, map(orjson.dumps, objects))
    for left in (3, 2, 1, 0):
        assert len(caches.of_instance(kind, "shop", "shop")) == left
        if left:
            caches._take(kind, caches._stores[kind], WatchEvent(WatchEventType.DELETED, objects[left - 1]))
    assert not caches._stores[kind].by_app
