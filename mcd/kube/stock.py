"""What the nodes of a cluster have, and which App holds how much of it. Pure: nodes and pods in, numbers out.

It must not decide where a pod fits (`placing` explains that), nor who may see whose.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

from mcd.kube.asked import requests
from mcd.kube.fields import amount
from mcd.objects import INSTANCE, MANAGED_BY, Object

PLAYED: Mapping[str, str] = {"type": "kwok"}
"""The label of a node that only plays one, as that of the local cluster does: nothing runs in the pods on it."""

_ENDED = frozenset({"Succeeded", "Failed"})
_NOT_DEVICES = ("hugepages-", "attachable-volumes-", "kubernetes.io/")


@dataclass(frozen=True, slots=True)
class NodeStock:
    """One node. `has` is what it gives to pods: cpu, memory and each device by the name of its resource."""

    name: str
    ready: bool
    labels: Mapping[str, str]
    has: Mapping[str, Decimal]
    simulated: bool = False
    """It only plays a node."""


@dataclass(frozen=True, slots=True)
class Held:
    """What a pod holds on a node. `app` is empty for one that is not ours."""

    node: str
    namespace: str
    app: str
    amounts: Mapping[str, Decimal] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Stock:
    nodes: tuple[NodeStock, ...]
    held: tuple[Held, ...]


def is_device(resource: str) -> bool:
    """`nvidia.com/gpu` and its like."""
    return "/" in resource and not resource.startswith(_NOT_DEVICES)


def stock_of(nodes: Iterable[Object], pods: Iterable[Object]) -> Stock:
    return Stock(tuple(_node(node) for node in nodes), tuple(_held(pod) for pod in pods if _holds(pod)))


def _node(node: Object) -> NodeStock:
    status: Mapping[str, Any] = node.get("status") or {}
    has = status.get("allocatable") or status.get("capacity") or {}
    ready = any(c.get("type") == "Ready" and c.get("status") == "True" for c in status.get("conditions") or ())
    amounts = {
        name: number
        for name, text in has.items()
        if (name in ("cpu", "memory") or is_device(name)) and (number := amount(text)) is not None
    }
    labels = dict(node["metadata"].get("labels") or {})
    return NodeStock(node["metadata"]["name"], ready, labels, amounts, PLAYED.items() <= labels.items())


def _holds(pod: Object) -> bool:
    return bool((pod.get("spec") or {}).get("nodeName")) and (pod.get("status") or {}).get("phase") not in _ENDED


def _held(pod: Object) -> Held:
    labels = pod["metadata"].get("labels") or {}
    app = str(labels.get(INSTANCE, "")) if labels.get(MANAGED_BY) == "mcd" else ""
    return Held(pod["spec"]["nodeName"], str(pod["metadata"].get("namespace", "")), app, requests(pod))
