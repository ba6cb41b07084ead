"""What stands around a workload and does not do its work yet: scalers, certificates, listeners. One sentence each.

Pure. The pods run whatever these do, so none of it makes a component fail; it must not wait, retry or remember.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from mcd.errors import echo
from mcd.objects import Object

KINDS = frozenset({"HorizontalPodAutoscaler", "ScaledObject", "ListenerSet", "Certificate"})
"""What is looked at beside the workload and its routes."""

PATIENCE = timedelta(seconds=90)
"""How long one may take until it is news: an autoscaler needs a minute of measurements of new pods."""


@dataclass(frozen=True, slots=True)
class Note:
    """`sentence` is empty while it is too early to say it; `left` are the seconds until it is not."""

    sentence: str
    left: float = 0.0


def notes(objects: Sequence[Object], now: datetime) -> list[Note]:
    """What is to be said, and when."""
    found = []
    for obj in objects:
        words = _WORDS[obj["kind"]](obj) if obj["kind"] in _WORDS else ""
        if words:
            since = _since(obj)
            left = (since + PATIENCE - now).total_seconds() if since is not None else 0.0
            found.append(Note("", left) if left > 0 else Note(words))
    return found


def _autoscaler(obj: Object) -> str:
    active, able = _condition(obj, "ScalingActive"), _condition(obj, "AbleToScale")
    if able.get("status") == "False":
        return f"It does not scale: {_said(able)}."
    if active.get("status") != "False" or active.get("reason") == "ScalingDisabled":
        return "" if active else "It does not scale yet: no autoscaler of the cluster has looked at it."
    if str(active.get("reason", "")).startswith("FailedGetResourceMetric"):
        return "It does not scale: the cluster has no measurements of its pods. Ask its owner for metrics-server."
    return f"It does not scale: {_said(active)}."


def _scaled_object(obj: Object) -> str:
    ready = _condition(obj, "Ready")
    if not ready:
        return "It does not scale: KEDA has not looked at it. Ask the cluster's owner whether it runs."
    return "" if ready.get("status") == "True" else f"It does not scale: {_said(ready)}."


def _certificate(obj: Object) -> str:
    ready = _condition(obj, "Ready")
    hosts = ", ".join(echo(str(host)) for host in (obj.get("spec") or {}).get("dnsNames") or ())
    if not ready:
        return f"The certificate of {hosts} is not issued: cert-manager has not looked at it."
    return "" if ready.get("status") == "True" else f"The certificate of {hosts} is not issued: {_said(ready)}."


def _listeners(obj: Object) -> str:
    hosts = ", ".join(echo(str(one.get("hostname"))) for one in (obj.get("spec") or {}).get("listeners") or ())
    accepted = _condition(obj, "Accepted")
    if not accepted or accepted.get("status") == "Unknown":
        return f"HTTPS of {hosts} is not served: no gateway has taken ListenerSet/{obj['metadata']['name']}."
    if accepted.get("status") == "False":
        return f"HTTPS of {hosts} is not served: the gateway says: {_said(accepted)}."
    return ""


_WORDS = {
    "HorizontalPodAutoscaler": _autoscaler,
    "ScaledObject": _scaled_object,
    "Certificate": _certificate,
    "ListenerSet": _listeners,
}


def _condition(obj: Object, name: str) -> Mapping[str, Any]:
    conditions: Sequence[Mapping[str, Any]] = (obj.get("status") or {}).get("conditions") or ()
    return next((c for c in conditions if c.get("type") == name), {})


def _said(condition: Mapping[str, Any]) -> str:
    words = str(condition.get("message") or condition.get("reason") or "no reason is given")
    return echo(" ".join(words.split()), 300).rstrip(".")


def _since(obj: Object) -> datetime | None:
    """Since when it does not do its work: the newest change of what it says, else its creation."""
    times = [c.get("lastTransitionTime") for c in (obj.get("status") or {}).get("conditions") or ()]
    times.append(obj["metadata"].get("creationTimestamp"))
    found = []
    for text in times:
        try:
            found.append(datetime.fromisoformat(str(text)))
        except ValueError:
            continue
    return max(found, default=None)
