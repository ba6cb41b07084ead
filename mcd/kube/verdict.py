"""What an apply that did not go through whole means for the one who asked: wait, or a person must act. Pure."""

from __future__ import annotations

from mcd.kube.apply import Applied, Failed, reason_for
from mcd.model import Action, Change, Outcome, Reason, Stalled, Waiting

SOON = 5.0

WAITS: dict[Reason, float] = {
    Reason.RETRYING: 0.2,
    Reason.DELETING: SOON,
    Reason.UNREACHABLE: SOON,
    Reason.NAMESPACE_TERMINATING: SOON,
    Reason.PRODUCT_LINE_PENDING: 1.0,
    Reason.QUOTA_EXCEEDED: 30.0,
}
"""What goes on by itself, and the seconds until it is looked at again. Every other reason needs a person."""


def outcome_of(applied: Applied) -> Outcome | None:
    """None when everything was written and nothing is held. A refusal is told before a hold."""
    if applied.failed:
        return _refusal(applied.failed[0], len(applied.failed) - 1)
    held = [change for change in applied.changes if change.action is Action.HELD and change.reason is not None]
    return _hold(held[0], len(held) - 1) if held else None


def _refusal(failed: Failed, more: int) -> Outcome:
    return _say(reason_for(failed.error), f"{failed.ref}: {failed.error}{_more(more)}", failed.error.retry_after)


def _hold(change: Change, more: int) -> Outcome:
    assert change.reason is not None
    return _say(change.reason, f"{change.ref}: held: {change.detail}{_more(more)}", None)


def _say(reason: Reason, message: str, retry_after: float | None) -> Outcome:
    if reason in WAITS:
        return Waiting(reason, message, retry_after or WAITS[reason])
    return Stalled(reason, message)


def _more(count: int) -> str:
    return f" And {count} more." if count > 0 else ""
