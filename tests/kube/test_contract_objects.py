"""The contract of `Cluster` about objects: the same answers from the in-memory cluster and from a real API server."""

from __future__ import annotations

import asyncio
import copy

import pytest

from mcd.kube.cluster import Cluster, Kind, KubeError, KubeReason
from mcd.kube.fields import applied_tree
from mcd.kube.kinds import KINDS
from mcd.objects import Ref, ref_of
from tests.kube.given import config, deployment, obj, service


async def test_an_absent_object_is_none(cluster: Cluster, namespace: str) -> None:
    assert await cluster.get(ref_of(config(namespace=namespace))) is None


async def test_a_created_object_is_read_back_as_the_server_has_it(cluster: Cluster, namespace: str) -> None:
    made = await cluster.apply(config(namespace=namespace))
    assert made["metadata"]["uid"]
    assert made == await cluster.get(ref_of(made))
    assert applied_tree(made, "mcd") is not None, "recorded as Apply, so that a later apply can take fields away"


async def test_create_never_touches_an_object_that_exists(cluster: Cluster, namespace: str) -> None:
    first = await cluster.apply(config(namespace=namespace, a="1"))
    for force in (False, True):
        with pytest.raises(KubeError) as refused:
            await cluster.apply(config(namespace=namespace, a="2"), force=force)
        assert refused.value.kube_reason is KubeReason.STALE
    assert await cluster.get(ref_of(first)) == first


async def test_an_apply_on_an_old_view_is_refused(cluster: Cluster, namespace: str) -> None:
    first = await cluster.apply(config(namespace=namespace, a="1"))
    await cluster.apply(config(namespace=namespace, a="2"), live=first)
    with pytest.raises(KubeError) as refused:
        await cluster.apply(config(namespace=namespace, a="3"), live=first)
    assert refused.value.kube_reason is KubeReason.STALE


async def test_an_apply_onto_an_object_made_again_is_refused(cluster: Cluster, namespace: str) -> None:
    first = await cluster.apply(config(namespace=namespace))
    assert await cluster.delete(ref_of(first), first["metadata"]["uid"])
    second = await cluster.apply(config(namespace=namespace))
    mixed = copy.deepcopy(second)
    mixed["metadata"]["uid"] = first["metadata"]["uid"]
    with pytest.raises(KubeError) as refused:
        await cluster.apply(config(namespace=namespace, a="2"), live=mixed)
    assert refused.value.kube_reason is KubeReason.STALE


async def test_an_apply_onto_an_object_that_is_gone_does_not_make_it_again(cluster: Cluster, namespace: str) -> None:
    first = await cluster.apply(config(namespace=namespace))
    await cluster.delete(ref_of(first), first["metadata"]["uid"])
    with pytest.raises(KubeError) as refused:
        await cluster.apply(config(namespace=namespace, a="2"), live=first)
    assert refused.value.kube_reason is KubeReason.STALE
    assert await cluster.get(ref_of(first)) is None


async def test_an_equal_apply_changes_nothing(cluster: Cluster, namespace: str) -> None:
    first = await cluster.apply(service(namespace=namespace))
    again = await cluster.apply(service(namespace=namespace), live=first)
    assert again["metadata"]["resourceVersion"] == first["metadata"]["resourceVersion"]


async def test_a_field_that_leaves_the_applied_set_leaves_the_object(cluster: Cluster, namespace: str) -> None:
    first = await cluster.apply(deployment(namespace=namespace, A="1", B="2"))
    second = await cluster.apply(deployment(namespace=namespace, B="2"), live=first)
    env = second["spec"]["template"]["spec"]["containers"][0]["env"]
    assert env == [{"name": "B", "value": "2"}]


async def test_a_dry_run_answers_the_object_and_writes_nothing(cluster: Cluster, namespace: str) -> None:
    made = await cluster.apply(config(namespace=namespace), dry_run=True)
    assert made["data"] == {"a": "1"}
    assert await cluster.get(ref_of(made)) is None


async def test_a_spec_change_counts_a_generation_and_a_label_does_not(cluster: Cluster, namespace: str) -> None:
    first = await cluster.apply(deployment(namespace=namespace))
    assert first["metadata"]["generation"] == 1
    labelled = deployment(namespace=namespace)
    labelled["metadata"]["labels"]["x"] = "y"
    second = await cluster.apply(labelled, live=first)
    assert second["metadata"]["generation"] == 1
    third = await cluster.apply(deployment(namespace=namespace, image="shop:2"), live=second)
    assert third["metadata"]["generation"] == 2


