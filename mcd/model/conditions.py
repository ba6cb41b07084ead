"""The only place where a condition is made: what is said of a row, since when, and of which of its wishes.

Pure: `now` is an argument. What an outcome means is for the loop to say (`controllers/conditions.py`).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import datetime

from mcd.model.nouns import Reconciled
from mcd.model.outcomes import Condition, ConditionType, Reason
from mcd.model.why import Note, say

Words = Mapping[ConditionType, tuple[bool, Reason, str]]
"""What is said of each condition: whether it holds, why, and the sentence."""


def said(words: Words, previous: Iterable[Condition], generation: int, now: datetime) -> tuple[Condition, ...]:
    """The conditions after `previous`. The time of one moves only when its status does."""
    before = {c.type: c for c in previous}
    written = []
    for kind, (status, reason, message) in words.items():
        old = before.get(kind)
        since = old.last_transition if old and old.status == status else now
        written.append(Condition(kind, status, reason, message, generation, since))
    return tuple(written)


def fresh(reason: Reason, message: str, generation: int, now: datetime) -> tuple[Condition, ...]:
    """Not ready, on its way: what is seen until a controller has looked."""
    words = {kind: (kind is ConditionType.RECONCILING, reason, message) for kind in ConditionType}
    return said(words, (), generation, now)


def only_interrupted(state: Reconciled) -> bool:
    """Whether what is wished now was Ready, ceased to be so and has not stalled since: pods are replaced, as after a
    heal. That it is Ready again is then no news."""
    ready, stalled = state.condition(ConditionType.READY), state.condition(ConditionType.STALLED)
    if ready is None or stalled is None or state.observed_generation != state.generation:
        return False
    # Made together: only what was Ready in between has the later time.
    return not ready.status and not stalled.status and ready.last_transition > stalled.last_transition


def quarantined(message: str, generation: int, now: datetime) -> tuple[Condition, ...]:
    """Left alone for a while, or until somebody asks for it again."""
    words = {kind: (kind is ConditionType.STALLED, Reason.QUARANTINED, message) for kind in ConditionType}
    return said(words, (), generation, now)


def ignored(why: str, generation: int, now: datetime) -> tuple[Condition, ...]:
    """A Release that nobody works on, because the push that made it does not deploy."""
    return said(dict.fromkeys(ConditionType, (False, Reason.IGNORED, why)), (), generation, now)


def superseded(state: Reconciled, by: int, now: datetime) -> tuple[Condition, ...]:
    """What a Rollout says from now on that Rollout `by` took the place of. One that had ended keeps its last word,
    because history is read to learn why something failed; but nobody looks at it again."""
    if state.is_now(ConditionType.STALLED):
        return state.conditions
    if state.is_now(ConditionType.READY):
        return tuple(
            replace(c, status=False, reason=Reason.READY, message="", last_transition=now)
            if c.type is ConditionType.RECONCILING and c.status
            else c
            for c in state.conditions
        )
    words = dict.fromkeys(ConditionType, (False, Reason.SUPERSEDED, say(Note.TOOK_OVER, by=by)))
    return said(words, (), state.observed_generation, now)
