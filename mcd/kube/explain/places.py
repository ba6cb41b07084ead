"""Why a pod has no place or no disk: nodes, volumes, and nodes that are lost.

Pure. What keeps a pod from each node is worked out in `mcd/kube/placing.py`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mcd.errors import echo
from mcd.kube.devices import Siblings
from mcd.kube.explain.facts import EVIDENCE_LINES, About, Cause, at, clean, cut, event_time, evidence
from mcd.kube.explain.patterns import Said, match
from mcd.kube.placing import explain_placing
from mcd.kube.status import condition
from mcd.model.why import Value, Why, text
from mcd.objects import Object

_TAKEN = ("Evicted", "NodeLost", "Preempting")


def waiting_for_a_node(about: About, scheduled: Mapping[str, Any]) -> Cause:
    said = clean(str(scheduled.get("message", "")))
    meant = match(Said.WAITING, said)
    if meant is not None:
        of_claim = _newest_of_claims(about, ("ExternalProvisioning", "WaitForFirstConsumer", "Provisioning"))
        named = clean(cut(of_claim.get("message"))) if of_claim is not None else said
        params: dict[str, Value] = {"said": named, "what": text(said), **meant.params}
        state = about.told(meant.why, **params)
        return Cause(state, evidence(scheduled.get("message")), pod=about.name)
    names = frozenset(str(pod["metadata"].get("name", "")) for pod in about.seen.pods)
    siblings = Siblings(about.seen.desired, names)
    placing = explain_placing(about.pod, about.seen.nodes, about.seen.placed, siblings)
    if not about.seen.nodes:
        return Cause(about.told(Why.NODES_DIFFER, what=text(said) if said else placing.what), pod=about.name)
    rows = [str(row) for row in placing.nodes]
    more = [f"and {len(rows) - EVIDENCE_LINES + 1} nodes more"] if len(rows) > EVIDENCE_LINES else []
    lines = tuple(rows[: EVIDENCE_LINES - len(more)] + more)
    words = about.told(placing.why, what=placing.what)
    return Cause(words, lines, pod=about.name, nodes=placing.nodes[:EVIDENCE_LINES])


def without_volume(about: About) -> Cause | None:
    """A claim of the pod that got no volume says so itself; of the pod it is known only that it waits."""
    newest = _newest_of_claims(about, ("ProvisioningFailed", "FailedBinding"))
    if newest is None:
        return None
    said = cut(newest.get("message"))
    meant = match(Said.CLAIM, said)
    params = dict(meant.params) if meant is not None else {}
    words = about.told(
        meant.why if meant is not None else Why.VOLUME_NOT_MADE,
        **{"name": echo(str(newest["involvedObject"]["name"])), "said": clean(said), **params},
    )
    return Cause(words, evidence(said), pod=about.name)


def _newest_of_claims(about: About, reasons: Sequence[str]) -> Object | None:
    """The newest event with one of these reasons of a claim that the pod mounts."""
    mounted = {
        (volume.get("persistentVolumeClaim") or {}).get("claimName") for volume in about.spec.get("volumes") or ()
    }
    found = [
        e
        for e in about.seen.events
        if e.get("reason") in reasons
        and (e.get("involvedObject") or {}).get("kind") == "PersistentVolumeClaim"
        and e["involvedObject"].get("name") in mounted
    ]
    return max(found, key=event_time, default=None)


def mounting(about: About) -> Cause | None:
    """Why the volumes of a pod that has its node are not there."""
    said = about.event(("FailedMount", "FailedAttachVolume"))
    starting = any(
        ((s.get("state") or {}).get("waiting") or {}).get("reason") in ("ContainerCreating", "PodInitializing")
        for s in about.status.get("containerStatuses") or ()
    )
    if not said or not starting:
        return None
    meant = match(Said.MOUNT, said)
    params = dict(meant.params) if meant is not None else {}
    why = meant.why if meant is not None else Why.MOUNT_FAILED
    words = about.told(why, **{"said": clean(said), **params})
    return Cause(words, evidence(said), bool(meant is not None and meant.final), about.name)


def taken_away(about: About) -> Cause | None:
    """A pod that its node or the scheduler ended."""
    if about.status.get("phase") != "Failed" or not about.status.get("reason"):
        return None
    reason, said = str(about.status["reason"]), clean(str(about.status.get("message") or about.status["reason"]))
    if reason == "DeadlineExceeded":
        return None
    if reason == "Preempting":
        return Cause(about.told(Why.PREEMPTED, said=said), pod=about.name)
    if reason in _TAKEN:
        return Cause(about.told(Why.EVICTED, said=said), pod=about.name)
    return Cause(about.told(Why.UNKNOWN, said=clean(f"{reason}: {said}")), pod=about.name)


def node_lost(about: About, statuses: Sequence[Mapping[str, Any]]) -> Cause | None:
    """A pod is not ready although all its containers were when they were seen last: its node does not answer."""
    ready = condition(about.pod, "Ready")
    if not ready or ready.get("status") == "True" or not about.spec.get("nodeName"):
        return None
    if not statuses or not all(s.get("ready") for s in statuses if "running" in (s.get("state") or {})):
        return None
    node = next((n for n in about.seen.nodes if n["metadata"]["name"] == about.spec["nodeName"]), None)
    node_ready = condition(node, "Ready").get("status") if node is not None else None
    event = about.newest(("NodeNotReady",))
    if node_ready == "True" or (event is None and node_ready is None):
        return None
    words = about.told(Why.NODE_LOST, since=at(ready.get("lastTransitionTime")))
    return Cause(words, evidence(event.get("message")) if event is not None else (), pod=about.name)
