"""Secrets on their way to a cluster: shells that hold no value, and the one moment at which a shell is filled.

Of a live Secret only the metadata is ever read: who owns which key stands in `managedFields`, and that is enough to see
an edit by hand (ADR 7). A filled Secret must not be kept, compared, logged or answered by anybody.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from mcd.errors import Code, McdError
from mcd.kube.cluster import FIELD_MANAGER, Kind
from mcd.kube.fields import applied_tree, managed, node_at
from mcd.model import Reason, SecretText
from mcd.objects import MASK, SECRET, SECRET_VERSION, Object, ref_of

KIND = Kind("v1", "Secret")

OPAQUE = "Opaque"

ONLY_METADATA = "application/json;as=PartialObjectMetadata;g=meta.k8s.io;v=v1"
ONLY_METADATA_OF_A_LIST = "application/json;as=PartialObjectMetadataList;g=meta.k8s.io;v=v1"
"""What the API server is asked to answer about Secrets, writes included. There is no second choice in the header: a
server that cannot do it answers 406 and no value."""

KEY_RING_RETRY = 30.0
"""Seconds until a value that could not be opened is asked for again: a person must put a key back."""

_KEPT_BY_KUBECTL = "kubectl.kubernetes.io/last-applied-configuration"
"""`kubectl apply` keeps the whole Secret in this annotation."""

Values = Callable[[str, int], Awaitable[Mapping[str, SecretText]]]
"""A secret's name and version → its values by key. Raises McdError not_found, unavailable."""


def without_values(obj: Mapping[str, Any], kind: Kind) -> Object:
    """A live Secret as MCD may know it; any other object as it is."""
    if kind != KIND:
        return dict(obj)
    meta = obj["metadata"]
    annotations = meta.get("annotations") or {}
    if _KEPT_BY_KUBECTL in annotations:
        kept = {k: v for k, v in annotations.items() if k != _KEPT_BY_KUBECTL}
        meta = {**meta, "annotations": kept}
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": meta}


def is_shell(obj: Mapping[str, Any]) -> bool:
    """Whether an object is a Secret whose values are still to be filled in."""
    data = obj.get("data")
    return (
        obj.get("kind") == KIND.kind
        and isinstance(data, dict)
        and bool(data)
        and all(value == MASK for value in data.values())
        and bool((obj["metadata"].get("annotations") or {}).get(SECRET))
    )


def as_applied(live: Mapping[str, Any]) -> Mapping[str, Any]:
    """What a live object is compared as: a Secret with a mask for each key that the API server still counts as ours. A
    key that somebody else wrote, or took away, is not among them. Any other object as it is."""
    if live.get("kind") != KIND.kind:
        return live
    tree = applied_tree(live, FIELD_MANAGER)
    mine = [field[2:] for field in node_at(tree, ("f:data",)) or () if field.startswith("f:")]
    kind = {"type": OPAQUE} if node_at(tree, ("f:type",)) is not None else {}
    return {**live, **kind, "data": dict.fromkeys(mine, MASK)}


CHANGED = f"{MASK} (changed: yes)"


def told(desired: Object, live: Mapping[str, Any]) -> tuple[dict[str, str], dict[str, str]]:
    """The keys of a Secret before and after it is written, for people: a mask each, `CHANGED` where the value that is
    written may be another one. A key counts as unchanged while it is ours and the version is the same."""
    ours = node_at(applied_tree(live, FIELD_MANAGER), ("f:data",)) or {}
    there = {field[2:] for m in managed(live) for field in node_at(m.tree, ("f:data",)) or () if field.startswith("f:")}
    wanted = desired.get("data") or {}
    same = _version(desired) == _version(live)
    before = {key: MASK for key in sorted(there) if key in wanted or f"f:{key}" in ours}
    after = {key: CHANGED if key in there and not (same and f"f:{key}" in ours) else MASK for key in sorted(wanted)}
    return before, after


def _version(obj: Mapping[str, Any]) -> tuple[str, str]:
    annotations = obj["metadata"].get("annotations") or {}
    return annotations.get(SECRET, ""), annotations.get(SECRET_VERSION, "")


async def filled(obj: Object, values: Values | None) -> Object:
    """What is sent for `obj`: a shell gets the values of exactly its keys, anything else stays as it is. Raises
    McdError: conflict (ConfigMissing) when the secret is not there any more, unavailable when it cannot be opened."""
    if not is_shell(obj):
        return obj
    annotations = obj["metadata"]["annotations"]
    name, version = annotations[SECRET], annotations[SECRET_VERSION]
    if values is None:
        raise McdError(Code.INTERNAL, f'{ref_of(obj)}: nobody can open the secret "{name}" here.')
    try:
        opened = await values(name, int(version))
    except McdError as error:
        if error.code is Code.NOT_FOUND:
            raise _missing(name, version) from None
        error.retry_after = error.retry_after or KEY_RING_RETRY
        raise
    if not set(obj["data"]) <= set(opened):
        raise _missing(name, version)
    data = {key: base64.b64encode(opened[key].reveal().encode()).decode() for key in obj["data"]}
    return {**obj, "data": data}


def _missing(name: str, version: str) -> McdError:
    return McdError(
        Code.CONFLICT,
        f'version {version} of the secret "{name}", or a key of it, is not there any more.',
        "Set it: `mcd secret set`; then deploy again.",
        reason=Reason.CONFIG_MISSING.value,
    )
