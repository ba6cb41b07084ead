"""Carries out a Plan: server-side apply in waves, then deletes, one verdict for each object.

Before each write the lease is checked and the object passes the gate; each write of an existing object carries what it
was decided on. It must not decide what is wanted, retry what was refused, or delete anything after a failure.
"""

from __future__ import annotations

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

from mcd.errors import Code, McdError
from mcd.kube.cluster import Cluster, KubeError, KubeReason
from mcd.kube.gate import Bounds, check
from mcd.kube.inventory import (
    Terms,
    applied_hash,
    being_deleted,
    decide,
    is_ours,
    let_go,
    not_ours,
    uid_of,
)
from mcd.kube.secret import KIND as SECRET
from mcd.kube.secret import Values, filled
from mcd.kube.sending import guarded
from mcd.model import (
    NO_SECRET_FILES,
    Action,
    Change,
    ChangeSet,
    Fence,
    InventoryEntry,
    Plan,
    Planned,
    Reason,
    RolloutObserved,
    SecretFiles,
)
from mcd.model.why import words_of
from mcd.objects import FIRST_WAVE, SCALERS, TRIGGER, Object, Ref, kind_rank, ref_of
from mcd.observability import metrics

IN_FLIGHT = 16
"""Requests to one cluster at one time: more of them only add latency."""
TRIES = 3
"""How often one object is decided on again when it changed between the look and the write."""


@dataclass(frozen=True, slots=True)
class Failed:
    """An object that could not be written or deleted now, and what the cluster said."""

    ref: Ref
    error: McdError


@dataclass(frozen=True, slots=True)
class Applied:
    """What was done. `inventory` is the whole new inventory, true even when something failed."""

    changes: ChangeSet
    inventory: tuple[InventoryEntry, ...]
    failed: tuple[Failed, ...] = ()
    answers: Mapping[Ref, Object] = field(default_factory=dict)
    """What the API server answered to each write: the object as it was right after it."""


@dataclass
class _Pass:
    cluster: Cluster
    fence: Fence
    bounds: Bounds
    owner: str
    entries: dict[Ref, InventoryEntry]
    slots: asyncio.Semaphore
    values: Values | None = None
    files: SecretFiles = NO_SECRET_FILES
    changes: list[Change] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    answers: dict[Ref, Object] = field(default_factory=dict)
    down: KubeError | None = None
    """The cluster stopped answering during this pass: nothing more is sent to it."""

    def tell(self, change: Change) -> None:
        self.changes.append(change)

    def fail(self, ref: Ref, error: McdError) -> None:
        self.failed.append(Failed(ref, error))
        if isinstance(error, KubeError) and error.kube_reason in _DOWN:
            self.down = error


_DOWN = frozenset({KubeReason.UNREACHABLE, KubeReason.UNAUTHORIZED})


async def carry_out(
    cluster: Cluster,
    plan: Plan,
    fence: Fence,
    *,
    inventory: Sequence[InventoryEntry],
    owner: str,
    bounds: Bounds,
    observed: RolloutObserved | None = None,
    values: Values | None = None,
    files: SecretFiles = NO_SECRET_FILES,
    in_flight: int = IN_FLIGHT,
) -> Applied:
    """Applies and prunes what `plan` says.

    References that are to be created are written into the inventory first (`fence.intend`, together with `observed`),
    also those that are there with the UID of an object that is gone: who dies right after the create leaves one that is
    known by our name on it, and not one with another UID than ours. A Secret that is a shell gets its values from
    `values` right before it is sent, in the texts of `files` if they belong there, and nobody keeps them. Objects of
    one wave do not stop each other; a failure stops later waves and every delete. Raises LeaseLost at once when the
    lease is over, McdError(forbidden, Policy) from the gate before anything is sent.
    """
    for planned in plan.apply:
        check(planned.desired, bounds)
    entries, slots = {e.ref: e for e in inventory}, asyncio.Semaphore(in_flight)
    run = _Pass(cluster, fence, bounds, owner, entries, slots, values, files)
    new = tuple(ref_of(p.desired) for p in plan.apply if _is_new(run.entries.get(ref_of(p.desired)), p))
    if new or observed is not None:
        fence.check()
        await fence.intend(new, observed)
        run.entries.update((ref, InventoryEntry(ref)) for ref in new)
    for entry in plan.found:
        run.entries[entry.ref] = entry
    for ref in plan.unchanged:
        run.tell(Change(ref, Action.UNCHANGED))
    for change in plan.held:
        run.tell(change)
    exchanged = replaced_scalers(plan)
    for wave in waves(plan.apply):
        if any(planned.desired["kind"] in SCALERS for planned in wave):
            # The pods keep their number meanwhile: nobody but a scaler says one.
            await _together(_delete_one(run, entry) for entry in exchanged)
        if not run.failed:
            await _together(_apply_one(run, planned) for planned in wave)
        if run.failed:
            break
    if not run.failed:
        await _prune(run, replace(plan, delete=tuple(e for e in plan.delete if e not in exchanged)))
    in_order = sorted(run.changes, key=lambda c: (kind_rank(c.ref.kind), c.ref))
    left = tuple(sorted(run.entries.values(), key=lambda e: e.ref))
    return Applied(tuple(in_order), left, tuple(run.failed), run.answers)


