"""Whether a component is as it should be, from the live objects alone: healthy, progressing, failed or stopped.

Pure. "Healthy" is said only of what the cluster itself has looked at (observedGeneration first); why it is not is asked
of `explain/`. It must not wait, retry or remember.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from mcd.kube.around import SERVICE, notes
from mcd.kube.explain import (
    Cause,
    Seen,
    app_of,
    clean,
    evidence,
    explain,
    explain_deleting,
    explain_refused,
    explain_route,
    explain_service,
)
from mcd.kube.handover import (
    Versions,
    handed_over,
    ready_ones,
    stopping,
    takes_requests,
    unstopped,
    versions,
)
from mcd.kube.status import condition, time_of
from mcd.kube.steady import unsteady
from mcd.model import ComponentHealth, HealthState, Reason
from mcd.model.why import Note, Told, Value, Why, text, told, whole
from mcd.objects import Object

WORKLOADS = frozenset({"Deployment", "StatefulSet", "CronJob", "Job"})
"""The kinds that a component's health is read from."""

STARTS = 8
"""Seconds after its creation in which a pod whose probe fails is said to start."""

WARMS_UP = 30
"""The same for a program that answers 503: it says itself that it is not ready yet, most often because it waits for
another one that starts beside it."""

DEADLINE = 600
"""Seconds in which pods must become ready where the object itself says nothing (a StatefulSet)."""

AFTER_STARTUP = 300
"""Seconds that are left to such pods at least, once their startup probe has used up all its tries; as the compiler
leaves them to a Deployment's."""


@dataclass(frozen=True, slots=True)
class Found:
    """The live objects of one component. `pods` and `replica_sets` are those of its workload, `routes` its HTTPRoutes,
    `around` its scaler, listeners and certificates; what is in `seen` besides pods may be empty and is asked for only
    when something is wrong (`needs`)."""

    workload: Object | None
    replica_sets: Sequence[Object] = ()
    routes: Sequence[Object] = ()
    around: Sequence[Object] = ()
    seen: Seen = field(default_factory=Seen)


def health(component: str, kind: str, found: Found, now: datetime) -> ComponentHealth:
    """The health of one component. `now` is compared with the times of the cluster, a minute of skew is no matter."""
    workload, going = found.workload, HealthState.PROGRESSING
    if workload is None:
        return _say(component, going, Reason.APPLYING, _on_its_way(Note.NOT_IN_CLUSTER, kind=kind))
    if workload["metadata"].get("deletionTimestamp"):
        cause = explain_deleting(workload)
        if cause is not None:
            return replace(_say(component, going, Reason.DELETING, cause.told), evidence=cause.evidence)
        return _say(component, going, Reason.DELETING, _on_its_way(Note.BEING_DELETED, kind=kind))
    if kind == "CronJob":
        if (workload.get("spec") or {}).get("suspend"):
            return _say(component, HealthState.STOPPED, Reason.READY, told(Why.CRON_SUSPENDED, component=component))
        return _say(component, HealthState.HEALTHY, Reason.READY, _well(Note.BY_SCHEDULE))
    if kind == "Job":
        return _job(component, workload, found)
    counted = _pods(component, kind, workload, found, now)
    if counted.state is not HealthState.HEALTHY:
        return counted
    return _noted(_reached(component, found, counted), found, now)


def needs(pods: Sequence[Object]) -> tuple[bool, bool]:
    """Whether events, and whether nodes and their pods, would help to explain these pods."""
    waiting = [p for p in pods if _is_false(p, "PodScheduled") or _ready_but_for_its_node(p)]
    return any(_is_false(p, "Ready") or not (p.get("status") or {}).get("conditions") for p in pods), bool(waiting)


def looked_at(workload: Object) -> bool:
    """Whether its controller has looked at what is wished of it now. Until then nothing that anybody says of it is
    about that. Jobs of either kind do not say it, and count as looked at."""
    seen = int((workload.get("status") or {}).get("observedGeneration") or 0)
    says = workload["kind"] in ("Deployment", "StatefulSet")
    return not says or seen >= int(workload["metadata"].get("generation") or 0)


def _ready_but_for_its_node(pod: Object) -> bool:
    """Its containers were ready when they were seen last, and it is not: only its node can say why."""
    statuses = (pod.get("status") or {}).get("containerStatuses") or ()
    return bool(statuses) and all(s.get("ready") for s in statuses) and _is_false(pod, "Ready")


