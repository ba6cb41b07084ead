"""Looks up what a decision about a Rollout needs: its own objects, and whatever else of its App the cluster holds.

One door for a pass and for a dry run, or the two would see different clusters. It must not decide, and writes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from mcd.kube.cluster import Kind
from mcd.kube.decision import Intent
from mcd.kube.gate import APP_KINDS
from mcd.kube.inventory import is_ours, uid_of
from mcd.kube.kinds import KINDS, served
from mcd.kube.live import LiveObjects
from mcd.kube.secret import KIND as SECRET
from mcd.model import Cluster, InventoryEntry, RolloutItem
from mcd.objects import KEPT, Object, Ref, ref_of


def kinds_of_apps(cluster: Cluster) -> tuple[Kind, ...]:
    """The kinds that an App may be made of and that the cluster serves. Secrets are not among them: nothing runs in
    one, and they are watched only where something needs them."""
    return tuple(
        kind
        for kind in KINDS
        if kind.kind in APP_KINDS and kind != SECRET and cluster.serves.has(kind.api_version, kind.kind)
    )


async def seen_for(intent: Intent, live: LiveObjects) -> Mapping[Ref, Object | None]:
    """Every reference of `intent.refs`, None for what does not exist, and each other object with the App's label: one
    that a later database made is named by nothing that this one knows."""
    item = intent.item
    beside = await live.of_kinds(kinds_of_apps(item.cluster), item.line.namespace, item.app.name)
    return {**beside, **await live.get(intent.refs, fresh=intent.asked)}


@dataclass(frozen=True, slots=True)
class Unnamed:
    """What we made of an App and its inventory does not name: what stays where it is, what goes already, and what holds
    data and is never deleted."""

    staying: tuple[InventoryEntry, ...]
    going: tuple[InventoryEntry, ...]
    holding_data: tuple[InventoryEntry, ...]


async def unnamed(item: RolloutItem, live: LiveObjects, owner: str) -> Unnamed:
    """By the App's label, our mark and our field manager: another database made it. Asked of the API server, because a
    cache still shows what was deleted a moment ago."""
    named = {entry.ref for entry in item.inventory}
    shown = await live.of_kinds((*kinds_of_apps(item.cluster), SECRET), item.line.namespace, item.app.name)
    refs = sorted(ref for ref in shown if ref not in named)
    there = await live.get(refs, fresh=refs)
    found = [obj for ref in refs if (obj := there[ref]) and is_ours(InventoryEntry(ref), obj, owner)]
    kept = [obj for obj in found if obj["kind"] in KEPT]
    going = [obj for obj in found if obj not in kept and obj["metadata"].get("deletionTimestamp")]
    staying = [obj for obj in found if obj not in kept and obj not in going]
    return Unnamed(_entries(staying), _entries(going), _entries(kept))


def _entries(objects: Iterable[Object]) -> tuple[InventoryEntry, ...]:
    return tuple(InventoryEntry(ref_of(obj), uid_of(obj)) for obj in objects)


def delete_by_hand(namespace: str, entries: Iterable[InventoryEntry]) -> str:
    """The command that deletes exactly these objects of a namespace."""
    words = [_for_kubectl(entry.ref) for entry in entries]
    return f"kubectl -n {namespace} delete {' '.join(words)}"


def _for_kubectl(ref: Ref) -> str:
    group = f".{ref.group}" if ref.group else ""
    return f"{served(ref.api_version, ref.kind).plural}{group}/{ref.name}"
