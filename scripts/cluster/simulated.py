"""The node pools, and the Node objects of the simulated ones, as values.

It must not touch a cluster, nor know what a simulated pod does: stages.py does.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from scripts.cluster import layout

POOL = "mcd.internal/node-pool"


@dataclass(frozen=True)
class Device:
    """The devices of each node of a pool, as app-yaml.md 6.8 and 8.2 name them."""

    vendor: str
    model: str
    resource: str
    per_node: int
    memory: str
    product: str = ""


@dataclass(frozen=True)
class Pool:
    """Equal nodes under one label. `tainted`: only pods that ask for the pool may run there."""

    name: str
    nodes: tuple[str, ...]
    cpu: str
    memory: str
    tainted: bool = True
    device: Device | None = None


_T4 = Device("nvidia", "T4", "nvidia.com/gpu", 4, "15360Mi", "Tesla-T4")
_A100 = Device("nvidia", "A100", "nvidia.com/gpu", 8, "81920Mi", "NVIDIA-A100-SXM4-80GB")
_MLU = Device("cambricon", "MLU370-X8", "cambricon.com/mlu", 8, "49152Mi")
_PLAIN = ("sim-1", "sim-2", "sim-3")


def pools(real: bool) -> tuple[Pool, ...]:
    """All pools. With a real node, `general` is that node and the plain simulated ones are the pool `sim`."""
    plain = (
        (Pool("general", (layout.REAL_NODE,), "", "", tainted=False), Pool("sim", _PLAIN, "32", "128Gi"))
        if real
        else (Pool("general", _PLAIN, "32", "128Gi", tainted=False),)
    )
    return (
        *plain,
        Pool("gpu-t4", ("t4-1", "t4-2"), "32", "128Gi", device=_T4),
        Pool("gpu-a100", ("a100-1",), "128", "1Ti", device=_A100),
        Pool("mlu", ("mlu-1",), "64", "512Gi", device=_MLU),
    )


def described(pool: Pool) -> dict[str, Any]:
    """The pool in the form of `node_pools` of app-yaml.md 8.2."""
    described: dict[str, Any] = {"name": pool.name, "arch": "amd64", "labels": {POOL: pool.name}}
    described["nodes"] = list(pool.nodes)
    if pool.tainted:
        described["taints"] = [{"key": POOL, "value": pool.name, "effect": "NoSchedule"}]
    if pool.cpu:
        described["capacity"] = {"cpu": pool.cpu, "memory": pool.memory}
    if pool.device is not None:
        device = pool.device
        row: dict[str, Any] = {"vendor": device.vendor, "model": device.model, "memory": device.memory}
        row |= {"per_node": device.per_node, "resource": device.resource}
        if device.product:
            row["product"] = device.product
        described["devices"] = [row]
    return described


def node_objects(real: bool) -> list[dict[str, Any]]:
    """The Node objects of all simulated nodes."""
    return [_node(pool, name) for pool in pools(real) for name in pool.nodes if pool.cpu]


def _node(pool: Pool, name: str) -> dict[str, Any]:
    capacity = {"cpu": pool.cpu, "memory": pool.memory, "pods": "500", "ephemeral-storage": "1Ti"}
    labels = {
        "kubernetes.io/hostname": name,
        "kubernetes.io/arch": "amd64",
        "kubernetes.io/os": "linux",
        "type": "kwok",
        POOL: pool.name,
    }
    if pool.device is not None:
        capacity[pool.device.resource] = str(pool.device.per_node)
        if pool.device.product:
            labels["nvidia.com/gpu.product"] = pool.device.product
            labels["nvidia.com/gpu.memory"] = pool.device.memory.removesuffix("Mi")
            labels["nvidia.com/gpu.count"] = str(pool.device.per_node)
    taints = [{"key": POOL, "value": pool.name, "effect": "NoSchedule"}] if pool.tainted else []
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels, "annotations": {"kwok.x-k8s.io/node": "fake"}},
        "spec": {"taints": taints},
        "status": {
            "capacity": capacity,
            "allocatable": capacity,
            # The API server reaches logs and exec of a simulated pod by this name.
            "addresses": [
                {"type": "InternalIP", "address": "127.0.0.1"},
                {"type": "Hostname", "address": "localhost"},
            ],
        },
    }
