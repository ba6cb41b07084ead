"""Why no node takes a pod, node by node: taints, labels, readiness, and what is asked against what is left.

Pure: a pod, the nodes and the pods on them in, sentences out. It must not guess what it was not shown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from mcd.errors import echo
from mcd.kube.asked import ZERO, Room, amounts_of, holds_room, requests, shown, sum_of
from mcd.kube.devices import ALONE, Siblings, devices_there, fits_without, is_older, model_of, most_free, never
from mcd.kube.fields import amount
from mcd.model import NodeRow
from mcd.model.why import Note, Told, Why, sentence, told
from mcd.objects import Object


@dataclass(frozen=True, slots=True)
class Placing:
    """Why a pod waits. `nodes` are those that do not take it; empty when the nodes are not known."""

    why: Why
    what: Told
    nodes: tuple[NodeRow, ...] = ()
    may_fit: bool = False
    """By what it asks for it fits on a node: nothing that is told here keeps it away."""

    @property
    def sentence(self) -> str:
        return sentence(self.what)


def explain_placing(
    pod: Object, nodes: Sequence[Object], placed: Sequence[Object], beside: Siblings = ALONE
) -> Placing:
    """`placed` are the pods of every namespace that can be seen; none at all: nobody may see them."""
    asked = requests(pod)
    used = _used(placed)
    rows: list[NodeRow] = []
    reach: list[Room] = []
    fits: list[str] = []
    for node in sorted(nodes, key=lambda n: str(n["metadata"]["name"])):
        name = str(node["metadata"]["name"])
        has = amounts_of((node.get("status") or {}).get("allocatable"))
        free = {key: value - used.get(name, {}).get(key, ZERO) for key, value in has.items()}
        barred = [*_state(node), *_taints(pod, node), *_selection(pod, node)]
        short = _short(asked, has, free)
        if not barred:
            reach.append(Room(node, has, free))
        if barred or short:
            rows.append(_row(Room(node, has, free), asked, (*barred, *short), known=bool(placed)))
        else:
            fits.append(name)
    rows.sort(key=_far)
    if not nodes:
        return Placing(Why.NO_SUCH_NODE, told(Note.NO_NODE_SEEN))
    if not reach:
        return Placing(*_kept_away(len(nodes), rows), tuple(rows))
    if fits:
        return Placing(*_may_fit(pod, fits, known=bool(placed)), tuple(rows), may_fit=bool(placed))
    why, what = _too_little(pod, asked, reach, placed)
    if why is not Why.DEVICES_BUSY:
        return Placing(why, what, tuple(rows))
    name = next(n for n, number in sorted(asked.items()) if "/" in n and number > most_free(n, reach))
    fit = sum(int(room.has.get(name, ZERO) // asked[name]) for room in reach)
    if fit < beside.desired:
        return Placing(Why.NEVER_FITS, never(name, asked, reach, beside.desired), tuple(rows))
    older = [p for p in placed if is_older(pod, p, beside)]
    if fits_without(name, asked[name], reach, older):
        return Placing(Why.HELD_BY_ITSELF, devices_there(pod, name, reach, placed, older), tuple(rows))
    return Placing(why, what, tuple(rows))


def _row(room: Room, asked: Mapping[str, Decimal], why: tuple[Told, ...], *, known: bool) -> NodeRow:
    """What the node has of what is asked for, as a line of a table."""

    def there(name: str) -> str:
        if name not in room.has:
            return ""
        has = shown(name, room.has[name])
        return f"{shown(name, max(room.free[name], ZERO))} / {has}" if known else f"? / {has}"

    device = next((name for name in sorted(asked) if "/" in name), "")
    if not device:
        device = next((name for name in sorted(room.has) if "/" in name), "")
    model = model_of(device, [room]) if device in room.has else ""
    return NodeRow(echo(room.name), model, there(device), there("cpu"), there("memory"), there("pods"), why)


_BARS: Mapping[Note | Why, Why] = {
    Note.NODE_NOT_READY: Why.NODES_NOT_READY,
    Note.NODE_CORDONED: Why.NODES_NOT_READY,
    Note.NODE_TAINTED: Why.NODE_TAINT,
}
"""What keeps a pod from a node that is of the kind that it asks for, as a state of the pod."""

_LABELS = frozenset({
    Note.NODE_LABEL_IS_NOT, Note.NODE_LABEL_IS, Note.NODE_LABEL_MISSING, Note.NODE_LABEL_THERE, Note.NODE_LABEL_OTHER,
})  # fmt: skip


def _far(row: NodeRow) -> tuple[bool, bool, str]:
    """Nodes of the kind that is asked for stand first: they are what the reader looks for."""
    keys = {bar.key for bar in row.why}
    return bool(keys & _LABELS), Note.NODE_TAINTED in keys, row.node


def _kept_away(count: int, rows: Sequence[NodeRow]) -> tuple[Why, Told]:
    """No node may take it: none is of the kind that it asks for, or those that are have something else against it."""
    meant = [row for row in rows if not any(bar.key in _LABELS for bar in row.why)]
    if not meant:
        shared = [bar for bar in rows[0].why if bar.key in _LABELS and all(bar in row.why for row in rows)]
        return Why.NO_SUCH_NODE, _barred(count, shared[0] if shared else told(Note.BARS_DIFFER))
    first = {row.why[0] for row in meant}
    states = {_BARS[bar.key] for bar in first}
    why = meant[0].why[0] if len(first) == 1 else told(Note.BARS_DIFFER)
    state = states.pop() if len(states) == 1 else Why.NODES_DIFFER
    if len(meant) == count:
        return state, _barred(count, why)
    return state, told(Note.NEAR_BARRED, count=count, near=len(meant), why=why)


def _barred(count: int, why: Told) -> Told:
    return told(Note.ONLY_NODE_BARRED, why=why) if count == 1 else told(Note.NODES_BARRED, count=count, why=why)


def _scheduler(pod: Object) -> str:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return next((str(c.get("message") or "") for c in conditions if c.get("type") == "PodScheduled"), "")


def _may_fit(pod: Object, fits: Sequence[str], *, known: bool) -> tuple[Why, Told]:
    """The scheduler looks at more than is told here, and what it said may be over: its own words stand beside."""
    scheduler = _scheduler(pod)
    said: Told | str = told(Note.SCHEDULER_SAID, said=echo(scheduler[:2000], 300)) if scheduler else ""
    if "topology spread constraints" in scheduler or "anti-affinity" in scheduler:
        return Why.SPREAD, told(Note.SPREAD_WORDS, said=said)
    if not known:
        return Why.SCHEDULER_WAITS, told(Note.FREE_UNSEEN, said=said)
    others = f" (+{len(fits) - 1})" if len(fits) > 1 else ""
    return Why.SCHEDULER_WAITS, told(Note.FREE_NOW, node=echo(fits[0]), others=others, said=said)


def _too_little(
    pod: Object, asked: Mapping[str, Decimal], reach: Sequence[Room], placed: Iterable[Object]
) -> tuple[Why, Told]:
    """Every node that may take the pod lacks something: the same, or each something else."""
    in_order = sorted(asked.items(), key=lambda item: (item[0] in ("cpu", "memory"), item[0]))
    for name, number in in_order:
        most = max(room.has.get(name, ZERO) for room in reach)
        if number > most:
            has: str | Told = shown(name, most) if most else told(Note.NONE_AT_ALL)
            words = told(Note.LARGEST_HAS, asked=shown(name, number), resource=name, has=has)
            return Why.TOO_BIG if most else Why.NO_SUCH_NODE, words
    for name, number in in_order:
        left = max(max(room.free.get(name, ZERO), ZERO) for room in reach)
        if number <= left:
            continue
        if "/" in name:
            return Why.DEVICES_BUSY, devices_there(pod, name, reach, placed)
        return Why.NODES_FULL, _room_lacking(name, number, left, len(reach))
    if all(room.free.get("pods", Decimal(1)) < 1 for room in reach):
        limit = shown("pods", max(room.has.get("pods", ZERO) for room in reach))
        return Why.POD_LIMIT, told(Note.PODS_ALL_USED, count=len(reach), limit=limit)
    amounts = tuple(told(Note.AMOUNT, number=shown(name, n), resource=name) for name, n in in_order if n)
    everything: Told | str = told(Note.ALL_OF_IT, amounts=amounts) if amounts else ""
    if len(reach) == 1:
        return Why.NODES_FULL, told(Note.NOT_ALL_AT_ONCE_ONE, all=everything)
    return Why.NODES_FULL, told(Note.NOT_ALL_AT_ONCE, count=len(reach), all=everything)


def _room_lacking(name: str, number: Decimal, left: Decimal, count: int) -> Told:
    asked = shown(name, number)
    if count == 1:
        return told(Note.ONLY_NODE_HAS, asked=asked, resource=name, left=shown(name, left))
    if not left:
        return told(Note.NONE_FREE, asked=asked, resource=name, count=count)
    return told(Note.NONE_MORE_THAN, asked=asked, resource=name, count=count, left=shown(name, left))


def _used(placed: Iterable[Object]) -> dict[str, dict[str, Decimal]]:
    used: dict[str, dict[str, Decimal]] = {}
    for pod in placed:
        if holds_room(pod):
            node = str(pod["spec"]["nodeName"])
            used[node] = sum_of(used.get(node, {}), {**requests(pod), "pods": Decimal(1)})
    return used


def _short(asked: Mapping[str, Decimal], has: Mapping[str, Decimal], free: Mapping[str, Decimal]) -> list[Told]:
    found = []
    for name, number in sorted({**asked, "pods": Decimal(1)}.items()):
        total, left = has.get(name, ZERO), free.get(name, ZERO)
        if not number or number <= left or (name == "pods" and name not in has):
            continue
        if not total:
            found.append(told(Note.NODE_HAS_NO, resource=name))
        elif number > total:
            words = told(Note.NODE_TOO_SMALL, resource=name, asked=shown(name, number), has=shown(name, total))
            found.append(words)
        else:
            rest = shown(name, max(left, ZERO))
            words = told(Note.NODE_SHORT, resource=name, asked=shown(name, number), left=rest, has=shown(name, total))
            found.append(words)
    return found


def _state(node: Object) -> list[Told]:
    conditions = {c.get("type"): c.get("status") for c in (node.get("status") or {}).get("conditions") or ()}
    found = [told(Note.NODE_NOT_READY)] if conditions.get("Ready") not in ("True", None) else []
    return [*found, told(Note.NODE_CORDONED)] if (node.get("spec") or {}).get("unschedulable") else found


_SAID_BY_STATE = frozenset(
    {"node.kubernetes.io/unschedulable", "node.kubernetes.io/not-ready", "node.kubernetes.io/unreachable"}
)
"""Taints that only repeat that a node is cordoned or not ready."""


def _taints(pod: Object, node: Object) -> list[Told]:
    tolerations = (pod.get("spec") or {}).get("tolerations") or ()
    found = []
    for taint in (node.get("spec") or {}).get("taints") or ():
        if taint.get("effect") == "PreferNoSchedule" or taint.get("key") in _SAID_BY_STATE:
            continue
        if not any(_tolerates(toleration, taint) for toleration in tolerations):
            value = f"={taint['value']}" if taint.get("value") else ""
            words = f"{echo(str(taint.get('key')))}{echo(value)}:{echo(str(taint.get('effect')))}"
            found.append(told(Note.NODE_TAINTED, taint=words))
    return found


def _tolerates(toleration: Mapping[str, Any], taint: Mapping[str, Any]) -> bool:
    if toleration.get("effect") and toleration["effect"] != taint.get("effect"):
        return False
    if toleration.get("operator", "Equal") == "Exists":
        return not toleration.get("key") or toleration["key"] == taint.get("key")
    same = toleration.get("key") == taint.get("key")
    return same and (toleration.get("value") or "") == (taint.get("value") or "")


def _selection(pod: Object, node: Object) -> list[Told]:
    spec = pod.get("spec") or {}
    labels = node["metadata"].get("labels") or {}
    found = [
        told(Note.NODE_LABEL_IS_NOT, key=echo(key), value=echo(str(value)))
        for key, value in (spec.get("nodeSelector") or {}).items()
        if labels.get(key) != value
    ]
    required = (spec.get("affinity") or {}).get("nodeAffinity") or {}
    terms = (required.get("requiredDuringSchedulingIgnoredDuringExecution") or {}).get("nodeSelectorTerms") or ()
    missed = [[e for e in term.get("matchExpressions") or () if not _expressed(e, labels)] for term in terms]
    if missed and all(missed):
        found += [_wanted(e) for e in min(missed, key=len)]
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


_WANTED = {
    "In": Note.NODE_LABEL_IS_NOT,
    "NotIn": Note.NODE_LABEL_IS,
    "Exists": Note.NODE_LABEL_MISSING,
    "DoesNotExist": Note.NODE_LABEL_THERE,
}


def _wanted(expression: Mapping[str, Any]) -> Told:
    operator = str(expression.get("operator"))
    values = echo(", ".join(str(v) for v in expression.get("values") or ()))
    note = _WANTED.get(operator, Note.NODE_LABEL_OTHER)
    return told(note, key=echo(str(expression.get("key"))), value=values, op=echo(operator))
