"""Secrets on their way to a cluster: shells that hold no value, and the one moment at which a shell is filled.

Of a live Secret only the metadata is ever read: who owns which key stands in `managedFields`, and that is enough to see
an edit by hand (ADR 7). A filled Secret must not be kept, compared, logged or answered by anybody.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import Any

from mcd.errors import Code, McdError
from mcd.kube.cluster import FIELD_MANAGER, Kind
from mcd.kube.fields import applied_tree, managed, node_at
from mcd.model import NO_SECRET_FILES, Pieces, Reason, SecretFiles, SecretSource, SecretText
from mcd.objects import GENERATE, MADE_ONCE, MASK, SECRET, SECRET_VERSION, WITH_SECRETS, Object, ref_of

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

LARGEST = 1024 * 1024
"""Bytes of all values of one Secret that Kubernetes takes."""

Values = Callable[[SecretSource], Awaitable[Mapping[str, SecretText]]]
"""Where values come from → the values by key. Raises McdError not_found, unavailable."""


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


async def filled(obj: Object, values: Values | None, files: SecretFiles = NO_SECRET_FILES) -> Object:
    """What is sent for `obj`: a shell gets the values of exactly its keys, anything else stays as it is. Raises
    McdError: conflict (ConfigMissing) when a secret is not there any more, too_large, unavailable when one cannot be
    opened."""
    if not is_shell(obj):
        return obj
    if values is None:
        secret = obj["metadata"]["annotations"][SECRET]
        raise McdError(Code.INTERNAL, f'{ref_of(obj)}: nobody can open the secret "{secret}" here.')
    if obj["metadata"]["annotations"][SECRET] == WITH_SECRETS:
        texts = await _written(obj, values, files)
    else:
        source = _source(obj)
        opened = await _opened(values, source, obj["data"])
        texts = {key: opened[key].reveal().encode() for key in obj["data"]}
    size = sum(len(text) for text in texts.values())
    if size > LARGEST:
        words = f"{ref_of(obj)}: with its values it has {size:,} bytes, and Kubernetes takes {LARGEST:,}."
        raise McdError(
            Code.TOO_LARGE, words, "Make the files or the values smaller.", reason=Reason.REFUSED_BY_CLUSTER.value
        )
    return {**obj, "data": {key: base64.b64encode(text).decode() for key, text in texts.items()}}


def _source(obj: Object) -> SecretSource:
    annotations = obj["metadata"]["annotations"]
    if annotations[SECRET] == MADE_ONCE:
        return SecretSource(MADE_ONCE, lengths=json.loads(annotations[GENERATE]))
    return SecretSource(annotations[SECRET], int(annotations[SECRET_VERSION]))


async def _opened(values: Values, source: SecretSource, keys: Iterable[str]) -> Mapping[str, SecretText]:
    try:
        opened = await values(source)
    except McdError as error:
        if error.code is Code.NOT_FOUND:
            raise _missing(source) from None
        error.retry_after = error.retry_after or KEY_RING_RETRY
        raise
    if not set(keys) <= set(opened):
        raise _missing(source)
    return opened


async def _written(obj: Object, values: Values, files: SecretFiles) -> dict[str, bytes]:
    """The files of a Secret, each put together of its pieces: what is a text is never read, and neither is a value."""
    texts = files.texts[obj["metadata"]["name"]]
    keys: dict[str, set[str]] = {}
    for key in obj["data"]:
        for piece in texts[key]:
            if not isinstance(piece, str):
                keys.setdefault(piece[0], set()).add(piece[1])
    opened = {name: await _opened(values, files.sources[name], keys[name]) for name in sorted(keys)}
    return {key: _joined(texts[key], opened).encode() for key in obj["data"]}


def _joined(pieces: Pieces, opened: Mapping[str, Mapping[str, SecretText]]) -> str:
    return "".join(piece if isinstance(piece, str) else opened[piece[0]][piece[1]].reveal() for piece in pieces)


def _missing(source: SecretSource) -> McdError:
    return McdError(
        Code.CONFLICT,
        f'version {source.version} of the secret "{source.name}", or a key of it, is not there any more.',
        "Set it: `mcd secret set`; then deploy again.",
        reason=Reason.CONFIG_MISSING.value,
    )
