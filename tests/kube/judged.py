"""Live objects as tests of health make them: a workload, its pods, events, and the judgement of all."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from mcd.kube.explain import Seen
from mcd.kube.health import Found, health
from mcd.model import ComponentHealth
from mcd.objects import Object

GPU = "nvidia.com/gpu"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def workload(kind: str = "Deployment", generation: int = 2, **status: Any) -> Object:
    told = {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 0, **status}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": "shop-web", "namespace": "demo", "uid": "d1", "generation": generation},
        "spec": {"replicas": 1},
        "status": told,
    }


def pod(state: dict[str, Any] | None = None, **status: Any) -> Object:
    container = {
        "name": "web",
        "image": "shop:2",
        "command": ["./shop"],
        "resources": {"limits": {"memory": "512Mi"}, "requests": {"cpu": "1", "memory": "512Mi"}},
        "readinessProbe": {"httpGet": {"port": 8080, "path": "/healthz"}},
    }
    conditions = [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "False"}]
    told: dict[str, Any] = {"phase": "Running", "conditions": conditions}
    if state is not None:
        told["containerStatuses"] = [{"name": "web", "image": "shop:2", "ready": False, **state}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "shop-web-1",
            "namespace": "demo",
            "uid": "p1",
            "creationTimestamp": "2026-11-22T11:59:00Z",
        },
        "spec": {"containers": [container]},
        "status": {**told, **status},
    }


def event(reason: str, message: str, name: str = "shop-web-1", at: str = "2026-11-22T11:59:30Z") -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{name}.1", "namespace": "demo"},
        "involvedObject": {"kind": "Pod", "name": name, "uid": "p1" if name == "shop-web-1" else ""},
        "reason": reason,
        "message": message,
        "lastTimestamp": at,
    }


def judged(*pods: Object, events: tuple[Object, ...] = (), work: Object | None = None, **seen: Any) -> ComponentHealth:
    found = Found(work or workload(), seen=Seen(pods, events, **seen))
    return health("web", (work or workload())["kind"], found, NOW)


def waiting(reason: str, message: str = "", restarts: int = 0, last: dict[str, Any] | None = None) -> dict[str, Any]:
    state: dict[str, Any] = {"state": {"waiting": {"reason": reason, "message": message}}, "restartCount": restarts}
    if last is not None:
        state["lastState"] = {"terminated": last}
    return state
