"""Which rows are at rest, so that to look at them again costs next to nothing: the cluster shows of them what it showed
to their last pass, and nobody has wished or hinted anything since.

Whoever is in doubt has a whole pass, and everybody has one now and then. It must not be asked for what is due for
another reason: a wish or a hint is always a whole pass (ADR 19).
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mcd.kube.secret import KIND as SECRET
from mcd.kube.watch import Caches
from mcd.model import Action, Noun, ProductLineItem, Ready, Result, RolloutItem, WorkItem
from mcd.runtime import Runtime
from mcd.store import resting
from mcd.store.resting import Due

WHOLE_PASS = timedelta(hours=1)
"""After about this long a row at rest has a whole pass again, whatever is known of it: half as long to one and a half
times as long, so that not all have it at once."""

TOGETHER = 0.2
"""Rows that are due within this share of the resync are renewed with the first of them."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What the caches of a cluster had shown when a pass began to read them."""

    caches: Caches
    keys: tuple[tuple[str, str], ...]
    count: int
    place: str
    secrets: bool

    def still(self, caches: Caches | None, places: Mapping[str, str], line: str) -> bool:
        """Whether a pass would read the same."""
        if caches is not self.caches or not caches.healthy() or places.get(line) != self.place:
            return False
        if self.secrets:
            caches.follow(SECRET, self.keys[0][0])
            if not caches.synced(SECRET, self.keys[0][0]):
                return False
        return caches.touched(self.keys) == self.count


@dataclass(slots=True)
class _Rest:
    noun: Noun
    row_id: str
    cluster_id: str
    line_id: str
    mark: Mark
    due: datetime
    whole_at: datetime


@dataclass(slots=True)
class Resting:
    """The rows at rest that this process recorded, by what they are about: an App's Rollout takes the place of the one
    before it, of which there is no pass any more."""

    runtime: Runtime
    _rows: dict[str, _Rest] = field(default_factory=dict)
    _soonest: datetime | None = None
    _places: Mapping[str, str] = field(default_factory=dict)

    def mark(self, item: WorkItem) -> Mark | None:
        """Taken before a pass reads anything. None: nothing can be said of it."""
        match item:
            case RolloutItem():
                keys = ((item.line.namespace, item.app.name), (item.line.namespace, ""))
                going = item.app.deleted_at is not None or item.rollout.take_over or item.heals
            case ProductLineItem():
                keys = ((item.line.namespace, ""), ("", ""))
                going = item.line.state.deleted_at is not None or item.heals
            case _:
                return None
        caches = self.runtime.watched(item.cluster.id)
        if going or caches is None or not caches.healthy():
            return None
        secrets = any(entry.ref.kind == SECRET.kind for entry in item.inventory)
        return Mark(caches, keys, caches.touched(keys), self._places.get(item.line.id, ""), secrets)

    def passed(self, item: WorkItem, mark: Mark | None, result: Result, due: datetime | None) -> None:
        """A pass was recorded. It leaves its row at rest when it found all as it should be and did nothing."""
        if not isinstance(item, RolloutItem | ProductLineItem):
            return
        noun = Noun.ROLLOUT if isinstance(item, RolloutItem) else Noun.PRODUCT_LINE
        about, row_id = (item.app.id, item.rollout.id) if isinstance(item, RolloutItem) else (item.line.id,) * 2
        quiet = isinstance(result.outcome, Ready) and result.outcome.again_in is None
        quiet = quiet and all(change.action is Action.UNCHANGED for change in result.changes)
        if mark is None or due is None or not quiet or result.inventory is not None or result.heals is not None:
            self._rows.pop(about, None)
            return
        whole_at = self.runtime.now() + WHOLE_PASS * (0.5 + random.random())  # noqa: S311
        self._rows[about] = _Rest(noun, row_id, item.cluster.id, item.line.id, mark, due, whole_at)
        self._soonest = due if self._soonest is None else min(self._soonest, due)

    async def renew(self) -> int:
        """Puts off the rows at rest that are due; answers how many. What is not as it was keeps its time, and has a
        pass."""
        now = self.runtime.now()
        due = self._soonest is not None and now >= self._soonest
        if due or not self._places:
            # Between two takes: what a pass that begins later reads is never older than this.
            async with self.runtime.db.reading() as tx:
                self._places = await resting.places(tx)
        if not due:
            return 0
        resync = timedelta(seconds=self.runtime.settings.resync)
        asked: dict[Noun, dict[str, Due]] = {}
        for about, rest in [one for one in self._rows.items() if one[1].due <= now + resync * TOGETHER]:
            caches = self.runtime.watched(rest.cluster_id)
            if now >= rest.whole_at or not rest.mark.still(caches, self._places, rest.line_id):
                del self._rows[about]
                continue
            asked.setdefault(rest.noun, {})[about] = Due(rest.row_id, rest.due, now + resync)
        count = 0
        for noun, rows in asked.items():
            async with self.runtime.db.writing() as tx:
                renewed = await resting.renew(tx, noun, tuple(rows.values()))
            count += len(renewed)
            for about, row in rows.items():
                known = self._rows.get(about)
                if known is None or known.row_id != row.row_id:
                    continue  # a pass was recorded meanwhile
                if row.row_id in renewed:
                    known.due = row.now_at
                else:
                    del self._rows[about]
        self._soonest = min((rest.due for rest in self._rows.values()), default=None)
        return count
