"""A complete Kubernetes API in memory: the second implementation of `Cluster`, for tests and for recorded worlds.

Objects have UIDs, versions, owners of fields, finalizers, watches and namespaces as on the real server; the contract
suite runs against both. Faults are asked for through `Faults`. It must not play controllers: `play.py` does.
"""

from __future__ import annotations

import asyncio
import copy
import uuid
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from mcd.errors import Code
from mcd.kube import merging
from mcd.kube.cluster import (
    FIELD_MANAGER,
    ExecChunk,
    ExecSession,
    Kind,
    KubeError,
    KubeReason,
    Listing,
    WatchEvent,
    WatchEventType,
)
from mcd.kube.fields import shown
from mcd.kube.kinds import KINDS, served
from mcd.model import Serves
from mcd.objects import Object, Ref, ref_of

_IMMUTABLE = {
    "Deployment": ("selector",),
    "StatefulSet": ("selector", "serviceName", "volumeClaimTemplates", "podManagementPolicy"),
    "Job": ("template", "selector", "completions"),
    "PersistentVolumeClaim": ("accessModes", "storageClassName", "volumeName"),
}
_NO_GENERATION = frozenset(
    {"ConfigMap", "Secret", "ServiceAccount", "Namespace", "Event", "Node", "Role", "RoleBinding"}
)
HISTORY = 10_000
"""How many changes a watch can go back; older versions are answered with 410."""


class Died(BaseException):
    """The process was killed at this write."""


@dataclass
class Faults:
    """What goes wrong, asked for by a test. Counters count writes (apply and delete, not dry runs) from 1."""

    die_before: int = 0
    """Raises Died instead of doing this write."""
    die_after: int = 0
    """Does this write, then raises Died."""
    lose_answer: int = 0
    """Does this write, then raises UNKNOWN_OUTCOME."""
    refuse: Callable[[str, Ref], KubeError | None] | None = None
    """Called with the verb (`get`, `list`, `watch`, `apply`, `delete`) and the reference (name empty for lists); the
    error that it answers is raised."""
    before_write: Callable[[str, Ref], None] | None = None
    """Called right before a write: a person who acts between our look and our write."""
    stale: bool = False
    """Lists, watches and gets answer from the state at the time this was set (`MemoryCluster.freeze`)."""


@dataclass(frozen=True, slots=True)
class Write:
    """One write as the audit log of a real server would show it. `manager` says who."""

    verb: str
    ref: Ref
    uid: str
    manager: str
    created: bool = False


