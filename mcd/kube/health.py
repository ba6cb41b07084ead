"""Whether a component is as it should be, from the live objects alone: healthy, progressing, failed or stopped.

Pure. "Healthy" is said only of what the cluster itself has looked at (observedGeneration first); why it is not is asked
of `explain.py`. It must not wait, retry or remember.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from math import ceil
from typing import Any

from mcd.errors import echo
from mcd.kube.around import notes
from mcd.kube.explain import Cause, Seen, explain, explain_refused
from mcd.kube.handover import (
    Versions,
    handed_over,
    ready_ones,
    stopping,
    takes_requests,
    unstopped,
    versions,
)
from mcd.kube.steady import unsteady
from mcd.model import ComponentHealth, HealthState, Reason
from mcd.objects import Object

WORKLOADS = frozenset({"Deployment", "StatefulSet", "CronJob", "Job"})
"""The kinds that a component's health is read from."""

STARTS = 8
"""Seconds after its creation in which a pod whose probe fails is said to start."""

DEADLINE = 600
"""Seconds in which pods must become ready where the object itself says nothing (a StatefulSet)."""


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
    workload = found.workload
    if workload is None:
        return _say(component, HealthState.PROGRESSING, Reason.APPLYING, f"the {kind} is not in the cluster yet.")
    if workload["metadata"].get("deletionTimestamp"):
        return _say(component, HealthState.PROGRESSING, Reason.DELETING, f"the {kind} is being deleted.")
    if kind == "CronJob":
        stopped = bool((workload.get("spec") or {}).get("suspend"))
        words = "its schedule is suspended." if stopped else "it runs by its schedule."
        return _say(component, HealthState.STOPPED if stopped else HealthState.HEALTHY, Reason.READY, words)
    if kind == "Job":
        return _job(component, workload, found)
    counted = _pods(component, kind, workload, found, now)
    if counted.state is not HealthState.HEALTHY:
        return counted
    return _noted(_routes(component, found, counted), found, now)


def needs(pods: Sequence[Object]) -> tuple[bool, bool]:
    """Whether events, and whether nodes and their pods, would help to explain these pods."""
    waiting = [p for p in pods if _is_false(p, "PodScheduled")]
    return any(_is_false(p, "Ready") or not (p.get("status") or {}).get("conditions") for p in pods), bool(waiting)


# --- Deployment, StatefulSet ----------------------------------------------------------------------------------------


def _pods(component: str, kind: str, workload: Object, found: Found, now: datetime) -> ComponentHealth:
    spec, status = workload.get("spec") or {}, workload.get("status") or {}
    desired = int(spec.get("replicas", 1))
    seen_generation = int(status.get("observedGeneration") or 0)
    answer = ComponentHealth(component, HealthState.PROGRESSING, Reason.PROGRESSING, "", 0, desired)
    if seen_generation < int(workload["metadata"].get("generation") or 0):
        return replace(answer, message="the cluster has not looked at the newest version yet.")
    of = versions(workload, found.replica_sets, found.seen.pods)
    if desired == 0:
        return _stopped(answer, workload, found.seen.pods, now)
    ready = int(status.get("availableReplicas" if kind == "Deployment" else "readyReplicas") or 0)
    updated, total = int(status.get("updatedReplicas") or 0), int(status.get("replicas") or 0)
    complete = updated >= desired and ready >= desired and total == updated
    # The status counts pods of all versions together.
    new_ready = desired if complete else min(ready_ones(of.new) if of.told else min(ready, updated), desired)
    answer = replace(answer, ready=new_ready, old=ready_ones(of.old))
    shaky = any(unsteady(pod, now) for pod in of.new)
    if complete and not shaky:
        return _handed_over(answer, workload, of, now)
    cause = _cause(component, workload, found, replace(found.seen, pods=of.new, now=now))
    if complete and cause is None:
        return _handed_over(answer, workload, of, now)
    late = _late(workload, of.new, now)
    if cause is not None and cause.reason is Reason.PROBE_FAILING and _just_started(of.new, now):
        cause = None
    if cause is None:
        words = _how_far(answer, workload, max(unstopped(of.old), total - updated))
        if late:
            told = f"not ready in {late} s: {words}"
            return replace(answer, state=HealthState.FAILED, reason=Reason.DEADLINE_EXCEEDED, message=told)
        return replace(answer, message=words)
    goes_on = cause.reason is Reason.QUOTA_EXCEEDED
    failed = cause.final or (bool(late) and not goes_on)
    words = f"{cause.message} Not ready in {late} s." if late and not cause.final else cause.message
    if answer.old:
        words = f"{words} {_old_ones(answer, workload)}."
    state = HealthState.FAILED if failed else HealthState.PROGRESSING
    return replace(
        answer, state=state, reason=cause.reason, message=words, evidence=cause.evidence, again_in=cause.again_in
    )


