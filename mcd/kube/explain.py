"""Why a component does not run: one sentence in plain words, the reason for programs, and the lines that show it.

Pure, over live objects as the API server answers them; works on recorded ones. It must not decide whether a Rollout
failed (`health.py`) and invents nothing: an unknown pattern is shown in the cluster's own words.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from typing import Any

from mcd.errors import echo
from mcd.kube.placing import explain_placing
from mcd.kube.steady import must_last, still_to_last
from mcd.model import Reason
from mcd.objects import Object

EVIDENCE_LINES = 20
WORDS = 300


@dataclass(frozen=True, slots=True)
class Seen:
    """What is known about one component. `events` are those of its namespace; `placed` are pods of every namespace,
    asked for only when a pod waits for a node. With `now`, a container that died is told of until it has lasted."""

    pods: Sequence[Object] = ()
    events: Sequence[Object] = ()
    nodes: Sequence[Object] = ()
    placed: Sequence[Object] = ()
    now: datetime | None = None


@dataclass(frozen=True, slots=True)
class Cause:
    """Why something does not run. `final`: it does not mend itself, so waiting longer is of no use."""

    reason: Reason
    message: str
    evidence: tuple[str, ...] = ()
    final: bool = False
    pod: str = ""
    container: str = ""
    """The container that died, whose last log lines belong to the evidence."""
    previous: bool = False
    """It runs again by now, so its last words are in the log of the run before."""
    again_in: float = 0.0
    """Seconds after which it is well if it lasts so long. 0: it does not run, or nobody can say."""


@dataclass(frozen=True, slots=True)
class _Pod:
    component: str
    pod: Object
    seen: Seen
    name: str = field(default="")

    @property
    def spec(self) -> Mapping[str, Any]:
        return self.pod.get("spec") or {}

    @property
    def status(self) -> Mapping[str, Any]:
        return self.pod.get("status") or {}


def explain(component: str, seen: Seen) -> Cause | None:
    """The gravest cause among the pods of a component, or None when no pod shows any."""
    causes = [cause for pod in seen.pods if (cause := explain_pod(component, pod, seen)) is not None]
    return min(causes, key=lambda c: (not c.final, _GRAVITY.index(c.reason)), default=None)


_GRAVITY = (
    Reason.OOM_KILLED, Reason.CRASH_LOOPING, Reason.IMAGE_PULL, Reason.CONFIG_MISSING, Reason.VOLUME_PENDING,
    Reason.UNSCHEDULABLE, Reason.PROBE_FAILING, Reason.REFUSED_BY_CLUSTER, Reason.PROGRESSING,
)  # fmt: skip


def explain_pod(component: str, pod: Object, seen: Seen) -> Cause | None:
    """Why one pod is not ready, or None when it is, or only starts."""
    if pod["metadata"].get("deletionTimestamp"):
        return None
    about = _Pod(component, pod, seen, str(pod["metadata"].get("name", "")))
    scheduled = _condition(pod, "PodScheduled")
    if not about.spec.get("nodeName") and (cause := _without_volume(about)) is not None:
        return cause
    if scheduled is not None and scheduled.get("status") == "False":
        return _waiting_for_a_node(about, scheduled)
    if about.status.get("phase") == "Failed" and about.status.get("reason") in ("Evicted", "NodeLost", "Preempting"):
        words = _clean(str(about.status.get("message") or about.status["reason"]))
        return Cause(Reason.PROGRESSING, f"a pod was taken from its node: {words}", pod=about.name)
    statuses = [*(about.status.get("initContainerStatuses") or ()), *(about.status.get("containerStatuses") or ())]
    for status in statuses:
        cause = _container(about, status)
        if cause is not None:
            return cause
    return _mounting(about) or _probing(about, statuses)


# --- containers -----------------------------------------------------------------------------------------------------


def _container(about: _Pod, status: Mapping[str, Any]) -> Cause | None:
    state, last = status.get("state") or {}, (status.get("lastState") or {}).get("terminated") or {}
    waiting, ended = state.get("waiting") or {}, state.get("terminated") or {}
    why = str(waiting.get("reason", ""))
    if why in ("ErrImagePull", "ImagePullBackOff", "InvalidImageName", "ErrImageNeverPull", "RegistryUnavailable",
               "ImageInspectError"):  # fmt: skip
        return _image(about, status, why, str(waiting.get("message", "")))
    if why == "CreateContainerConfigError":
        return _config(about, status, str(waiting.get("message", "")))
    if why in ("RunContainerError", "CreateContainerError", "StartError", "PostStartHookError"):
        return _cannot_start(about, status, str(waiting.get("message", "")))
    left = still_to_last(status, about.seen.now) if about.seen.now is not None and status.get("ready") else 0.0
    died = last if why == "CrashLoopBackOff" or (last and (left or not status.get("ready"))) else ended
    if not died or (died.get("exitCode") == 0 and _ends_by_itself(about, status)):
        return None
    if died.get("reason") in ("StartError", "ContainerCannotRun"):
        return _cannot_start(about, status, str(died.get("message", "")))
    cause = _died(about, status, died)
    if not left:
        return cause
    words = f"{cause.message} It runs again, and is ready when it has lasted {must_last(status):.0f} s."
    return replace(cause, message=words, final=False, again_in=left)


def _image(about: _Pod, status: Mapping[str, Any], why: str, said: str) -> Cause:
    image = echo(str(status.get("image") or _spec_of(about, status).get("image", "")), 200)
    words = said or _event_of(about, ("Failed",)) or why
    lower = words.lower()
    # At a back-off the kubelet has tried and waits longer each time; between two tries it says ErrImagePull again.
    backs_off = why == "ImagePullBackOff" or bool(_event_of(about, ("BackOff",), "Back-off pulling image"))
    final = backs_off or why in ("InvalidImageName", "ErrImageNeverPull")
    if "not found" in lower or "manifest unknown" in lower or "does not exist" in lower:
        told, final = "the registry does not have it", True
    elif "unauthorized" in lower or "denied" in lower or "authentication required" in lower or "forbidden" in lower:
        told, final = "the registry refuses it to this cluster", True
    elif "no match for platform" in lower or "no matching manifest" in lower or "exec format" in lower:
        told, final = "it is not built for the node's processor", True
    elif "no space left" in lower:
        told = "the node's disk is full"
    elif why == "InvalidImageName":
        told = "that is no image name"
    else:
        told = "the registry cannot be reached from the node"
    message = f"the image {image} cannot be pulled ({why}): {told}. Check the name and that the registry has it."
    return Cause(Reason.IMAGE_PULL, message, _evidence(words), final, about.name)


def _config(about: _Pod, status: Mapping[str, Any], said: str) -> Cause:
    words = _clean(said)
    found = re.search(r'(secret|configmap) "([^"]+)" not found', words)
    key = re.search(r"couldn't find key (\S+) in (Secret|ConfigMap) (?:[^/\s]+/)?(\S+)", words)
    if found is not None:
        told = f'{found[1].capitalize()} "{found[2]}" does not exist. Set it: mcd secret set'
    elif key is not None:
        told = f'{key[2]} "{key[3]}" has no key "{key[1]}". Set it: mcd secret set'
    elif "runAsNonRoot" in words or "non-root" in words:
        told = f"the image wants to run as root. Give it a USER, or set components.{about.component}.user"
    else:
        told = words
    return Cause(Reason.CONFIG_MISSING, f"a container cannot be made: {told}.", _evidence(said), True, about.name)


def _cannot_start(about: _Pod, status: Mapping[str, Any], said: str) -> Cause:
    command = " ".join(str(c) for c in _spec_of(about, status).get("command") or ())
    lower = said.lower()
    if "executable file not found" in lower or "no such file or directory" in lower:
        told = f"the command {echo(command) or 'of the image'} does not exist in the image"
    elif "permission denied" in lower:
        told = f"the command {echo(command) or 'of the image'} is not executable"
    elif "exec format error" in lower:
        told = "the program is not built for the node's processor"
    else:
        told = _clean(said)
    message = f"the program cannot be started: {told}. Check {_where(about, status)}.command and the image."
    return Cause(Reason.CRASH_LOOPING, message, _evidence(said), True, about.name)


def _died(about: _Pod, status: Mapping[str, Any], died: Mapping[str, Any]) -> Cause:
    restarts, code = int(status.get("restartCount") or 0), died.get("exitCode")
    name = str(status.get("name", ""))
    runs_again = "running" in (status.get("state") or {})
    who = "" if name == about.component else f"container {echo(name)}: "
    again = f", {restarts} restart{'s' if restarts != 1 else ''} so far" if restarts else ""
    evidence = _evidence(str(died.get("message") or ""))
    if died.get("reason") == "OOMKilled":
        limit = ((_spec_of(about, status).get("resources") or {}).get("limits") or {}).get("memory")
        at = f" at {limit}" if limit else ""
        message = (
            f"{who}was killed because it needs more memory than it may have (OOMKilled{at}, exit {code}{again}). "
            f"Raise {_where(about, status)}.resources.memory, or use less."
        )
        return Cause(Reason.OOM_KILLED, message, evidence, restarts >= _CRASHES, about.name, name, runs_again)
    probe = _event_of(about, ("Unhealthy",), "Liveness probe failed") if code in (137, 143) else ""
    if probe:
        message = (
            f"{who}is killed again and again because it does not answer its liveness check (exit {code}{again}). "
            f"Check {_where(about, status)}.health."
        )
        return Cause(
            Reason.PROBE_FAILING, message, _evidence(probe), restarts >= _CRASHES, about.name, name, runs_again
        )
    how = "ends at once with success (exit 0)" if code == 0 else f"ends with exit {code}"
    message = f"{who}the program {how}{again}. Its last lines are shown."
    return Cause(Reason.CRASH_LOOPING, message, evidence, restarts >= _CRASHES, about.name, name, runs_again)


_CRASHES = 2
"""Restarts after which a crash is no accident any more: about 30 s after the start."""


def _ends_by_itself(about: _Pod, status: Mapping[str, Any]) -> bool:
    """An init container that is no sidecar, and a container of a Job, may end with 0."""
    init = any(
        c.get("name") == status.get("name") and c.get("restartPolicy") != "Always"
        for c in about.spec.get("initContainers") or ()
    )
    return init or about.spec.get("restartPolicy", "Always") != "Always"


# --- places, volumes, probes ----------------------------------------------------------------------------------------


def _waiting_for_a_node(about: _Pod, scheduled: Mapping[str, Any]) -> Cause:
    said = _clean(str(scheduled.get("message", "")))
    if "PersistentVolumeClaim" in said or "persistentvolumeclaim" in said:
        message = f"the pod waits for its volume: {said}"
        return Cause(Reason.VOLUME_PENDING, message, pod=about.name)
    placing = explain_placing(about.pod, about.seen.nodes, about.seen.placed)
    if not about.seen.nodes:
        return Cause(Reason.UNSCHEDULABLE, f"no node takes the pod: {said or placing.sentence}", pod=about.name)
    rows = [str(row) for row in placing.nodes]
    more = [f"and {len(rows) - EVIDENCE_LINES + 1} nodes more"] if len(rows) > EVIDENCE_LINES else []
    lines = tuple(rows[: EVIDENCE_LINES - len(more)] + more)
    where = f"components.{about.component}"
    advice = "" if placing.may_fit else f" Change {where}.resources, gpu or node_pool, or free a node."
    message = f"no node takes the pod: {placing.sentence}{advice}"
    return Cause(Reason.UNSCHEDULABLE, message, lines, pod=about.name)


def _without_volume(about: _Pod) -> Cause | None:
    """A claim of the pod that got no volume says so itself; of the pod it is known only that it waits."""
    mounted = {
        (volume.get("persistentVolumeClaim") or {}).get("claimName") for volume in about.spec.get("volumes") or ()
    }
    about_claims = [
        e
        for e in about.seen.events
        if e.get("reason") in ("ProvisioningFailed", "FailedBinding")
        and (e.get("involvedObject") or {}).get("kind") == "PersistentVolumeClaim"
        and e["involvedObject"].get("name") in mounted
    ]
    newest = max(about_claims, key=event_time, default=None)
    if newest is None:
        return None
    name, words = echo(str(newest["involvedObject"]["name"])), _clean(str(newest.get("message", "")))
    return Cause(Reason.VOLUME_PENDING, f"the volume {name} is not made: {words}.", pod=about.name)


def _mounting(about: _Pod) -> Cause | None:
    said = _event_of(about, ("FailedMount", "FailedAttachVolume"))
    starting = any(
        ((s.get("state") or {}).get("waiting") or {}).get("reason") in ("ContainerCreating", "PodInitializing")
        for s in about.status.get("containerStatuses") or ()
    )
    if not said or not starting:
        return None
    lost = re.search(r'(secret|configmap) "([^"]+)" not found', said)
    if lost is not None:
        told = f'{lost[1].capitalize()} "{lost[2]}" does not exist. Set it: mcd secret set.'
        return Cause(Reason.CONFIG_MISSING, f"a volume cannot be filled: {told}", _evidence(said), True, about.name)
    return Cause(Reason.VOLUME_PENDING, f"a volume cannot be mounted: {_clean(said)}", _evidence(said), pod=about.name)


_GOT_STATUS = re.compile(r"statuscode: (\d+)")


def _probing(about: _Pod, statuses: Sequence[Mapping[str, Any]]) -> Cause | None:
    running = [s for s in statuses if "running" in (s.get("state") or {}) and not s.get("ready")]
    said = _event_of(about, ("Unhealthy",))
    if not running or not said:
        return None
    which = said.split(" probe failed", 1)[0].lower() if " probe failed" in said else "health"
    code = _GOT_STATUS.search(said)
    if code is not None:
        told = f"HTTP {code[1]}"
    elif "connection refused" in said:
        told = "nothing listens on the port (or only on 127.0.0.1)"
    elif "deadline exceeded" in said or "timeout" in said.lower():
        told = "no answer in time"
    else:
        told = _clean(said.partition(": ")[2] or said)
    message = (
        f"the program runs, but its {which} check{_probe(about, which)} got: {told}. "
        f"Check components.{about.component}.health and the port."
    )
    return Cause(
        Reason.PROBE_FAILING, message, _evidence(said), pod=about.name, container=str(running[0].get("name", ""))
    )


def _probe(about: _Pod, which: str) -> str:
    """` (GET :8080/healthz)`, when the pod says so."""
    for container in about.spec.get("containers") or ():
        http = (container.get(f"{which}Probe") or {}).get("httpGet")
        if http:
            return f" (GET :{echo(str(http.get('port')))}{echo(str(http.get('path', '/')))})"
    return ""


# --- what the controllers say ---------------------------------------------------------------------------------------


def explain_refused(component: str, messages: Iterable[str]) -> Cause | None:
    """Why no pod is made at all: the words of a workload's condition or of a FailedCreate event."""
    for said in messages:
        words = _clean(said)
        _, found, quota = words.partition("exceeded quota: ")
        if found:
            told = f"the quota of the product line is used up: {quota}. Free something, or ask its owners for more."
            return Cause(Reason.QUOTA_EXCEEDED, told, _evidence(said))
        if "forbidden" in words or "denied the request" in words or "is invalid" in words:
            return Cause(
                Reason.REFUSED_BY_CLUSTER, f"the cluster refuses the pods: {words}", _evidence(said), final=True
            )
    return None