@dataclass
class MemoryCluster:
    """One cluster in memory. Not safe for threads; every method runs to its end without giving way."""

    kubernetes: str = "v1.37.2"
    kinds: frozenset[str] = field(default_factory=lambda: frozenset(str(k) for k in KINDS))
    storage_classes: tuple[str, ...] = ("default",)
    clock: Callable[[], datetime] = field(default=lambda: datetime.now(UTC))
    faults: Faults = field(default_factory=Faults)

    def __post_init__(self) -> None:
        self._objects: dict[Ref, Object] = {}
        self._frozen: dict[Ref, Object] | None = None
        self._version = 1
        self._history: list[tuple[int, WatchEvent]] = []
        self._oldest = 1
        self._news = asyncio.Condition()
        self._pulse: set[asyncio.Event] = set()
        self._quota: dict[tuple[str, str], int] = {}
        self._logs: dict[tuple[str, str, str], list[bytes]] = {}
        self._commands: Callable[[Sequence[str]], tuple[bytes, bytes, int]] | None = None
        self.writes: deque[Write] = deque()
        self._counted = 0
        self.add_namespace("default")

    # --- Cluster: reading ---

    async def serves(self) -> Serves:
        self._refuse("get", Ref("v1", "Namespace", "", ""))
        return Serves(self.kubernetes, self.kinds, self.storage_classes)

    async def get(self, ref: Ref) -> Object | None:
        self._known(ref.api_version, ref.kind)
        self._refuse("get", ref)
        found = self._seen().get(ref)
        return copy.deepcopy(found) if found is not None else None

    async def list(self, kind: Kind, namespace: str = "", selector: Mapping[str, str] | None = None) -> Listing:
        self._known(kind.api_version, kind.kind)
        self._refuse("list", Ref(kind.api_version, kind.kind, namespace, ""))
        found = [
            copy.deepcopy(obj)
            for ref, obj in sorted(self._seen().items())
            if _selected(ref, obj, kind, namespace, selector)
        ]
        return Listing(tuple(found), str(self._version))

    async def watch(
        self, kind: Kind, namespace: str = "", selector: Mapping[str, str] | None = None, *, resource_version: str = ""
    ) -> AsyncIterator[WatchEvent]:
        self._known(kind.api_version, kind.kind)
        self._refuse("watch", Ref(kind.api_version, kind.kind, namespace, ""))
        if resource_version:
            at = int(resource_version)
            if at < self._oldest:
                raise _expired(resource_version)
        else:
            listing = await self.list(kind, namespace, selector)
            at = self._version
            for obj in listing.objects:
                yield WatchEvent(WatchEventType.ADDED, obj)
            yield WatchEvent(WatchEventType.BOOKMARK, _bookmark(kind, at), initial_end=True)
        seen = {ref for ref, obj in self._objects.items() if _selected(ref, obj, kind, namespace, selector)}
        bell = asyncio.Event()
        self._pulse.add(bell)
        try:
            while True:
                bell.clear()
                if at < self._oldest:
                    raise _expired(str(at))
                for version, event in [row for row in self._history if row[0] > at]:
                    at = version
                    told = _filtered(event, kind, namespace, selector, seen)
                    if told is not None:
                        yield told
                self._refuse("watch", Ref(kind.api_version, kind.kind, namespace, ""))
                await bell.wait()
        finally:
            self._pulse.discard(bell)

    # --- Cluster: writing ---

    async def apply(
        self, obj: Object, *, live: Object | None = None, force: bool = False, dry_run: bool = False
    ) -> Object:
        ref = ref_of(obj)
        self._known(ref.api_version, ref.kind)
        if not dry_run:
            self._before("apply", ref)
        self._refuse("apply", ref)
        answer, created = self._applied(obj, live, FIELD_MANAGER, force=force)
        if dry_run:
            return answer
        if answer != self._objects.get(ref):
            self._store(answer)
        self.writes.append(Write("apply", ref, answer["metadata"]["uid"], FIELD_MANAGER, created))
        self._after()
        return copy.deepcopy(self._objects.get(ref, answer))

    async def delete(self, ref: Ref, uid: str, *, resource_version: str = "") -> bool:
        self._known(ref.api_version, ref.kind)
        self._before("delete", ref)
        self._refuse("delete", ref)
        now = self._objects.get(ref)
        if now is None:
            return False
        meta = now["metadata"]
        if meta["uid"] != uid or (resource_version and meta["resourceVersion"] != resource_version):
            raise KubeError(
                Code.PRECONDITION, KubeReason.STALE, f"{ref} is not the object that was decided on: it was replaced."
            )
        self._remove(ref)
        self.writes.append(Write("delete", ref, uid, FIELD_MANAGER))
        self._after()
        return True

    # --- Cluster: streams ---

    async def logs(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        follow: bool = False,
        previous: bool = False,
        tail: int | None = None,
        since_seconds: int | None = None,
        timestamps: bool = False,
    ) -> AsyncIterator[bytes]:
        if Ref("v1", "Pod", namespace, pod) not in self._objects:
            raise KubeError(Code.NOT_FOUND, KubeReason.STALE, f'there is no pod "{pod}" in namespace "{namespace}".')
        lines = self._logs.get((namespace, pod, container + ("/previous" if previous else "")), [])
        for line in lines[-tail:] if tail else lines if tail is None else ():
            yield line

    async def exec(
        self,
        namespace: str,
        pod: str,
        container: str,
        command: Sequence[str],
        *,
        tty: bool = False,
        stdin: bool = False,
    ) -> ExecSession:
        if Ref("v1", "Pod", namespace, pod) not in self._objects:
            raise KubeError(Code.NOT_FOUND, KubeReason.STALE, f'there is no pod "{pod}" in namespace "{namespace}".')
        answer = self._commands(command) if self._commands else (b"", b"", 0)
        return _MemoryExec(*answer)

    async def close(self) -> None:
        return None

    # --- other people's doors ---

    def add_namespace(self, name: str) -> Object:
        """A namespace that exists, made by nobody in particular."""
        return self.person(
            {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}, manager="kube-apiserver"
        )

    def person(self, obj: Object, manager: str = "kubectl-edit") -> Object:
        """Somebody else creates or replaces an object. `metadata.uid` and versions are filled in."""
        ref = ref_of(obj)
        before = self._objects.get(ref)
        now = self._now()
        if before is None:
            shell = _shell(obj)
            made = merging.edited(shell, {**copy.deepcopy(obj), "metadata": dict(obj["metadata"])}, manager, now)
            self._identify(made)
            self._store(made)
        else:
            kept = {
                k: before["metadata"][k]
                for k in ("uid", "creationTimestamp", "resourceVersion")
                if k in before["metadata"]
            }
            after = {**copy.deepcopy(obj), "metadata": {**obj["metadata"], **kept}}
            self._store(merging.edited(before, after, manager, now))
        self.writes.append(Write("update", ref, self._objects[ref]["metadata"]["uid"], manager, before is None))
        return copy.deepcopy(self._objects[ref])

    def edit(self, ref: Ref, change: Callable[[Object], None], manager: str = "kubectl-edit") -> Object:
        """Somebody else changes a living object: `change` gets a copy and alters it."""
        after = copy.deepcopy(self._objects[ref])
        change(after)
        return self.person(after, manager)

    def set_status(self, ref: Ref, status: Mapping[str, Any]) -> Object:
        """A controller or kubelet writes `status`; the generation stays, nobody owns a field of it."""
        after = copy.deepcopy(self._objects[ref])
        after["status"] = copy.deepcopy(dict(status))
        self._store(after)
        return copy.deepcopy(after)

    def person_deletes(self, ref: Ref) -> None:
        """Somebody else deletes an object; with finalizers it stays until they are gone."""
        self.writes.append(Write("delete", ref, self._objects[ref]["metadata"]["uid"], "kubectl"))
        self._remove(ref)

    def set_quota(self, namespace: str, kind: str, count: int) -> None:
        """At most `count` objects of a kind in a namespace; more are refused as an exceeded quota."""
        self._quota[(namespace, kind)] = count

    def set_logs(
        self, namespace: str, pod: str, container: str, lines: Iterable[bytes], *, previous: bool = False
    ) -> None:
        self._logs[(namespace, pod, container + ("/previous" if previous else ""))] = [*lines]

    def set_commands(self, answer: Callable[[Sequence[str]], tuple[bytes, bytes, int]]) -> None:
        """What a command run in any container answers: stdout, stderr, exit code."""
        self._commands = answer

    def forget_history(self) -> None:
        """Watches from before now are answered with 410, running ones too."""
        self._version += 1
        self._oldest = self._version
        self._history.clear()
        self._ring()

    def freeze(self, on: bool = True) -> None:
        """Reads answer what was so now, whatever is written later: an API server that lags behind."""
        self.faults.stale = on
        self._frozen = copy.deepcopy(self._objects) if on else None

    def objects(self) -> dict[Ref, Object]:
        """All objects, as copies: what a test compares."""
        return copy.deepcopy(self._objects)

    def ours(self) -> Sequence[Write]:
        """The writes that MCD made, in order: the witness."""
        return [w for w in self.writes if w.manager == FIELD_MANAGER]

    # --- inside ---

    def _seen(self) -> dict[Ref, Object]:
        return self._frozen if self.faults.stale and self._frozen is not None else self._objects

    def _refuse(self, verb: str, ref: Ref) -> None:
        if self.faults.refuse is not None:
            error = self.faults.refuse(verb, ref)
            if error is not None:
                raise error

    def _before(self, verb: str, ref: Ref) -> None:
        self._counted += 1
        if self.faults.before_write is not None:
            self.faults.before_write(verb, ref)
        if self.faults.die_before == self._counted:
            raise Died(f"before write {self._counted}: {verb} {ref}")

    def _after(self) -> None:
        if self.faults.die_after == self._counted:
            raise Died(f"after write {self._counted}")
        if self.faults.lose_answer == self._counted:
            raise KubeError(
                Code.UNAVAILABLE, KubeReason.UNKNOWN_OUTCOME, "the cluster did not answer in time.", "It is read again."
            )

    def _known(self, api_version: str, kind: str) -> None:
        served(api_version, kind)
        if f"{api_version}/{kind}" not in self.kinds:
            raise KubeError(
                Code.INVALID, KubeReason.NOT_SERVED, f"the cluster does not know {api_version}/{kind}.",
                "Ask its owner to install it.",
            )  # fmt: skip

    def _applied(self, obj: Object, live: Object | None, manager: str, *, force: bool) -> tuple[Object, bool]:
        ref = ref_of(obj)
        now = self._objects.get(ref)
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
        merged = merging.merge(obj, now or _shell(obj), manager, self._now(), force=force)
        if merged.conflicts:
            pairs = [(who, shown(path)) for who, path in merged.conflicts]
            words = ", ".join(f'"{who}" holds {path}' for who, path in pairs)
            raise KubeError(Code.CONFLICT, KubeReason.CONFLICT, f"{ref}: {words}.", managers=pairs)
        result = merged.object
        if now is None:
            self._identify(result)
            return result, True
        for name in _IMMUTABLE.get(ref.kind, ()):
            old, new = (now.get("spec") or {}).get(name), (result.get("spec") or {}).get(name)
            if old != new:
                raise KubeError(
                    Code.INVALID, KubeReason.IMMUTABLE, f"{ref}: spec.{name} never changes on a living object.",
                    "Delete the object, or rename the component.",
                )  # fmt: skip
        if _bare(result) == _bare(now):
            return now, False
        return result, False

    def _may_create(self, ref: Ref) -> None:
        if not ref.namespace:
            return
        space = self._objects.get(Ref("v1", "Namespace", "", ref.namespace))
        if space is None:
            raise KubeError(
                Code.NOT_FOUND, KubeReason.NAMESPACE_MISSING, f'{ref}: there is no namespace "{ref.namespace}".'
            )
        if space["metadata"].get("deletionTimestamp"):
            raise KubeError(
                Code.CONFLICT, KubeReason.NAMESPACE_TERMINATING, f'{ref}: namespace "{ref.namespace}" is being deleted.'
            )
        limit = self._quota.get((ref.namespace, ref.kind))
        used = sum(1 for r in self._objects if (r.namespace, r.kind) == (ref.namespace, ref.kind))
        if limit is not None and used >= limit:
            word = f"count/{KINDS[Kind(ref.api_version, ref.kind)].plural}"
            raise KubeError(
                Code.FORBIDDEN, KubeReason.QUOTA,
                f"{ref}: exceeded quota: mcd-quota, requested: {word}=1, used: {word}={used}, limited: {word}={limit}.",
            )  # fmt: skip

    def _identify(self, obj: Object) -> None:
        meta = obj["metadata"]
        meta["uid"] = str(uuid.uuid4())
        meta["creationTimestamp"] = self._now()

    def _store(self, obj: Object) -> None:
        ref = ref_of(obj)
        before = self._objects.get(ref)
        self._version += 1
        meta = obj["metadata"]
        meta["resourceVersion"] = str(self._version)
        if ref.kind not in _NO_GENERATION:
            generation = before["metadata"].get("generation", 0) if before else 0
            changed = before is None or before.get("spec") != obj.get("spec")
            meta["generation"] = generation + 1 if changed else generation
        if meta.get("deletionTimestamp") and not meta.get("finalizers"):
            self._objects.pop(ref, None)
            self._tell(WatchEventType.DELETED, obj)
            return
        self._objects[ref] = obj
        self._tell(WatchEventType.ADDED if before is None else WatchEventType.MODIFIED, obj)

    def _remove(self, ref: Ref) -> None:
        now = copy.deepcopy(self._objects[ref])
        if now["metadata"].get("finalizers"):
            now["metadata"].setdefault("deletionTimestamp", self._now())
            self._store(now)
            return
        self._version += 1
        now["metadata"]["resourceVersion"] = str(self._version)
        del self._objects[ref]
        self._tell(WatchEventType.DELETED, now)
        uid = now["metadata"]["uid"]
        for other, obj in list(self._objects.items()):
            owned = any(o.get("uid") == uid for o in obj["metadata"].get("ownerReferences") or ())
            inside = ref.kind == "Namespace" and other.namespace == ref.name
            if (owned or inside) and other in self._objects:
                self._remove(other)

    def _tell(self, kind: WatchEventType, obj: Object) -> None:
        self._history.append((self._version, WatchEvent(kind, copy.deepcopy(obj))))
        if len(self._history) > HISTORY:
            self._oldest = self._history[-HISTORY][0]
            del self._history[:-HISTORY]
        self._ring()

    def _ring(self) -> None:
        for bell in self._pulse:
            bell.set()

    def _now(self) -> str:
        return self.clock().strftime("%Y-%m-%dT%H:%M:%SZ")


