"""Which rows are at rest, so that to look at them again costs next to nothing: the cluster shows of them what it showed
to their last pass, and nobody has wished or hinted anything since.

Whoever is in doubt has a whole pass, and everybody has one now and then. It must not be asked for what is due for
another reason: a wish or a hint is always a whole pass (ADR 19). What a pass left at rest is written beside its row, so
that a process that is started again need not compile what is as it was (ADR 26).
"""

from __future__ import annotations

import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from hashlib import blake2b

from mcd.controllers.loop.noticing import hinted
from mcd.controllers.loop.program import program
from mcd.kube.secret import KIND as SECRET
from mcd.kube.watch import FIRST_LOOK, Caches
from mcd.model import Action, Noun, ProductLineItem, Ready, Result, RolloutItem, WorkItem
from mcd.rounds import breathe
from mcd.runtime import Runtime
from mcd.store import resting
from mcd.store.resting import Due, Left, Rest

WHOLE_PASS = timedelta(hours=1)
"""After about this long a row at rest has a whole pass again, whatever is known of it: half as long to one and a half
times as long, so that not all have it at once."""

TOGETHER = 0.5
"""Rows that are due within this share of the resync are renewed with the first of them: to ask for one costs as much as
for hundreds."""

FIRST_LISTS = timedelta(seconds=FIRST_LOOK + 5)
"""For so long a process that starts leaves what was at rest to what its watches begin with."""

Keys = tuple[tuple[str, str], ...]

About = tuple[Noun, str]
"""A Rollout by the name of its App, or a product line by its own, as a watch calls them."""


@dataclass(frozen=True, slots=True)
class Mark:
    """What the caches of a cluster had shown when a pass began to read them."""

    caches: Caches
    keys: Keys
    count: int
    place: str
    secrets: bool

    def still(self, caches: Caches | None, place: str | None) -> bool:
        """Whether a pass would read the same, of caches that are healthy."""
        if caches is not self.caches or place != self.place:
            return False
        if self.secrets and not _follows_secrets(caches, self.keys[0][0]):
            return False
        return caches.touched(self.keys) == self.count


def _follows_secrets(caches: Caches, namespace: str) -> bool:
    caches.follow(SECRET, namespace)
    return caches.synced(SECRET, namespace)


@dataclass(slots=True)
class _Resting:
    about: About
    row_id: str
    cluster_id: str
    line_id: str
    mark: Mark
    due: datetime
    whole_at: datetime


@dataclass(frozen=True, slots=True)
class Judged:
    """A pass that leaves its row at rest, and what is to be written of it."""

    mark: Mark
    rest: Rest


