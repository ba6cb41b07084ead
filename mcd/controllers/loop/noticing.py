"""What an operator is told in the log: a line when the state of something turned.

A pass that found what the one before it found says nothing. It reads what was recorded and must not decide or write
anything; people's timeline are the Events, which the store appends.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace
from datetime import datetime

import structlog

from mcd.errors import McdError
from mcd.model import (
    AppState,
    Cluster,
    ClusterItem,
    Condition,
    ConditionType,
    Noun,
    ProductLineItem,
    Reason,
    Reconciled,
    ReleaseItem,
    RolloutItem,
    WorkItem,
    app_state,
    why_away,
)
from mcd.model.conditions import only_interrupted
from mcd.observability import logs, metrics
from mcd.store.leases import Lease

log = structlog.get_logger("mcd.loop")

QUIET = 60.0
"""Seconds without a failure after which the database is said to work where nothing had to be written."""

_TOLD = {AppState.READY, AppState.STALLED, AppState.HELD}


def took(lease: Lease) -> None:
    """A row was taken. That another process let it run out is worth a line: it died, slept, or is too slow."""
    if lease.taken_from:
        metrics.LEASES_TAKEN_OVER.labels(lease.noun).inc()
        log.warning("lease_taken_over", **called(lease.item), taken_from=lease.taken_from)


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
    say(f"{lease.noun.replace('-', '_')}_{new}", **called(lease.item), **more)


def refused(item: WorkItem, conditions: Iterable[Condition], *, unreachable: bool) -> str:
    """The name of a cluster that did not answer this pass while it is still said to answer; empty otherwise."""
    name = cluster_of(item)
    if not name or isinstance(item, ClusterItem | ReleaseItem) or why_away(item.cluster.state) is not None:
        return ""
    waits = next((c for c in conditions if c.type is ConditionType.RECONCILING), None)
    return name if unreachable or (waits is not None and waits.status and waits.reason is Reason.UNREACHABLE) else ""


def in_doubt(item: WorkItem, conditions: Iterable[Condition]) -> str:
    """The name of a product line that is said to be as asked for, while an App in it finds no namespace, or lacks the
    rights that its product line gives us; empty otherwise. The event that tells of it may have been lost, or nobody was
    there to hear it."""
    if not isinstance(item, RolloutItem) or not item.line.state.is_now(ConditionType.READY):
        return ""
    held = (ConditionType.RECONCILING, ConditionType.STALLED)
    lacks = {c.reason for c in conditions if c.type in held and c.status} & _OF_THE_LINE
    return item.line.name if lacks else ""


_OF_THE_LINE = {Reason.PRODUCT_LINE_PENDING, Reason.FORBIDDEN}


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


def called(item: WorkItem) -> dict[str, str | int]:
    """What a line calls what it is about: the words that people know, and no id."""
    match item:
        case ReleaseItem(release=release, line=line):
            return {"product_line": line.name, "app": release.app, "release": release.number}
        case RolloutItem(rollout=rollout, line=line):
            return {"product_line": line.name, "app": rollout.app, "rollout": rollout.number}
        case ProductLineItem(line=line):
            return {"product_line": line.name}
        case ClusterItem(cluster=cluster):
            return {"cluster": cluster.name}


def hinted(item: WorkItem) -> tuple[Noun, str] | None:
    """What a watch calls it in a hint; None for what no watch tells of."""
    match item:
        case RolloutItem(app=app):
            return Noun.ROLLOUT, app.name
        case ProductLineItem(line=line):
            return Noun.PRODUCT_LINE, line.name
        case _:
            return None


def cluster_of(item: WorkItem) -> str:
    """The name of the cluster that a pass wrote to; a Release has none."""
    return "" if isinstance(item, ReleaseItem) else item.cluster.name


@dataclass(slots=True)
class DatabaseTrouble:
    """What is told while the database cannot be used: a full disk fails a write each second, for hours."""

    _spell: logs.Spell = field(default_factory=logs.Spell)

    def met(self, error: McdError, now: datetime, doing: str) -> None:
        """`doing` is what could not be done."""
        again = self._spell.met(f"{doing} {error.reason or error.message}", now.timestamp())
        if again is not None:
            log.error("database", error=str(error), doing=doing, failed_so_before=again)

    def worked(self, now: datetime, *, wrote: bool) -> None:
        """Something went through. That it could be read says little: on a full disk it can. Then it counts as ended
        when nothing has failed for a minute."""
        ended = self._spell.over(now.timestamp(), 0.0 if wrote else QUIET)
        if ended is not None:
            log.info("database_answers", failed=ended[0], seconds=round(ended[1]))
