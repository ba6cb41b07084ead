"""What a MemoryCluster keeps: the objects, their versions, their history, and the rules of writing.

No faults, no requests and no waiting; `memory.py` is the door.
"""

from __future__ import annotations

import asyncio
import copy
import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mcd.errors import Code
from mcd.kube import merging
from mcd.kube.cluster import Kind, KubeError, KubeReason, WatchEvent, WatchEventType
from mcd.kube.fields import shown
from mcd.kube.kinds import KINDS
from mcd.kube.refusals import namespace_going, never_changes
from mcd.objects import Object, Ref, ref_of

_IMMUTABLE = {
    "Deployment": ("selector",),
    "StatefulSet": ("selector", "serviceName", "volumeClaimTemplates", "podManagementPolicy"),
    "Job": ("template", "selector", "completions"),
    "PersistentVolumeClaim": ("accessModes", "storageClassName", "volumeName"),
}
_OPAQUE = "Opaque"
_NO_GENERATION = frozenset(
    {"ConfigMap", "Secret", "ServiceAccount", "Namespace", "Event", "Node", "Role", "RoleBinding"}
)
HISTORY = 10_000
"""How many changes a watch can go back; older versions are answered with 410."""


@dataclass(frozen=True, slots=True)
class Written:
    """One change. `before` is None for what was made, `after` for what is gone."""

    version: int
    before: Object | None
    after: Object | None


@dataclass
class World:
    """The state of one cluster. Every write gives the object the next version and tells the watches."""

    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    objects: dict[Ref, Object] = field(default_factory=dict)
    version: int = 1
    history: list[Written] = field(default_factory=list)
    oldest: int = 1
    bells: set[asyncio.Event] = field(default_factory=set)
    quota: dict[tuple[str, str], int] = field(default_factory=dict)

    def forget(self) -> None:
        """Whoever watches from before now is too late."""
        self.version += 1
        self.oldest = self.version
        self.history.clear()
        self.ring()

    def applied(self, obj: Object, live: Object | None, manager: str, *, force: bool) -> tuple[Object, bool]:
        ref = ref_of(obj)
        now = self.objects.get(ref)
        if live is None and now is not None:
            raise KubeError(Code.PRECONDITION, KubeReason.STALE, f"{ref} exists already.")
        if live is not None and (
            now is None
            or now["metadata"]["uid"] != live["metadata"]["uid"]
            or now["metadata"]["resourceVersion"] != live["metadata"]["resourceVersion"]
        ):
            raise KubeError(Code.PRECONDITION, KubeReason.STALE, f"{ref} changed since it was read, or is gone.")
        if now is None:
            self._may_create(ref)
        merged = merging.merge(obj, now or shell(obj), manager, self.now(), force=force)
        if merged.conflicts:
            pairs = [(who, shown(path)) for who, path in merged.conflicts]
            words = ", ".join(f'"{who}" holds {path}' for who, path in pairs)
            raise KubeError(Code.CONFLICT, KubeReason.CONFLICT, f"{ref}: {words}.", managers=pairs)
        result = merged.object
        if now is None:
            self.identify(result)
            return result, True
        for name in _IMMUTABLE.get(ref.kind, ()):
            old, new = (now.get("spec") or {}).get(name), (result.get("spec") or {}).get(name)
            if old != new:
                raise never_changes(str(ref), (f"spec.{name}",))
        if ref.kind == "Secret" and (now.get("type") or _OPAQUE) != (result.get("type") or _OPAQUE):
            raise never_changes(str(ref), ("type",))
        if bare(result) == bare(now):
            return now, False
        return result, False

    def _may_create(self, ref: Ref) -> None:
        if not ref.namespace:
            return
        space = self.objects.get(Ref("v1", "Namespace", "", ref.namespace))
        if space is None:
            raise KubeError(
                Code.NOT_FOUND, KubeReason.NAMESPACE_MISSING, f'{ref}: there is no namespace "{ref.namespace}".'
            )
        if space["metadata"].get("deletionTimestamp"):
            raise namespace_going(str(ref))
        limit = self.quota.get((ref.namespace, ref.kind))
        used = sum(1 for r in self.objects if (r.namespace, r.kind) == (ref.namespace, ref.kind))
        if limit is not None and used >= limit:
            word = f"count/{KINDS[Kind(ref.api_version, ref.kind)].plural}"
            raise KubeError(
                Code.FORBIDDEN, KubeReason.QUOTA,
                f"{ref}: exceeded quota: mcd-quota, requested: {word}=1, used: {word}={used}, limited: {word}={limit}.",
            )  # fmt: skip

    def identify(self, obj: Object) -> None:
        meta = obj["metadata"]
        meta["uid"] = str(uuid.uuid4())
        meta["creationTimestamp"] = self.now()

    def store(self, obj: Object) -> None:
        ref = ref_of(obj)
        before = self.objects.get(ref)
        self.version += 1
        meta = obj["metadata"]
        meta["resourceVersion"] = str(self.version)
        if ref.kind not in _NO_GENERATION:
            generation = before["metadata"].get("generation", 0) if before else 0
            changed = before is None or before.get("spec") != obj.get("spec")
            meta["generation"] = generation + 1 if changed else generation
        if meta.get("deletionTimestamp") and not meta.get("finalizers"):
            self.objects.pop(ref, None)
            self._tell(before, None)
            return
        self.objects[ref] = obj
        self._tell(before, obj)

    def remove(self, ref: Ref) -> None:
        now = copy.deepcopy(self.objects[ref])
        if now["metadata"].get("finalizers"):
            now["metadata"].setdefault("deletionTimestamp", self.now())
            self.store(now)
            return
        self.version += 1
        now["metadata"]["resourceVersion"] = str(self.version)
        del self.objects[ref]
        self._tell(now, None)
        uid = now["metadata"]["uid"]
        for other, obj in list(self.objects.items()):
            owned = any(o.get("uid") == uid for o in obj["metadata"].get("ownerReferences") or ())
            inside = ref.kind == "Namespace" and other.namespace == ref.name
            if (owned or inside) and other in self.objects:
                self.remove(other)

    def _tell(self, before: Object | None, after: Object | None) -> None:
        self.history.append(Written(self.version, copy.deepcopy(before), copy.deepcopy(after)))
        if len(self.history) > HISTORY:
            self.oldest = self.history[-HISTORY].version
            del self.history[:-HISTORY]
        self.ring()

    def ring(self) -> None:
        for bell in self.bells:
            bell.set()

    def now(self) -> str:
        return self.clock().strftime("%Y-%m-%dT%H:%M:%SZ")