def _is_new(entry: InventoryEntry | None, planned: Planned) -> bool:
    """Whether the inventory does not name yet what this write makes."""
    return entry is None or (planned.live is None and bool(entry.uid))


def waves(planned: Iterable[Planned]) -> list[list[Planned]]:
    """The groups of app-yaml 6.3 that wait for each other: namespace · accounts, policies, config, claims · bindings,
    which name the roles before them · pre_deploy Jobs · the rest."""
    groups: dict[int, list[Planned]] = {}
    for item in planned:
        groups.setdefault(_wave(item.desired), []).append(item)
    return [groups[number] for number in sorted(groups)]


def replaced_scalers(plan: Plan) -> list[InventoryEntry]:
    """The scalers that go because another kind of scaler comes for the same workload, which has the same name. Two are
    never there at once: KEDA refuses a workload that has an autoscaler, and calls its own one by that very name."""
    coming = {(p.desired["kind"], p.desired["metadata"]["name"]) for p in plan.apply if p.desired["kind"] in SCALERS}
    return [
        entry
        for entry in plan.delete
        if any((kind, entry.ref.name) in coming for kind in SCALERS - {entry.ref.kind} if entry.ref.kind in SCALERS)
    ]


def _wave(obj: Object) -> int:
    kind = obj["kind"]
    if kind == "Namespace":
        return 0
    if kind == "RoleBinding":
        return 2
    if kind in FIRST_WAVE:
        return 1
    before = kind == "Job" and (obj["metadata"].get("annotations") or {}).get(TRIGGER) == "pre_deploy"
    return 3 if before else 4


async def _together(work: Iterable[Awaitable[None]]) -> None:
    """Runs all; the first that is stopped (lease lost, process dying) stops the others and is raised as it is."""
    tasks = [asyncio.ensure_future(w) for w in work]
    if not tasks:
        return
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
    for task in tasks:
        if task in done and not task.cancelled():
            task.result()


@contextlib.contextmanager
def _timed(run: _Pass, action: str) -> Iterator[None]:
    """Measures the write of one object; what raises was refused."""
    began, verdict = time.perf_counter(), "refused"
    try:
        yield
        verdict = "done"
    finally:
        seconds = time.perf_counter() - began
        metrics.APPLY_SECONDS.labels(run.cluster.name, action, verdict).observe(seconds)


async def _apply_one(run: _Pass, planned: Planned) -> None:
    async with run.slots:
        ref = ref_of(planned.desired)
        try:
            if run.down is not None:
                raise run.down
            with _timed(run, "apply"):
                await _write(run, planned)
        except McdError as error:
            run.fail(ref, error)
            run.tell(Change(ref, Action.HELD, words_of(error), reason=reason_for(error)))