def _condition(obj: Mapping[str, Any], name: str) -> Mapping[str, Any] | None:
    for condition in (obj.get("status") or {}).get("conditions") or ():
        if condition.get("type") == name:
            found: Mapping[str, Any] = condition
            return found
    return None


def _event_of(about: _Pod, reasons: tuple[str, ...], begins: str = "") -> str:
    """The message of the newest event of this pod with one of these reasons."""
    uid = about.pod["metadata"].get("uid")
    found = [
        e
        for e in about.seen.events
        if e.get("reason") in reasons
        and (e.get("involvedObject") or {}).get("name") == about.name
        and (e.get("involvedObject") or {}).get("uid", uid) in (uid, None, "")
        and str(e.get("message", "")).startswith(begins)
    ]
    newest = max(found, key=event_time, default=None)
    return str(newest.get("message", "")) if newest is not None else ""


def event_time(event: Mapping[str, Any]) -> str:
    """When an event was last seen; texts of RFC 3339 in UTC, so that they compare as texts."""
    series = event.get("series") or {}
    for value in (series.get("lastObservedTime"), event.get("lastTimestamp"), event.get("eventTime")):
        if value:
            return str(value)
    return str(event["metadata"].get("creationTimestamp") or "")


def _spec_of(about: _Pod, status: Mapping[str, Any]) -> Mapping[str, Any]:
    for container in [*(about.spec.get("initContainers") or ()), *(about.spec.get("containers") or ())]:
        if container.get("name") == status.get("name"):
            found: Mapping[str, Any] = container
            return found
    return {}


def _where(about: _Pod, status: Mapping[str, Any]) -> str:
    """Where app.yaml says what a container is: the main one has the component's name."""
    name = str(status.get("name", ""))
    beside = "" if name == about.component else f".sidecars.{echo(name)}"
    return f"components.{about.component}{beside}"


def _clean(text: str) -> str:
    return echo(" ".join(text.split()), WORDS).rstrip(".")


def _evidence(text: str) -> tuple[str, ...]:
    return tuple(echo(line, WORDS) for line in text.splitlines() if line.strip())[-EVIDENCE_LINES:]
