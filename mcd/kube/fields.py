"""Fields of Kubernetes objects: which ones an applied set has, who owns them, and where a live object differs.

Pure functions over dicts and over `managedFields` (FieldsV1), the API server's own record of who set what. It must not
decide what to do about a difference: `inventory.py` does.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Any

from mcd.objects import Object

Tree = Mapping[str, Any]
"""A FieldsV1 node: `f:name`, `k:{…}`, `v:…` or `.` to the node below. An empty node stands for all beneath it."""

Segment = str
Path = tuple[Segment, ...]
"""A place in an object, in the segments of FieldsV1: `f:spec`, `k:{"name":"web"}`."""

IDENTITY = frozenset({
    "name", "namespace", "uid", "resourceVersion", "generation", "creationTimestamp", "deletionTimestamp",
    "deletionGracePeriodSeconds", "managedFields", "selfLink",
})  # fmt: skip
"""Fields of `metadata` that nobody owns."""

_MERGE_KEYS: dict[str, tuple[tuple[str, ...], ...]] = {
    "containers": (("name",),),
    "initContainers": (("name",),),
    "ephemeralContainers": (("name",),),
    "env": (("name",),),
    "volumes": (("name",),),
    "volumeMounts": (("mountPath",),),
    "volumeDevices": (("devicePath",),),
    "imagePullSecrets": (("name",),),
    "ports": (("containerPort", "protocol"),),
    "topologySpreadConstraints": (("topologyKey", "whenUnsatisfiable"),),
    "hostAliases": (("ip",),),
    "listeners": (("name",),),
    "conditions": (("type",),),
    "ownerReferences": (("uid",),),
    "secrets": (("name",),),
}
"""Lists whose items are merged by a key (`x-kubernetes-list-map-keys`). Every other list is one value. Used only where
no `managedFields` say it better: there the keys are written out."""

WHOLE = frozenset({"labelSelector", "namespaceSelector", "nodeSelector", "podSelector", "selector"})
"""Maps that are one value (`x-kubernetes-map-type: atomic`): who sets a part of one sets it all."""

_KEY_DEFAULTS = {"protocol": "TCP"}


def merge_keys(kind: str, field: str, items: Sequence[Any]) -> tuple[str, ...]:
    """The names that identify an item of the list `field`, or () when the list is one value."""
    candidates = _MERGE_KEYS.get(field, ())
    if field == "ports" and kind == "Service":
        candidates = (("port", "protocol"),)
    for keys in candidates:
        if items and all(isinstance(item, dict) and keys[0] in item for item in items):
            return keys
    return ()


def key_segment(item: Mapping[str, Any], keys: Sequence[str]) -> str:
    """The FieldsV1 segment of a list item: `k:{"containerPort":80,"protocol":"TCP"}`."""
    values = {key: item.get(key, _KEY_DEFAULTS.get(key)) for key in sorted(keys)}
    return "k:" + json.dumps(values, separators=(",", ":"))


def shown(path: Path) -> str:
    """`spec.template.spec.containers[web].image`: a path as people read it."""
    words = ""
    for segment in path:
        mark, _, text = segment.partition(":")
        if mark == "k":
            words += f"[{','.join(str(v) for v in json.loads(text).values())}]"
        elif mark == "i":
            words += f"[{text}]"
        elif mark == "f":
            name = f"[{text}]" if "." in text or "/" in text else text
            words += name if not words or name.startswith("[") else f".{name}"
    return words


def leaves(obj: Object) -> dict[Path, Any]:
    """Every field that is set, down to what has no parts: the applied set as the API server keeps it."""
    found: dict[Path, Any] = {}
    _leaves(obj["kind"], "", {k: v for k, v in obj.items() if k not in ("apiVersion", "kind")}, (), found)
    return {p: v for p, v in found.items() if not (len(p) > 1 and p[0] == "f:metadata" and p[1][2:] in IDENTITY)}


def _leaves(kind: str, field: str, value: Any, path: Path, found: dict[Path, Any]) -> None:
    if isinstance(value, dict) and value and field not in WHOLE:
        for name, child in value.items():
            _leaves(kind, name, child, (*path, f"f:{name}"), found)
        return
    keys = merge_keys(kind, field, value) if isinstance(value, list) else ()
    if not keys:
        found[path] = value
        return
    for item in value:
        here = (*path, key_segment(item, keys))
        found[(*here, ".")] = None
        for name, child in item.items():
            _leaves(kind, name, child, (*here, f"f:{name}"), found)


# --- who owns a field -----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Managed:
    """One entry of `managedFields`: what one manager set in one way."""

    manager: str
    operation: str
    time: str
    subresource: str
    tree: Tree


def managed(live: Mapping[str, Any]) -> tuple[Managed, ...]:
    """The entries of `managedFields`; what is not readable there counts as absent."""
    entries = live.get("metadata", {}).get("managedFields") or ()
    return tuple(
        Managed(
            str(e.get("manager", "")),
            str(e.get("operation", "")),
            str(e.get("time") or ""),
            str(e.get("subresource") or ""),
            e["fieldsV1"],
        )
        for e in entries
        if isinstance(e, dict) and isinstance(e.get("fieldsV1"), dict)
    )


def applied_tree(live: Mapping[str, Any], manager: str) -> Tree | None:
    """What `manager` applied (server-side), or None when it never did."""
    for entry in managed(live):
        if entry.manager == manager and entry.operation == "Apply" and not entry.subresource:
            return entry.tree
    return None


def node_at(tree: Tree | None, path: Path) -> Tree | None:
    """The node of a path, an empty node when a whole above it is owned, or None when it is not owned."""
    node = tree
    for segment in path:
        if node is None:
            return None
        if not node:
            return node
        node = node.get(segment)
    return node


# --- where a live object differs ------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Difference:
    """A field of ours that the live object does not have so. `owned`: the API server still counts it as ours, so the
    value is what it made of what we sent (a default, a normal form, an admission's change) and nobody's edit."""

    path: Path
    owned: bool

    def __str__(self) -> str:
        return shown(self.path)


_QUANTITIES = frozenset({
    "limits", "requests", "hard", "default", "defaultRequest", "max", "min", "capacity", "sizeLimit", "divisor",
    "averageValue", "maxLimitRequestRatio",
})  # fmt: skip
_SUFFIXES = {
    "": Decimal(1), "n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3"), "k": Decimal(10**3),
    "M": Decimal(10**6), "G": Decimal(10**9), "T": Decimal(10**12), "P": Decimal(10**15), "E": Decimal(10**18),
    "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30), "Ti": Decimal(2**40), "Pi": Decimal(2**50),
    "Ei": Decimal(2**60),
}  # fmt: skip


def amount(text: Any) -> Decimal | None:
    """The number of a Kubernetes quantity (`500m` is 0.5), or None when it is none."""
    if isinstance(text, bool) or not isinstance(text, str | int | float):
        return None
    words = str(text).strip()
    number = words.rstrip("numkKMGTPEi")
    suffix = words[len(number) :]
    if suffix not in _SUFFIXES:
        return None
    try:
        value = Decimal(number) * _SUFFIXES[suffix]
    except InvalidOperation:
        return None
    return value if value.is_finite() else None


def same(want: Any, have: Any, *names: str) -> bool:
    """Whether two values mean the same at a place whose path has these names: amounts are compared as numbers."""
    if want == have and isinstance(want, bool) == isinstance(have, bool):
        return True
    if any(name in _QUANTITIES for name in names):
        first, second = amount(want), amount(have)
        return first is not None and first == second
    return False


_PLAIN = frozenset({str, int, float, bool})
"""Values without parts."""


def _equal(want: Any, have: Any, path: Path) -> bool:
    if type(want) is type(have) and want == have:
        return True  # the names on the way matter to amounts alone
    return same(want, have, *(segment[2:] for segment in path))


def compare(want: Object, live: Mapping[str, Any], tree: Tree | None) -> tuple[Difference, ...]:
    """Where the live object lacks a field of `want` or has it otherwise, in the order of `want`. What the live object
    has beyond that is not ours and not compared, but for lists and selectors that are one value: one that somebody else
    set is compared whole. `tree`: what the API server says that we applied."""
    found: list[Difference] = []
    wish = _Wish(want["kind"], tree is not None)
    for name, value in want.items():
        if name in ("apiVersion", "kind", "status"):
            continue
        if name == "metadata":
            value = {k: v for k, v in value.items() if k not in IDENTITY}
        path = (f"f:{name}",)
        found += _compare(wish, value, live.get(name), node_at(tree, path), path)
    return tuple(found)


@dataclass(frozen=True, slots=True)
class _Wish:
    """`applied`: we wrote the object before, so that what is not recorded as ours was set by somebody else."""

    kind: str
    applied: bool


def _compare(wish: _Wish, want: Any, have: Any, tree: Tree | None, path: Path) -> Iterator[Difference]:
    if path[-1][2:] in WHOLE and wish.applied and tree is None:
        if want != have:
            yield Difference(path, owned=False)
    elif isinstance(want, dict) and isinstance(have, dict):
        for name, value in want.items():
            there = have.get(name)
            if type(value) in _PLAIN and type(value) is type(there) and value == there:
                continue  # nearly every field of an App at rest; who owns it is no matter then
            below = (*path, f"f:{name}")
            yield from _compare(wish, value, there, node_at(tree, (f"f:{name}",)), below)
    elif isinstance(want, list) and isinstance(have, list):
        yield from _compare_lists(wish, want, have, tree, path)
    elif not _equal(want, have, path):
        if isinstance(want, dict) and want and have is None:
            for name, value in want.items():
                below = (*path, f"f:{name}")
                yield from _compare(wish, value, None, node_at(tree, (f"f:{name}",)), below)
        else:
            yield Difference(path, tree is not None)


def _compare_lists(
    wish: _Wish, want: list[Any], have: list[Any], tree: Tree | None, path: Path
) -> Iterator[Difference]:
    keys = keys_in(tree) or merge_keys(wish.kind, path[-1][2:], want)
    if not keys:
        # Somebody else's list is another one as soon as it says more than ours, in whatever place.
        if len(want) != len(have) or (wish.applied and tree is None and want != have):
            yield Difference(path, tree is not None)
            return
        for index, (first, second) in enumerate(zip(want, have, strict=True)):
            # A list that is one value is owned whole or not at all; what lies inside shares that.
            inside: Tree | None = {} if tree is not None else None
            yield from _compare(wish, first, second, inside, (*path, f"i:{index}"))
        return
    by_key = {key_segment(item, keys): item for item in have if isinstance(item, dict)}
    for item in want:
        segment = key_segment(item, keys)
        below = (*path, segment)
        node = node_at(tree, (segment,))
        if segment in by_key:
            yield from _compare(wish, item, by_key[segment], node, below)
        else:
            yield Difference(below, node is not None)


def keys_in(tree: Tree | None) -> tuple[str, ...]:
    """The merge keys that the API server itself used for a list of ours."""
    for segment in tree or ():
        if segment.startswith("k:"):
            return tuple(json.loads(segment[2:]))
    return ()
