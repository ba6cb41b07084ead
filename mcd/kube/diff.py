"""What an apply would change of one object, as the text that people know: a unified diff of stable, masked YAML.

Pure. Only fields that are ours stand in it: what the server or somebody else added is nobody's change. It must never
show the value of a Secret.
"""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

import yaml

from mcd.kube.cluster import FIELD_MANAGER
from mcd.kube.fields import IDENTITY, Tree, applied_tree, key_segment, keys_in, merge_keys, node_at, same
from mcd.kube.secret import KIND, as_applied, told
from mcd.objects import HASH, MASK, OWNER, Object, ref_of

_ABSENT: Any = object()


def diff_text(live: Mapping[str, Any] | None, desired: Object) -> str:
    """The unified diff from `live` (None: nothing) to `desired`, or an empty text. Bookkeeping annotations of ours are
    left out."""
    ref = ref_of(desired)
    after = _visible(desired)
    before = None
    if live is not None:
        before = _ours(desired["kind"], "", after, _visible(as_applied(live)), applied_tree(live, FIELD_MANAGER))
    if desired["kind"] == KIND.kind:
        old, new = told(desired, live) if live is not None else ({}, dict.fromkeys(desired.get("data") or {}, MASK))
        before = {**before, "data": old} if before is not None else None
        after = {**after, "data": new}
    first, second = _lines(before) if before is not None else [], _lines(after)
    name = f"{ref.kind}/{ref.name}"
    return "\n".join(difflib.unified_diff(first, second, f"live/{name}", f"wanted/{name}", lineterm=""))


def _visible(obj: Mapping[str, Any]) -> Object:
    """Without status, identity and our own bookkeeping."""
    meta = {k: v for k, v in obj["metadata"].items() if k not in IDENTITY or k in ("name", "namespace")}
    annotations = {k: v for k, v in (meta.pop("annotations", None) or {}).items() if k not in (HASH, OWNER)}
    meta.update({"annotations": annotations} if annotations else {})
    return {**{k: v for k, v in obj.items() if k != "status"}, "metadata": meta}


def _ours(kind: str, field: str, want: Any, have: Any, tree: Tree | None) -> Any:
    """Of `have`, what is wanted or was applied by us; in the words of `want` where it means the same."""
    if have is None or have is _ABSENT:
        # Left out by the server although it still counts it as ours: the zero value that we asked for.
        return want if tree is not None and want is not _ABSENT else _ABSENT
    if isinstance(have, dict) and (isinstance(want, dict) or want is _ABSENT):
        names = [n for n in have if (want is not _ABSENT and n in want) or node_at(tree, (f"f:{n}",)) is not None]
        names += [n for n in (want if want is not _ABSENT else ()) if n not in have]
        found = {}
        for name in names:
            below = node_at(tree, (f"f:{name}",))
            wanted = want.get(name, _ABSENT) if want is not _ABSENT else _ABSENT
            value = _ours(kind, f"{field}.{name}", wanted, have.get(name, _ABSENT), below)
            if value is not _ABSENT:
                found[name] = value
        return found
    if isinstance(have, list) and isinstance(want, list):
        return _ours_of_list(kind, field, want, have, tree)
    return want if want is not _ABSENT and same(want, have, *field.split(".")) else have


def _ours_of_list(kind: str, field: str, want: list[Any], have: list[Any], tree: Tree | None) -> list[Any]:
    keys = keys_in(tree) or merge_keys(kind, field.rpartition(".")[2], want)
    if not keys:
        if len(want) != len(have):
            return have
        return [_ours(kind, field, first, second, {}) for first, second in zip(want, have, strict=True)]
    wanted = {key_segment(item, keys): item for item in want}
    found = []
    for item in have:
        segment = key_segment(item, keys)
        node = node_at(tree, (segment,))
        if segment in wanted or node is not None:
            found.append(_ours(kind, field, wanted.get(segment, _ABSENT), item, node))
    return found


def _lines(obj: Object) -> list[str]:
    return yaml.safe_dump(obj, sort_keys=True, default_flow_style=False, allow_unicode=True, width=1000).splitlines()
