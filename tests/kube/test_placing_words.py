"""What a pod waits for that no node takes: told node by node, and who holds what it asks for."""

from __future__ import annotations

from typing import Any

import pytest

from mcd.kube.asked import requests
from mcd.kube.devices import Siblings
from mcd.kube.placing import explain_placing
from mcd.model import Reason
from mcd.model.why import Language, Why, sentence
from mcd.objects import Object
from tests.kube.judged import GPU, event, judged, pod


def node(name: str, taint: str = "", labels: dict[str, str] | None = None, ready: str = "True", **has: str) -> Object:
    spec = {"taints": [{"key": taint, "effect": "NoSchedule"}]} if taint else {}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels or {}},
        "spec": spec,
        "status": {
            "allocatable": {
                "cpu": "4",
                "memory": "16Gi",
                "pods": "110",
                **{k.replace("_", "/"): v for k, v in has.items()},
            },
            "conditions": [{"type": "Ready", "status": ready}],
        },
    }


def asking(**requested: str) -> Object:
    unplaced = pod()
    unplaced["status"] = {
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}],
    }
    unplaced["spec"]["containers"][0]["resources"] = {
        "requests": {k.replace("_", "/"): v for k, v in requested.items()}
    }
    return unplaced


def test_five_devices_where_a_node_has_four_are_explained_node_by_node() -> None:
    nodes = [node("real-1"), node("t4-1"), node("t4-2"), node("a100", taint="mcd.internal/dedicated")]
    for n in nodes[1:3]:
        n["status"]["allocatable"][GPU] = "4"
    nodes[3]["status"]["allocatable"][GPU] = "8"
    wants = asking(cpu="1")
    wants["spec"]["containers"][0]["resources"]["requests"][GPU] = "5"
    found = judged(wants, nodes=nodes)
    assert found.reason is Reason.UNSCHEDULABLE
    assert "it asks for 5 nvidia.com/gpu; the largest node that may take it has 4." in found.message
    assert found.evidence == (
        "node real-1: has no nvidia.com/gpu",
        "node t4-1: nvidia.com/gpu: asks 5, the node has 4",
        "node t4-2: nvidia.com/gpu: asks 5, the node has 4",
        "node a100: taint mcd.internal/dedicated:NoSchedule is not tolerated",
    )


def test_what_other_pods_use_is_not_free() -> None:
    placed = asking(cpu="3", memory="15Gi")
    placed["spec"]["nodeName"] = "real-1"
    placed["status"] = {"phase": "Running"}
    found = explain_placing(asking(cpu="500m", memory="2Gi"), [node("real-1")], [placed])
    assert found.sentence == "it asks for 2Gi memory; the only node that may take it has 1Gi free."
    assert str(found.nodes[0]) == "node real-1: memory: asks 2Gi, 1Gi of 16Gi free"
    placed["status"] = {"phase": "Succeeded"}
    assert not explain_placing(asking(cpu="500m", memory="2Gi"), [node("real-1")], [placed]).nodes
    placed["status"] = {"phase": "Running"}
    placed["spec"]["containers"][0]["resources"]["requests"] = {"memory": "16Gi"}
    found = explain_placing(asking(memory="2Gi"), [node("n1"), node("real-1")], [placed, on("n1", placed)])
    assert found.sentence == "it asks for 2Gi memory; none of the 2 nodes that may take it has any free."


def on(name: str, placed: Object) -> Object:
    return {**placed, "spec": {**placed["spec"], "nodeName": name}}


def holding(count: int, where: str, app: str = "engine", namespace: str = "demo") -> Object:
    """A pod of an App that holds devices on a node."""
    held = asking()
    held["spec"]["containers"][0]["resources"]["requests"] = {GPU: str(count)}
    held["spec"]["nodeName"] = where
    held["status"] = {"phase": "Running"}
    labels = {"app.kubernetes.io/instance": app, "app.kubernetes.io/part-of": namespace}
    held["metadata"] |= {"labels": {**labels, "app.kubernetes.io/managed-by": "mcd"}, "namespace": namespace}
    return held


