"""An unreachable cluster: what may be said of an App that nobody can see now, what was seen of it last, and when.

Pure: it reads what controllers wrote about the cluster and asks no cluster anything.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from mcd import model
from mcd.api.shapes import summary
from mcd.model import ConditionType, HealthState, Reason, StateWord, since_when, state_word, why_away
from mcd.model.named import state_named
from mcd.model.why import Note, as_told, say, saying, told

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
    """None while the cluster answers. `cluster` is the state of the Cluster. (A kind of object that a cluster does not
    serve now is `mcd.kube.serving.away`.)"""
    ready = cluster.condition(ConditionType.READY)
    reason = why_away(cluster)
    if ready is None or reason is None:
        return None
    return Away(ready.last_transition, seen_at, reason, ready.message)


@dataclass(frozen=True, slots=True)
class Known:
    """The state of a Rollout as it may be told. `before` is what it was when it was seen last; None: it is so now."""

    state: StateWord
    reason: Reason
    message: str
    before: StateWord | None = None
    since: datetime | None = None
    """Since when `state` holds."""


def known(state: model.Reconciled, gone: Away | None) -> Known:
    """`gone`: the cluster of what this is the state of, when it does not let us look."""
    word = state_word(state, away=gone.reason if gone is not None else None)
    if word is not StateWord.UNKNOWN:
        return Known(*summary(state), since=since_when(state, word))
    if gone is None:
        return Known(*summary(state), before=StateWord.READY, since=since_when(state, word))
    when = told(Note.SEEN_AT, at=f"{gone.seen_at:%Y-%m-%d %H:%M:%S}") if gone.seen_at is not None else ""
    before = state_word(state)
    if before is StateWord.UNKNOWN:
        before = StateWord.READY
    was = told(Note.WAS_SEEN_LAST, before=state_named(before), when=when)
    message = saying(was, as_told(gone.message))
    return Known(word, gone.reason, message, before=before, since=gone.since)


def health_known(health: model.ComponentHealth, gone: Away | None) -> tuple[HealthState, Reason, str]:
    """State, reason and message of a component. What was stopped on purpose is so still."""
    if gone is None or health.state not in _SEEN:
        return health.state, health.reason, health.message
    before = state_named(health.state)
    was = say(Note.WAS_SEEN_LAST, before=before, when="")
    if health.message:
        was = say(Note.WAS_SEEN_SAYING, before=before, what=health.message)
    return HealthState.UNKNOWN, gone.reason, was
