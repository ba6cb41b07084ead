"""The objects around a workload that do not do their work yet: scalers, certificates, listeners. One sentence each.

Pure. The pods run whatever these do, so none of it makes a component fail; it must not wait, retry or remember.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mcd.errors import echo
from mcd.kube.status import condition, time_of
from mcd.model.why import Note as Part
from mcd.model.why import Told, Why, text, told, whole
from mcd.objects import COMPONENT, Object

SERVICE = "Service"

KINDS = frozenset({"HorizontalPodAutoscaler", "ScaledObject", "ListenerSet", "Certificate", SERVICE})
"""What is looked at beside the workload and its routes."""

PATIENCE = timedelta(seconds=90)
"""How long one may take until it is news: an autoscaler needs a minute of measurements of new pods."""


@dataclass(frozen=True, slots=True)
class Note:
    """A remark beside the health of a component; the lines of the table of words are `Part` here. `told` is None while
    it is too early to say it; `left` are the seconds until it is not."""

    told: Told | None
    left: float = 0.0

    @property
    def sentence(self) -> str:
        """What is said and what to do, in English."""
        return whole([self.told]) if self.told is not None else ""


def notes(objects: Sequence[Object], now: datetime) -> list[Note]:
    """What is to be said, and when."""
    found = []
    for obj in objects:
        words = _WORDS[obj["kind"]](obj) if obj["kind"] in _WORDS else None
        if words is not None:
            since = _since(obj)
            left = (since + PATIENCE - now).total_seconds() if since is not None else 0.0
            found.append(Note(None, left) if left > 0 else Note(words))
    return found


def _autoscaler(obj: Object) -> Told | None:
    active, able = condition(obj, "ScalingActive"), condition(obj, "AbleToScale")
    if able.get("status") == "False":
        return _fails(_said(able))
    if active.get("status") == "True":
        return _at_maximum(obj)
    if active.get("status") != "False" or active.get("reason") == "ScalingDisabled":
        return None if active else told(Why.SCALER_FAILS, what=told(Part.SCALER_NOT_SEEN))
    measured = "missing request" in str(active.get("message", ""))
    if str(active.get("reason", "")).startswith("FailedGetResourceMetric") and not measured:
        return told(Why.NO_METRICS)
    return _fails(_said(active))


def _at_maximum(obj: Object) -> Told | None:
    limited = condition(obj, "ScalingLimited")
    if limited.get("status") != "True" or limited.get("reason") != "TooManyReplicas":
        return None
    labels = obj["metadata"].get("labels") or {}
    most = str((obj.get("spec") or {}).get("maxReplicas", "?"))
    return told(Why.AT_MAXIMUM, max=most, component=echo(str(labels.get(COMPONENT, "COMPONENT"))))


def _fails(said: str) -> Told:
    return told(Why.SCALER_FAILS, what=told(Part.SAID, said=said))


def _scaled_object(obj: Object) -> Told | None:
    ready = condition(obj, "Ready")
    if not ready:
        return told(Why.SCALER_FAILS, what=told(Part.KEDA_NOT_SEEN))
    return None if ready.get("status") == "True" else _fails(_said(ready))


def _certificate(obj: Object) -> Told | None:
    ready = condition(obj, "Ready")
    hosts = ", ".join(echo(str(host)) for host in ((obj.get("spec") or {}).get("dnsNames") or ())[:20])
    if not ready:
        return told(Why.CERTIFICATE_NOT_READY, hosts=hosts, what=told(Part.CERT_MANAGER_NOT_SEEN))
    if ready.get("status") == "True":
        return None
    return told(Why.CERTIFICATE_NOT_READY, hosts=hosts, what=text(_said(ready)))


def _listeners(obj: Object) -> Told | None:
    hosts = ", ".join(echo(str(one.get("hostname"))) for one in ((obj.get("spec") or {}).get("listeners") or ())[:20])
    accepted = condition(obj, "Accepted")
    if not accepted or accepted.get("status") == "Unknown":
        what = told(Part.NO_GATEWAY, name=echo(str(obj["metadata"]["name"])))
        return told(Why.LISTENER_NOT_ACCEPTED, hosts=hosts, what=what)
    if accepted.get("status") == "False":
        return told(Why.LISTENER_NOT_ACCEPTED, hosts=hosts, what=told(Part.GATEWAY_SAYS, said=_said(accepted)))
    return None


_WORDS = {
    "HorizontalPodAutoscaler": _autoscaler,
    "ScaledObject": _scaled_object,
    "Certificate": _certificate,
    "ListenerSet": _listeners,
}


def _said(condition: Mapping[str, Any]) -> str:
    words = str(condition.get("message") or condition.get("reason") or "no reason is given")
    return echo(" ".join(words[:4000].split()), 300).rstrip(".")


def _since(obj: Object) -> datetime | None:
    """Since when it does not do its work: the newest change of what it says, else its creation."""
    times = [c.get("lastTransitionTime") for c in (obj.get("status") or {}).get("conditions") or ()]
    times.append(obj["metadata"].get("creationTimestamp"))
    return max((found for time in times if (found := time_of(time)) is not None), default=None)
