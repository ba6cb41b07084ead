"""Why a component does not run: one state, the names in its sentence, and the lines that show it.

Pure, over live objects as the API server answers them; works on recorded ones. It must not decide whether a Rollout
failed (`health.py`) and invents nothing: an unknown pattern is shown in the cluster's own words.
"""

from __future__ import annotations

from mcd.kube.explain.containers import of_container, with_last_lines
from mcd.kube.explain.facts import (
    EVIDENCE_LINES,
    About,
    Cause,
    Seen,
    app_of,
    clean,
    event_time,
    evidence,
)
from mcd.kube.explain.network import explain_route, explain_service
from mcd.kube.explain.places import mounting, node_lost, taken_away, waiting_for_a_node, without_volume
from mcd.kube.explain.platform import explain_away, explain_condition, explain_deleting, explain_namespace
from mcd.kube.explain.probes import of_probes
from mcd.kube.explain.rules import explain_refused
from mcd.kube.status import condition
from mcd.model import Reason
from mcd.model.why import Why
from mcd.objects import Object

__all__ = [
    "EVIDENCE_LINES",
    "Cause",
    "Seen",
    "app_of",
    "clean",
    "event_time",
    "evidence",
    "explain",
    "explain_away",
    "explain_condition",
    "explain_deleting",
    "explain_namespace",
    "explain_pod",
    "explain_refused",
    "explain_route",
    "explain_service",
    "with_last_lines",
]


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
    about = About(component, pod, seen, str(pod["metadata"].get("name", "")))
    if not about.spec.get("nodeName") and (cause := without_volume(about)) is not None:
        return cause
    scheduled = condition(pod, "PodScheduled")
    if scheduled.get("status") == "False":
        return waiting_for_a_node(about, scheduled)
    if (cause := taken_away(about)) is not None:
        return cause
    statuses = [*(about.status.get("initContainerStatuses") or ()), *(about.status.get("containerStatuses") or ())]
    if (cause := node_lost(about, statuses)) is not None:
        return cause
    for status in statuses:
        cause = of_container(about, status)
        if cause is not None:
            return cause
    return mounting(about) or of_probes(about, statuses) or _unknown(about)


_EXPLAINED = frozenset({
    "Unhealthy", "BackOff", "Failed", "FailedScheduling", "FailedMount", "FailedAttachVolume", "FailedCreate",
    "ProbeWarning", "NodeNotReady", "Evicted", "Preempted", "InspectFailed", "ErrImageNeverPull",
})  # fmt: skip
"""Warnings of a pod that are told by its state, or are over when that does not tell them."""


def _unknown(about: About) -> Cause | None:
    """The newest warning of a pod that is not ready and that nothing else explains."""
    newest = about.newest(())
    warns = newest is not None and newest.get("type") == "Warning" and newest.get("reason") not in _EXPLAINED
    if newest is None or not warns or condition(about.pod, "Ready").get("status") == "True":
        return None
    said = f"{newest.get('reason')}: {str(newest.get('message') or '')[:4000]}"
    return Cause(about.told(Why.UNKNOWN, said=clean(said)), evidence(newest.get("message")), pod=about.name)
