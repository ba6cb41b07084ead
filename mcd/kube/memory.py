"""A complete Kubernetes API in memory: the second implementation of `Cluster`, for tests and for recorded worlds.

Objects have UIDs, versions, owners of fields, finalizers, watches and namespaces as on the real server; the contract
suite runs against both. Faults are asked for through `Faults`. It must not play controllers: `play.py` does.
"""

from __future__ import annotations

import asyncio
import copy
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
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
from mcd.kube.kinds import KINDS, STORAGE_CLASS, served
from mcd.kube.memory_logs import Ask, Logs
from mcd.kube.secret import without_values
from mcd.kube.sending import still_ours
from mcd.kube.stamps import BILLION
from mcd.kube.world import World, bookmark, expired, filtered, selected, shell
from mcd.model import Serves
from mcd.objects import Object, Ref, ref_of


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
    unlisted: frozenset[str] = frozenset()
    """Kinds that discovery leaves out although they are served: an API server that starts."""
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
    name: str = ""

    def __post_init__(self) -> None:
        self._world = World(self.clock)
        self._frozen: dict[Ref, Object] | None = None
        self._logs = Logs(lambda: self.clock(), self._world.bells)
        self._commands: Callable[[Sequence[str]], tuple[bytes, bytes, int]] | None = None
        self.writes: deque[Write] = deque()
        self._counted = 0
        self.add_namespace("default")

    # --- Cluster: reading ---

    async def serves(self, classes: Sequence[str] | None = None) -> Serves:
        self._refuse("get", Ref("v1", "Namespace", "", ""))
        known = self.storage_classes if classes is None else tuple(classes)
        return Serves(self.kubernetes, self.kinds - self.faults.unlisted, known)

    async def get(self, ref: Ref) -> Object | None:
        self._known(ref.api_version, ref.kind)
        self._refuse("get", ref)
        found = self._seen().get(ref)
        return _seen_by_us(found) if found is not None else None

    async def list(self, kind: Kind, namespace: str = "", selector: Mapping[str, str] | None = None) -> Listing:
        self._known(kind.api_version, kind.kind)
        self._refuse("list", Ref(kind.api_version, kind.kind, namespace, ""))
        found = [
            _seen_by_us(obj)
            for ref, obj in sorted(self._seen().items())
            if selected(ref, obj, kind, namespace, selector)
        ]
        if kind == STORAGE_CLASS:
            about = {"apiVersion": kind.api_version, "kind": kind.kind}
            found += [{**about, "metadata": {"name": name, "uid": name}} for name in self.storage_classes]
        return Listing(tuple(found), str(self._world.version))

    async def watch(
        self, kind: Kind, namespace: str = "", selector: Mapping[str, str] | None = None, *, resource_version: str = ""
    ) -> AsyncIterator[WatchEvent]:
        self._known(kind.api_version, kind.kind)
        self._refuse("watch", Ref(kind.api_version, kind.kind, namespace, ""))
        if resource_version:
            at = int(resource_version)
            if at < self._world.oldest:
                raise expired(resource_version)
        else:
            listing = await self.list(kind, namespace, selector)
            at = self._world.version
            for obj in listing.objects:
                yield WatchEvent(WatchEventType.ADDED, obj)
        yield WatchEvent(WatchEventType.BOOKMARK, bookmark(kind, at), initial_end=True)
        bell = asyncio.Event()
        self._world.bells.add(bell)
        try:
            while True:
                bell.clear()
                if at < self._world.oldest:
                    raise expired(str(at))
                for row in [row for row in self._world.history if row.version > at]:
                    at = row.version
                    told = filtered(row, kind, namespace, selector)
                    if told is not None:
                        yield replace(told, object=_seen_by_us(told.object))
                self._refuse("watch", Ref(kind.api_version, kind.kind, namespace, ""))
                await bell.wait()
        finally:
            self._world.bells.discard(bell)

    # --- Cluster: writing ---

    async def apply(
        self, obj: Object, *, live: Object | None = None, force: bool = False, dry_run: bool = False
    ) -> Object:
        ref = ref_of(obj)
        self._known(ref.api_version, ref.kind)
        if not dry_run:
            self._before("apply", ref)
        self._refuse("apply", ref)
        answer, created = self._world.applied(obj, live, FIELD_MANAGER, force=force)
        if dry_run:
            return _seen_by_us(answer)
        if answer != self._world.objects.get(ref):
            self._world.store(answer)
        self.writes.append(Write("apply", ref, answer["metadata"]["uid"], FIELD_MANAGER, created))
        self._after()
        return _seen_by_us(self._world.objects.get(ref, answer))

    async def delete(self, ref: Ref, uid: str, *, resource_version: str = "") -> bool:
        self._known(ref.api_version, ref.kind)
        self._before("delete", ref)
        self._refuse("delete", ref)
        now = self._world.objects.get(ref)
        if now is None:
            return False
        meta = now["metadata"]
        if meta["uid"] != uid or (resource_version and meta["resourceVersion"] != resource_version):
            raise KubeError(
                Code.PRECONDITION, KubeReason.STALE, f"{ref} is not the object that was decided on: it was replaced."
            )
        self._world.remove(ref)
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
        since_time: datetime | None = None,
        timestamps: bool = False,
    ) -> AsyncIterator[bytes]:
        run = self._run(Ref("v1", "Pod", namespace, pod), container)
        if run is None:
            raise KubeError(Code.NOT_FOUND, KubeReason.STALE, f'there is no pod "{pod}" in namespace "{namespace}".')
        if since_seconds is not None:
            since_time = self.clock() - timedelta(seconds=since_seconds)
        since = int(since_time.timestamp()) * BILLION if since_time is not None else 0

        def alive() -> bool:
            return run[-1] and self._run(Ref("v1", "Pod", namespace, pod), container) == run

        ask = Ask(tail, since, timestamps, alive if follow and not previous else None)
        async for line in self._logs.read((namespace, pod, container + ("/previous" if previous else "")), ask):
            yield line

    def _run(self, ref: Ref, container: str) -> tuple[str, int, bool] | None:
        """Which run of a container it is, and whether it goes on; None without the pod."""
        pod = self._world.objects.get(ref)
        if pod is None:
            return None
        statuses = pod.get("status", {}).get("containerStatuses") or ()
        status: Mapping[str, Any] = next((one for one in statuses if one.get("name") == container), {})
        going = "running" in (status.get("state") or {})
        return pod["metadata"]["uid"], int(status.get("restartCount", 0)), going

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
        if Ref("v1", "Pod", namespace, pod) not in self._world.objects:
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
        before = self._world.objects.get(ref)
        now = self._world.now()
        if before is None:
            made = merging.edited(shell(obj), {**copy.deepcopy(obj), "metadata": dict(obj["metadata"])}, manager, now)
            self._world.identify(made)
            self._world.store(made)
        else:
            kept = {
                k: before["metadata"][k]
                for k in ("uid", "creationTimestamp", "resourceVersion")
                if k in before["metadata"]
            }
            after = {**copy.deepcopy(obj), "metadata": {**obj["metadata"], **kept}}
            made = merging.edited(before, after, manager, now)
            self._world.store(made)
        self.writes.append(Write("update", ref, made["metadata"]["uid"], manager, before is None))
        return copy.deepcopy(made)

    def edit(self, ref: Ref, change: Callable[[Object], None], manager: str = "kubectl-edit") -> Object:
        """Somebody else changes a living object: `change` gets a copy and alters it."""
        after = copy.deepcopy(self._world.objects[ref])
        change(after)
        return self.person(after, manager)

    def set_status(self, ref: Ref, status: Mapping[str, Any]) -> Object:
        """A controller or kubelet writes `status`; the generation stays, nobody owns a field of it."""
        after = copy.deepcopy(self._world.objects[ref])
        after["status"] = copy.deepcopy(dict(status))
        self._world.store(after)
        return copy.deepcopy(after)

    def person_deletes(self, ref: Ref) -> None:
        """Somebody else deletes an object; with finalizers it stays until they are gone."""
        self.writes.append(Write("delete", ref, self._world.objects[ref]["metadata"]["uid"], "kubectl"))
        self._world.remove(ref)

    def set_quota(self, namespace: str, kind: str, count: int) -> None:
        """At most `count` objects of a kind in a namespace; more are refused as an exceeded quota."""
        self._world.quota[(namespace, kind)] = count

    def set_logs(
        self, namespace: str, pod: str, container: str, lines: Iterable[bytes], *, previous: bool = False
    ) -> None:
        """All that a container said until now; whoever follows it is told what is new. A line without a time is said
        now."""
        self._logs.put((namespace, pod, container + ("/previous" if previous else "")), lines)

    def end_logs(self, error: KubeError | None = None) -> None:
        """Every log that is followed ends now, in order or with this error. Whoever asks again is answered."""
        self._logs.end(error)

    def set_commands(self, answer: Callable[[Sequence[str]], tuple[bytes, bytes, int]]) -> None:
        """What a command run in any container answers: stdout, stderr, exit code."""
        self._commands = answer

    def forget_history(self) -> None:
        """Watches from before now are answered with 410, running ones too."""
        self._world.forget()

    def freeze(self, on: bool = True) -> None:
        """Reads answer what was so now, whatever is written later: an API server that lags behind."""
        self.faults.stale = on
        self._frozen = copy.deepcopy(self._world.objects) if on else None

    @property
    def counted(self) -> int:
        """How many writes there were so far, as `Faults` counts them."""
        return self._counted

    @property
    def version(self) -> int:
        """It grows with every change of any object, by whomever."""
        return self._world.version

    def objects(self, *kinds: str) -> dict[Ref, Object]:
        """All objects, or those of some kinds, as copies: what a test compares."""
        return copy.deepcopy({ref: o for ref, o in self._world.objects.items() if not kinds or ref.kind in kinds})

    def ours(self) -> Sequence[Write]:
        """The writes that MCD made, in order: the witness."""
        return [w for w in self.writes if w.manager == FIELD_MANAGER]

    # --- inside ---

    def _seen(self) -> dict[Ref, Object]:
        return self._frozen if self.faults.stale and self._frozen is not None else self._world.objects

    def _refuse(self, verb: str, ref: Ref) -> None:
        if self.faults.refuse is not None:
            error = self.faults.refuse(verb, ref)
            if error is not None:
                raise error

    def _before(self, verb: str, ref: Ref) -> None:
        still_ours()
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


def _seen_by_us(obj: Object) -> Object:
    """A copy, as the real client answers it: a Secret without its values."""
    return without_values(copy.deepcopy(obj), Kind(obj["apiVersion"], obj["kind"]))


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
