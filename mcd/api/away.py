"""What may be said of an App whose cluster does not let us look: what was seen last, when, and since when nothing is.

Pure: it reads what controllers wrote about the cluster and asks no cluster anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mcd import model
from mcd.api.shapes import StateWord
from mcd.model import ConditionType, HealthState, Reason

BLIND = frozenset({Reason.UNREACHABLE, Reason.CLUSTER_AUTH_FAILED, Reason.FORBIDDEN})
"""Why a cluster is not Ready when nothing that is in it can be seen."""

_SEEN = frozenset({HealthState.HEALTHY, HealthState.PROGRESSING, HealthState.FAILED})


@dataclass(frozen=True, slots=True)
class Away:
    """A cluster that cannot be looked at. `message` is its own sentence, which names it; `seen_at` is when it answered
    last, None if it never did."""

    since: datetime
    seen_at: datetime | None
    reason: Reason
    message: str


def away(cluster: model.Reconciled, seen_at: datetime | None) -> Away | None:
    """None while the cluster answers. `cluster` is the state of the Cluster."""
    ready = cluster.condition(ConditionType.READY)
    if ready is None or ready.status or ready.reason not in BLIND:
        return None
    return Away(ready.last_transition, seen_at, ready.reason, ready.message)


@dataclass(frozen=True, slots=True)
class Known:
    """The state of a Rollout as it may be told. `before` is what it was when it was seen last; None: it is so now."""

    state: StateWord
    reason: Reason
    message: str
    before: StateWord | None = None


def known(word: StateWord, reason: Reason, message: str, gone: Away | None) -> Known:
    """Only `ready` is a claim about the cluster: what is on its way or needs a person is so whoever looks."""
    if gone is None or word != "ready":
        return Known(word, reason, message)
    when = f" at {gone.seen_at:%Y-%m-%d %H:%M:%S} UTC" if gone.seen_at is not None else ""
    return Known("unknown", gone.reason, f"It was ready when it was seen last{when}. {gone.message}".rstrip(), word)


def health_known(health: model.ComponentHealth, gone: Away | None) -> tuple[HealthState, Reason, str]:
    """State, reason and message of a component. What was stopped on purpose is so still."""
    if gone is None or health.state not in _SEEN:
        return health.state, health.reason, health.message
    was = f"It was {health.state} when it was seen last" + (f": {health.message}" if health.message else ".")
    return HealthState.UNKNOWN, gone.reason, was
