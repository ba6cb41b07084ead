"""What an apply that did not go through whole means for the one who asked: wait, or a person must act. Pure.

It looks at what was done only; what will be done is decided in `decision`.
"""

from __future__ import annotations

from mcd.kube.apply import Applied, Failed, reason_for
from mcd.kube.decision import and_others, hold, outcome
from mcd.model import Action, Outcome
from mcd.model.why import Note, say, told_by, words_of


def outcome_of(applied: Applied) -> Outcome | None:
    """None when everything was written and nothing is held. A refusal is told before a hold."""
    if applied.failed:
        first = applied.failed[0]
        words = and_others(_of(first), len(applied.failed) - 1)
        return outcome(reason_for(first.error), words, first.error.retry_after)
    return hold([change for change in applied.changes if change.action is Action.HELD])


def _of(failed: Failed) -> str:
    """What the cluster said of an object, which it mostly names itself."""
    words, name = words_of(failed.error), str(failed.ref)
    if words.startswith(f"{name}: "):
        return words
    return say(Note.OBJECT_SAYS, object=name, said=words) if told_by(words) else f"{name}: {words}"
