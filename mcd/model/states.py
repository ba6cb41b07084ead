"""A state in one word, judged in one place: lists, filters, metrics, the log and `mcd doctor` all say what this says.

Pure. It must not ask a cluster, read a clock, or know who is told the word.
"""

from __future__ import annotations

from datetime import datetime, timedelta
from enum import StrEnum

from mcd.model.nouns import Reconciled
from mcd.model.outcomes import HELD_REASONS, ConditionType, Reason

BLIND = frozenset({Reason.UNREACHABLE, Reason.CLUSTER_AUTH_FAILED, Reason.FORBIDDEN})
"""Why a cluster is not Ready when nothing that is in it can be seen."""

REFUSES = frozenset({Reason.CLUSTER_AUTH_FAILED, Reason.FORBIDDEN})
"""Of these: it answers, and lets nobody in. What waits for it does not go on before a person gives MCD the right."""


WAITS_LONG = timedelta(minutes=2)
"""What is on its way for longer is told among what is not well: it may wait for something that does not come."""


class StateWord(StrEnum):
    """What a cluster, a product line, a Release or a Rollout can be."""

    READY = "ready"
    PROGRESSING = "progressing"
    STALLED = "stalled"
    """A person must act; the reason says what about."""
    UNKNOWN = "unknown"
    """MCD cannot look now; what it was when it was seen last is told beside it."""
    SUPERSEDED = "superseded"
    IGNORED = "ignored"
    """A Release that the push which made it does not deploy."""
    DELETING = "deleting"


class AppState(StrEnum):
    """What an App can be: what its live Rollout is, with what is held told apart from what failed."""

    READY = "ready"
    PROGRESSING = "progressing"
    STALLED = "stalled"
    """It failed, and a person must mend it."""
    HELD = "held"
    """MCD keeps its hands off until a person decides (`HELD_REASONS`). The Rollout itself says `stalled`."""
    UNKNOWN = "unknown"
    """MCD cannot look now; what it was when it was seen last is told beside it."""
    DELETING = "deleting"
    UNDEPLOYED = "undeployed"
    """It has no live Rollout."""


class WhyState(StrEnum):
    """What a component, or an App as a whole, is said to be where it is told why. What is held is told apart from what
    failed."""

    HEALTHY = "healthy"
    PROGRESSING = "progressing"
    FAILED = "failed"
    HELD = "held"
    """MCD keeps its hands off until a person decides (`HELD_REASONS`)."""
    STOPPED = "stopped"
    UNKNOWN = "unknown"
    """Its cluster does not let us look, or nothing was seen of it yet."""


def why_away(cluster: Reconciled) -> Reason | None:
    """Why a cluster does not let MCD look; None when it does. One that is refused by us, or was never seen, is not
    away."""
    ready = cluster.condition(ConditionType.READY)
    return ready.reason if ready is not None and not ready.status and ready.reason in BLIND else None


def state_word(state: Reconciled, *, away: Reason | None = None) -> StateWord:
    """`away`: why its cluster does not let us look. What was seen of an older wish does not count, and what needs a
    person is said before all else: a delete that stands still is stalled.

    `unknown` is what would be a claim about a cluster that nobody can see: `ready` always, and `progressing` when it
    goes on only after a person has let MCD in again. A wish that waits for a cluster to answer is on its way. What
    stalled for the very reason for which the cluster is away is no trouble of its own."""
    word = _seen(state)
    stalled = state.condition(ConditionType.STALLED)
    hidden = (
        word is StateWord.READY
        or (word is StateWord.PROGRESSING and away in REFUSES)
        or (word is StateWord.STALLED and stalled is not None and stalled.reason is away)
    )
    return StateWord.UNKNOWN if away is not None and hidden else word


def _seen(state: Reconciled) -> StateWord:
    """The word of what was seen last."""
    if state.is_now(ConditionType.STALLED):
        return StateWord.STALLED
    ready, going = state.condition(ConditionType.READY), state.condition(ConditionType.RECONCILING)
    if ready is not None and ready.reason is Reason.SUPERSEDED:
        return StateWord.SUPERSEDED
    if ready is not None and ready.reason is Reason.IGNORED:
        return StateWord.IGNORED
    if state.deleted_at is not None:
        return StateWord.DELETING
    if not state.is_now(ConditionType.READY):
        return StateWord.PROGRESSING
    return StateWord.UNKNOWN if going is not None and going.status else StateWord.READY


def since_when(state: Reconciled, word: StateWord) -> datetime | None:
    """Since when `word`, which is what was seen of `state`, holds; None before anybody wrote a condition. Since when a
    cluster is away is for the cluster to say."""
    told = {
        StateWord.STALLED: ConditionType.STALLED,
        StateWord.PROGRESSING: ConditionType.RECONCILING,
        StateWord.UNKNOWN: ConditionType.RECONCILING,
    }.get(word, ConditionType.READY)
    condition = state.condition(told)
    if word is StateWord.DELETING:
        return state.deleted_at
    return condition.last_transition if condition is not None else None


def app_state(live: Reconciled | None, *, away: Reason | None = None) -> AppState:
    """The word of an App. `live` is the state of its live Rollout, None when it has none; `away`: see `state_word`."""
    if live is None:
        return AppState.UNDEPLOYED
    word = state_word(live, away=away)
    if word is StateWord.SUPERSEDED:
        # A live Rollout was not taken over by another one.
        return AppState.PROGRESSING
    stalled = live.condition(ConditionType.STALLED)
    if word is StateWord.STALLED and stalled is not None and stalled.reason in HELD_REASONS:
        return AppState.HELD
    return AppState(word.value)