def shell(obj: Object) -> Object:
    ref = ref_of(obj)
    meta = {"name": ref.name, **({"namespace": ref.namespace} if ref.namespace else {})}
    return {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": meta}


def bare(obj: Object) -> Object:
    """The object without what every write touches: equal ones mean that nothing changed."""
    meta = {k: v for k, v in obj["metadata"].items() if k not in ("resourceVersion", "managedFields")}
    fields = [{k: v for k, v in entry.items() if k != "time"} for entry in obj["metadata"].get("managedFields") or ()]
    return {**obj, "metadata": {**meta, "managedFields": fields}}


def bookmark(kind: Kind, version: int) -> Object:
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"resourceVersion": str(version)}}


def expired(version: str) -> KubeError:
    return KubeError(
        Code.PRECONDITION, KubeReason.EXPIRED, f"resourceVersion {version} is too old.", "It is listed again."
    )


def matches(obj: Object, selector: Mapping[str, str] | None) -> bool:
    labels = obj["metadata"].get("labels") or {}
    return all(labels.get(k) == v for k, v in (selector or {}).items())


def selected(ref: Ref, obj: Object, kind: Kind, namespace: str, selector: Mapping[str, str] | None) -> bool:
    same = (ref.api_version, ref.kind) == (kind.api_version, kind.kind)
    return same and (not namespace or ref.namespace == namespace) and matches(obj, selector)


def filtered(row: Written, kind: Kind, namespace: str, selector: Mapping[str, str] | None) -> WatchEvent | None:
    """A change as a watch with this selector sees it: what leaves the selection is deleted for it."""
    last = row.after or row.before
    assert last is not None
    ref = ref_of(last)
    if (ref.api_version, ref.kind) != (kind.api_version, kind.kind) or (namespace and ref.namespace != namespace):
        return None
    was = row.before is not None and matches(row.before, selector)
    is_ = row.after is not None and matches(row.after, selector)
    if not was and not is_:
        return None
    told = (WatchEventType.MODIFIED if was else WatchEventType.ADDED) if is_ else WatchEventType.DELETED
    obj = copy.deepcopy(last)
    obj["metadata"]["resourceVersion"] = str(row.version)
    return WatchEvent(told, obj)
