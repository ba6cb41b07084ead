"""What an apply that did not go through whole means for the one who asked: wait, or a person must act. Pure.

It looks at what was done only; what will be done is decided in `decision`.
"""

from __future__ import annotations

from mcd.kube.apply import Applied, reason_for
from mcd.kube.decision import hold, more, outcome
from mcd.model import Action, Outcome


def outcome_of(applied: Applied) -> Outcome | None:
    """None when everything was written and nothing is held. A refusal is told before a hold."""
    if applied.failed:
        first = applied.failed[0]
        words = f"{first.ref}: {first.error}{more(len(applied.failed) - 1)}"
        return outcome(reason_for(first.error), words, first.error.retry_after)
    return hold([change for change in applied.changes if change.action is Action.HELD])