# --- Deployment, StatefulSet ----------------------------------------------------------------------------------------


def _pods(component: str, kind: str, workload: Object, found: Found, now: datetime) -> ComponentHealth:
    spec, status = workload.get("spec") or {}, workload.get("status") or {}
    desired = int(spec.get("replicas", 1))
    answer = ComponentHealth(component, HealthState.PROGRESSING, Reason.PROGRESSING, "", 0, desired)
    if not looked_at(workload):
        return replace(_with(answer, _on_its_way(Note.NOT_LOOKED_AT)), unseen=True)
    of = versions(workload, found.replica_sets, found.seen.pods)
    if desired == 0:
        return _stopped(answer, workload, found.seen.pods, now)
    ready = int(status.get("availableReplicas" if kind == "Deployment" else "readyReplicas") or 0)
    updated, total = int(status.get("updatedReplicas") or 0), int(status.get("replicas") or 0)
    complete = updated >= desired and ready >= desired and total == updated
    # The status counts pods of all versions together.
    counted = ready_ones(of.new) if of.told else ready
    if kind == "Deployment" or not of.told:
        # The newest ReplicaSet that is known may still be the old one: its pods are none that the status calls updated.
        counted = min(counted, updated)
    new_ready = desired if complete else min(counted, desired)
    answer = replace(answer, ready=new_ready, old=ready_ones(of.old))
    shaky = any(unsteady(pod, now) for pod in of.new)
    if complete and not shaky:
        return _handed_over(answer, workload, of, now)
    cause = _cause(component, workload, found, replace(found.seen, pods=of.new, now=now, desired=desired))
    if complete and cause is None:
        return _handed_over(answer, workload, of, now)
    late = _late(workload, of.new, now)
    if cause is not None and cause.reason is Reason.PROBE_FAILING and _just_started(of.new, now, cause.told):
        cause = None
    if cause is None:
        far = _how_far(answer, workload, max(unstopped(of.old), total - updated))
        if late:
            words = told(Why.ROLLOUT_DEADLINE, seconds=late, what=far, app=app_of(workload))
            return replace(_with(answer, words), state=HealthState.FAILED, reason=Reason.DEADLINE_EXCEEDED)
        return _with(answer, told(Why.PROGRESSING, what=far))
    goes_on = cause.reason is Reason.QUOTA_EXCEEDED
    failed = cause.final or (bool(late) and not goes_on)
    beside = [told(Note.NOT_READY_IN, seconds=late)] if late and not cause.final else []
    if answer.old:
        beside.append(told(Note.ENDED, what=_old_ones(answer, workload)))
    return replace(
        _with(answer, *cause.all_told, *beside),
        state=HealthState.FAILED if failed else HealthState.PROGRESSING,
        reason=cause.reason,
        evidence=cause.evidence,
        again_in=cause.again_in,
        nodes=cause.nodes,
    )


def _stopped(answer: ComponentHealth, workload: Object, pods: Sequence[Object], now: datetime) -> ComponentHealth:
    """Scaled to 0: nothing of it runs any more, or it is said what does."""
    ending, overdue = stopping(workload, pods, now)
    left = max(ending.pods, int((workload.get("status") or {}).get("replicas") or 0))
    if left:
        return replace(_with(answer, _on_its_way(Note.BEING_STOPPED, n=left)), again_in=ending.left)
    lost = [told(Note.OVERDUE, n=overdue)] if overdue else []
    words = told(Why.STOPPED, what=told(Note.SCALED_TO_ZERO))
    return replace(_with(answer, words, *lost), state=HealthState.STOPPED, reason=Reason.READY)


def _handed_over(answer: ComponentHealth, workload: Object, of: Versions, now: datetime) -> ComponentHealth:
    """All new pods are ready. Where requests are sent, it is well when no old pod is sent any: who asks right after
    that is answered by the new version."""
    well = replace(answer, state=HealthState.HEALTHY, reason=Reason.READY)
    well = _with(well, _well(Note.COUNT_READY, **_counts(answer)))
    if not takes_requests(workload):
        return well
    if of.mixed:
        return _with(answer, _on_its_way(Note.VERSIONS_MIXED))
    if late := unstopped(of.old):
        return _with(answer, told(Why.PROGRESSING, what=_how_far(answer, workload, late)))
    draining = handed_over(of.old, now)
    if not draining.pods:
        return well
    return replace(_with(answer, _on_its_way(Note.OLD_DRAIN, left=ceil(draining.left))), again_in=draining.left)