def t4_nodes() -> list[Object]:
    nodes = [node(name, labels={"nvidia.com/gpu.product": "Tesla-T4"}) for name in ("t4-1", "t4-2")]
    for each in nodes:
        each["status"]["allocatable"][GPU] = "4"
    return [node("real-1"), *nodes]


def wanting(count: int) -> Object:
    wants = asking()
    wants["spec"]["containers"][0]["resources"]["requests"] = {GPU: str(count)}
    wants["spec"]["affinity"] = {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [
                    {"matchExpressions": [{"key": "nvidia.com/gpu.product", "operator": "In", "values": ["Tesla-T4"]}]}
                ]
            }
        }
    }
    return wants


def test_who_holds_the_devices_is_told() -> None:
    taken = [holding(4, "t4-1"), holding(4, "t4-2")]
    found = explain_placing(wanting(1), t4_nodes(), [wanting(1), *taken])
    assert found.sentence == "it asks for 1 nvidia.com/gpu; there are 8 T4 in 2 nodes, all taken: 8 by engine (demo)."
    taken[1]["metadata"]["deletionTimestamp"] = "2026-11-22T12:00:30Z"
    found = explain_placing(wanting(1), t4_nodes(), taken)
    assert found.sentence.endswith("all taken: 8 by engine (demo) (4 of them about to be free).")


def of_engine(count: int, name: str) -> Object:
    wants = wanting(count)
    labels = {"app.kubernetes.io/instance": "engine", "app.kubernetes.io/component": "serve",
              "app.kubernetes.io/managed-by": "mcd"}  # fmt: skip
    wants["metadata"] |= {"name": name, "labels": labels}
    return wants


def test_more_pods_than_there_are_devices_for_are_said_to_fit_never() -> None:
    large = node("a100-1", labels={"nvidia.com/gpu.product": "Tesla-T4"})
    large["status"]["allocatable"][GPU] = "8"
    there = [node("real-1"), large]
    old = on("a100-1", of_engine(2, "old"))
    found = explain_placing(of_engine(8, "new-1"), there, [old], Siblings(2, frozenset({"new-1", "new-2"})))
    assert found.why is Why.NEVER_FITS
    assert found.sentence == (
        "it asks for 2 pods of 8 nvidia.com/gpu each; on the nodes that may take them, which have 8 T4 in all, there "
        "is never room for more than 1."
    )
    assert "最多只能放下 1 个" in sentence(found.what, Language.ZH)
    # One such pod fits when the old one is gone: only that one has to go.
    found = explain_placing(of_engine(8, "new-1"), there, [old], Siblings(1, frozenset({"new-1"})))
    assert found.why is Why.HELD_BY_ITSELF
    assert found.sentence.endswith("at most 6 free on one of them; taken: 2 by its own old pod.")
    # Another App's is somebody else's, and a pod of the new version is none of the old ones.
    assert explain_placing(of_engine(8, "n"), there, [holding(2, "a100-1")], Siblings(1)).why is Why.DEVICES_BUSY
    mine = explain_placing(of_engine(8, "n"), there, [old], Siblings(1, frozenset({"n", "old"})))
    assert mine.why is Why.DEVICES_BUSY


def test_who_holds_devices_is_not_named_to_another_product_line() -> None:
    bare = holding(1, "t4-2")
    del bare["metadata"]["labels"]
    taken = [holding(3, "t4-1"), holding(2, "t4-2", "secret-plan", "others"), bare, holding(1, "real-1", "elsewhere")]
    found = explain_placing(wanting(3), t4_nodes(), taken)
    assert found.sentence == (
        "it asks for 3 nvidia.com/gpu; there are 8 T4 in 2 nodes, at most 1 free on one of them; "
        "taken: 3 by engine (demo), 2 by other product lines, 1 by pods that are not of MCD."
    )