async def _write(run: _Pass, planned: Planned) -> None:
    error: KubeError | None = None
    for _ in range(TRIES):
        check(planned.desired, run.bounds)
        sent = await filled(planned.desired, run.values, run.files)
        try:
            with guarded(run.fence.check):
                answer = await run.cluster.apply(sent, live=planned.live, force=planned.force)
        except KubeError as refused:
            error = refused
            if refused.kube_reason is KubeReason.CONFLICT and not planned.force:
                # It is in our inventory, so the field is ours: taken back, and said whose hand it was.
                names = ", ".join(sorted({manager for manager, _ in refused.managers}))
                planned = replace(planned, force=True, healed_from=planned.healed_from or names)
                continue
            if _another_type(run, planned, refused):
                planned = await _make_room(run, planned)
                continue
            if refused.kube_reason not in (KubeReason.STALE, KubeReason.UNKNOWN_OUTCOME):
                raise
            again = await _look_again(run, planned, refused)
            if again is None:
                return
            planned = again
            continue
        _settle(run, planned, answer)
        return
    assert error is not None
    raise error


def _another_type(run: _Pass, planned: Planned, refused: KubeError) -> bool:
    """Whether our own Secret is to become one of another type, which no living Secret can."""
    if planned.live is None or planned.desired["kind"] != SECRET.kind or refused.fields != ("type",):
        return False
    return is_ours(run.entries.get(ref_of(planned.desired)), planned.live, run.owner)


async def _make_room(run: _Pass, planned: Planned) -> Planned:
    """Deletes the Secret, whose new values are at hand, to be made again at once. Pods that run have read it, and keep
    the files that are mounted; one that starts in this moment waits for it, and the kubelet tries again by itself.
    Whoever dies in between leaves a Secret that the next pass makes."""
    assert planned.live is not None
    ref = ref_of(planned.desired)
    with guarded(run.fence.check):
        await run.cluster.delete(ref, uid_of(planned.live))
    return replace(planned, live=None, force=False, detail="made again, because its type never changes")


def _settle(run: _Pass, planned: Planned, answer: Object) -> None:
    """Records what the API server answered. An answer with a deletionTimestamp is no success: the object vanishes."""
    ref = ref_of(planned.desired)
    run.answers[ref] = answer
    run.entries[ref] = InventoryEntry(ref, uid_of(answer), applied_hash(planned.desired))
    if answer["metadata"].get("deletionTimestamp"):
        run.entries[ref] = InventoryEntry(ref, uid_of(answer))
        raise McdError(Code.CONFLICT, being_deleted(answer), reason=Reason.DELETING)
    if planned.live is None:
        action = Action.CREATED
    elif answer["metadata"].get("resourceVersion") == planned.live["metadata"].get("resourceVersion"):
        action = Action.UNCHANGED
    else:
        action = Action.CONFIGURED
    run.tell(Change(ref, action, planned.detail, planned.healed_from))


async def _look_again(run: _Pass, planned: Planned, refused: KubeError) -> Planned | None:
    """After a write whose object changed meanwhile, or whose answer was lost: reads the object as it is now and decides
    again. None: it is done, and told. Raises the refusal when only a later pass can tell."""
    ref = ref_of(planned.desired)
    fresh = await run.cluster.get(ref)
    entry = run.entries.get(ref)
    if fresh is None:
        # Nothing was made, or somebody deleted it meanwhile: the next pass sees all of it, not this one object.
        raise refused
    if planned.live is not None and uid_of(fresh) != uid_of(planned.live):
        raise McdError(Code.CONFLICT, not_ours(fresh, run.owner, replaced=True), reason=Reason.NOT_OURS)
    adopts = planned.live is not None and not is_ours(entry, planned.live, run.owner)
    verdict = decide(planned.desired, entry, fresh, Terms(run.owner, take_over=adopts))
    if isinstance(verdict, Planned):
        return replace(verdict, healed_from=verdict.healed_from or planned.healed_from)
    if isinstance(verdict, Change):
        raise McdError(Code.CONFLICT, verdict.detail, reason=verdict.reason.value if verdict.reason else "")
    run.entries[ref] = verdict
    run.answers[ref] = fresh
    done = Action.CREATED if planned.live is None else Action.CONFIGURED
    run.tell(Change(ref, done, planned.detail, planned.healed_from))
    return None


# --- deletes --------------------------------------------------------------------------------------------------------


