"""Devices that a pod waits for: how many there are, who holds them, whether there will ever be room for all that ask.

Pure: a pod, the nodes that may take it and the pods on them in, sentences out. It names no App of another product line.
"""

from __future__ import annotations

from collections.abc import Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal

from mcd.errors import echo
from mcd.kube.asked import ZERO, Room, holds_room, requests, shown
from mcd.model.why import Note, Told, sentence, told
from mcd.objects import COMPONENT, INSTANCE, MANAGED_BY, PART_OF, Object


@dataclass(frozen=True, slots=True)
class Siblings:
    """The pods beside the one that waits: how many of its version are wished, and the names of those that there are.
    Other pods of its component are older ones."""

    desired: int = 1
    new: frozenset[str] = frozenset()


ALONE = Siblings()


def never(name: str, asked: Mapping[str, Decimal], reach: Sequence[Room], desired: int) -> Told:
    there = [room for room in reach if room.has.get(name)]
    total = sum((room.has[name] for room in there), ZERO)
    fit = sum(int(room.has[name] // asked[name]) for room in there)
    return told(
        Note.FIT_AT_MOST, desired=desired, asked=shown(name, asked[name]), resource=name, total=shown(name, total),
        model=model_of(name, there), fit=fit,
    )  # fmt: skip


def most_free(name: str, reach: Sequence[Room]) -> Decimal:
    return max(max(room.free.get(name, ZERO), ZERO) for room in reach)


def is_older(pod: Object, other: Object, beside: Siblings) -> bool:
    """Whether another pod is an older one of the same component, which goes when the new ones are ready."""
    mine, theirs = pod["metadata"], other["metadata"]
    own, labels = mine.get("labels") or {}, theirs.get("labels") or {}
    same = all(own.get(key) == labels.get(key) for key in (INSTANCE, COMPONENT, MANAGED_BY))
    return (
        bool(own.get(INSTANCE))
        and same
        and theirs.get("namespace") == mine.get("namespace")
        and theirs["name"] not in beside.new
        and theirs["name"] != mine["name"]
        and not theirs.get("deletionTimestamp")
        and holds_room(other)
    )


def fits_without(name: str, number: Decimal, reach: Sequence[Room], older: Iterable[Object]) -> bool:
    """Whether there would be room for the pod if these went."""
    freed: dict[str, Decimal] = {}
    for pod in older:
        node = str(pod["spec"]["nodeName"])
        freed[node] = freed.get(node, ZERO) + requests(pod).get(name, ZERO)
    return any(freed.get(r.name) and r.free.get(name, ZERO) + freed[r.name] >= number for r in reach)


def devices_there(
    pod: Object, name: str, reach: Sequence[Room], placed: Iterable[Object], own: Sequence[Object] = ()
) -> Told:
    """How many devices there are where the pod may go, and who holds them: `are 8 T4 in 2 nodes, all taken: …`."""
    there = [room for room in reach if room.has.get(name)]
    total = sum((room.has[name] for room in there), ZERO)
    left = max(max(room.free.get(name, ZERO), ZERO) for room in reach)
    holders = tuple(_holders(pod, name, {room.name for room in there}, placed, own))
    if left:
        taken: Told | str = told(Note.TAKEN_REST, holders=holders) if holders else ""
        rest = told(Note.SOME_FREE, left=shown(name, left), taken=taken)
    else:
        taken = told(Note.TAKEN_BY, holders=holders) if holders else ""
        rest = told(Note.ALL_TAKEN, taken=taken)
    return told(
        Note.DEVICES_THERE, asked=shown(name, requests(pod)[name]), resource=name, total=shown(name, total),
        model=model_of(name, there), nodes=len(there), rest=rest,
    )  # fmt: skip


def model_of(name: str, rooms: Sequence[Room]) -> str:
    """What people call the device, where its nodes are labelled with one product; else the resource."""
    label = f"{name}.product"
    products = {(room.node["metadata"].get("labels") or {}).get(label, "") for room in rooms}
    product = products.pop() if len(products) == 1 else ""
    return echo(product.removeprefix("NVIDIA-").removeprefix("Tesla-")) or name


def _holders(
    pod: Object, name: str, nodes: Container[str], placed: Iterable[Object], own: Sequence[Object] = ()
) -> list[Told]:
    """Who holds devices on these nodes, the largest first. Apps of other product lines are not named: who reads this
    may not see them. `own` are older pods of the component itself."""
    itself = told(Note.HOLDER_ITSELF, n=len(own))
    counts: dict[str | Told, Decimal] = {}
    stopping: dict[str | Told, Decimal] = {}
    for other in placed:
        number = requests(other).get(name, ZERO)
        if not number or not holds_room(other) or str(other["spec"]["nodeName"]) not in nodes:
            continue
        who = itself if any(other is one for one in own) else _whose(pod, other)
        counts[who] = counts.get(who, ZERO) + number
        if other["metadata"].get("deletionTimestamp"):
            stopping[who] = stopping.get(who, ZERO) + number

    def line(who: str | Told, number: Decimal) -> Told:
        if who not in stopping:
            return told(Note.HELD_BY, count=shown(name, number), who=who)
        return told(Note.HELD_FREEING, count=shown(name, number), who=who, freeing=shown(name, stopping[who]))

    def order(item: tuple[str | Told, Decimal]) -> tuple[Decimal, str]:
        return -item[1], item[0] if isinstance(item[0], str) else sentence(item[0])

    return [line(who, number) for who, number in sorted(counts.items(), key=order)]


def _whose(pod: Object, other: Object) -> str | Told:
    mine, theirs = pod["metadata"], other["metadata"]
    labels = theirs.get("labels") or {}
    if labels.get(MANAGED_BY) != "mcd" or not labels.get(INSTANCE):
        return told(Note.HOLDER_NOT_OURS)
    if theirs.get("namespace") != mine.get("namespace"):
        return told(Note.HOLDER_OTHERS)
    line = labels.get(PART_OF)
    return echo(str(labels[INSTANCE])) + (f" ({echo(str(line))})" if line else "")