def _counts(answer: ComponentHealth) -> dict[str, Value]:
    return {"ready": answer.ready, "desired": answer.desired}


def _how_far(answer: ComponentHealth, workload: Object, old: int) -> Told:
    """How far the new pods are, and what the old ones do meanwhile."""
    if answer.ready >= answer.desired and old > 0:
        return told(Note.NEW_READY_OLD_STOP, old=old)
    note = Note.HOW_FAR if _rolled_out(workload) else Note.HOW_FAR_NEW
    meanwhile: Value = told(Note.MEANWHILE, what=_old_ones(answer, workload)) if answer.old else ""
    return told(note, **_counts(answer), old=meanwhile)


def _old_ones(answer: ComponentHealth, workload: Object) -> Told:
    return told(Note.OLD_SERVE if takes_requests(workload) else Note.OLD_RUN, old=answer.old)


def _cause(component: str, workload: Object, found: Found, seen: Seen) -> Cause | None:
    said = [
        str(c.get("message", ""))
        for c in (workload.get("status") or {}).get("conditions") or ()
        if c.get("type") == "ReplicaFailure" and c.get("status") == "True"
    ]
    makers = {str(o["metadata"].get("name")) for o in (workload, *found.replica_sets)}
    refused = explain_refused(component, said)
    if refused is None and not seen.pods:
        refused = explain_refused(component, _failed_creates(seen.events, makers))
    return refused or explain(component, seen)


def _failed_creates(events: Sequence[Object], makers: set[str]) -> list[str]:
    return [
        str(e.get("message", ""))
        for e in events
        if e.get("reason") == "FailedCreate" and (e.get("involvedObject") or {}).get("name") in makers
    ]


def _late(workload: Object, pods: Sequence[Object], now: datetime) -> int:
    """The deadline in seconds when it has passed, else 0. A Deployment's controller says so itself, but only of a
    version that it still rolls out: of one that was ready once, and of other kinds, the pods' own times are asked."""
    deadline = _deadline(workload.get("spec") or {})
    if workload["kind"] == "Deployment":
        if condition(workload, "Progressing").get("reason") == "ProgressDeadlineExceeded":
            return deadline
        if not _rolled_out(workload):
            return 0
    times = [_unready_since(p) for p in pods if _is_false(p, "Ready")]
    if _is_false(workload, "Available"):
        times.append(time_of(condition(workload, "Available").get("lastTransitionTime")))
    since = min((t for t in times if t is not None), default=now)
    return deadline if now - since > timedelta(seconds=deadline) else 0


def _deadline(spec: Mapping[str, Any]) -> int:
    """Seconds: what the workload says, or else enough for the slowest startup probe of its containers."""
    if said := int(spec.get("progressDeadlineSeconds") or 0):
        return said
    probes = [
        c.get("startupProbe") or {} for c in ((spec.get("template") or {}).get("spec") or {}).get("containers") or ()
    ]
    return max(DEADLINE, *(_longest(probe) + AFTER_STARTUP for probe in probes if probe), 0)


def _longest(probe: Mapping[str, Any]) -> int:
    """Seconds after which a probe that never succeeds has failed, by the defaults of Kubernetes where it says none."""
    delay, period = int(probe.get("initialDelaySeconds") or 0), int(probe.get("periodSeconds") or 10)
    return delay + period * int(probe.get("failureThreshold") or 3)


def _rolled_out(workload: Object) -> bool:
    """Whether all pods of the newest version were ready once."""
    return bool(condition(workload, "Progressing").get("reason") == "NewReplicaSetAvailable")


def _unready_since(pod: Object) -> datetime | None:
    return time_of(condition(pod, "Ready").get("lastTransitionTime") or pod["metadata"].get("creationTimestamp"))


def _just_started(pods: Sequence[Object], now: datetime, got: Told) -> bool:
    """A program that is starting answers no probe yet: that is no news, and must not look like an alarm."""
    grace = WARMS_UP if got.key is Why.HTTP_CODE and got.param("code") == "503" else STARTS
    born = [
        t for p in pods if _is_false(p, "Ready") and (t := time_of(p["metadata"].get("creationTimestamp"))) is not None
    ]
    return all(now - t < timedelta(seconds=grace) for t in born)


