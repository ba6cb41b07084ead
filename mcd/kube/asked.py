"""What a pod asks for and what a node has, as numbers and as people write them.

Pure: quantities of Kubernetes in, decimals out. It must not judge where a pod fits (`placing.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import ROUND_DOWN, Decimal
from typing import Any

from mcd.kube.fields import amount
from mcd.objects import Object

ZERO, _HUNDREDTH = Decimal(0), Decimal("0.01")
_UNITS = ((Decimal(2**30), "Gi"), (Decimal(2**20), "Mi"), (Decimal(2**10), "Ki"))


def requests(pod: Mapping[str, Any]) -> dict[str, Decimal]:
    """What a pod asks for in all, as the scheduler counts it: containers and sidecars together, or the largest init
    container beside the sidecars before it, whichever is more; plus the overhead of its runtime class."""
    spec = pod.get("spec") or {}
    running: dict[str, Decimal] = {}
    peak: dict[str, Decimal] = {}
    for container in spec.get("initContainers") or ():
        asked = _asked(container)
        if container.get("restartPolicy") == "Always":
            running = sum_of(running, asked)
            peak = max_of(peak, running)
        else:
            peak = max_of(peak, sum_of(running, asked))
    for container in spec.get("containers") or ():
        running = sum_of(running, _asked(container))
    return sum_of(max_of(running, peak), amounts_of(spec.get("overhead")))


def _asked(container: Mapping[str, Any]) -> dict[str, Decimal]:
    resources = container.get("resources") or {}
    # A limit without a request is a request of the same size.
    return {**amounts_of(resources.get("limits")), **amounts_of(resources.get("requests"))}


def amounts_of(values: Mapping[str, Any] | None) -> dict[str, Decimal]:
    return {name: number for name, text in (values or {}).items() if (number := amount(text)) is not None}


def sum_of(first: Mapping[str, Decimal], second: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return {name: first.get(name, ZERO) + second.get(name, ZERO) for name in {**first, **second}}


def max_of(first: Mapping[str, Decimal], second: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return {name: max(first.get(name, ZERO), second.get(name, ZERO)) for name in {**first, **second}}


def shown(name: str, number: Decimal) -> str:
    """An amount as people write it: `500m` or `63.98` cpu, `16Gi` memory, `4` devices."""
    if name == "cpu" and number != number.to_integral_value():
        if abs(number) > 1:
            return f"{number.quantize(_HUNDREDTH, ROUND_DOWN).normalize():f}"
        return f"{(number * 1000).to_integral_value():f}m"
    if name in ("memory", "ephemeral-storage") or name.startswith("hugepages"):
        for size, unit in _UNITS:
            if number >= size:
                return f"{float(number / size):.4g}{unit}"
    return f"{number.normalize():f}"


@dataclass(frozen=True, slots=True)
class Room:
    """One node that may take the pod."""

    node: Object
    has: Mapping[str, Decimal]
    free: Mapping[str, Decimal]

    @property
    def name(self) -> str:
        return str(self.node["metadata"]["name"])


def holds_room(pod: Object) -> bool:
    """Whether it takes up room on a node."""
    placed = bool((pod.get("spec") or {}).get("nodeName"))
    return placed and (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")