@dataclass(slots=True)
class RowsAtRest:
    """The rows at rest that this process recorded, or found as they were left, by what they are about: an App's Rollout
    takes the place of the one before it, of which there is no pass any more."""

    runtime: Runtime
    _rows: dict[About, _Resting] = field(default_factory=dict)
    _soonest: datetime | None = None
    _places: resting.Places = field(default_factory=resting.Places)
    _places_of_left: resting.Places = field(default_factory=resting.Places)
    _left: dict[About, Left] = field(default_factory=dict)
    """What others left at rest, until the cluster is heard of it first."""

    # --- passes ---

    def mark(self, item: WorkItem) -> Mark | None:
        """Taken before a pass reads anything. None: nothing can be said of it."""
        match item:
            case RolloutItem():
                keys = keys_of(Noun.ROLLOUT, item.line.namespace, item.app.name)
                going = item.app.deleted_at is not None or item.rollout.take_over or item.heals
            case ProductLineItem():
                keys = keys_of(Noun.PRODUCT_LINE, item.line.namespace)
                going = item.line.state.deleted_at is not None or item.heals
            case _:
                return None
        caches = self.runtime.watched(item.cluster.id)
        if going or caches is None or not caches.healthy():
            return None
        secrets = any(entry.ref.kind == SECRET.kind for entry in item.inventory)
        if secrets and not _follows_secrets(caches, item.line.namespace):
            # One that goes before their watch begins is never told of.
            return None
        return Mark(caches, keys, caches.touched(keys), self._places.words.get(item.line.id, ""), secrets)

    def judge(self, mark: Mark | None, result: Result) -> Judged | None:
        """Asked when a pass has ended and before it is recorded. It leaves its row at rest when it found all as it
        should be and did nothing."""
        quiet = isinstance(result.outcome, Ready) and result.outcome.again_in is None
        quiet = quiet and all(change.action is Action.UNCHANGED for change in result.changes)
        if mark is None or not quiet or result.inventory is not None or result.heals is not None:
            return None
        whole_at = self.runtime.now() + WHOLE_PASS * (0.5 + random.random())  # noqa: S311
        word = None
        unmoved = mark.caches.healthy() and mark.caches.touched(mark.keys) == mark.count
        if mark.place and not mark.secrets and unmoved:
            word = self._word(mark.caches, mark.keys, mark.place)
        return Judged(mark, Rest(word, whole_at))

    def passed(self, item: WorkItem, judged: Judged | None, due: datetime | None) -> None:
        """A pass was recorded."""
        about = hinted(item)
        if about is None or not isinstance(item, RolloutItem | ProductLineItem):
            return
        row_id = item.rollout.id if isinstance(item, RolloutItem) else item.line.id
        if judged is None or due is None:
            self._rows.pop(about, None)
        else:
            self._keep(_Resting(about, row_id, item.cluster.id, item.line.id, judged.mark, due, judged.rest.until))

    def _keep(self, row: _Resting) -> None:
        self._rows[row.about] = row
        self._soonest = row.due if self._soonest is None else min(self._soonest, row.due)

    def _word(self, caches: Caches, keys: Keys, place: str) -> str | None:
        """All that a pass would read that nobody hints of, in a word: what the cluster shows, the product line, its
        cluster and pools, this program and what it is told by its settings. None: there are Secrets, of which nothing
        is written down."""
        shown = caches.shown(keys)
        if shown is None:
            return None
        told = repr((shown, place, keys, program(), self.runtime.owner, self.runtime.settings.api_account))
        return blake2b(told.encode(), digest_size=16).hexdigest()

    # --- resyncs ---

    async def renew(self) -> int:
        """Puts off the rows at rest that are due; answers how many. What is not as it was keeps its time, and has a
        pass."""
        now = self.runtime.now()
        due = self._soonest is not None and now >= self._soonest
        if due or not self._places.words:
            # Between two takes: what a pass that begins later reads is never older than this.
            await self.runtime.db.asked(self._places.read)
        if not due:
            return 0
        asked = self._still_at_rest(now)
        renewed = await self._put_off(asked, now + timedelta(seconds=self.runtime.settings.resync))
        for row in asked:
            if self._rows.get(row.about) is row and row.row_id not in renewed:
                del self._rows[row.about]
        self._soonest = min((row.due for row in self._rows.values()), default=None)
        return len(renewed)

    def _still_at_rest(self, now: datetime) -> list[_Resting]:
        """Those that are due soon and of which a pass would read the same. The others are forgotten."""
        soon = now + timedelta(seconds=self.runtime.settings.resync) * TOGETHER
        healthy, words = _Healthy(self.runtime), self._places.words
        found = []
        for row in [row for row in self._rows.values() if row.due <= soon]:
            if now < row.whole_at and row.mark.still(healthy.of(row.cluster_id), words.get(row.line_id)):
                found.append(row)
            else:
                del self._rows[row.about]
        return found

    async def _put_off(self, rows: Sequence[_Resting], again: datetime) -> set[str]:
        """Ids of those that nobody has touched, which are due again then."""
        renewed: set[str] = set()
        if rows:
            async with self.runtime.db.writing() as tx:
                for noun in resting.RESTING:
                    due = [Due(row.row_id, row.due, again) for row in rows if row.about[0] is noun]
                    renewed |= await resting.renew(tx, noun, due)
        for row in rows:
            if row.row_id in renewed:
                row.due = again
        return renewed

    # --- the start of a process ---

    async def find(self) -> None:
        """Reads what was left at rest. Of that, what is due before the watches have said what there is waits for
        them."""
        now = self.runtime.now()
        for noun in resting.RESTING:
            rows = await self.runtime.db.asked(lambda tx, noun=noun: resting.left(tx, noun))  # type: ignore[misc]
            late = [Due(row.row_id, row.due, now + FIRST_LISTS) for row in rows if row.due < now + FIRST_LISTS]
            if late:
                async with self.runtime.db.writing() as tx:
                    put_off = await resting.renew(tx, noun, late)
                rows = [replace(row, due=now + FIRST_LISTS) if row.row_id in put_off else row for row in rows]
            self._left |= {(noun, row.name): row for row in rows}

    async def as_left(self, hints: Collection[About]) -> set[About]:
        """Those of what was heard of that are as their last pass left them, in everything that it read: they are at
        rest again, and nobody need look. Each is asked for once."""
        found = [(about, self._left.pop(about)) for about in hints if about in self._left]
        if not found:
            return set()
        # Beside those that passes are marked by: of what changes now a pass that was just taken has read nothing.
        await self.runtime.db.asked(self._places_of_left.read)
        now, healthy = self.runtime.now(), _Healthy(self.runtime)
        rows = []
        for about, left in found:
            await breathe()  # A process that was started again is asked of everything at once.
            if (row := self._same(about, left, healthy, now)) is not None:
                rows.append(row)
        renewed = await self._put_off(rows, now + timedelta(seconds=self.runtime.settings.resync))
        same = [row for row in rows if row.row_id in renewed]
        for row in same:
            self._keep(row)
        return {row.about for row in same}

    def _same(self, about: About, left: Left, healthy: _Healthy, now: datetime) -> _Resting | None:
        caches, place = healthy.of(left.cluster_id), self._places_of_left.words.get(left.line_id, "")
        # Not for longer than a pass may say: the clock may have been ahead when it was written.
        believed = timedelta(0) < left.rest.until - now <= WHOLE_PASS * 1.5
        if caches is None or not place or not believed:
            return None
        keys = keys_of(about[0], left.namespace, left.name)
        mark = Mark(caches, keys, caches.touched(keys), place, secrets=False)
        if self._word(caches, keys, place) != left.rest.of:
            return None
        return _Resting(about, left.row_id, left.cluster_id, left.line_id, mark, left.due, left.rest.until)


def keys_of(noun: Noun, namespace: str, name: str = "") -> Keys:
    """What the caches call what a pass reads of a cluster."""
    return ((namespace, name), (namespace, "")) if noun is Noun.ROLLOUT else ((namespace, ""), ("", ""))


@dataclass(slots=True)
class _Healthy:
    """The caches of each cluster, of one moment, as far as all of their streams live."""

    runtime: Runtime
    _known: dict[str, Caches | None] = field(default_factory=dict)

    def of(self, cluster_id: str) -> Caches | None:
        if cluster_id not in self._known:
            caches = self.runtime.watched(cluster_id)
            self._known[cluster_id] = caches if caches is not None and caches.healthy() else None
        return self._known[cluster_id]
