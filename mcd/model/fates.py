"""What became of a Release: an image that was built is not yet one that ran.

Pure. It must not know where its Rollouts are kept.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from mcd.model.nouns import Reconciled, Release
from mcd.model.outcomes import ConditionType, Reason
from mcd.model.states import StateWord, state_word


class Fate(StrEnum):
    """How far a Release came, in one word."""

    BUILDING = "building"
    """It is read and its image is built."""
    BUILT = "built"
    """It can be deployed; it never ran."""
    DEPLOYING = "deploying"
    """Its Rollout is on its way."""
    RUNS = "runs"
    RAN = "ran"
    """It ran well once, and something else does now."""
    FAILED = "failed"
    """It could not be built, or never became ready when it was rolled out."""
    IGNORED = "ignored"
    """The push that made it does not deploy it."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What is known of the Rollouts of a Release: the newest one, and whether any was Ready. `cause` is why a component
    of the newest failed, where one did."""

    state: Reconciled
    live: bool
    ever_ready: bool
    cause: Reason | None = None


@dataclass(frozen=True, slots=True)
class Became:
    """`reason` and `message` are there for what failed."""

    fate: Fate
    reason: Reason | None = None
    message: str = ""


_UNTRIED = {StateWord.READY: Fate.BUILT, StateWord.STALLED: Fate.FAILED, StateWord.IGNORED: Fate.IGNORED}


def became(release: Release, tried: Tried | None) -> Became:
    """`tried`: None when it was never rolled out."""
    own = release.state.condition(ConditionType.STALLED)
    fate = _UNTRIED.get(state_word(release.state), Fate.BUILDING)
    if fate is Fate.FAILED and own is not None:
        return Became(fate, own.reason, own.message)
    if fate is not Fate.BUILT or tried is None:
        return Became(fate)
    stalled = tried.state.condition(ConditionType.STALLED)
    failed = stalled is not None and tried.state.is_now(ConditionType.STALLED)
    if failed and stalled is not None and (tried.live or not tried.ever_ready):
        return Became(Fate.FAILED, tried.cause or stalled.reason, stalled.message)
    if tried.live:
        return Became(Fate.RUNS if tried.state.is_now(ConditionType.READY) else Fate.DEPLOYING)
    return Became(Fate.RAN if tried.ever_ready else Fate.BUILT)
