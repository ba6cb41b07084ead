"""Outcome to conditions, attempts and the next run. Pure: what each outcome of a pass means is said here only.

It decides nothing about the cluster and never reads a clock: `now` and the jitter are arguments.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

from mcd.errors import Code, McdError
from mcd.model import Condition, ConditionType, Outcome, Ready, Reason, Stalled, Waiting
from mcd.model.conditions import said
from mcd.model.why import Note, say, words_of

FIRST_RETRY = 0.2
LONGEST_RETRY = 60.0
RESYNC = 600.0
STALLED_LOOKS_AGAIN = 600.0
"""Seconds. A stalled row needs a person or a change in the cluster; a lost hint of such a change costs this long."""

AGAIN = "It is tried again by itself."


@dataclass(frozen=True, slots=True)
class Concluded:
    """What `record` writes beside the result. `failures` counts passes in a row that ended in an exception."""

    conditions: tuple[Condition, ...]
    next_run_at: datetime
    failures: int


def conclude(
    outcome: Outcome,
    previous: tuple[Condition, ...],
    generation: int,
    now: datetime,
    jitter: float,
    resync: float = RESYNC,
) -> Concluded:
    """Conditions of an ordinary end of a pass. `jitter` is a number from 0 to 1 that spreads the next runs; `resync` is
    how many seconds later what is as it should be is looked at again."""
    match outcome:
        case Ready(message, again_in):
            words = {
                ConditionType.READY: (True, Reason.READY, message),
                ConditionType.RECONCILING: (False, Reason.READY, ""),
                ConditionType.STALLED: (False, Reason.READY, ""),
            }
            delay = (resync if again_in is None else again_in) * (0.9 + 0.2 * jitter)
        case Waiting(reason, message, retry_in):
            words = {
                ConditionType.READY: (False, reason, message),
                ConditionType.RECONCILING: (True, reason, message),
                ConditionType.STALLED: (False, reason, ""),
            }
            delay = retry_in
        case Stalled(reason, message, again_in):
            words = {
                ConditionType.READY: (False, reason, message),
                ConditionType.RECONCILING: (False, reason, ""),
                ConditionType.STALLED: (True, reason, message),
            }
            delay = STALLED_LOOKS_AGAIN * (0.9 + 0.2 * jitter) if again_in is None else again_in
    return Concluded(said(words, previous, generation, now), now + timedelta(seconds=delay), 0)


def conclude_failure(
    error: BaseException,
    previous: tuple[Condition, ...],
    generation: int,
    failures: int,
    now: datetime,
    jitter: float,
) -> Concluded:
    """Conditions after an exception: the fourth outcome, tried again with back-off. What was Ready stays said to be
    Ready, because nothing that was seen says otherwise; that it is being retried is said beside it. Ready for an
    earlier wish says nothing of this one."""
    before = {c.type: c for c in previous}
    ready = before.get(ConditionType.READY)
    if ready is not None and ready.status and ready.observed_generation != generation:
        ready = None
    message = _retried(words_of(error)) if isinstance(error, McdError) else _BUG
    words = {
        ConditionType.READY: (ready.status, ready.reason, ready.message)
        if ready
        else (False, Reason.RETRYING, message),
        ConditionType.RECONCILING: (True, Reason.RETRYING, message),
        ConditionType.STALLED: (False, Reason.RETRYING, ""),
    }
    delay = min(LONGEST_RETRY, FIRST_RETRY * 2 ** min(failures, 20)) * (0.5 + jitter)
    if isinstance(error, McdError) and error.retry_after is not None:
        delay = max(delay, error.retry_after)
    return Concluded(said(words, previous, generation, now), now + timedelta(seconds=delay), failures + 1)


_BUG = say(Note.BUG)


def _retried(said: str) -> str:
    """Some errors say it themselves, because they reach people by other ways too."""
    return said if said.endswith(AGAIN) else say(Note.TRIED_AGAIN, said=said)


def is_a_bug(error: BaseException) -> bool:
    """Whether an exception is ours to mend, and so belongs into the log with its trace."""
    return not isinstance(error, McdError) or error.code is Code.INTERNAL
