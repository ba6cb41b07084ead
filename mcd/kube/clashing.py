"""Ports that somebody else put into an object of ours, beside which the API server does not take ours.

Pure. Ports are merged by their number, so that one which a person added, or made of one of ours, stays when ours is
applied again. It must not decide to take it away: it is theirs, and somebody may call it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mcd.errors import echo
from mcd.kube.cluster import FIELD_MANAGER
from mcd.kube.fields import Path, applied_tree, key_segment, managed, node_at
from mcd.objects import Object

_POD = {
    "CronJob": ("spec", "jobTemplate", "spec", "template", "spec"),
    **dict.fromkeys(("Deployment", "Job", "StatefulSet"), ("spec", "template", "spec")),
}


def in_the_way(desired: Object, live: Mapping[str, Any]) -> str:
    """Why the API server would refuse what is wanted, in words for people: a port of somebody else without a name, or
    with the name of one of ours. Empty when none is."""
    for path, keys, ours, theirs in _ports(desired, live):
        names = {port.get("name"): port for port in ours if port.get("name")}
        wanted = {key_segment(port, keys) for port in ours}
        for port in theirs:
            segment, name = key_segment(port, keys), port.get("name", "")
            if segment in wanted or _goes(live, (*path, segment)) or not (name in names or (names and not name)):
                continue
            if not name and desired["kind"] != "Service":
                continue
            number, who = port[keys[0]], _by(live, (*path, segment))
            why = f'has the name "{name}" of our {names[name][keys[0]]}' if name else "has no name beside ours"
            meta = desired["metadata"]
            place = f"{desired['kind'].lower()} {meta['name']} -n {meta.get('namespace', '')}"
            return (
                f"port {number}, which {who} added, {why}, and Kubernetes takes no such two. Take it away or name it "
                f"otherwise: `kubectl edit {place}`; then it goes on by itself."
            )
    return ""


def _ports(
    desired: Object, live: Mapping[str, Any]
) -> Iterator[tuple[Path, tuple[str, ...], list[dict[str, Any]], list[dict[str, Any]]]]:
    """Each list of ports: where it is, what identifies a port in it, and what is wanted and live of it."""
    if desired["kind"] == "Service":
        keys = ("port", "protocol")
        yield ("f:spec", "f:ports"), keys, _of(desired["spec"], "ports"), _of(live.get("spec"), "ports")
        return
    place = _POD.get(desired["kind"])
    if place is None:
        return
    there = {each.get("name"): each for each in _of(_at(live, place), "containers")}
    for container in _of(_at(desired, place), "containers"):
        segment = key_segment(container, ("name",))
        path = (*(f"f:{word}" for word in place), "f:containers", segment, "f:ports")
        yield path, ("containerPort", "protocol"), _of(container, "ports"), _of(there.get(container["name"]), "ports")


def _at(obj: Mapping[str, Any], place: tuple[str, ...]) -> Any:
    found: Any = obj
    for word in place:
        found = (found or {}).get(word)
    return found


def _of(part: Any, word: str) -> list[dict[str, Any]]:
    return [each for each in (part or {}).get(word) or () if isinstance(each, dict)]


def _goes(live: Mapping[str, Any], path: Path) -> bool:
    """Whether a port is ours alone: it goes when we name it no longer."""
    return node_at(applied_tree(live, FIELD_MANAGER), path) is not None and not _others(live, path)


def _others(live: Mapping[str, Any], path: Path) -> list[str]:
    return [
        entry.manager
        for entry in managed(live)
        if (entry.manager, entry.operation) != (FIELD_MANAGER, "Apply") and node_at(entry.tree, path) is not None
    ]


def _by(live: Mapping[str, Any], path: Path) -> str:
    found = _others(live, path)
    return f'"{echo(found[0])}"' if found else "somebody"
