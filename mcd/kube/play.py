"""Plays controllers, scheduler and kubelet on a MemoryCluster: workloads get pods, pods become ready or fail.

One call is one settled step, so that a test decides when the world moves. It is for tests and recorded worlds; it must
not be needed by anything that talks to a real cluster.
"""

from __future__ import annotations

import copy
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import Any

from mcd.kube.memory import MemoryCluster
from mcd.objects import Object, Ref, h8, ref_of


class Fate(StrEnum):
    """What becomes of the pods of a workload."""

    READY = "ready"
    NEVER_READY = "never-ready"
    CRASH = "crash"
    OOM = "oom"
    PULL = "pull"
    PENDING = "pending"


def always_ready(workload: Object) -> Fate:
    return Fate.READY


def play(cluster: MemoryCluster, fate: Callable[[Object], Fate] = always_ready) -> None:
    """Brings every Deployment, StatefulSet, Job and HTTPRoute to where its controllers would bring it."""
    for ref, obj in cluster.objects("Deployment", "StatefulSet", "Job", "HTTPRoute").items():
        if obj["metadata"].get("deletionTimestamp"):
            continue
        if ref.kind in ("Deployment", "StatefulSet"):
            _workload(cluster, obj, fate(obj))
        elif ref.kind == "Job" and not (obj.get("spec") or {}).get("suspend"):
            _job(cluster, obj, fate(obj))
        elif ref.kind == "HTTPRoute":
            accepted = {"type": "Accepted", "status": "True", "reason": "Accepted"}
            _status(cluster, obj, {"parents": [{"conditions": [accepted]}]})


def _status(cluster: MemoryCluster, obj: Object, status: Mapping[str, Any]) -> None:
    if obj.get("status") != status:
        cluster.set_status(ref_of(obj), status)


def _workload(cluster: MemoryCluster, obj: Object, fate: Fate) -> None:
    meta, spec = obj["metadata"], obj["spec"]
    want = int(spec.get("replicas", 1))
    version = h8(repr(spec["template"]))
    uids = {meta["uid"]}
    old = [
        (ref, pod)
        for ref, pod in cluster.objects("Pod").items()
        if any(o.get("uid") in uids for o in pod["metadata"].get("ownerReferences") or ())
    ]
    ready = want if fate is Fate.READY else 0
    for ref, pod in old:
        stale = pod["metadata"]["labels"].get("pod-template-hash") != version
        # The old version serves until the new one is ready, as with maxUnavailable 0.
        if (stale and ready == want) or int(ref.name.rpartition("-")[2]) >= want:
            cluster.person_deletes(ref)
    for number in range(want):
        _pod(cluster, obj, f"{meta['name']}-{version}-{number}", version, fate)
    pods = cluster.objects("Pod")
    kept = sum(1 for ref, _ in old if ref in pods)
    total = want if ready == want else max(want, kept)
    status = {
        "observedGeneration": meta.get("generation", 1), "replicas": total, "updatedReplicas": want,
        "readyReplicas": ready, "availableReplicas": ready,
    }  # fmt: skip
    _status(cluster, obj, status)


def _pod(cluster: MemoryCluster, owner: Object, name: str, version: str, fate: Fate) -> None:
    template = copy.deepcopy(owner["spec"]["template"])
    meta = owner["metadata"]
    labels = {**(template.get("metadata") or {}).get("labels", {}), "pod-template-hash": version}
    ref = Ref("v1", "Pod", meta["namespace"], name)
    if ref not in cluster.objects("Pod"):
        reference = {
            "apiVersion": owner["apiVersion"], "kind": owner["kind"], "name": meta["name"], "uid": meta["uid"],
            "controller": True,
        }  # fmt: skip
        pod_meta = {"name": name, "namespace": meta["namespace"], "labels": labels, "ownerReferences": [reference]}
        cluster.person(
            {"apiVersion": "v1", "kind": "Pod", "metadata": pod_meta, "spec": template["spec"]}, manager="kubelet"
        )
    _status(cluster, cluster.objects("Pod")[ref], _pod_status(template["spec"]["containers"], fate))


def _pod_status(containers: list[Mapping[str, Any]], fate: Fate) -> dict[str, Any]:
    if fate is Fate.PENDING:
        waits = {
            "type": "PodScheduled",
            "status": "False",
            "reason": "Unschedulable",
            "message": "0/0 nodes are available",
        }
        return {"phase": "Pending", "conditions": [waits]}
    flag = "True" if fate is Fate.READY else "False"
    states: dict[Fate, dict[str, Any]] = {
        Fate.READY: {"state": {"running": {}}, "restartCount": 0},
        Fate.NEVER_READY: {"state": {"running": {}}, "restartCount": 0},
        Fate.CRASH: _crashed("Error", 1),
        Fate.OOM: _crashed("OOMKilled", 137),
        Fate.PULL: {"state": {"waiting": {"reason": "ImagePullBackOff", "message": "not found"}}, "restartCount": 0},
    }
    statuses = [
        {"name": c["name"], "image": c.get("image", ""), "ready": fate is Fate.READY, **states[fate]}
        for c in containers
    ]
    conditions = [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": flag}]
    phase = "Pending" if fate is Fate.PULL else "Running"
    return {"phase": phase, "conditions": conditions, "containerStatuses": statuses}


def _crashed(reason: str, code: int) -> dict[str, Any]:
    return {
        "state": {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 20s restarting failed container"}},
        "lastState": {"terminated": {"reason": reason, "exitCode": code}},
        "restartCount": 3,
    }


def _job(cluster: MemoryCluster, obj: Object, fate: Fate) -> None:
    done = {"type": "Complete" if fate is Fate.READY else "Failed", "status": "True", "message": "BackoffLimitExceeded"}
    _status(
        cluster,
        obj,
        {"conditions": [done], "succeeded": int(fate is Fate.READY), "failed": int(fate is not Fate.READY)},
    )
