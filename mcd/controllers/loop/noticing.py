"""What an operator is told in the log: a line when the state of something turned.

A pass that found what the one before it found says nothing. It reads what was recorded and must not decide or write
anything; people's timeline are the Events, which the store appends.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from datetime import datetime

import structlog

from mcd.model import (
    AppState,
    Cluster,
    Condition,
    ConditionType,
    Reason,
    Reconciled,
    Release,
    Rollout,
    app_state,
)
from mcd.model.conditions import only_interrupted
from mcd.store.leases import Lease

log = structlog.get_logger("mcd.loop")

_TOLD = {AppState.READY, AppState.STALLED, AppState.HELD}


def took(lease: Lease) -> None:
    """A row was taken. That another process let it run out is worth a line: it died, slept, or is too slow."""
    if lease.taken_from:
        log.warning("lease_taken_over", **_named(lease), taken_from=lease.taken_from)


def turned(lease: Lease, conditions: Iterable[Condition], now: datetime) -> None:
    """A pass was recorded with these conditions."""
    before = lease.item_state
    after = replace(before, conditions=tuple(conditions), observed_generation=before.generation)
    if isinstance(lease.subject, Cluster):
        _cluster_turned(lease.subject, before, after, now)
        return
    old, new = _word(before), _word(after)
    reason, message = _why(after)
    if reason is Reason.CLUSTER_AUTH_FAILED:
        # Told once, of the cluster.
        return
    if new not in _TOLD or (new, reason) == (old, _why(before)[0]):
        return
    if new is AppState.READY and only_interrupted(before):
        return
    say = log.info if new is AppState.READY else log.warning
    more = {} if new is AppState.READY else {"reason": reason.value, "message": message}
    say(f"{lease.noun.replace('-', '_')}_{new}", **_named(lease), **more)


def _cluster_turned(cluster: Cluster, before: Reconciled, after: Reconciled, now: datetime) -> None:
    old, new = before.condition(ConditionType.READY), after.condition(ConditionType.READY)
    if new is None:
        return
    if new.status and not (old is not None and old.status):
        away = {}
        if old is not None and old.reason is not Reason.NEW:
            away = {"away_seconds": round((now - old.last_transition).total_seconds())}
        log.info("cluster_up", cluster=cluster.name, message=new.message, **away)
    elif not new.status and (old is None or old.status or old.reason is not new.reason):
        log.warning("cluster_away", cluster=cluster.name, reason=new.reason.value, message=new.message)


def _word(state: Reconciled) -> AppState:
    """Not being able to look is told once, of the cluster, and not of each of its Apps."""
    word = app_state(state)
    return AppState.READY if word is AppState.UNKNOWN else word


def _why(state: Reconciled) -> tuple[Reason, str]:
    stalled = state.condition(ConditionType.STALLED)
    return (Reason.READY, "") if stalled is None or not stalled.status else (stalled.reason, stalled.message)


def _named(lease: Lease) -> dict[str, str | int]:
    subject = lease.subject
    if isinstance(subject, Release | Rollout):
        return {"app": subject.app, lease.noun.value: subject.number}
    return {lease.noun.replace("-", "_"): subject.name}