async def test_delete_needs_the_uid_that_was_decided_on(cluster: Cluster, namespace: str) -> None:
    made = await cluster.apply(config(namespace=namespace))
    with pytest.raises(KubeError) as refused:
        await cluster.delete(ref_of(made), "11111111-1111-1111-1111-111111111111")
    assert refused.value.kube_reason is KubeReason.STALE
    assert await cluster.get(ref_of(made)) is not None
    with pytest.raises(KubeError) as refused:
        await cluster.delete(ref_of(made), made["metadata"]["uid"], resource_version="3")
    assert refused.value.kube_reason is KubeReason.STALE
    assert await cluster.delete(ref_of(made), made["metadata"]["uid"])
    assert await cluster.get(ref_of(made)) is None
    assert not await cluster.delete(ref_of(made), made["metadata"]["uid"])


async def test_an_object_with_a_finalizer_stays_and_says_that_it_is_being_deleted(
    cluster: Cluster, namespace: str
) -> None:
    held = config(namespace=namespace)
    held["metadata"]["finalizers"] = ["example.com/hold"]
    made = await cluster.apply(held)
    assert await cluster.delete(ref_of(made), made["metadata"]["uid"])
    left = await cluster.get(ref_of(made))
    assert left is not None
    assert left["metadata"]["deletionTimestamp"]
    answer = await cluster.apply(config(namespace=namespace), live=left)
    assert answer["metadata"]["deletionTimestamp"], "the server answers 200; without its finalizer the object vanishes"
    assert await cluster.get(ref_of(made)) is None


async def test_a_namespace_that_is_not_there_is_told_apart(cluster: Cluster) -> None:
    with pytest.raises(KubeError) as refused:
        await cluster.apply(config(namespace="nowhere"))
    assert refused.value.kube_reason is KubeReason.NAMESPACE_MISSING


async def test_a_selector_never_changes_on_a_living_deployment(cluster: Cluster, namespace: str) -> None:
    made = await cluster.apply(deployment(namespace=namespace))
    other = deployment(namespace=namespace)
    other["spec"]["selector"] = {"matchLabels": {"app.kubernetes.io/name": "shop"}}
    with pytest.raises(KubeError) as refused:
        await cluster.apply(other, live=made)
    assert refused.value.kube_reason is KubeReason.IMMUTABLE
    assert "spec.selector" in refused.value.message


async def test_a_list_is_complete_and_selects_by_label(cluster: Cluster, namespace: str) -> None:
    other = config("other", namespace)
    other["metadata"]["labels"] = {"app.kubernetes.io/instance": "blog"}
    await asyncio.gather(*(cluster.apply(config(f"c{n}", namespace)) for n in range(7)), cluster.apply(other))
    kind = Kind("v1", "ConfigMap")
    listing = await cluster.list(kind, namespace, {"app.kubernetes.io/instance": "shop"})
    names = [o["metadata"]["name"] for o in listing.objects]
    assert sorted(n for n in names if n.startswith("c")) == [f"c{n}" for n in range(7)]
    assert "other" not in names
    assert all((o["apiVersion"], o["kind"]) == ("v1", "ConfigMap") for o in listing.objects)
    assert listing.resource_version
    everywhere = await cluster.list(kind)
    assert {(o["metadata"]["namespace"], o["metadata"]["name"]) for o in everywhere.objects} >= {(namespace, "other")}


async def test_a_kind_that_is_not_served_is_never_an_absent_object(cluster: Cluster, namespace: str) -> None:
    if hasattr(cluster, "kinds"):
        cluster.kinds = frozenset(str(k) for k in KINDS if "keda" not in k.api_version)
    ref = Ref("keda.sh/v1alpha1", "ScaledObject", namespace, "x")
    kind = Kind("keda.sh/v1alpha1", "ScaledObject")
    wanted = obj("keda.sh/v1alpha1", "ScaledObject", "x", namespace, spec={})
    for ask in (cluster.get(ref), cluster.list(kind), cluster.apply(wanted), cluster.delete(ref, "x")):
        with pytest.raises(KubeError) as refused:
            await ask
        assert refused.value.kube_reason is KubeReason.NOT_SERVED


async def test_what_is_served_is_said_by_version_and_kind(cluster: Cluster) -> None:
    serves = await cluster.serves()
    assert serves.kubernetes.startswith("v1.")
    assert serves.has("apps/v1", "Deployment")
    assert serves.has("v1", "ConfigMap")
    assert not serves.has("apps/v1beta1", "Deployment")