def _stopped(answer: ComponentHealth, workload: Object, pods: Sequence[Object], now: datetime) -> ComponentHealth:
    """Scaled to 0: nothing of it runs any more, or it is said what does."""
    ending, overdue = stopping(workload, pods, now)
    left = max(ending.pods, int((workload.get("status") or {}).get("replicas") or 0))
    if left:
        words = f"{_count(left, 'pod')} {'is' if left == 1 else 'are'} being stopped."
        return replace(answer, message=words, again_in=ending.left)
    lost = f" {_count(overdue, 'pod')} should have ended by now: see whether the node is away." if overdue else ""
    return replace(answer, state=HealthState.STOPPED, reason=Reason.READY, message=f"it is scaled to 0.{lost}")


def _handed_over(answer: ComponentHealth, workload: Object, of: Versions, now: datetime) -> ComponentHealth:
    """All new pods are ready. Where requests are sent, it is well when no old pod is sent any: who asks right after
    that is answered by the new version."""
    well = replace(answer, state=HealthState.HEALTHY, reason=Reason.READY)
    well = replace(well, message=f"{answer.ready} of {answer.desired} ready.")
    if not takes_requests(workload):
        return well
    if of.mixed:
        return replace(answer, message="the cluster has not shown yet which pods are the new ones.")
    if late := unstopped(of.old):
        return replace(answer, message=_how_far(answer, workload, late))
    draining = handed_over(of.old, now)
    if not draining.pods:
        return well
    words = f"the old pods finish their requests; traffic moves to the new ones ({ceil(draining.left)} s left)."
    return replace(answer, message=words, again_in=draining.left)


def _how_far(answer: ComponentHealth, workload: Object, old: int) -> str:
    """How far the new pods are, and what the old ones do meanwhile."""
    ready, desired = answer.ready, answer.desired
    if ready >= desired and old > 0:
        return f"the new pods are ready; {_count(old, 'old pod')} {'stops' if old == 1 else 'stop'}."
    which = "pods" if _rolled_out(workload) else "new pods"
    meanwhile = f"; {_old_ones(answer, workload)}" if answer.old else ""
    return f"{ready} of {desired} {which} are ready{meanwhile}."


def _old_ones(answer: ComponentHealth, workload: Object) -> str:
    verb = "serving" if takes_requests(workload) else "running"
    return f"{_count(answer.old, 'old pod')} {'goes' if answer.old == 1 else 'go'} on {verb}"


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


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
    deadline = int((workload.get("spec") or {}).get("progressDeadlineSeconds") or DEADLINE)
    if workload["kind"] == "Deployment":
        if _condition(workload, "Progressing").get("reason") == "ProgressDeadlineExceeded":
            return deadline
        if not _rolled_out(workload):
            return 0
    times = [_unready_since(p) for p in pods if _is_false(p, "Ready")]
    if _is_false(workload, "Available"):
        times.append(_time(_condition(workload, "Available").get("lastTransitionTime")))
    since = min((t for t in times if t is not None), default=now)
    return deadline if now - since > timedelta(seconds=deadline) else 0


def _rolled_out(workload: Object) -> bool:
    """Whether all pods of the newest version were ready once."""
    return bool(_condition(workload, "Progressing").get("reason") == "NewReplicaSetAvailable")


def _unready_since(pod: Object) -> datetime | None:
    return _time(_condition(pod, "Ready").get("lastTransitionTime") or pod["metadata"].get("creationTimestamp"))


def _just_started(pods: Sequence[Object], now: datetime) -> bool:
    """A program that is starting answers no probe yet: that is no news, and must not look like an alarm."""
    born = [
        t for p in pods if _is_false(p, "Ready") and (t := _time(p["metadata"].get("creationTimestamp"))) is not None
    ]
    return all(now - t < timedelta(seconds=STARTS) for t in born)