@dataclass
class _MemoryExec:
    """A command that has already run."""

    stdout: bytes
    stderr: bytes
    code: int
    sent: list[bytes] = field(default_factory=list)

    async def __aenter__(self) -> _MemoryExec:
        return self

    async def __aexit__(self, *exc: object) -> None:
        return None

    async def __aiter__(self) -> AsyncIterator[ExecChunk]:
        if self.stdout:
            yield ExecChunk("stdout", self.stdout)
        if self.stderr:
            yield ExecChunk("stderr", self.stderr)
        yield ExecChunk("stdout", b"", self.code)

    async def send(self, data: bytes) -> None:
        self.sent.append(data)

    async def close_stdin(self) -> None:
        return None

    async def resize(self, columns: int, rows: int) -> None:
        return None


def _shell(obj: Object) -> Object:
    ref = ref_of(obj)
    meta = {"name": ref.name, **({"namespace": ref.namespace} if ref.namespace else {})}
    return {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": meta}


def _bare(obj: Object) -> Object:
    """The object without what every write touches: equal ones mean that nothing changed."""
    meta = {k: v for k, v in obj["metadata"].items() if k not in ("resourceVersion", "managedFields")}
    fields = [{k: v for k, v in entry.items() if k != "time"} for entry in obj["metadata"].get("managedFields") or ()]
    return {**obj, "metadata": {**meta, "managedFields": fields}}


def _bookmark(kind: Kind, version: int) -> Object:
    return {"apiVersion": kind.api_version, "kind": kind.kind, "metadata": {"resourceVersion": str(version)}}


def _expired(version: str) -> KubeError:
    return KubeError(
        Code.PRECONDITION, KubeReason.EXPIRED, f"resourceVersion {version} is too old.", "It is listed again."
    )


def _matches(obj: Object, selector: Mapping[str, str] | None) -> bool:
    labels = obj["metadata"].get("labels") or {}
    return all(labels.get(k) == v for k, v in (selector or {}).items())


def _selected(ref: Ref, obj: Object, kind: Kind, namespace: str, selector: Mapping[str, str] | None) -> bool:
    same = (ref.api_version, ref.kind) == (kind.api_version, kind.kind)
    return same and (not namespace or ref.namespace == namespace) and _matches(obj, selector)


def _filtered(
    event: WatchEvent, kind: Kind, namespace: str, selector: Mapping[str, str] | None, seen: set[Ref]
) -> WatchEvent | None:
    """The event as a watch with this selector sees it: what leaves the selection is deleted for it."""
    ref = ref_of(event.object)
    if (ref.api_version, ref.kind) != (kind.api_version, kind.kind) or (namespace and ref.namespace != namespace):
        return None
    if event.type is WatchEventType.DELETED or not _matches(event.object, selector):
        if ref in seen:
            seen.discard(ref)
            return WatchEvent(WatchEventType.DELETED, copy.deepcopy(event.object))
        return None
    kind_of_event = WatchEventType.MODIFIED if ref in seen else WatchEventType.ADDED
    seen.add(ref)
    return WatchEvent(kind_of_event, copy.deepcopy(event.object))
