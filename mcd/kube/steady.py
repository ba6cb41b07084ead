"""Whether a container that died and runs again has lasted long enough to be called well.

Pure, over the status that the kubelet writes. A program in a crash loop is ready for a moment after each restart; that
moment is no end of it, and must not be told as one.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from mcd.kube.status import time_of
from mcd.objects import Object

AT_LEAST = 10.0
"""Seconds that a program must last after any restart."""
AFTER_ONE = 60.0
"""Seconds that are waited for at most after a single restart: that may be an accident."""
FORGOTTEN = 600.0
"""Seconds of a run after which the kubelet itself forgets the restarts before it."""


def must_last(status: Mapping[str, Any]) -> float:
    """Seconds that a container must run after its last restart to be called well: twice as long as the run that ended
    before. 0 when it never died, does not run, or had run for long."""
    died = (status.get("lastState") or {}).get("terminated") or {}
    began, ended = time_of(died.get("startedAt")), time_of(died.get("finishedAt"))
    if began is None or ended is None or _running_since(status) is None:
        return 0.0
    lasted = (ended - began).total_seconds()
    if lasted >= FORGOTTEN:
        return 0.0
    return min(max(AT_LEAST, 2 * lasted), FORGOTTEN if int(status.get("restartCount") or 0) > 1 else AFTER_ONE)


def still_to_last(status: Mapping[str, Any], now: datetime) -> float:
    """Seconds that are left of `must_last`; 0: it is well."""
    since = _running_since(status)
    whole = must_last(status)
    if since is None or not whole:
        return 0.0
    return min(whole, max(0.0, whole - (now - since).total_seconds()))


def unsteady(pod: Object, now: datetime) -> float:
    """The same of a whole pod: until the last of its containers has lasted."""
    if pod["metadata"].get("deletionTimestamp"):
        return 0.0
    of = pod.get("status") or {}
    every = (*(of.get("initContainerStatuses") or ()), *(of.get("containerStatuses") or ()))
    return max((still_to_last(status, now) for status in every), default=0.0)


def _running_since(status: Mapping[str, Any]) -> datetime | None:
    return time_of(((status.get("state") or {}).get("running") or {}).get("startedAt"))
