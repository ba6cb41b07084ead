"""A state in one word, judged in one place: lists, filters, metrics, the log and `mcd doctor` all say what this says.

Pure. It must not ask a cluster, read a clock, or know who is told the word.
"""

from __future__ import annotations

from enum import StrEnum

from mcd.model.nouns import Reconciled
from mcd.model.outcomes import HELD_REASONS, ConditionType, Reason

BLIND = frozenset({Reason.UNREACHABLE, Reason.CLUSTER_AUTH_FAILED, Reason.FORBIDDEN})
"""Why a cluster is not Ready when nothing that is in it can be seen."""


class StateWord(StrEnum):
    """What a cluster, a product line, a Release or a Rollout can be."""

    READY = "ready"
    PROGRESSING = "progressing"
    STALLED = "stalled"
    """A person must act; the reason says what about."""
    UNKNOWN = "unknown"
    """It was ready when it was seen last; MCD cannot look now."""
    SUPERSEDED = "superseded"
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
    """It was ready when it was seen last; MCD cannot look now."""
    DELETING = "deleting"
    UNDEPLOYED = "undeployed"
    """It has no live Rollout."""


def is_away(cluster: Reconciled) -> bool:
    """Whether a cluster does not let MCD look. One that answers and is refused, or was never seen, is not away."""
    ready = cluster.condition(ConditionType.READY)
    return ready is not None and not ready.status and ready.reason in BLIND


def state_word(state: Reconciled, *, away: bool = False) -> StateWord:
    """`away`: its cluster does not let us look. What was seen of an older wish does not count, and what needs a person
    is said before all else: a delete that stands still is stalled. Only `ready` is a claim about the cluster, so it is
    the only word that becomes `unknown` when the last look failed."""
    if state.is_now(ConditionType.STALLED):
        return StateWord.STALLED
    ready, going = state.condition(ConditionType.READY), state.condition(ConditionType.RECONCILING)
    if ready is not None and ready.reason is Reason.SUPERSEDED:
        return StateWord.SUPERSEDED
    if state.deleted_at is not None:
        return StateWord.DELETING
    if not state.is_now(ConditionType.READY):
        return StateWord.PROGRESSING
    return StateWord.UNKNOWN if away or (going is not None and going.status) else StateWord.READY


def app_state(live: Reconciled | None, *, away: bool = False) -> AppState:
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
