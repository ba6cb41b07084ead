"""Server-side apply on plain dicts: merge, conflicts, and the `managedFields` that record who owns what.

The rules of the real API server as far as `memory.py` needs them; the contract suite holds both to the same answers.
It must not keep any state.
"""

from __future__ import annotations

import copy
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from mcd.kube.fields import WHOLE, Path, Tree, key_segment, leaves, managed, merge_keys
from mcd.objects import Object


@dataclass(frozen=True, slots=True)
class Merged:
    """The object after an apply, with its new `managedFields`; or the fields that others hold, as (manager, path)."""

    object: Object
    conflicts: tuple[tuple[str, Path], ...] = ()


Owners = dict[tuple[str, str], set[Path]]
"""(manager, operation) → the fields that it owns."""


def owners(live: Mapping[str, Any]) -> Owners:
    return {(m.manager, m.operation): set(_paths(m.tree, ())) for m in managed(live)}


def _paths(tree: Tree, path: Path) -> Iterable[Path]:
    for segment, below in tree.items():
        if segment == ".":
            yield (*path, ".")
        elif below:
            yield from _paths(below, (*path, segment))
        else:
            yield (*path, segment)


def _tree(paths: Iterable[Path]) -> dict[str, Any]:
    root: dict[str, Any] = {}
    for path in sorted(paths):
        node = root
        for segment in path:
            node = node.setdefault(segment, {})
    return root


def written(owned: Owners, api_version: str, times: Mapping[tuple[str, str], str]) -> list[dict[str, Any]]:
    """The `managedFields` of an object."""
    return [
        {
            "manager": who[0],
            "operation": who[1],
            "apiVersion": api_version,
            "time": times[who],
            "fieldsType": "FieldsV1",
            "fieldsV1": _tree(paths),
        }
        for who, paths in owned.items()
        if paths
    ]


def times_of(live: Mapping[str, Any]) -> dict[tuple[str, str], str]:
    return {(m.manager, m.operation): m.time for m in managed(live)}


def merge(config: Object, live: Object, manager: str, now: str, *, force: bool) -> Merged:
    """Applies `config` onto `live` as `manager`."""
    me = (manager, "Apply")
    wanted, have = leaves(config), leaves(live)
    owned = owners(live)
    conflicts = tuple(
        (who[0], path)
        for path, value in wanted.items()
        if path[-1] != "." and have.get(path, _ABSENT) != value
        for who, paths in owned.items()
        if who != me and path in paths
    )
    if conflicts and not force:
        return Merged(live, conflicts)
    for who, path in conflicts:
        for other in list(owned):
            if other[0] == who and other != me:
                owned[other].discard(path)
    dropped = owned.get(me, set()) - set(wanted)
    owned[me] = set(wanted)
    result = copy.deepcopy(live)
    _drop(result, dropped, {path for who, paths in owned.items() if who != me for path in paths})
    _merge_into(config["kind"], "", {k: v for k, v in config.items() if k not in ("apiVersion", "kind")}, result)
    times = {**times_of(live), me: now}
    result["metadata"]["managedFields"] = written(owned, config["apiVersion"], times)
    return Merged(result)


def edited(before: Object, after: Object, manager: str, now: str) -> Object:
    """`after` with `managedFields` as an update by `manager` leaves them: changed fields are its own, removed fields
    nobody's."""
    me = (manager, "Update")
    old, new = leaves(before), leaves(after)
    owned = owners(before)
    mine = {path for path, value in new.items() if old.get(path, _ABSENT) != value}
    removed = set(old) - set(new)
    for who, paths in owned.items():
        if who != me:
            paths -= mine | removed
    owned[me] = (owned.get(me, set()) - removed) | mine
    times = {**times_of(before), me: now}
    result = copy.deepcopy(after)
    result["metadata"]["managedFields"] = written(owned, after["apiVersion"], times)
    return result


_ABSENT = object()


def _merge_into(kind: str, field: str, want: Any, have: Any) -> Any:
    if isinstance(want, dict) and isinstance(have, dict) and field not in WHOLE:
        for name, value in want.items():
            have[name] = _merge_into(kind, name, value, have.get(name))
        return have
    keys = merge_keys(kind, field, want) if isinstance(want, list) else ()
    if not keys or not isinstance(have, list):
        return copy.deepcopy(want)
    by_key = {key_segment(item, keys): item for item in have}
    merged = [_merge_into(kind, "", item, by_key.pop(key_segment(item, keys), {})) for item in want]
    return merged + list(by_key.values())


def _drop(obj: Object, dropped: set[Path], kept: set[Path]) -> None:
    """Takes away the fields that left an applied set, unless another manager holds them. List items go whole, before
    the fields inside them: without its key an item could not be found any more."""
    for path in sorted(dropped, key=lambda p: (p[-1] != ".", -len(p), p)):
        if path[-1] == ".":
            if not any(other[: len(path) - 1] == path[:-1] for other in kept):
                _take_away(obj, path[:-1])
        elif path not in kept and not (len(path) > 1 and path[-1][2:] in _keys(path[-2])):
            _take_away(obj, path)


def _take_away(obj: Object, path: Path) -> None:
    """Removes a field or an item; containers that become empty go with it, as they do on the API server."""
    trail: list[tuple[Any, Any]] = []
    node: Any = obj
    for segment in path:
        step = _step(node, segment)
        if step is None:
            return
        trail.append((node, step))
        node = node[step]
    for parent, step in reversed(trail):
        del parent[step]
        if parent or parent is obj["metadata"]:
            return


def _keys(segment: str) -> tuple[str, ...]:
    return tuple(json.loads(segment[2:])) if segment.startswith("k:") else ()


def _step(node: Any, segment: str) -> Any:
    if segment.startswith("f:"):
        return segment[2:] if isinstance(node, dict) and segment[2:] in node else None
    keys = _keys(segment)
    if isinstance(node, list) and keys:
        for index, item in enumerate(node):
            if key_segment(item, keys) == segment:
                return index
    return None
