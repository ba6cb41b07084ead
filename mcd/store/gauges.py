"""How everything stands, as gauges: the same numbers in every process, whichever of them is scraped.

Read from the database in as many queries as there are nouns, whatever the number of Apps, and not again for a scrape
within a few seconds. It must not write, and what it cannot read it does not go on to tell.
"""

from __future__ import annotations

import asyncio
import math
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import structlog

from mcd.errors import McdError
from mcd.model import AppState, ConditionType, Noun, Reason, Reconciled, StateWord, app_state, state_word, why_away
from mcd.observability import metrics
from mcd.store.due import Queue, queues
from mcd.store.liveness import Living, living
from mcd.store.session import Database
from mcd.store.standing import Essence, Standing, standing
from mcd.store.tx import Tx

log = structlog.get_logger("mcd.gauges")

MEASURED_EVERY = 5.0
"""Seconds for which a measurement is good enough for a scrape."""

_DEADLINE = 2.0
"""Seconds that a scrape waits for the database. Prometheus gives up after ten, with everything else that it asked."""


@dataclass(frozen=True, slots=True)
class Work:
    """Who works, and what waits for them, by noun."""

    living: Living
    queues: dict[Noun, Queue]

    @property
    def oldest(self) -> tuple[float, Noun]:
        """The longest wait in seconds, and of what; 0 when nothing waits."""
        return max((queue.age, noun) for noun, queue in self.queues.items())


async def work(db: Database, now: datetime) -> Work:
    """A few queries over indexes, none over history. Raises McdError."""
    async with db.reading() as tx:
        return await _work(tx, now)


async def _work(tx: Tx, now: datetime) -> Work:
    return Work(await living(tx, now), await queues(tx, now))


@dataclass(slots=True)
class Gauges:
    """The measurements of one process: its loop takes them, or a scrape does where there is no loop."""

    _at: float = -math.inf
    _clusters: set[str] = field(default_factory=set)
    _read: Mapping[bytes, Essence] = field(default_factory=dict)
    _one: asyncio.Lock = field(default_factory=asyncio.Lock)

    async def measure(self, db: Database, now: datetime) -> None:
        """Reads and sets all of them. Raises McdError."""
        async with db.reading() as tx:
            found = await _work(tx, now)
            seen = await standing(tx, self._read)
        self._at, self._read = time.monotonic(), seen.read
        for state, count in db.connections().items():
            metrics.DB_CONNECTIONS.labels(state).set(count)
        _show_work(found)
        _show(seen)
        known = {cluster.name for cluster in seen.clusters}
        for gone in self._clusters - known:
            metrics.forget_cluster(gone)
        self._clusters = known

    async def fresh(self, db: Database, now: datetime) -> None:
        """Measures, unless that was done just now. What cannot be read within two seconds is no longer told."""
        async with self._one:
            if time.monotonic() - self._at < MEASURED_EVERY:
                return
            try:
                await asyncio.wait_for(self.measure(db, now), _DEADLINE)
            except (McdError, TimeoutError) as error:
                log.warning("not_measured", error=str(error) or f"no answer within {_DEADLINE:.0f} s")
                self.forget()

    def forget(self) -> None:
        """Nothing is known: an old number would look like a good one."""
        self._at = -math.inf
        metrics.CONTROLLERS_ALIVE.set(math.nan)
        for gauge in (
            metrics.DUE_ROWS, metrics.DUE_AGE_SECONDS, metrics.CLUSTER_UP, metrics.CLUSTER_SEEN, metrics.APPS,
            metrics.STALLED,
        ):  # fmt: skip
            gauge.clear()


def _show_work(work: Work) -> None:
    metrics.CONTROLLERS_ALIVE.set(len(work.living.holders))
    for noun, queue in work.queues.items():
        metrics.DUE_ROWS.labels(noun).set(queue.rows)
        metrics.DUE_AGE_SECONDS.labels(noun).set(queue.age)


def _show(standing: Standing) -> None:
    """What is gone has no series any more."""
    metrics.CLUSTER_UP.clear()
    metrics.CLUSTER_SEEN.clear()
    away = {cluster.id: why_away(cluster.state) for cluster in standing.clusters}
    for cluster in standing.clusters:
        ready = cluster.state.condition(ConditionType.READY)
        up = ready is not None and ready.status
        metrics.CLUSTER_UP.labels(cluster.name).set(up)
        metrics.CLUSTER_SEEN.labels(cluster.name).set(cluster.seen_at.timestamp() if cluster.seen_at else 0)
    words: Counter[AppState] = Counter()
    stalled: Counter[tuple[Noun, Reason]] = Counter()
    for alike in standing.rollouts:
        gone_with = away.get(alike.cluster_id)
        words[app_state(alike.state, away=gone_with)] += alike.count
        if state_word(alike.state, away=gone_with) is StateWord.STALLED:
            stalled[Noun.ROLLOUT, _why(alike.state)] += alike.count
    words[AppState.UNDEPLOYED] = standing.apps - sum(alike.count for alike in standing.rollouts)
    for word in AppState:
        metrics.APPS.labels(word).set(words[word])
    for alike in standing.lines:
        if alike.state.is_now(ConditionType.STALLED):
            stalled[Noun.PRODUCT_LINE, _why(alike.state)] += alike.count
    for cluster in standing.clusters:
        if cluster.state.is_now(ConditionType.STALLED):
            stalled[Noun.CLUSTER, _why(cluster.state)] += 1
    metrics.STALLED.clear()
    for (noun, reason), count in stalled.items():
        metrics.STALLED.labels(noun, reason).set(count)


def _why(state: Reconciled) -> Reason:
    stalled = state.condition(ConditionType.STALLED)
    return Reason.READY if stalled is None else stalled.reason