# --- Job, HTTPRoute -------------------------------------------------------------------------------------------------


def _job(component: str, job: Object, found: Found) -> ComponentHealth:
    spec, status = job.get("spec") or {}, job.get("status") or {}
    if spec.get("suspend"):
        return _say(component, HealthState.HEALTHY, Reason.READY, _well(Note.JOB_WAITS))
    for one in status.get("conditions") or ():
        if one.get("status") != "True":
            continue
        if one.get("type") == "Complete":
            return _say(component, HealthState.HEALTHY, Reason.READY, _well(Note.JOB_DONE))
        if one.get("type") == "Failed":
            return _job_failed(component, job, found, one)
    cause = _cause(component, job, found, found.seen)
    if cause is None:
        return _say(component, HealthState.PROGRESSING, Reason.PROGRESSING, _on_its_way(Note.JOB_RUNS))
    judged = _say(component, HealthState.PROGRESSING, cause.reason, *cause.all_told)
    return replace(judged, evidence=cause.evidence, nodes=cause.nodes)


def _job_failed(component: str, job: Object, found: Found, condition: Mapping[str, Any]) -> ComponentHealth:
    tries, failed = int((job.get("status") or {}).get("failed") or 0), HealthState.FAILED
    if condition.get("reason") == "DeadlineExceeded":
        seconds = str((job.get("spec") or {}).get("activeDeadlineSeconds") or "?")
        late = told(Why.JOB_DEADLINE, tries=tries, seconds=seconds, component=component, app=app_of(job))
        return replace(_say(component, failed, Reason.DEADLINE_EXCEEDED, late), evidence=_words(condition))
    cause = explain(component, found.seen)
    what = cause.told if cause is not None else text(clean(str(condition.get("message", ""))) + ".")
    words = told(Why.JOB_FAILED, tries=tries, what=what, component=component, app=app_of(job))
    reason = cause.reason if cause is not None else Reason.CRASH_LOOPING
    return replace(_say(component, failed, reason, words), evidence=cause.evidence if cause else _words(condition))


def _words(condition: Mapping[str, Any]) -> tuple[str, ...]:
    return evidence(condition.get("message"))


def _reached(component: str, found: Found, healthy: ComponentHealth) -> ComponentHealth:
    """Pods that are ready are of no use while no Service leads to them, or no gateway takes the route."""
    counts = _counts(healthy)
    for service in (obj for obj in found.around if obj["kind"] == SERVICE):
        cause = explain_service(component, service, found.seen.pods, counts)
        if cause is not None:
            return _unreached(healthy, cause)
    for route in found.routes:
        cause = explain_route(component, route, counts)
        if cause is not None:
            return _unreached(healthy, cause)
    return healthy


def _unreached(healthy: ComponentHealth, cause: Cause) -> ComponentHealth:
    state = HealthState.FAILED if cause.final else HealthState.PROGRESSING
    return replace(_with(healthy, cause.told), state=state, reason=cause.reason, evidence=cause.evidence)


def _noted(healthy: ComponentHealth, found: Found, now: datetime) -> ComponentHealth:
    """Pods that are ready serve, whatever stands around them; what does not do its work is said beside."""
    if healthy.state is not HealthState.HEALTHY:
        return healthy
    every = notes(found.around, now)
    beside = [note.told for note in every if note.told is not None]
    left = min((note.left for note in every if note.left), default=0.0)
    return replace(_with(healthy, *healthy.told, *beside), again_in=left)


# --- small things ---------------------------------------------------------------------------------------------------


def _say(component: str, state: HealthState, reason: Reason, *what: Told) -> ComponentHealth:
    return ComponentHealth(component, state, reason, whole(what), told=what)


def _with(answer: ComponentHealth, *what: Told) -> ComponentHealth:
    """The answer, saying this."""
    return replace(answer, message=whole(what), told=what)


def _on_its_way(note: Note, **params: Value) -> Told:
    return told(Why.PROGRESSING, what=told(note, **params))


def _well(note: Note, **params: Value) -> Told:
    return told(Why.READY, what=told(note, **params))


def _is_false(obj: Object, name: str) -> bool:
    return bool(condition(obj, name).get("status", "True") != "True")