async def _prune(run: _Pass, plan: Plan) -> None:
    ranks = sorted({kind_rank(e.ref.kind) for e in plan.delete}, reverse=True)
    for rank in ranks:
        await _together(_delete_one(run, e) for e in plan.delete if kind_rank(e.ref.kind) == rank)
    await _together(_drop_one(run, e) for e in plan.gone)


async def _delete_one(run: _Pass, entry: InventoryEntry) -> None:
    async with run.slots:
        try:
            if run.down is not None:
                raise run.down
            with _timed(run, "delete"):
                await _delete(run, entry)
        except McdError as error:
            run.fail(entry.ref, error)
            run.tell(Change(entry.ref, Action.HELD, words_of(error), reason=reason_for(error)))


async def _delete(run: _Pass, entry: InventoryEntry) -> None:
    if not entry.uid:
        raise McdError(Code.INTERNAL, "its UID is not known, so it is not deleted.")
    try:
        with guarded(run.fence.check):
            await run.cluster.delete(entry.ref, entry.uid)
    except KubeError as refused:
        if refused.kube_reason not in (KubeReason.UNKNOWN_OUTCOME, KubeReason.STALE):
            raise
    left = await run.cluster.get(entry.ref)
    if left is not None and uid_of(left) == entry.uid:
        run.entries[entry.ref] = entry
        if not left["metadata"].get("deletionTimestamp"):
            raise McdError(Code.UNAVAILABLE, "it could not be deleted yet.", reason=Reason.RETRYING)
        run.tell(Change(entry.ref, Action.HELD, being_deleted(left), reason=Reason.DELETING))
        return
    run.entries.pop(entry.ref, None)
    run.tell(Change(entry.ref, Action.DELETED, "" if left is None else "made again by somebody, left alone"))


async def _drop_one(run: _Pass, entry: InventoryEntry) -> None:
    """Forgets an entry whose object is gone or not ours, once the API server itself says so: a cache may be behind."""
    async with run.slots:
        try:
            if run.down is not None:
                raise run.down
            left = await run.cluster.get(entry.ref)
        except McdError as error:
            run.fail(entry.ref, error)
            return
        if left is None:
            run.entries.pop(entry.ref, None)
        elif not is_ours(entry, left, run.owner) or let_go(left):
            run.entries.pop(entry.ref, None)
            run.tell(Change(entry.ref, Action.HELD, "it is somebody else's: it stays as it is, and MCD forgets it."))
        else:
            # A cache that is behind, or that lost it with its label: deleted once it is planned, not in passing.
            run.entries[entry.ref] = replace(entry, uid=uid_of(left))


# --- words ----------------------------------------------------------------------------------------------------------

_REASONS = {
    KubeReason.CONFLICT: Reason.NOT_OURS,
    KubeReason.STALE: Reason.RETRYING,
    KubeReason.QUOTA: Reason.QUOTA_EXCEEDED,
    KubeReason.NAMESPACE_TERMINATING: Reason.NAMESPACE_TERMINATING,
    KubeReason.NAMESPACE_MISSING: Reason.PRODUCT_LINE_PENDING,
    KubeReason.FORBIDDEN: Reason.FORBIDDEN,
    KubeReason.UNAUTHORIZED: Reason.CLUSTER_AUTH_FAILED,
    KubeReason.NOT_SERVED: Reason.KIND_NOT_SERVED,
    KubeReason.INVALID: Reason.REFUSED_BY_CLUSTER,
    KubeReason.IMMUTABLE: Reason.IMMUTABLE_FIELD,
    KubeReason.ADMISSION: Reason.REFUSED_BY_CLUSTER,
    KubeReason.EXPIRED: Reason.RETRYING,
    KubeReason.OVERLOADED: Reason.RETRYING,
    KubeReason.UNKNOWN_OUTCOME: Reason.RETRYING,
    KubeReason.UNREACHABLE: Reason.UNREACHABLE,
}


def reason_for(error: McdError) -> Reason:
    """The reason that a noun shows for a refusal of the cluster or of the gate."""
    if isinstance(error, KubeError):
        return _REASONS[error.kube_reason]
    return next((reason for reason in Reason if reason.value == error.reason), Reason.RETRYING)
