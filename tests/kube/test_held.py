"""What a watch cache keeps: whole when it is asked for, and at most 2 KiB for an object as the API server tells it."""

from __future__ import annotations

import tracemalloc
from typing import Any

import orjson

from mcd.kube.held import held
from mcd.objects import INSTANCE, Object


def deployment(number: int) -> Object:
    """With fields of two managers, as a live one has."""
    fields: dict[str, Any] = {f"f:field-{each}": {".": {}, f"k:{number}-{each}": {}} for each in range(60)}
    managers = [{"manager": name, "operation": "Apply", "fieldsV1": {"f:spec": fields}} for name in ("mcd", "kube")]
    containers = [{"name": f"c{each}", "image": f"registry.test/shop:{number}", "args": ["--x"] * 9} for each in (1, 2)]
    meta: dict[str, Any] = {"name": f"shop-{number}", "namespace": "shop", "labels": {INSTANCE: f"shop-{number}"}}
    meta |= {"uid": f"uid-{number}", "resourceVersion": str(number), "managedFields": managers}
    spec = {"replicas": 1, "template": {"spec": {"containers": containers}}}
    return {"apiVersion": "apps/v1", "kind": "Deployment", "metadata": meta, "spec": spec}


def test_what_is_packed_comes_back_whole_and_cannot_be_altered_through_it() -> None:
    obj = deployment(7)
    kept = held(obj, packed=True)
    assert (kept.version, kept.app) == ("7", ("shop", "shop-7"))
    assert kept.object == obj
    kept.object["spec"]["replicas"] = 9
    assert kept.object == obj
    assert held(obj, packed=False).object is obj


def test_an_object_of_no_app_is_known_by_its_namespace_alone() -> None:
    line = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "shop"}}
    assert held(line, packed=True).app == ("", "")
    quota = {"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "quota", "namespace": "shop"}}
    assert held(quota, packed=True).app == ("shop", "")


def each(texts: list[bytes], *, packed: bool) -> float:
    """Bytes that one of them takes."""
    tracemalloc.start()
    try:
        kept = [held(orjson.loads(text), packed=packed) for text in texts]
        return tracemalloc.get_traced_memory()[0] / len(kept)
    finally:
        tracemalloc.stop()


def test_a_packed_object_takes_no_more_than_two_kibibytes() -> None:
    texts = [orjson.dumps(deployment(number)) for number in range(200)]
    assert sum(map(len, texts)) / len(texts) > 3_000
    assert each(texts, packed=True) <= 2048 < 4 * 2048 < each(texts, packed=False)
