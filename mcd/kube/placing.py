"""Why no node takes a pod, node by node: taints, labels, readiness, and what is asked against what is left.

Pure: a pod, the nodes and the pods on them in, sentences out. It must not guess what it was not shown.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mcd.errors import echo
from mcd.kube.fields import amount
from mcd.objects import INSTANCE, MANAGED_BY, PART_OF, Object

_ZERO = Decimal(0)
_UNITS = ((Decimal(2**30), "Gi"), (Decimal(2**20), "Mi"), (Decimal(2**10), "Ki"))


@dataclass(frozen=True, slots=True)
class NodeRefusal:
    """One node and everything that keeps a pod from it, the plainest first."""

    node: str
    why: tuple[str, ...]

    def __str__(self) -> str:
        return f"node {echo(self.node)}: {'; '.join(self.why)}"


@dataclass(frozen=True, slots=True)
class Placing:
    """Why a pod waits. `nodes` is empty when the nodes are not known."""

    sentence: str
    nodes: tuple[NodeRefusal, ...] = ()
    may_fit: bool = False
    """By what it asks for it fits on a node: nothing that is told here keeps it away."""


def requests(pod: Mapping[str, Any]) -> dict[str, Decimal]:
    """What a pod asks for in all, as the scheduler counts it: containers and sidecars together, or the largest init
    container beside the sidecars before it, whichever is more; plus the overhead of its runtime class."""
    spec = pod.get("spec") or {}
    running: dict[str, Decimal] = {}
    peak: dict[str, Decimal] = {}
    for container in spec.get("initContainers") or ():
        asked = _asked(container)
        if container.get("restartPolicy") == "Always":
            running = _sum(running, asked)
            peak = _max(peak, running)
        else:
            peak = _max(peak, _sum(running, asked))
    for container in spec.get("containers") or ():
        running = _sum(running, _asked(container))
    return _sum(_max(running, peak), _amounts(spec.get("overhead")))


def _asked(container: Mapping[str, Any]) -> dict[str, Decimal]:
    resources = container.get("resources") or {}
    # A limit without a request is a request of the same size.
    return {**_amounts(resources.get("limits")), **_amounts(resources.get("requests"))}


def _amounts(values: Mapping[str, Any] | None) -> dict[str, Decimal]:
    return {name: number for name, text in (values or {}).items() if (number := amount(text)) is not None}


def _sum(first: Mapping[str, Decimal], second: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return {name: first.get(name, _ZERO) + second.get(name, _ZERO) for name in {**first, **second}}


def _max(first: Mapping[str, Decimal], second: Mapping[str, Decimal]) -> dict[str, Decimal]:
    return {name: max(first.get(name, _ZERO), second.get(name, _ZERO)) for name in {**first, **second}}


def shown(name: str, number: Decimal) -> str:
    """An amount as people write it: `500m` cpu, `16Gi` memory, `4` devices."""
    if name == "cpu" and number != number.to_integral_value():
        return f"{(number * 1000).to_integral_value():f}m"
    if name in ("memory", "ephemeral-storage") or name.startswith("hugepages"):
        for size, unit in _UNITS:
            if number >= size:
                return f"{float(number / size):.4g}{unit}"
    return f"{number.normalize():f}"


@dataclass(frozen=True, slots=True)
class _Room:
    """One node that may take the pod."""

    node: Object
    has: Mapping[str, Decimal]
    free: Mapping[str, Decimal]

    @property
    def name(self) -> str:
        return str(self.node["metadata"]["name"])


def explain_placing(pod: Object, nodes: Sequence[Object], placed: Sequence[Object]) -> Placing:
    """`placed` are the pods of every namespace that can be seen; none at all: nobody may see them."""
    asked = requests(pod)
    used = _used(placed)
    rows: list[NodeRefusal] = []
    reach: list[_Room] = []
    fits: list[str] = []
    for node in sorted(nodes, key=lambda n: str(n["metadata"]["name"])):
        name = str(node["metadata"]["name"])
        has = _amounts((node.get("status") or {}).get("allocatable"))
        free = {key: value - used.get(name, {}).get(key, _ZERO) for key, value in has.items()}
        barred = [*_state(node), *_taints(pod, node), *_selection(pod, node)]
        short = _short(asked, has, free)
        if not barred:
            reach.append(_Room(node, has, free))
        if barred or short:
            rows.append(NodeRefusal(name, tuple(barred + short)))
        else:
            fits.append(name)
    if not nodes:
        return Placing("the cluster has no node that MCD can see.")
    if not reach:
        return Placing(_kept_away(len(nodes), rows), tuple(rows))
    if fits:
        return Placing(_may_fit(pod, fits, known=bool(placed)), tuple(rows), may_fit=bool(placed))
    return Placing(_too_little(pod, asked, reach, placed), tuple(rows))


def _kept_away(count: int, rows: Sequence[NodeRefusal]) -> str:
    same = len({row.why[0] for row in rows}) == 1
    why = rows[0].why[0] if same else "taints, labels or readiness keep it away"
    return (
        f"the only node may not take the pod: {why}."
        if count == 1
        else f"none of the {count} nodes may take the pod: {why}."
    )


def _may_fit(pod: Object, fits: Sequence[str], *, known: bool) -> str:
    """The scheduler looks at more than is told here, and what it said may be over: its own words stand beside."""
    conditions = (pod.get("status") or {}).get("conditions") or ()
    scheduler = next((str(c.get("message") or "") for c in conditions if c.get("type") == "PodScheduled"), "")
    said = f' The scheduler said: "{echo(scheduler, 300)}"' if scheduler else ""
    if not known:
        return f"what is free on the nodes cannot be seen.{said}"
    others = f" and {len(fits) - 1} more" if len(fits) > 1 else ""
    return f"what it asks for is free now on node {echo(fits[0])}{others}; the scheduler tries again by itself.{said}"


def _too_little(pod: Object, asked: Mapping[str, Decimal], reach: Sequence[_Room], placed: Iterable[Object]) -> str:
    """Every node that may take the pod lacks something: the same, or each something else."""
    which = "the only node" if len(reach) == 1 else f"none of the {len(reach)} nodes"
    in_order = sorted(asked.items(), key=lambda item: (item[0] in ("cpu", "memory"), item[0]))
    for name, number in in_order:
        most = max(room.has.get(name, _ZERO) for room in reach)
        if number > most:
            of = f"{shown(name, most)}" if most else "none"
            return f"it asks for {shown(name, number)} {name}; the largest node that may take it has {of}."
    for name, number in in_order:
        left = max(max(room.free.get(name, _ZERO), _ZERO) for room in reach)
        if number <= left:
            continue
        wants = f"it asks for {shown(name, number)} {name}"
        if "/" in name:
            return f"{wants}; there {_devices(pod, name, left, reach, placed)}."
        if len(reach) == 1:
            return f"{wants}; the only node that may take it has {shown(name, left)} free."
        if not left:
            return f"{wants}; none of the {len(reach)} nodes that may take it has any free."
        return f"{wants}; of the {len(reach)} nodes that may take it none has more than {shown(name, left)} free."
    all_of_it = ", ".join(f"{shown(name, number)} {name}" for name, number in in_order if number)
    return f"{which} that may take it has all that it asks for free at once{f': {all_of_it}' if all_of_it else ''}."


def _devices(pod: Object, name: str, left: Decimal, reach: Sequence[_Room], placed: Iterable[Object]) -> str:
    """How many devices there are where the pod may go, and who holds them: `are 8 T4 in 2 nodes, all taken: …`."""
    there = [room for room in reach if room.has.get(name)]
    total = sum((room.has[name] for room in there), _ZERO)
    nodes = f"{len(there)} node{'s' if len(there) != 1 else ''}"
    where = f"{'is' if total == 1 else 'are'} {shown(name, total)} {_model(name, there)} in {nodes}"
    holders = _holders(pod, name, {room.name for room in there}, placed)
    taken = ", ".join(f"{shown(name, count)} by {who}" for who, count in holders)
    if not left:
        return f"{where}, all taken{f': {taken}' if taken else ''}"
    rest = f"{where}, at most {shown(name, left)} free on one of them"
    return f"{rest}; taken: {taken}" if taken else rest


def _model(name: str, rooms: Sequence[_Room]) -> str:
    """What people call the device, where its nodes are labelled with one product; else the resource."""
    label = f"{name}.product"
    products = {(room.node["metadata"].get("labels") or {}).get(label, "") for room in rooms}
    product = products.pop() if len(products) == 1 else ""
    return echo(product.removeprefix("NVIDIA-").removeprefix("Tesla-")) or name


def _holders(pod: Object, name: str, nodes: Container[str], placed: Iterable[Object]) -> list[tuple[str, Decimal]]:
    """Who holds devices on these nodes, the largest first. Apps of other product lines are not named: who reads this
    may not see them."""
    counts: dict[str, Decimal] = {}
    stopping: dict[str, Decimal] = {}
    for other in placed:
        number = requests(other).get(name, _ZERO)
        if not number or not _holds(other) or str(other["spec"]["nodeName"]) not in nodes:
            continue
        who = _whose(pod, other)
        counts[who] = counts.get(who, _ZERO) + number
        if other["metadata"].get("deletionTimestamp"):
            stopping[who] = stopping.get(who, _ZERO) + number

    def told(who: str) -> str:
        return f"{who} ({shown(name, stopping[who])} of them about to be free)" if who in stopping else who

    return [(told(who), number) for who, number in sorted(counts.items(), key=lambda item: (-item[1], item[0]))]


def _whose(pod: Object, other: Object) -> str:
    mine, theirs = pod["metadata"], other["metadata"]
    labels = theirs.get("labels") or {}
    if labels.get(MANAGED_BY) != "mcd" or not labels.get(INSTANCE):
        return "pods that are not of MCD"
    if theirs.get("namespace") != mine.get("namespace"):
        return "other product lines"
    line = labels.get(PART_OF)
    return echo(str(labels[INSTANCE])) + (f" ({echo(str(line))})" if line else "")


def _used(placed: Iterable[Object]) -> dict[str, dict[str, Decimal]]:
    used: dict[str, dict[str, Decimal]] = {}
    for pod in placed:
        if _holds(pod):
            node = str(pod["spec"]["nodeName"])
            used[node] = _sum(used.get(node, {}), {**requests(pod), "pods": Decimal(1)})
    return used


def _holds(pod: Object) -> bool:
    """Whether it takes up room on a node."""
    placed = bool((pod.get("spec") or {}).get("nodeName"))
    return placed and (pod.get("status") or {}).get("phase") not in ("Succeeded", "Failed")


def _short(asked: Mapping[str, Decimal], has: Mapping[str, Decimal], free: Mapping[str, Decimal]) -> list[str]:
    found = []
    for name, number in sorted({**asked, "pods": Decimal(1)}.items()):
        total, left = has.get(name, _ZERO), free.get(name, _ZERO)
        if not number or number <= left or (name == "pods" and name not in has):
            continue
        if not total:
            found.append(f"has no {name}")
        elif number > total:
            found.append(f"{name}: asks {shown(name, number)}, the node has {shown(name, total)}")
        else:
            rest = shown(name, max(left, _ZERO))
            found.append(f"{name}: asks {shown(name, number)}, {rest} of {shown(name, total)} free")
    return found


def _state(node: Object) -> list[str]:
    conditions = {c.get("type"): c.get("status") for c in (node.get("status") or {}).get("conditions") or ()}
    found = ["is not ready"] if conditions.get("Ready") not in ("True", None) else []
    return [*found, "is cordoned"] if (node.get("spec") or {}).get("unschedulable") else found


def _taints(pod: Object, node: Object) -> list[str]:
    tolerations = (pod.get("spec") or {}).get("tolerations") or ()
    found = []
    for taint in (node.get("spec") or {}).get("taints") or ():
        if taint.get("effect") == "PreferNoSchedule" or taint.get("key") == "node.kubernetes.io/unschedulable":
            continue
        if not any(_tolerates(toleration, taint) for toleration in tolerations):
            value = f"={taint['value']}" if taint.get("value") else ""
            found.append(f"taint {echo(str(taint.get('key')))}{echo(value)}:{taint.get('effect')} is not tolerated")
    return found


def _tolerates(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint.get("effect"):
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return not toleration.get("key") or toleration["key"] == taint.get("key")
    same = toleration.get("key") == taint.get("key")
    return same and (toleration.get("value") or "") == (taint.get("value") or "")


def _selection(pod: Object, node: Object) -> list[str]:
    spec = pod.get("spec") or {}
    labels = node["metadata"].get("labels") or {}
    found = [
        f"label {echo(key)} is not {echo(str(value))}"
        for key, value in (spec.get("nodeSelector") or {}).items()
        if labels.get(key) != value
    ]
    required = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    terms = (required.get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get("nodeSelectorTerms") or ()
    missed = [[e for e in term.get("matchExpressions") or () if not _expressed(e, labels)] for term in terms]
    if missed and all(missed):
        closest = min(missed, key=len)
        found += [f"label {echo(str(e.get('key')))} {_wanted(e)}" for e in closest]
    return found


def _expressed(expression: Mapping[str, Any], labels: Mapping[str, str]) -> bool:
    have, values = labels.get(str(expression.get("key"))), expression.get("values") or ()
    operator = expression.get("operator")
    if operator in ("Gt", "Lt"):
        number, bound = amount(have), amount(values[0]) if values else None
        if number is None or bound is None:
            return False
        return number > bound if operator == "Gt" else number < bound
    return {
        "In": have in values,
        "NotIn": have not in values,
        "Exists": have is not None,
        "DoesNotExist": have is None,
    }.get(str(operator), False)


def _wanted(expression: Mapping[str, Any]) -> str:
    values = echo(", ".join(str(v) for v in expression.get("values") or ()))
    words = {"In": f"is not {values}", "NotIn": f"is {values}", "Exists": "is missing", "DoesNotExist": "is there"}
    return words.get(str(expression.get("operator")), f"is not {expression.get('operator')} {values}")
