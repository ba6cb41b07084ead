"""The only loop: due, reconcile, record, for every reconciled noun.

It takes leases, keeps them alive, calls the noun's reconciler with values and clusters, and records what came out. It
must not decide anything about a noun, and what woke it is never used: the row is read whole, whatever the hint was.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import structlog

from mcd.controllers import clusters, product_lines, releases, rollouts
from mcd.controllers.conditions import conclude, conclude_failure, is_a_bug
from mcd.controllers.loop import noticing
from mcd.controllers.loop.build_log import BuildLog
from mcd.controllers.loop.fence import SAFETY, LeaseFence, opener
from mcd.controllers.loop.resting import RowsAtRest
from mcd.controllers.loop.tasks import end, first
from mcd.controllers.loop.watching import keep_watching
from mcd.errors import McdError
from mcd.kube.cluster import KubeError, KubeReason
from mcd.kube.echoes import Version, version_of
from mcd.model import (
    RECONCILED,
    Action,
    ClusterItem,
    LeaseLost,
    Noun,
    ProductLineItem,
    Reason,
    ReleaseItem,
    Result,
    RolloutItem,
    Waiting,
    WorkItem,
)
from mcd.objects import INSTANCE, PART_OF, Object
from mcd.observability import metrics, tracing
from mcd.runtime import Runtime
from mcd.store import leases, liveness, turns
from mcd.store.gauges import MEASURED_EVERY
from mcd.store.leases import Lease
from mcd.store.tx import Tx

log = structlog.get_logger("mcd.loop")

LONGEST_PAUSE = 5.0
"""Seconds between looks at the database when nothing woke us: what a lost hint costs."""

HINTS_GATHERED = 0.05
"""Seconds in which hints of the same App become one write."""

HELD_BACK = 0.5
"""Seconds between looks while all that is due waits for passes of its own product line or cluster to end."""

PASSES_GATHERED = 0.02
"""Seconds in which passes end before others are taken for them: to take ten costs as much as to take one."""

GOODBYE = 2.0
"""Seconds that a process which stops waits to say so."""

HAND_OVER = 8.0
"""Seconds that passes under way have to end when the process is asked to stop."""


@dataclass(slots=True)
class Loop:
    """One process's share of the work. `run` returns when `stop` is set and the work is handed over."""

    runtime: Runtime
    holder: str
    patience: float = HAND_OVER
    """Seconds that passes under way have to end when `stop` is set."""
    _busy: dict[asyncio.Task[None], LeaseFence] = field(default_factory=dict)
    _hints: dict[tuple[Noun, str], set[Version]] = field(default_factory=dict)
    _hinted: asyncio.Event = field(default_factory=asyncio.Event)
    _recorded: asyncio.Event = field(default_factory=asyncio.Event)
    """A pass of this process ended: its row may be due sooner than what was waited for."""
    _resting: RowsAtRest = field(init=False)
    _missed: int = 0
    """Looks in a row that found what is due, and got nothing of it."""
    _broken: BaseException | None = None
    _beat_at: datetime | None = None
    _trouble: noticing.DatabaseTrouble = field(default_factory=noticing.DatabaseTrouble)

    def __post_init__(self) -> None:
        self._resting = RowsAtRest(self.runtime)

    async def run(self, stop: asyncio.Event) -> None:
        try:
            await self._take_over_from_ourselves()
            # Before anything is heard of a cluster.
            await self._resting.find()
        except McdError as error:
            # No reason to end: leases run out by themselves, and what was left at rest has a whole pass.
            self._trouble.met(error, self.runtime.now(), "take over from the last run")
        beside = [asyncio.create_task(work, name=name) for name, work in
                  (("hints", self._carry_hints()), ("ages", self._measure()),
                   ("clusters", keep_watching(self.runtime)))]  # fmt: skip
        for task in beside:
            task.add_done_callback(self._ended)
        self.runtime.watch_with(self._hint)
        settings = self.runtime.settings
        metrics.WORKERS.set(settings.workers)
        log.info("loop_started", holder=self.holder, workers=settings.workers, lease_seconds=settings.lease)
        try:
            while not stop.is_set():
                await self._turn(stop)
        finally:
            # Waited for, not only cancelled: whoever closes the database next must find nobody in it.
            log.info("loop_stopping", holder=self.holder, under_way=len(self._busy))
            _, given_back = await asyncio.gather(end(*beside), self._hand_over())
            await self._say_stopped()
            log.info("loop_stopped", holder=self.holder, given_back=given_back)

    async def _take_over_from_ourselves(self) -> None:
        """A process that was killed left its leases behind. One that bears its name is its successor, and need not
        wait until they run out."""
        if not self.runtime.holder_lasts:
            return
        async with self.runtime.db.writing() as tx:
            freed = await leases.free_held(tx, self.holder, self.runtime.now())
        if freed:
            log.info("leases_of_the_last_run_freed", count=freed)

    async def _turn(self, stop: asyncio.Event) -> None:
        self._raise_what_broke()
        free = self.runtime.settings.workers - len(self._busy)
        try:
            await self.rest()
            before, chosen = free, await self._in_turn(RECONCILED, free)
            for noun, rows in chosen.items():
                free -= await self._begin(noun, rows)
            self._trouble.worked(self.runtime.now(), wrote=free < before)
            offered = any(chosen.values())
            self._missed = self._missed + 1 if offered and free == before else 0
            await self._pause(stop, full=free <= 0, offered=offered)
        except McdError as error:
            self._trouble.met(error, self.runtime.now(), "look for work")
            await first(stop.wait(), asyncio.sleep(1.0))

    async def rest(self) -> int:
        """Puts off what is due and at rest, without a pass; answers how many rows."""
        return await self._resting.renew()

    async def take(self, noun: Noun, limit: int) -> int:
        """Begins a pass on each row of one noun that is due, `limit` at the most; answers how many."""
        return await self._begin(noun, (await self._in_turn((noun,), limit))[noun])

    async def _in_turn(self, nouns: Sequence[Noun], limit: int) -> dict[Noun, list[str]]:
        items = [fence.lease.item for fence in self._busy.values()]
        lines = Counter(item.line.id for item in items if not isinstance(item, ClusterItem))
        at_work = turns.AtWork(self.runtime.settings.workers, lines, Counter(item.cluster.id for item in items))
        return await turns.in_turn(self.runtime.db, nouns, self.runtime.now(), limit, at_work)

    async def _begin(self, noun: Noun, rows: Sequence[str]) -> int:
        settings = self.runtime.settings
        began = asyncio.get_running_loop().time()
        taken = await leases.take(self.runtime.db, noun, rows, self.holder, self.runtime.now(), settings.lease)
        for lease in taken:
            noticing.took(lease)
            fence = LeaseFence(self.runtime, lease, began + lease.ttl * (1 - SAFETY))
            task = asyncio.create_task(self._work(lease, fence), name=f"{noun}:{lease.row_id}")
            self._busy[task] = fence
            task.add_done_callback(self._ended)
        return len(taken)

    @property
    def fences(self) -> tuple[LeaseFence, ...]:
        """The fences of the passes under way."""
        return tuple(self._busy.values())

    async def idle(self) -> None:
        """Returns when every pass under way has ended."""
        while self._busy:
            await asyncio.wait(self._busy)
        self._raise_what_broke()

    def _raise_what_broke(self) -> None:
        """A pass ends in a record or in a lost lease. Anything else is no outcome, and the process must not go on as if
        it were."""
        if self._broken is not None:
            raise self._broken

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._busy.pop(task, None)
        self._recorded.set()
        if self._hints:
            self._hinted.set()
        if not task.cancelled() and task.exception() is not None:
            self._broken = task.exception()

    async def _pause(self, stop: asyncio.Event, *, full: bool, offered: bool) -> None:
        if full:
            # The one pass may be a build of a quarter of an hour, and the one that ended may have been the last.
            if self._busy:
                await first(stop.wait(), asyncio.wait(tuple(self._busy), return_when=asyncio.FIRST_COMPLETED))
                await first(stop.wait(), asyncio.sleep(PASSES_GATHERED))
            return
        self._recorded.clear()
        now = self.runtime.now()
        due = await self.runtime.db.asked(lambda tx: leases.next_due(tx, now))
        until = (due - self.runtime.now()).total_seconds() if due else LONGEST_PAUSE
        if until <= 0 and (self._missed > 1 or (not offered and self._busy)):
            # What is due has as many passes as it may have: the end of one of them, or somebody else's row. Or somebody
            # else has been taking it for two looks now.
            until = HELD_BACK
        if until > 0:
            await first(stop.wait(), self._recorded.wait(), self.runtime.db.woken(min(until, LONGEST_PAUSE)))

    async def _work(self, lease: Lease, fence: LeaseFence) -> None:
        with tracing.within(tracing.place()):
            await self._work_in_trace(lease, fence)

    async def _work_in_trace(self, lease: Lease, fence: LeaseFence) -> None:
        keeper = asyncio.create_task(fence.keep())
        clock = asyncio.get_running_loop().time
        began = clock()
        outcome = "dropped"
        metrics.LEASES_HELD.labels(lease.noun).inc()
        try:
            outcome = await self._pass(lease, fence)
        except LeaseLost:
            metrics.LEASES_LOST.labels(lease.noun).inc()
            log.warning("lease_lost", **noticing.called(lease.item))
            await self._outlived(lease)
        except asyncio.CancelledError:
            async with self.runtime.db.writing() as tx:
                await leases.give_back(tx, lease)
            raise
        except McdError as error:
            # The record itself failed: the lease runs out and the row is taken again. Nothing was lost.
            log.error("not_recorded", **noticing.called(lease.item), error=str(error))
        finally:
            metrics.LEASES_HELD.labels(lease.noun).dec()
            metrics.RECONCILE_SECONDS.labels(lease.noun, outcome).observe(clock() - began)
            await end(keeper)

    async def _outlived(self, lease: Lease) -> None:
        """A lease that ran out while the process was slow counts as no death, or three of them quarantine the row."""
        try:
            async with self.runtime.db.writing() as tx:
                await leases.outlived(tx, lease)
        except McdError as error:
            log.warning("not_counted_as_alive", **noticing.called(lease.item), error=str(error))

    async def _pass(self, lease: Lease, fence: LeaseFence) -> str:
        state, unreachable = lease.item_state, False
        mark = self._resting.mark(lease.item)
        try:
            result = await self._reconcile(lease.item, fence)
            outcome = type(result.outcome).__name__.lower()
            concluded = conclude(
                result.outcome,
                state.conditions,
                state.generation,
                self.runtime.now(),
                random.random(),  # noqa: S311
                self.runtime.settings.resync,
            )
        except LeaseLost:
            raise
        except Exception as error:
            if is_a_bug(error):
                log.exception("reconcile_failed", **noticing.called(lease.item))
            outcome = "error"
            unreachable = isinstance(error, KubeError) and error.kube_reason is KubeReason.UNREACHABLE
            result = Result(Waiting(Reason.RETRYING, str(error), 0))
            concluded = conclude_failure(
                error,
                state.conditions,
                state.generation,
                lease.failures,
                self.runtime.now(),
                random.random(),  # noqa: S311
            )

        judged = self._resting.judge(mark, result)

        async def recorded(tx: Tx) -> bool:
            held = await leases.record(
                tx, lease, result, concluded.conditions, concluded.next_run_at, concluded.failures, self.runtime.now(),
                judged.rest if judged is not None else None,
            )  # fmt: skip
            if cluster := noticing.refused(lease.item, concluded.conditions, unreachable=unreachable):
                # Its own turn may be a minute away: until then everything in it would be told as it was.
                await leases.wake(tx, Noun.CLUSTER, [cluster], self.runtime.now())
            if line := noticing.in_doubt(lease.item, concluded.conditions):
                # Skipped when somebody holds it: to wait for it with an App in hand could be a deadlock.
                await leases.wake(tx, Noun.PRODUCT_LINE, [line], self.runtime.now(), skip_locked=True)
            return held

        if not await self.runtime.db.together(recorded):
            raise LeaseLost
        self._resting.passed(lease.item, judged, concluded.next_run_at)
        noticing.turned(lease, concluded.conditions, self.runtime.now())
        for change in result.changes:
            if change.action is not Action.UNCHANGED:
                action = "healed" if change.healed_from else change.action
                metrics.CHANGES.labels(noticing.cluster_of(lease.item), action).inc()
        return outcome

    async def _reconcile(self, item: WorkItem, fence: LeaseFence) -> Result:
        runtime = self.runtime
        match item:
            case ClusterItem():
                client = await runtime.client(item.cluster)
                return await clusters.reconcile(item, client, runtime.now(), await runtime.surroundings(item.cluster))
            case ProductLineItem():
                live = await runtime.live(item.cluster)
                values = opener(runtime, line=item.line.id)
                account = runtime.settings.api_account
                return await product_lines.reconcile(
                    item, live, fence, runtime.owner, runtime.now(), values=values, api_account=account
                )
            case RolloutItem():
                live = await runtime.live(item.cluster)
                values = opener(runtime, app=item.app.id)
                return await rollouts.reconcile(
                    item, live, fence, runtime.owner, runtime.now(), values=values, compiler=runtime.compiler
                )
            case ReleaseItem():
                async with BuildLog(runtime, item.release.id, noticing.called(item)) as build_log:
                    shop = releases.Workshop(
                        runtime.forge(item.app.repository),
                        runtime.pin,
                        runtime.builder,
                        runtime.settings.registry,
                        runtime.settings.build_timeout,
                        build_log.line,
                        runtime.compiler,
                    )
                    return await releases.reconcile(item, shop)

    # --- hints of the clusters ------------------------------------------------------------------------------------

    def _hint(self, obj: Object) -> None:
        """Something of ours changed in a cluster: its App (or product line) is due. Called for each watch event."""
        meta = obj.get("metadata", {})
        labels = meta.get("labels") or {}
        if app := labels.get(INSTANCE):
            self._hints.setdefault((Noun.ROLLOUT, app), set()).add(version_of(obj))
        elif line := labels.get(PART_OF):
            self._hints.setdefault((Noun.PRODUCT_LINE, line), set()).add(version_of(obj))
        self._hinted.set()

    def _news(self) -> set[tuple[Noun, str]]:
        """Takes the hints that are to be carried. Those of what is worked on here wait for the end of that pass: only
        then is it known what of it is an echo of its own writes, and until then it is not taken again."""
        busy = {noticing.hinted(fence.lease.item) for fence in self._busy.values()}
        taken = {key: told for key, told in self._hints.items() if key not in busy}
        self._hints = {key: told for key, told in self._hints.items() if key in busy}
        return {key for key, told in taken.items() if not self.runtime.echoes.heard(told)}

    async def _carry_hints(self) -> None:
        """Writes gathered hints into the rows. One that cannot be written is dropped: the resync finds what it said."""
        while True:
            await self._hinted.wait()
            await asyncio.sleep(HINTS_GATHERED)
            self._hinted.clear()
            hints = self._news()
            try:
                hints -= await self._resting.as_left(hints)
                for noun in (Noun.ROLLOUT, Noun.PRODUCT_LINE):
                    if names := sorted(name for kind, name in hints if kind is noun):
                        async with self.runtime.db.writing() as tx:
                            await leases.wake(tx, noun, names, self.runtime.now())
            except McdError as error:
                self._trouble.met(error, self.runtime.now(), "write down that something changed in a cluster")

    async def measure(self) -> None:
        """How late the work is and how everything stands, for the metrics: what says that the controllers keep up, and
        for whom it is not as it should be."""
        self.runtime.measure_watches()
        await self.runtime.gauges.measure(self.runtime.db, self.runtime.now())

    async def beat(self) -> None:
        """Says that this process is alive, when it is time to: what people are told is not worth a write a second."""
        now = self.runtime.now()
        if self._beat_at is not None and timedelta(0) <= now - self._beat_at < liveness.BEAT:
            return
        async with self.runtime.db.writing() as tx:
            await liveness.beat(tx, self.holder, now)
        self._beat_at = now

    async def _say_stopped(self) -> None:
        try:
            async with asyncio.timeout(GOODBYE), self.runtime.db.writing() as tx:
                await liveness.stopped(tx, self.holder, self.runtime.now())
        except (McdError, TimeoutError) as error:
            # Then it takes a minute until it counts as gone.
            log.warning("stop_not_told", error=str(error) or f"no answer within {GOODBYE:.0f} s")

    async def _measure(self) -> None:
        while True:
            try:
                await self.beat()
            except McdError as error:
                log.warning("not_told_alive", error=str(error))
            try:
                await self.measure()
                if silent := self.runtime.silent_clusters():
                    # Its watches broke: whether it answers at all is found out now, not at the next regular look.
                    async with self.runtime.db.writing() as tx:
                        await leases.wake(tx, Noun.CLUSTER, silent, self.runtime.now())
            except McdError as error:
                self._trouble.met(error, self.runtime.now(), "measure, and say that this process is alive")
                self.runtime.gauges.forget()
            await asyncio.sleep(MEASURED_EVERY)

    async def _hand_over(self) -> int:
        """Ends the passes under way, or gives their rows back for another process to take at once; answers how many."""
        if not self._busy:
            return 0
        _, late = await asyncio.wait(self._busy, timeout=self.patience)
        await end(*late)
        return len(late)