def test_a_pod_for_which_there_is_room_by_now_is_not_told_to_change() -> None:
    """The scheduler's last word may be older than what was freed since; and it looks at more than devices."""
    found = judged(wanting(1), nodes=t4_nodes(), placed=[wanting(1), holding(4, "t4-1")])
    assert found.message == (
        "no node takes the pod: what it asks for is free now on node t4-2; the scheduler tries again by itself. "
        'The scheduler said: "0/3 nodes"'
    )
    blind = explain_placing(wanting(1), t4_nodes(), [])
    assert blind.sentence == 'what is free on the nodes cannot be seen. The scheduler said: "0/3 nodes"'
    assert not blind.may_fit


def test_nodes_that_lack_something_else_each_are_told_as_such() -> None:
    full = [asking(memory="15Gi"), asking(cpu="4")]
    for where, pod_there in zip(("n1", "n2"), full, strict=True):
        pod_there["spec"]["nodeName"] = where
        pod_there["status"] = {"phase": "Running"}
    found = explain_placing(asking(cpu="2", memory="2Gi"), [node("n1"), node("n2")], full)
    assert found.sentence == (
        "none of the 2 nodes that may take it has all that it asks for free at once: 2 cpu, 2Gi memory."
    )


def test_a_label_that_no_node_has_and_a_node_that_is_not_ready_are_told() -> None:
    wants = asking(cpu="1")
    expression = {"key": "mcd.internal/node-pool", "operator": "In", "values": ["t4"]}
    term = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    wants["spec"]["affinity"] = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": term}}
    found = explain_placing(
        wants, [node("n1"), node("n2", labels={"mcd.internal/node-pool": "t4"}, ready="Unknown")], []
    )
    assert found.sentence == "none of the 2 nodes may take the pod: 1 of them fits what it asks for, but is not ready."
    assert [str(n) for n in found.nodes] == [
        "node n2: is not ready",
        "node n1: label mcd.internal/node-pool is not t4",
    ]


def test_a_pod_asks_for_its_sidecars_and_for_its_largest_init_container() -> None:
    def asks(cpu: str) -> dict[str, Any]:
        return {"requests": {"cpu": cpu}}

    spec = {
        "initContainers": [
            {"name": "side", "restartPolicy": "Always", "resources": asks("200m")},
            {"name": "init", "resources": asks("2")},
        ],
        "containers": [{"name": "a", "resources": asks("1")}, {"name": "b", "resources": {"limits": {"cpu": "500m"}}}],
    }
    assert str(requests({"spec": spec})["cpu"]) == "2.200"
    spec["initContainers"].pop()
    assert float(requests({"spec": spec})["cpu"]) == pytest.approx(1.7)


def test_a_volume_that_is_not_bound_is_not_a_matter_of_nodes() -> None:
    wants = asking(cpu="1")
    wants["status"]["conditions"][0]["message"] = (
        "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."
    )
    assert judged(wants, nodes=[node("n1")]).reason is Reason.VOLUME_PENDING


@pytest.mark.parametrize("scheduled", [True, False])
def test_a_claim_that_got_no_volume_says_why_itself(scheduled: bool) -> None:
    """While a volume is being made the scheduler has not said anything of the pod yet."""
    wants = asking(cpu="1")
    wants["spec"]["volumes"] = [{"name": "permdir", "persistentVolumeClaim": {"claimName": "shop-permdir"}}]
    if not scheduled:
        wants["status"] = {"phase": "Pending"}
    refused = event("ProvisioningFailed", 'storage class "standard" has no ReadWriteMany volumes.', "shop-permdir")
    refused["involvedObject"] = {"kind": "PersistentVolumeClaim", "name": "shop-permdir"}
    other = event("ProvisioningFailed", "the disk is full", "other")
    other["involvedObject"] = {"kind": "PersistentVolumeClaim", "name": "other"}
    told = judged(wants, events=(other, refused))
    assert told.reason is Reason.VOLUME_PENDING
    words = 'the volume shop-permdir is not made: storage class "standard" has no ReadWriteMany volumes.'
    assert told.message.startswith(words)