# --- Job, HTTPRoute -------------------------------------------------------------------------------------------------


def _job(component: str, job: Object, found: Found) -> ComponentHealth:
    spec, status = job.get("spec") or {}, job.get("status") or {}
    if spec.get("suspend"):
        return _say(component, HealthState.HEALTHY, Reason.READY, "it waits for a run.")
    for condition in status.get("conditions") or ():
        if condition.get("status") != "True":
            continue
        if condition.get("type") == "Complete":
            return _say(component, HealthState.HEALTHY, Reason.READY, "it ran to its end.")
        if condition.get("type") == "Failed":
            late = condition.get("reason") == "DeadlineExceeded"
            cause = explain(component, found.seen)
            reason = Reason.DEADLINE_EXCEEDED if late else (cause.reason if cause else Reason.CRASH_LOOPING)
            told = cause.message if cause and not late else echo(str(condition.get("message", "")), 300)
            evidence = cause.evidence if cause else ()
            words = f"the run failed after {int(status.get('failed') or 0)} tries: {told}"
            return replace(_say(component, HealthState.FAILED, reason, words), evidence=evidence)
    cause = _cause(component, job, found, found.seen)
    if cause is None:
        return _say(component, HealthState.PROGRESSING, Reason.PROGRESSING, "it runs.")
    return replace(_say(component, HealthState.PROGRESSING, cause.reason, cause.message), evidence=cause.evidence)


def _routes(component: str, found: Found, healthy: ComponentHealth) -> ComponentHealth:
    """Pods that are ready are of no use while the gateway does not take the route."""
    for route in found.routes:
        name = echo(str(route["metadata"]["name"]))
        parents = (route.get("status") or {}).get("parents") or ()
        refusals = [c for p in parents for c in _refusing(p, int(route["metadata"].get("generation") or 0))]
        if refusals:
            said = echo(str(refusals[0].get("message") or refusals[0].get("reason")), 300)
            words = f"the gateway does not take HTTPRoute/{name} ({refusals[0].get('reason')}): {said}"
            return replace(healthy, state=HealthState.FAILED, reason=Reason.REFUSED_BY_CLUSTER, message=words)
        if not any(_accepting(p) for p in parents):
            words = f"{healthy.message} No gateway has taken HTTPRoute/{name} yet."
            return replace(healthy, state=HealthState.PROGRESSING, reason=Reason.PROGRESSING, message=words)
    return healthy


def _noted(healthy: ComponentHealth, found: Found, now: datetime) -> ComponentHealth:
    """Pods that are ready serve, whatever stands around them; what does not do its work is said beside."""
    if healthy.state is not HealthState.HEALTHY:
        return healthy
    told = notes(found.around, now)
    words = " ".join([healthy.message, *(note.sentence for note in told if note.sentence)])
    return replace(healthy, message=words, again_in=min((note.left for note in told if note.left), default=0.0))


def _refusing(parent: Mapping[str, Any], generation: int) -> list[Mapping[str, Any]]:
    return [
        c
        for c in parent.get("conditions") or ()
        if c.get("type") in ("Accepted", "ResolvedRefs")
        and c.get("status") == "False"
        and c.get("reason") not in ("Pending", "BackendNotFound")
        and int(c.get("observedGeneration") or generation) >= generation
    ]


def _accepting(parent: Mapping[str, Any]) -> bool:
    return any(c.get("type") == "Accepted" and c.get("status") == "True" for c in parent.get("conditions") or ())


# --- small things ---------------------------------------------------------------------------------------------------


def _say(component: str, state: HealthState, reason: Reason, message: str) -> ComponentHealth:
    return ComponentHealth(component, state, reason, message)


def _condition(obj: Object, name: str) -> Mapping[str, Any]:
    conditions: Sequence[Mapping[str, Any]] = (obj.get("status") or {}).get("conditions") or ()
    return next((c for c in conditions if c.get("type") == name), {})


def _is_false(obj: Object, name: str) -> bool:
    return bool(_condition(obj, name).get("status", "True") != "True")


def _time(text: Any) -> datetime | None:
    try:
        return datetime.fromisoformat(str(text))
    except ValueError:
        return None
