"""Makes a Rollout true: compile the pair, apply what differs, delete what is stale, watch it become healthy.

A tuple of small steps over one pass; the first that does not go on decides the outcome. It must not sleep, set a
condition, or know what woke it.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from mcd.appyaml.live import Desired, of_the_line
from mcd.compiling.compiler import Compiler
from mcd.errors import has_errors
from mcd.kube.apply import Applied, carry_out
from mcd.kube.cluster import Kind, KubeError
from mcd.kube.decision import DEPENDENCY_RETRY, Intent, ask, bounds_of, decide, not_before
from mcd.kube.health import WORKLOADS
from mcd.kube.inventory import FIGHT_WINDOW, is_ours, plan
from mcd.kube.lasting import unclaimed
from mcd.kube.live import LiveObjects
from mcd.kube.look import look
from mcd.kube.secret import Values
from mcd.kube.seen import delete_by_hand, seen_for, unnamed
from mcd.kube.verdict import outcome_of
from mcd.model import (
    Change,
    ComponentHealth,
    ConditionType,
    EventKind,
    EventNote,
    Fence,
    Heal,
    HealthState,
    InventoryEntry,
    Outcome,
    Plan,
    Ready,
    Reason,
    Result,
    Rollout,
    RolloutItem,
    RolloutObserved,
    Stalled,
    Waiting,
)
from mcd.model.triggers import BACK
from mcd.model.why import Note, Saying, Told, Value, Why, as_told, say, saying, told
from mcd.objects import COMPONENT, Ref, ref_of
from mcd.rounds import breathe

PROGRESS_RETRY = 10.0
"""Seconds between looks at pods that start, when no watch says anything. A watch usually says it in milliseconds."""
UNSEEN_RETRY = 30.0
"""The same while nobody in the cluster has looked at what was written, and a watch says when somebody has: a look
before that reads from its cache what the last one read. A hint that was lost costs this long."""
GONE_RETRY = 2.0

_NAMED = 5
"""How many objects a message names."""


@dataclass(slots=True)
class _Pass:
    """What the steps of one pass hand on to each other."""

    item: RolloutItem
    live: LiveObjects
    fence: Fence
    owner: str
    now: datetime
    values: Values
    compiler: Compiler
    wanted: Desired | None = None
    plan: Plan | None = None
    applied: Applied | None = None
    health: tuple[ComponentHealth, ...] | None = None
    roll_back_to: Rollout | None = None
    gone: bool = False
    unclaimed: tuple[InventoryEntry, ...] = ()
    """What holds data of the App and is wanted no more; of one that is deleted: what no inventory names."""
    kept: Mapping[Ref, str] = field(default_factory=dict)
    """What is left alone while the cluster does not serve a kind, and why."""
    events: list[EventNote] = field(default_factory=list)


async def reconcile(
    item: RolloutItem,
    live: LiveObjects,
    fence: Fence,
    owner: str,
    now: datetime,
    *,
    values: Values,
    compiler: Compiler,
) -> Result:
    """One pass. `values` opens a secret of the App while its Secret object is written. Raises LeaseLost; KubeError is
    for the loop to retry."""
    work = _Pass(item, live, fence, owner, now, values, compiler)
    steps = DELETING if item.app.deleted_at is not None else STEPS
    for step in steps:
        await breathe()
        outcome = await step(work)
        if outcome is not None:
            return _result(work, outcome)
    again = min((h.again_in for h in work.health or () if h.again_in), default=None)
    return _result(work, Ready(_summary(work), again_in=again) if again else Ready(_summary(work)))


def _result(work: _Pass, outcome: Outcome) -> Result:
    applied, wanted = work.applied, work.wanted
    changes = applied.changes if applied is not None else ()
    observed = RolloutObserved(wanted.commits, wanted.digests) if wanted is not None and applied is not None else None
    return Result(
        outcome,
        changes=changes,
        events=tuple(work.events),
        inventory=applied.inventory if applied is not None and applied.inventory != work.item.inventory else None,
        observed=observed,
        gone=work.gone,
        roll_back_to=work.roll_back_to,
        health=work.health,
        heals=_heals(work, changes),
        footprint=wanted.footprint if wanted is not None else None,
    )


def _heals(work: _Pass, changes: tuple[Change, ...]) -> tuple[Heal, ...] | None:
    new = [Heal(c.ref, c.detail, c.healed_from, work.now) for c in changes if c.healed_from]
    old = [h for h in work.item.heals if work.now - h.at <= FIGHT_WINDOW]
    return (*old, *new) if new or len(old) != len(work.item.heals) else None


# --- steps ------------------------------------------------------------------------------------------------------------


async def _ready_to_start(work: _Pass) -> Outcome | None:
    """The Release is built, the cluster answered, the namespace is there and ours: else wait. At most one request, for
    a namespace that no watch shows."""
    release = work.item.release
    if not release.state.is_now(ConditionType.READY):
        words = say(Note.RELEASE_NOT_READY, number=release.number)
        return Waiting(Reason.RELEASE_PENDING, words, DEPENDENCY_RETRY)
    return not_before(work.item) or await _in_a_namespace_of_ours(work)


async def _in_a_namespace_of_ours(work: _Pass) -> Waiting | None:
    """One that somebody deleted and made again bears the name, maybe our labels too, and is theirs. The watch shows
    ours without a request; the API server is asked only where it shows none."""
    ref = Ref("v1", "Namespace", "", work.item.line.namespace)
    if work.live.caches is None:
        return None
    for fresh in ((), (ref,)):
        there = (await work.live.get([ref], fresh=fresh))[ref]
        if there is not None and is_ours(InventoryEntry(ref), there, work.owner):
            return None
    words = say(Note.WAITS_FOR_LINE, object=str(ref), name=work.item.line.name)
    return Waiting(Reason.PRODUCT_LINE_PENDING, words, DEPENDENCY_RETRY)


async def _compile(work: _Pass) -> Outcome | None:
    work.wanted = await work.compiler.desired(work.item, work.item.rollout, work.item.previous)
    if has_errors(work.wanted.problems):
        first = next(p for p in work.wanted.problems if has_errors([p]))
        more = sum(has_errors([p]) for p in work.wanted.problems) - 1
        message = f"{first}" + (f" And {more} more." if more else "")
        return Stalled(Reason.INVALID_APP_YAML, message)
    return None


async def _decide(work: _Pass) -> Outcome | None:
    """The very decision that a dry run tells."""
    assert work.wanted is not None
    shared = of_the_line(work.wanted, work.item.line.namespace)
    intent = Intent(work.item, work.wanted.objects, shared, work.owner)
    seen = await seen_for(intent, work.live)
    decision = decide(intent, seen, work.now)
    work.plan, work.kept = decision.plan, intent.kept
    work.unclaimed = unclaimed(seen, work.wanted.objects)
    if isinstance(decision.stop, Stalled):
        await _look_beside(work)
    return decision.stop


async def _write(work: _Pass) -> Outcome | None:
    """Inventory first, then the objects. What could not be written decides the outcome; the rest was written."""
    assert work.plan is not None
    assert work.wanted is not None
    item = work.item
    begins = not item.rollout.commits
    work.applied = await carry_out(
        work.live.cluster,
        work.plan,
        work.fence,
        inventory=item.inventory,
        owner=work.owner,
        bounds=bounds_of(item),
        observed=RolloutObserved(work.wanted.commits, work.wanted.digests) if begins else None,
        values=work.values,
        files=work.wanted.files,
    )
    work.live.wrote(work.applied.answers)
    stop = outcome_of(work.applied)
    if not isinstance(stop, Stalled):
        return stop
    if stop.reason is Reason.PRUNE_NEEDS_CONFIRMATION:
        stop = ask(item.app.name, work.plan) or stop
    await _look_beside(work)
    starting = any(h.state is HealthState.PROGRESSING for h in work.health or ())
    return replace(stop, again_in=PROGRESS_RETRY) if starting else stop


async def _look_beside(work: _Pass) -> None:
    """What runs is seen also while a person has to act. Why they have to is the news, whatever can be seen."""
    try:
        work.health = await _what_runs(work)
    except KubeError:
        work.health = None


async def _what_runs(work: _Pass) -> tuple[ComponentHealth, ...]:
    assert work.wanted is not None
    changes = work.applied.changes if work.applied is not None else ()
    answers = work.applied.answers if work.applied is not None else {}
    foreign = {c.ref: c for c in changes if c.reason is Reason.NOT_OURS}
    own = [obj for obj in work.wanted.objects if ref_of(obj) not in foreign]
    health = await look(
        work.live, work.item.line.namespace, work.item.app.name, own, work.now, answers=answers,
        simulated=work.item.cluster.serves.simulated,
    )  # fmt: skip
    not_ours = [
        _left_alone(work.item.app.name, component, change)
        for obj in work.wanted.objects
        if obj["kind"] in WORKLOADS
        and (component := obj["metadata"]["labels"].get(COMPONENT))
        and (change := foreign.get(ref_of(obj)))
    ]
    return tuple(sorted((*health, *not_ours, *_waiting_for_runs(work.wanted)), key=lambda h: h.component))


async def _healthy(work: _Pass) -> Outcome | None:
    """What runs decides: Ready is never said before the live objects are so."""
    work.health = await _what_runs(work)
    failed = [h for h in work.health if h.state is HealthState.FAILED]
    if failed:
        return _failed(work, failed[0])
    waiting = [h for h in work.health if h.state is HealthState.PROGRESSING]
    if waiting:
        said = saying(*(about(h) for h in waiting))
        again = min((h.again_in for h in waiting if h.again_in), default=PROGRESS_RETRY)
        died = [h for h in waiting if h.again_in and h.reason is not Reason.PROGRESSING]
        if died and work.item.rollout.state.is_now(ConditionType.STALLED):
            # It crashed, and runs again for a moment: that is not the end of it before it has lasted.
            return Stalled(died[0].reason, saying(about(died[0])), again_in=again)
        if all(h.unseen for h in waiting) and work.live.hears(_workloads(work)):
            return Waiting(waiting[0].reason, said, UNSEEN_RETRY)
        return Waiting(waiting[0].reason, said, min(again, PROGRESS_RETRY))
    return None


def _workloads(work: _Pass) -> set[Kind]:
    assert work.wanted is not None
    return {Kind(obj["apiVersion"], obj["kind"]) for obj in work.wanted.objects if obj["kind"] in WORKLOADS}


def _left_alone(app: str, component: str, change: Change) -> ComponentHealth:
    """Of a component whose workload somebody else has."""
    words = say(Note.OBJECT_HELD, object=str(change.ref), detail=change.detail)
    meant = told(Why.FOREIGN_OBJECT, app=app, what=as_told(words))
    return ComponentHealth(component, HealthState.FAILED, Reason.NOT_OURS, str(words), told=(meant,))


def _waiting_for_runs(wanted: Desired) -> list[ComponentHealth]:
    """Jobs that people start: there is no object of theirs until then."""
    spec = wanted.compiled.spec
    return [
        ComponentHealth(
            component.name,
            HealthState.STOPPED,
            Reason.READY,
            say(Note.BY_HAND_LATER),
        )
        for component in (spec.components if spec is not None else ())
        if component.type == "job"
    ]


def _failed(work: _Pass, health: ComponentHealth) -> Outcome:
    item, why = work.item, [about(health)]
    pulls = health.reason is Reason.IMAGE_PULL
    if _may_roll_back(work, health.component):
        assert item.last_good is not None
        work.roll_back_to = item.last_good
        why.append(told(Note.PUT_BACK_TO, number=item.last_good.number, release=item.last_good.release))
        why += [told(Note.DEPLOY_TRIES_AGAIN, app=item.app.name)] if pulls else []
        work.events.append(EventNote(EventKind.STALLED, saying(*why)))
        return Stalled(Reason.ROLLED_BACK, saying(*why))
    if pulls:
        why.append(told(Note.PULL_TRIED_AGAIN, app=item.app.name))
    return Stalled(health.reason, saying(*why))


def _may_roll_back(work: _Pass, component: str) -> bool:
    """A Rollout that was Ready once, or that is itself a way back, is never rolled back by itself: two of them would
    replace each other for ever."""
    item = work.item
    if item.was_ready or item.last_good is None or item.rollout.trigger in BACK:
        return False
    if (item.last_good.release, item.last_good.settings) == (item.rollout.release, item.rollout.settings):
        return False
    spec = work.wanted.compiled.spec if work.wanted is not None else None
    return spec is not None and any(c.name == component and c.rollout.on_fail == "rollback" for c in spec.components)


# --- taking an App away -----------------------------------------------------------------------------------------------


async def _delete_all(work: _Pass) -> Outcome | None:
    """Deletes what the inventory names, and only that. The person who deleted the App named it: that is the
    confirmation of the list; what holds data stays and is said."""
    item = work.item
    every = [entry.ref for entry in item.inventory]
    # Asked of the API server: what lost its label is in no cache, and would be waited for until the end of days.
    there = await work.live.get(every, fresh=every)
    work.plan = plan((), item.inventory, there, owner=work.owner, wished_deletes=every)
    work.applied = await carry_out(
        work.live.cluster, work.plan, work.fence, inventory=item.inventory, owner=work.owner, bounds=bounds_of(item)
    )
    problem = outcome_of(work.applied)
    if problem is not None:
        return problem
    left = [entry for entry in work.applied.inventory if entry not in work.plan.kept]
    if left:
        return Waiting(Reason.DELETING, say(Note.WAITS_TO_GO, what=_listed(tuple(left))), GONE_RETRY)
    return None


async def _nothing_unnamed(work: _Pass) -> Outcome | None:
    """A database that was restored names less than runs. What it does not name is not deleted, and an App of which
    something runs is not gone."""
    item = work.item
    found = await unnamed(item, work.live, work.owner)
    work.unclaimed = found.holding_data
    if found.staying:
        command = delete_by_hand(item.line.namespace, found.staying[:_NAMED])
        words = say(Note.UNNAMED_RUNS, what=_listed(found.staying), command=command)
        return Stalled(Reason.NEWER_IN_CLUSTER, words)
    if found.going:
        return Waiting(Reason.DELETING, say(Note.WAITS_TO_GO, what=_listed(found.going)), GONE_RETRY)
    return None


async def _say_gone(work: _Pass) -> Outcome | None:
    assert work.plan is not None
    work.gone = True
    kept = (*work.plan.kept, *work.unclaimed)
    note = [told(Note.HOLDS_DATA, what=_listed(kept))] if kept else []
    work.events.append(EventNote(EventKind.DELETED, saying(told(Note.GONE_WHOLE), *note)))
    return None


Step = Callable[[_Pass], Awaitable[Outcome | None]]

STEPS: tuple[Step, ...] = (_ready_to_start, _compile, _decide, _write, _healthy)
DELETING: tuple[Step, ...] = (_delete_all, _nothing_unnamed, _say_gone)


# --- words ------------------------------------------------------------------------------------------------------------


def about(health: ComponentHealth) -> Told:
    """What is said of one component, behind its name."""
    what: Value = told(Note.WHOLE, of=health.told) if health.told else health.message
    return told(Note.ABOUT, component=health.component, what=what)


def _listed(entries: tuple[InventoryEntry, ...]) -> Told:
    names = [str(entry.ref) for entry in entries]
    others = told(Note.AND_MORE, n=len(names) - _NAMED) if names[_NAMED:] else ""
    return told(Note.LISTED, names=", ".join(names[:_NAMED]), others=others)


def _summary(work: _Pass) -> Saying:
    if work.gone:
        return say(Note.PLAIN_GONE)
    running = tuple(
        told(Note.COUNTED, component=h.component, ready=h.ready, desired=h.desired)
        for h in work.health or ()
        if h.desired
    )
    kept: Value = ""
    if work.kept:
        listed = _listed(tuple(InventoryEntry(ref) for ref in sorted(work.kept)))
        kept = told(Note.KEPT_BECAUSE, what=listed, why=next(iter(work.kept.values())).rstrip("."))
    left: Value = ""
    if work.unclaimed:
        left = told(Note.UNCLAIMED, what=_listed(work.unclaimed), n=len(work.unclaimed))
    played = ", ".join(h.component for h in work.health or () if any(one.key is Note.SIMULATED for one in h.told))
    if played:
        left = told(Note.PLAYED, what=played, rest=left)
    return say(Note.SUMMARY, what=running or told(Note.ALL_AS_ASKED), kept=kept, unclaimed=left)
