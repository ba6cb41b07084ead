"""Objects, fences and plans that the tests of this room share."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from mcd.kube.apply import Applied, carry_out
from mcd.kube.cluster import Cluster
from mcd.kube.gate import Bounds
from mcd.kube.inventory import differences, plan
from mcd.kube.memory import MemoryCluster
from mcd.kube.watch import Caches
from mcd.model import InventoryEntry, LeaseLost, Plan, RolloutObserved
from mcd.objects import Object, Ref, ref_of

OWNER = "mcd-test"
PATIENCE = 20.0
"""Seconds after which something never came."""
LABELS = {
    "app.kubernetes.io/instance": "shop",
    "app.kubernetes.io/managed-by": "mcd",
    "app.kubernetes.io/name": "shop",
    "app.kubernetes.io/part-of": "demo",
    "app.kubernetes.io/component": "web",
}


def obj(api_version: str, kind: str, name: str, namespace: str = "default", **fields: Any) -> Object:
    meta: dict[str, Any] = {"name": name, "labels": dict(LABELS)}
    if namespace:
        meta["namespace"] = namespace
    return {"apiVersion": api_version, "kind": kind, "metadata": meta, **fields}


def config(name: str = "shop-web-files", namespace: str = "default", **data: str) -> Object:
    return obj("v1", "ConfigMap", name, namespace, data=data or {"a": "1"})


def service(name: str = "shop-web", namespace: str = "default") -> Object:
    ports = [{"name": "http", "port": 80, "protocol": "TCP", "targetPort": 8080}]
    return obj("v1", "Service", name, namespace, spec={"type": "ClusterIP", "selector": dict(LABELS), "ports": ports})


def deployment(name: str = "shop-web", namespace: str = "default", image: str = "shop:1", **env: str) -> Object:
    container = {
        "name": "web",
        "image": image,
        "env": [{"name": k, "value": v} for k, v in env.items()],
        "resources": {"requests": {"cpu": "0.5", "memory": "1024Mi"}},
        "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}},
    }
    pod = {
        "automountServiceAccountToken": False,
        "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
    }
    spec = {
        "replicas": 1,
        "selector": {"matchLabels": {"app.kubernetes.io/instance": "shop"}},
        "template": {"metadata": {"labels": dict(LABELS)}, "spec": pod},
    }
    return obj("apps/v1", "Deployment", name, namespace, spec=spec)


def claim(name: str = "shop-permdir", namespace: str = "default") -> Object:
    spec = {"accessModes": ["ReadWriteOnce"], "resources": {"requests": {"storage": "1Gi"}}}
    return obj("v1", "PersistentVolumeClaim", name, namespace, spec=spec)


def shop(image: str = "shop:1", namespace: str = "default") -> list[Object]:
    return [config(namespace=namespace), service(namespace=namespace), deployment(image=image, namespace=namespace)]


@dataclass
class Held:
    """A fence that keeps its inventory, as the store does: what was intended survives the process."""

    entries: dict[Ref, InventoryEntry] = field(default_factory=dict)
    lost_after: int = -1
    """Number of checks after which the lease is gone; -1: never."""
    checks: int = 0

    def check(self) -> None:
        if self.checks == self.lost_after:
            raise LeaseLost
        self.checks += 1

    async def intend(self, refs: tuple[Ref, ...], observed: RolloutObserved | None = None) -> None:
        self.check()
        for ref in refs:
            self.entries[ref] = InventoryEntry(ref)

    @property
    def inventory(self) -> tuple[InventoryEntry, ...]:
        return tuple(self.entries.values())


async def look(cluster: Cluster, desired: list[Object], fence: Held) -> dict[Ref, Object | None]:
    refs = {ref_of(o) for o in desired} | set(fence.entries)
    return {ref: await cluster.get(ref) for ref in refs}


async def planned(cluster: Cluster, desired: list[Object], fence: Held, **terms: Any) -> Plan:
    return plan(desired, fence.inventory, await look(cluster, desired, fence), owner=OWNER, **terms)


async def settle(
    cluster: Cluster, desired: list[Object], fence: Held, namespace: str = "default", **terms: Any
) -> Applied:
    """One pass: look, plan, carry out, record."""
    what = await planned(cluster, desired, fence, **terms)
    done = await carry_out(cluster, what, fence, inventory=fence.inventory, owner=OWNER, bounds=Bounds(namespace))
    fence.entries = {e.ref: e for e in done.inventory}
    return done


def actions(applied: Applied) -> dict[str, str]:
    return {str(c.ref): c.action.value for c in applied.changes}


def bare(cluster: MemoryCluster) -> dict[Ref, Object]:
    """The objects without what differs from run to run."""
    found = cluster.objects()
    for o in found.values():
        for key in ("uid", "resourceVersion", "creationTimestamp", "managedFields"):
            o["metadata"].pop(key, None)
    return found


def changed_paths(desired: Object, live: Mapping[str, Any]) -> tuple[str, ...]:
    """The paths of our applied set that the live object does not have so."""
    return tuple(str(difference) for difference in differences(desired, live))


async def in_sync(caches: Caches) -> None:
    """Waits until every kind is cached as it is."""
    async with asyncio.timeout(PATIENCE):
        while not caches.healthy():
            await asyncio.sleep(0)


def edit_image(o: Object) -> None:
    o["spec"]["template"]["spec"]["containers"][0]["image"] = "evil:1"


WEB = ref_of(deployment())
CONFIG = ref_of(config())
SERVICE = ref_of(service())
