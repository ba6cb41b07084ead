"""The number of pods when a scaler takes it over: it stays what it was, and then it is the scaler's."""

from __future__ import annotations

import ssl
from typing import Any

import httpx
import pytest

from mcd.kube.client import KubeClient
from mcd.kube.cluster import Cluster
from mcd.kube.memory import MemoryCluster
from mcd.objects import Object, Ref
from tests.kube import apiserver
from tests.kube.given import WEB, Held, actions, deployment, settle


def with_replicas(count: int | None, namespace: str = "default") -> Object:
    wanted = deployment(namespace=namespace)
    del wanted["spec"]["replicas"]
    if count is not None:
        wanted["spec"]["replicas"] = count
    return wanted


def scale(cluster: MemoryCluster, count: int) -> None:
    def change(obj: dict[str, Any]) -> None:
        obj["spec"]["replicas"] = count

    cluster.edit(WEB, change, manager="kube-controller-manager")


def pods(cluster: MemoryCluster) -> int:
    return int(cluster.objects()[WEB]["spec"]["replicas"])


async def test_three_pods_stay_three_when_their_number_is_given_to_a_scaler(cluster: Cluster, namespace: str) -> None:
    fence = Held()
    ref = Ref("apps/v1", "Deployment", namespace, "shop-web")
    await settle(cluster, [with_replicas(3, namespace)], fence, namespace)
    await settle(cluster, [with_replicas(None, namespace)], fence, namespace)
    live = await cluster.get(ref)
    assert live is not None
    assert live["spec"]["replicas"] == 3
    assert set(actions(await settle(cluster, [with_replicas(None, namespace)], fence, namespace)).values()) == {
        "unchanged"
    }


async def test_a_stopped_workload_starts_when_its_number_is_given_to_a_scaler() -> None:
    """The horizontal autoscaler does nothing while there are 0 replicas."""
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, [with_replicas(0)], fence)
    await settle(cluster, [with_replicas(None)], fence)
    assert pods(cluster) == 1


async def test_what_a_scaler_says_is_not_taken_back() -> None:
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, [with_replicas(3)], fence)
    await settle(cluster, [with_replicas(None)], fence)
    scale(cluster, 5)
    await settle(cluster, [with_replicas(None)], fence)
    assert pods(cluster) == 5
    scale(cluster, 2)
    before = len(cluster.ours())
    await settle(cluster, [with_replicas(None)], fence)
    assert (pods(cluster), len(cluster.ours())) == (2, before)


async def test_a_number_that_is_written_again_is_ours_again() -> None:
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, [with_replicas(None)], fence)
    scale(cluster, 5)
    await settle(cluster, [with_replicas(2)], fence)
    assert pods(cluster) == 2


async def test_a_new_workload_begins_as_the_cluster_has_it() -> None:
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, [with_replicas(None)], fence)
    assert "replicas" not in cluster.objects()[WEB]["spec"] or pods(cluster) == 1


@pytest.mark.cluster
async def test_a_real_scaler_takes_the_number_over_with_its_first_word(
    api_server: apiserver.ApiServer, real: KubeClient
) -> None:
    """The horizontal autoscaler writes the scale subresource: with that the field is its own, and no longer ours."""
    fence, namespace = Held(), "scaled"
    await real.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}})
    await settle(real, [with_replicas(3, namespace)], fence, namespace)
    await settle(real, [with_replicas(None, namespace)], fence, namespace)
    path = f"{api_server.url}/apis/apps/v1/namespaces/{namespace}/deployments/shop-web/scale"
    sent = {"content-type": "application/merge-patch+json", "authorization": "Bearer admin-token"}
    async with httpx.AsyncClient(verify=ssl.create_default_context(cadata=api_server.ca), headers=sent) as scaler:
        (await scaler.patch(path, json={"spec": {"replicas": 5}})).raise_for_status()
    done = await settle(real, [with_replicas(None, namespace)], fence, namespace)
    live = await real.get(Ref("apps/v1", "Deployment", namespace, "shop-web"))
    assert live is not None
    assert live["spec"]["replicas"] == 5
    assert set(actions(done).values()) <= {"unchanged", "configured"}
    again = await settle(real, [with_replicas(None, namespace)], fence, namespace)
    assert set(actions(again).values()) == {"unchanged"}
