"""One kind of scaler takes the place of another: never two at once, and the pods keep their number meanwhile."""

from __future__ import annotations

from typing import Any

from mcd.errors import Code
from mcd.kube.cluster import KubeError, KubeReason
from mcd.kube.memory import MemoryCluster
from mcd.model import Action, Reason
from mcd.objects import Object, ref_of
from tests.kube.given import WEB, Held, deployment, obj, settle

TARGET = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "shop-web"}


def hpa() -> Object:
    spec = {"scaleTargetRef": TARGET, "minReplicas": 1, "maxReplicas": 3}
    return obj("autoscaling/v2", "HorizontalPodAutoscaler", "shop-web", spec=spec)


def scaled() -> Object:
    return obj("keda.sh/v1alpha1", "ScaledObject", "shop-web", spec={"scaleTargetRef": TARGET, "triggers": []})


def scaled_web() -> Object:
    web = deployment()
    del web["spec"]["replicas"]
    return web


class Admission(MemoryCluster):
    """KEDA's: no ScaledObject for a workload that has an autoscaler."""

    async def apply(self, obj: Object, **terms: Any) -> Object:
        if obj["kind"] == "ScaledObject" and ref_of(hpa()) in self.objects():
            raise KubeError(Code.INVALID, KubeReason.ADMISSION, "the workload is already managed by the hpa shop-web")
        return await super().apply(obj, **terms)


async def test_an_autoscaler_goes_before_the_scaled_object_comes() -> None:
    cluster, fence = Admission(), Held()
    await settle(cluster, [scaled_web(), hpa()], fence)
    applied = await settle(cluster, [scaled_web(), scaled()], fence, wished_deletes=[ref_of(hpa())])
    assert applied.failed == ()
    assert {str(c.ref): c.action for c in applied.changes} == {
        "Deployment/shop-web": Action.UNCHANGED,
        "HorizontalPodAutoscaler/shop-web": Action.DELETED,
        "ScaledObject/shop-web": Action.CREATED,
    }
    assert set(cluster.objects("HorizontalPodAutoscaler", "ScaledObject")) == {ref_of(scaled())}
    assert {entry.ref for entry in applied.inventory} == {WEB, ref_of(scaled())}


async def test_an_autoscaler_that_keda_made_is_waited_for_and_its_scaled_object_goes() -> None:
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, [scaled_web(), scaled()], fence)
    made = await cluster.get(ref_of(scaled()))
    assert made is not None
    theirs = hpa()
    del theirs["metadata"]["labels"]
    theirs["metadata"]["ownerReferences"] = [
        {"apiVersion": "keda.sh/v1alpha1", "kind": "ScaledObject", "name": "shop-web", "uid": made["metadata"]["uid"]}
    ]
    cluster.person(theirs, "keda")
    applied = await settle(cluster, [scaled_web(), hpa()], fence, wished_deletes=[ref_of(scaled())])
    told = {c.ref: c for c in applied.changes}
    assert told[ref_of(scaled())].action is Action.DELETED
    waiting = told[ref_of(hpa())]
    assert (waiting.action, waiting.reason) == (Action.HELD, Reason.DELETING)
    assert waiting.detail == "it goes with ScaledObject/shop-web, which made it."


async def test_somebody_else_s_autoscaler_is_not_waited_for() -> None:
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, [scaled_web(), scaled()], fence)
    cluster.person(hpa())
    applied = await settle(cluster, [scaled_web(), hpa()], fence, wished_deletes=[ref_of(scaled())])
    told = {c.ref: c for c in applied.changes}
    assert told[ref_of(hpa())].reason is Reason.NOT_OURS
    assert told[ref_of(scaled())].action is Action.HELD
