"""Which pods are of the wished version, which are of older ones, and whether anybody is still sent to those.

Pure, over live objects. It must not judge a component (`health.py`) and explains no trouble (`explain/`).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mcd.kube.status import condition, time_of
from mcd.objects import DRAIN, TAKES_REQUESTS, TYPE, Object

_REVISION = "deployment.kubernetes.io/revision"
_HASH = "pod-template-hash"

OVERDUE = 10.0
"""Seconds after the end of its grace after which a pod that is still there is not waited for: its node is away, and
nobody can see whether the pod runs."""


@dataclass(frozen=True, slots=True)
class Versions:
    """The pods of one workload. `told` is false while the cluster has not said which are the new ones; then all are in
    `new`, and `mixed` says that they are of more than one version."""

    new: tuple[Object, ...]
    old: tuple[Object, ...] = ()
    told: bool = True
    mixed: bool = False


@dataclass(frozen=True, slots=True)
class Ending:
    """Pods that end: how many, and the seconds until they are no longer waited for."""

    pods: int = 0
    left: float = 0.0


def versions(workload: Object, replica_sets: Sequence[Object], pods: Sequence[Object]) -> Versions:
    """The new and the old pods of a Deployment or StatefulSet. Old ones that somebody else made are left out."""
    newest = _newest(workload, replica_sets)
    if newest is not None:
        uid = newest["metadata"]["uid"]
        new = tuple(p for p in pods if any(o.get("uid") == uid for o in _owners(p)))
        return Versions(new, tuple(p for p in pods if p not in new and _made_for(workload, p)))
    update = (workload.get("status") or {}).get("updateRevision")
    if update:
        new = tuple(p for p in pods if _labels(p).get("controller-revision-hash") == update)
        return Versions(new, tuple(p for p in pods if p not in new and _made_for(workload, p)))
    hashes = {_labels(p).get(_HASH) for p in pods if _made_for(workload, p)}
    waited_for = _REVISION in (workload["metadata"].get("annotations") or {})
    return Versions(tuple(pods), told=False, mixed=waited_for and len(hashes) > 1)


def _newest(workload: Object, replica_sets: Sequence[Object]) -> Object | None:
    """The ReplicaSet of the version that is being rolled out."""
    uid = workload["metadata"].get("uid")
    revision = (workload["metadata"].get("annotations") or {}).get(_REVISION)
    for owned in replica_sets:
        meta = owned["metadata"]
        ours = any(o.get("uid") == uid for o in _owners(owned))
        if ours and revision and (meta.get("annotations") or {}).get(_REVISION) == revision:
            return owned
    return None


def _made_for(workload: Object, pod: Object) -> bool:
    """Whether a pod was made for this workload, also by one of this name that was deleted since. Its ReplicaSet may be
    gone before it, so the name says it, which Kubernetes makes of the Deployment's and the hash."""
    name = str(workload["metadata"].get("name", ""))
    via_set = f"{name}-{_labels(pod).get(_HASH)}"
    made_by = {("ReplicaSet", via_set), ("StatefulSet", name)}
    return any((o.get("kind"), o.get("name")) in made_by for o in _owners(pod))


def takes_requests(workload: Object) -> bool:
    """Whether its pods are sent requests: those of a daemon are not."""
    return _labels(workload).get(TYPE) in TAKES_REQUESTS


def ready_ones(pods: Sequence[Object]) -> int:
    """How many are ready and not about to stop."""
    return sum(not p["metadata"].get("deletionTimestamp") and _is_ready(p) for p in pods)


def unstopped(pods: Sequence[Object]) -> int:
    """How many nobody has told to stop yet."""
    return sum(not p["metadata"].get("deletionTimestamp") and not _ended(p) for p in pods)


def handed_over(old: Sequence[Object], now: datetime) -> Ending:
    """The old pods to which requests may still be sent. Who sends them learns of a pod's end a moment after it began:
    `DRAIN` seconds later it is sent nothing. One that runs no more is sent nothing at once."""
    times = [_stops_since(p) for p in old if not _ended(p)]
    waits = [min(DRAIN, max(0.0, DRAIN - (now - t).total_seconds())) for t in times if t is not None]
    waits = [w for w in waits if w > 0]
    return Ending(len(waits), max(waits, default=0.0))


def stopping(workload: Object, pods: Sequence[Object], now: datetime) -> tuple[Ending, int]:
    """The pods of a workload that are waited for until they are gone, and the number of those that should be and are
    not. One that nobody has told to stop yet counts with no time."""
    waits, overdue = [0.0], 0
    there = [p for p in pods if _made_for(workload, p) and not _ended(p)]
    for pod in there:
        ends = time_of(pod["metadata"].get("deletionTimestamp"))
        if ends is None:
            continue
        left = (ends - now).total_seconds() + OVERDUE
        if left <= 0:
            overdue += 1
        waits.append(left)
    return Ending(len(there) - overdue, max(waits)), overdue


def _ended(pod: Object) -> bool:
    """Whether no program of it runs any more."""
    status = pod.get("status") or {}
    containers = status.get("containerStatuses") or ()
    over = bool(containers) and not any("running" in (c.get("state") or {}) for c in containers)
    return status.get("phase") in ("Succeeded", "Failed") or (bool(pod["metadata"].get("deletionTimestamp")) and over)


def _stops_since(pod: Object) -> datetime | None:
    """When its end began. Kubernetes writes down the time at which it is over, and how long it takes."""
    ends = time_of(pod["metadata"].get("deletionTimestamp"))
    if ends is None:
        return None
    return ends - timedelta(seconds=int(pod["metadata"].get("deletionGracePeriodSeconds") or 0))


def _is_ready(pod: Object) -> bool:
    return bool(condition(pod, "Ready").get("status") == "True")


def _labels(obj: Object) -> Mapping[str, str]:
    found: Mapping[str, str] = obj["metadata"].get("labels") or {}
    return found


def _owners(obj: Object) -> Sequence[Mapping[str, Any]]:
    found: Sequence[Mapping[str, Any]] = obj["metadata"].get("ownerReferences") or ()
    return found
