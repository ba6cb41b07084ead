"""What a plan would change, in words that a person can check: one line per field before and after, secrets masked.

Pure: a Plan in, Changes out, in the very order and with the very decisions that the apply step works from. It must not
decide anything itself.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from mcd.api.app_shapes import Change, ObjectRef
from mcd.kube.changes import Field, lines_of, said
from mcd.kube.cluster import FIELD_MANAGER
from mcd.kube.fields import IDENTITY, Path, Tree, applied_tree, leaves
from mcd.kube.inventory import differences
from mcd.kube.secret import KIND as SECRET
from mcd.kube.secret import as_applied, told
from mcd.model import Action, Plan, Planned
from mcd.objects import COMPONENT, GENERATE, HASH, OWNER, ROLLOUT, Object, masked, ref_of

_OURS = frozenset({f"f:{HASH}", f"f:{OWNER}", f"f:{ROLLOUT}"})
"""Bookkeeping, which no person asked for."""


def changes_of(plan: Plan, to_make: Collection[str] = ()) -> list[Change]:
    """The ChangeSet that carrying out the plan would answer, but for what is unchanged. `to_make` are the generated
    secrets that nobody made yet."""
    found = [_planned(planned, to_make) for planned in plan.apply]
    found += [Change(object=ObjectRef.of(entry.ref), action=Action.DELETED) for entry in plan.delete]
    found += [
        Change(object=ObjectRef.of(held.ref), action=Action.HELD, detail=held.detail, healed_from=held.healed_from)
        for held in plan.held
    ]
    return found


def replaced_by(plan: Plan) -> list[str]:
    """Components whose pods that run are replaced when the plan is carried out: what pods are made from changes."""
    return sorted({
        str(planned.desired["metadata"]["labels"].get(COMPONENT, planned.desired["metadata"]["name"]))
        for planned in plan.apply
        if planned.live is not None
        and planned.desired["kind"] in _REPLACE
        and (planned.live.get("spec") or {}).get("replicas", 1)
        and any(path[:2] == ("f:spec", "f:template") for path, _, _ in _fields(planned.desired, planned.live))
    })  # fmt: skip


_REPLACE = ("Deployment", "StatefulSet", "DaemonSet")
"""Kinds that keep pods running. A CronJob's next run is a new one anyway."""


def _planned(planned: Planned, to_make: Collection[str]) -> Change:
    generates = GENERATE in (planned.desired["metadata"].get("annotations") or {})
    new = ", ".join(sorted(to_make)) if generates else ""
    detail = "; ".join(words for words in (planned.detail, f"would be made: {new}" if new else "") if words)
    return Change(
        object=ObjectRef.of(ref_of(planned.desired)),
        action=Action.CREATED if planned.live is None else Action.CONFIGURED,
        detail=detail,
        healed_from=planned.healed_from,
        diff="\n".join(_lines(planned.desired, planned.live)),
    )


def _lines(desired: Object, live: Object | None) -> list[str]:
    fields = _fields(desired, live)
    if live is not None and desired["kind"] == SECRET.kind:
        return lines_of((field for field in fields if field[0][0] != "f:data"), _secret_lines(desired, live))
    return lines_of(fields)


def _fields(desired: Object, live: Object | None) -> Iterator[Field]:
    want = _told(desired)
    if live is None:
        for path, value in want.items():
            yield path, None, value
        return
    have = _told(as_applied(live))
    changed = {d.path for d in differences(desired, live)}
    for path, value in want.items():
        if any(path[: len(c)] == c for c in changed):
            yield path, have.get(path), value
    owned = applied_tree(live, FIELD_MANAGER)
    for path, value in have.items():
        mine = _owned_part(owned, path) if owned is not None and path not in want else None
        # What is owned as a whole is sent as a whole: a part of it that nobody wrote is a default of the API server.
        if mine is not None and not _within(want, mine):
            yield path, value, None


def _secret_lines(desired: Object, live: Object) -> list[str]:
    """Key names, and whether what they hold may change. The values are not known here."""
    before, after = told(desired, live)
    gone = [f"- data.{key}: {said(word)}" for key, word in before.items() if after.get(key) != word]
    return gone + [f"+ data.{key}: {said(word)}" for key, word in after.items() if before.get(key) != word]


def _told(obj: Mapping[str, Any]) -> dict[Path, Any]:
    """The fields of an object as a person may see them."""
    fields = {}
    for path, value in leaves(masked({k: v for k, v in obj.items() if k != "status"})).items():
        identity = path[0] == "f:metadata" and len(path) > 1 and path[1][2:] in IDENTITY
        if identity or path[-1] in _OURS or path[-1] == ".":
            continue
        fields[path] = value
    return fields


def _owned_part(tree: Tree, path: Path) -> Path | None:
    """The part of the applied set that holds a field: the field itself, or what is owned as a whole around it."""
    node: Any = tree
    for depth, segment in enumerate(path):
        if segment not in node:
            # An empty node stands for all beneath it.
            return None if node else path[:depth]
        node = node[segment]
    return path


def _within(want: Mapping[Path, Any], path: Path) -> bool:
    """Whether a field of the live object is part of one that is wanted as a whole, or holds one."""
    return any(path[: len(w)] == w or w[: len(path)] == path for w in want)
