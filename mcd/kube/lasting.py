"""What holds data and can never become what is wanted now, and what holds data that nobody wants any more.

Pure, over objects: the words say what can be done, because the API server's own name no key of app.yaml. It must not
decide what becomes of a claim: claims are never deleted.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from mcd.kube.fields import amount
from mcd.model import InventoryEntry
from mcd.objects import KEPT, Object, Ref


def cannot_become(desired: Mapping[str, Any], live: Mapping[str, Any]) -> str:
    """Why the live object can never be what is wanted, in words for people; empty when nothing speaks against it."""
    if desired["kind"] == "PersistentVolumeClaim":
        return _claim(desired, live)
    if desired["kind"] == "StatefulSet":
        return _disks(desired, live)
    return ""


def _claim(desired: Mapping[str, Any], live: Mapping[str, Any]) -> str:
    was, wanted = live.get("spec") or {}, desired["spec"]
    if _kind(was) != _kind(wanted):
        return (
            f"it was made with {_made(was)}, and that never changes. Write permdir as it was; or save what it holds, "
            "delete the claim, and deploy again."
        )
    has, asked = (live.get("status") or {}).get("capacity") or {}, _size(wanted)
    size = str(has.get("storage") or _size(was))
    smaller = (amount(asked) or 0) < (amount(size) or 0)
    return f"it has {size} and cannot become smaller ({asked}). Write permdir.size: {size} or more." if smaller else ""


def _disks(desired: Mapping[str, Any], live: Mapping[str, Any]) -> str:
    was, wanted = _templates(live), _templates(desired)
    if {name: _same_as(spec) for name, spec in was.items()} == {name: _same_as(spec) for name, spec in wanted.items()}:
        return ""
    made = "with disks of " + ", ".join(map(_told, was.values())) if was else "without disks"
    return (
        f"its pods were made {made}, and that never changes. Write stateful as it was; or rename the component: its "
        "pods then have new disks, and the old ones stay."
    )


def _templates(obj: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    found = (obj.get("spec") or {}).get("volumeClaimTemplates") or ()
    return {str(template["metadata"]["name"]): template["spec"] for template in found}


def _same_as(spec: Mapping[str, Any]) -> tuple[Any, ...]:
    return amount(_size(spec)), *_kind(spec)


def _told(spec: Mapping[str, Any]) -> str:
    return f'{_size(spec)}, class "{_kind(spec)[1]}"'


def _kind(spec: Mapping[str, Any]) -> tuple[tuple[str, ...], str]:
    return tuple(sorted(spec.get("accessModes") or ())), str(spec.get("storageClassName") or "")


def _made(spec: Mapping[str, Any]) -> str:
    modes, name = _kind(spec)
    return f'{", ".join(modes)} and class "{name}"'


def _size(spec: Mapping[str, Any]) -> str:
    return str(((spec.get("resources") or {}).get("requests") or {}).get("storage", "0"))


def unclaimed(seen: Mapping[Ref, Object | None], wanted: Iterable[Object]) -> tuple[InventoryEntry, ...]:
    """What is live of the App, holds data and is wanted no more: neither by itself nor for the pods of a wanted
    StatefulSet, however many it has just now."""
    objects = list(wanted)
    names = {obj["metadata"]["name"] for obj in objects if obj["kind"] in KEPT}
    disks = [
        re.compile(rf"{re.escape(t['metadata']['name'])}-{re.escape(obj['metadata']['name'])}-\d+")
        for obj in objects
        if obj["kind"] == "StatefulSet"
        for t in obj["spec"].get("volumeClaimTemplates") or ()
    ]
    left = [
        (ref, obj)
        for ref, obj in sorted(seen.items())
        if obj is not None and ref.kind in KEPT and not obj["metadata"].get("deletionTimestamp")
        if ref.name not in names and not any(disk.fullmatch(ref.name) for disk in disks)
    ]
    return tuple(InventoryEntry(ref, str(obj["metadata"].get("uid", ""))) for ref, obj in left)
