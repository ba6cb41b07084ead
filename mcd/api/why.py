"""Why an App does not run, as every face tells it: one sentence, the evidence, the next step, the nodes.

Pure: from what controllers wrote down to records in one language; it answers also while a cluster is away. Nothing here
is escaped for a page: whoever prints does that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from mcd import model
from mcd.api.away import Away
from mcd.kube.explain import explain_away, explain_condition
from mcd.kube.explain.platform import CONDITIONS
from mcd.model import ConditionType, HealthState, Reason, WhyState
from mcd.model.outcomes import HELD_REASONS
from mcd.model.states import REFUSES
from mcd.model.why import (
    WORDS,
    Family,
    Language,
    Note,
    Told,
    Why,
    headline,
    patch,
    sentence,
    step,
    text,
    told,
    within,
)

LINES = 40
"""Lines of evidence at most, the last ones."""


@dataclass(frozen=True, slots=True)
class NodeLine:
    """One node that does not take a pod. The amounts are what is free of what there is; empty where there is none."""

    node: str
    model: str
    devices: str
    cpu: str
    memory: str
    pods: str
    why: str


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why one component, or the App as a whole, is as it is. `component` is empty for what is of the whole App;
    `sentence` says all of it, `beside` what else is to be known, `step` what to do (empty: nothing), `patch` lines of
    app.yaml."""

    app: str
    component: str
    well: bool
    state: WhyState
    why: Why
    family: Family
    reason: Reason
    sentence: str
    beside: tuple[str, ...] = ()
    step: str = ""
    patch: str = ""
    evidence: tuple[str, ...] = ()
    nodes: tuple[NodeLine, ...] = ()
    release: int | None = None
    rollout: int | None = None
    live: bool = True
    """False: it is of the newest Release, which is not what runs."""
    whose: str = ""
    """Plain words for that; empty: it is of what runs, or nothing else does."""
    since: datetime | None = None


@dataclass(frozen=True, slots=True)
class Whole:
    """Everything about one App, what is wrong first. `well`: all of it is as it was asked for."""

    app: str
    well: bool
    items: tuple[Explanation, ...]

    @property
    def first(self) -> Explanation:
        return self.items[0]


@dataclass(frozen=True, slots=True)
class Ran:
    """One Rollout and the health of its components as it was seen last."""

    rollout: model.Rollout
    health: tuple[model.ComponentHealth, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What the store knows. `newest` is the newest Release that its push deploys, `aside` its newest Rollout when that
    is not what runs and nobody chose another one since; `build` are the last lines of its builder."""

    app: str
    cluster: str
    namespace: str
    live: Ran | None = None
    newest: model.Release | None = None
    aside: Ran | None = None
    gone: Away | None = None
    build: tuple[str, ...] = ()


def explained(facts: Facts, language: Language = Language.EN, component: str = "") -> Whole:
    """The one function behind `mcd why`, the API and the portal. With `component` only of that one, and what is of the
    whole App. While what runs is not well, that comes first; what a Release that does not run failed of comes behind,
    and says whose it is."""
    items = [*_release(facts, language), *_aside(facts, language), *_live(facts, language)]
    if component:
        items = [item for item in items if item.component in ("", component)]
    if not items:
        items = [_nothing_known(facts, language)]
    ordered = tuple(sorted(items, key=lambda item: (item.well, not item.live, _ORDER.index(item.state))))
    return Whole(facts.app, all(item.well for item in ordered), ordered)


def _nothing_known(facts: Facts, language: Language) -> Explanation:
    """No component was looked at yet: what runs is on its way there, or nothing was ever deployed."""
    if facts.live is None:
        words = told(Why.NOT_DEPLOYED, app=facts.app, what=told(Note.NOT_LOOKED_YET))
        return _item(facts, words, language, state=WhyState.UNKNOWN)
    of = facts.live.rollout
    going = of.state.condition(ConditionType.RECONCILING)
    on_its_way = going is not None and going.status
    said = within(going.message) if going is not None and on_its_way and going.message else told(Note.NOT_LOOKED_YET)
    state = WhyState.PROGRESSING if on_its_way else WhyState.UNKNOWN
    item = _item(facts, told(Why.WAITS, said=said), language, state)
    return _of(item, of.release, of.number, of.state, live=True)


_ORDER = (WhyState.FAILED, WhyState.HELD, WhyState.UNKNOWN, WhyState.PROGRESSING, WhyState.STOPPED, WhyState.HEALTHY)
_FINE = frozenset({HealthState.HEALTHY, HealthState.STOPPED})
_WELL = frozenset({Why.READY, Why.STOPPED, Why.CRON_SUSPENDED})


def explain_health(
    app: str,
    health: model.ComponentHealth,
    language: Language = Language.EN,
    gone: Away | None = None,
    cluster: str = "",
) -> Explanation:
    """Of one component. With `gone` its `cluster` cannot be looked at, and this is how it was."""
    parts = [_named(one, app) for one in health.told] or [_written(app, health)]
    main = headline(parts) or parts[0]
    key = main.key if isinstance(main.key, Why) else Why.OTHER
    beside = [sentence(one, language) for one in parts if one is not main]
    beside += [words for one in parts if one is not main and (words := step(one, language))]
    if gone is not None and health.state not in (HealthState.STOPPED, HealthState.UNKNOWN):
        main, beside, key = told_of_away(gone, cluster), [sentence(main, language), *beside], Why.CLUSTER_UNREACHABLE
        key = main.key if isinstance(main.key, Why) else key
    unseen = gone is not None and health.state is not HealthState.STOPPED
    state = HealthState.UNKNOWN if unseen else health.state
    return Explanation(
        app=app,
        component=health.component,
        well=state in _FINE and key in _WELL,
        state=WhyState(state),
        why=key,
        family=WORDS[key].family,
        reason=health.reason if not unseen else WORDS[key].reason,
        sentence=sentence(main, language),
        beside=tuple(beside),
        step=step(main, language),
        patch=patch(main),
        evidence=health.evidence[-LINES:],
        nodes=tuple(_line(row, language) for row in health.nodes),
    )


def _line(row: model.NodeRow, language: Language) -> NodeLine:
    between = "; " if language is Language.EN else "；"
    why = between.join(sentence(bar, language) for bar in row.why)
    return NodeLine(row.node, row.model, row.devices, row.cpu, row.memory, row.pods, why)


def _named(one: Told, app: str) -> Told:
    """With the App's own name: what was seen without its label says `APP`."""
    return replace(one, params=tuple((name, app if name == "app" else value) for name, value in one.params))


def _written(app: str, health: model.ComponentHealth) -> Told:
    """What an older version of MCD wrote down is a sentence only."""
    if health.state is HealthState.HEALTHY:
        return told(Why.READY, what=text(health.message))
    if health.state is HealthState.STOPPED:
        return told(Why.STOPPED, what=text(health.message))
    if health.reason in CONDITIONS:
        return explain_condition(app, health.reason, health.message).told
    return told(Why.OTHER, reason=health.reason.value, said=within(health.message))


def _live(facts: Facts, language: Language) -> list[Explanation]:
    if facts.live is None:
        return []
    of = facts.live.rollout
    items = [explain_health(facts.app, health, language, facts.gone, facts.cluster) for health in facts.live.health]
    if facts.gone is not None and not items:
        items = [_item(facts, told_of_away(facts.gone, facts.cluster), language, WhyState.UNKNOWN)]
    elif facts.gone is None:
        items += _condition(facts, of.state, {h.reason for h in facts.live.health}, language)
    items = [_of(item, of.release, of.number, of.state, live=True) for item in items]
    gone = facts.gone
    if gone is None:
        return items
    return [replace(item, since=gone.since) if item.state is WhyState.UNKNOWN else item for item in items]


def _release(facts: Facts, language: Language) -> list[Explanation]:
    """The newest Release, when it cannot be deployed at all."""
    newest = facts.newest
    if newest is None or (facts.live is not None and facts.live.rollout.release == newest.number):
        return []
    items = _condition(facts, newest.state, set(), language)
    if facts.build:
        items = [replace(i, evidence=facts.build[-LINES:]) if i.why is Why.BUILD_FAILED else i for i in items]
    items = [_of(item, newest.number, None, newest.state, live=facts.live is None) for item in items]
    return _of_another(items, newest.number, facts, language)


def _aside(facts: Facts, language: Language) -> list[Explanation]:
    """The newest Release was tried and does not run: what failed of it, and that what ran before runs again."""
    if facts.aside is None:
        return []
    of = facts.aside.rollout
    failed = [h for h in facts.aside.health if h.state is HealthState.FAILED]
    items = [explain_health(facts.app, health, language) for health in failed]
    items += _condition(facts, of.state, {h.reason for h in failed}, language)
    items = [_of(item, of.release, of.number, of.state, live=False) for item in items]
    return _of_another(items, of.release, facts, language)


def _of_another(items: list[Explanation], release: int, facts: Facts, language: Language) -> list[Explanation]:
    """Said plainly: who reads of a death must not take it for one of what runs."""
    if facts.live is None:
        return items
    runs = facts.live.rollout.release

    def whose(item: Explanation) -> str:
        going = item.state is WhyState.PROGRESSING
        note = Note.OF_ANOTHER_YET if going else Note.OF_ANOTHER
        return sentence(told(note, release=release, runs=runs), language)

    return [replace(item, whose=whose(item)) for item in items]


def _condition(
    facts: Facts, state: model.Reconciled, of_components: set[Reason], language: Language
) -> list[Explanation]:
    """What the Rollout or Release itself is stalled with, where no component tells it."""
    stalled = state.condition(ConditionType.STALLED)
    ready, going = state.condition(ConditionType.READY), state.condition(ConditionType.RECONCILING)
    if stalled is not None and state.is_now(ConditionType.STALLED):
        if stalled.reason in of_components:
            return []
        cause = explain_condition(facts.app, stalled.reason, stalled.message, facts.namespace)
        item = _item(facts, cause.told, language, WhyState.FAILED, cause.evidence)
        word = WhyState.HELD if stalled.reason in HELD_REASONS else item.state
        return [replace(item, reason=stalled.reason, state=word)]
    waits = going if going is not None and going.status else None
    if waits is None or (ready is not None and ready.status) or waits.reason in of_components:
        return []
    if waits.reason in (Reason.PROGRESSING, Reason.APPLYING) or waits.reason in _OF_PODS:
        return []
    one = told(Why.WAITS, said=within(waits.message) or waits.reason.value)
    if waits.reason in CONDITIONS:
        one = explain_condition(facts.app, waits.reason, waits.message, facts.namespace).told
    return [replace(_item(facts, one, language, WhyState.PROGRESSING), reason=waits.reason)]


_OF_PODS = frozenset({
    Reason.CRASH_LOOPING, Reason.OOM_KILLED, Reason.IMAGE_PULL, Reason.CONFIG_MISSING, Reason.PROBE_FAILING,
    Reason.UNSCHEDULABLE, Reason.VOLUME_PENDING,
})  # fmt: skip


def told_of_away(gone: Away, cluster: str) -> Told:
    """That the cluster of this name does not answer, or does not let MCD in."""
    return explain_away(cluster, gone.since.isoformat(), gone.message, refused=gone.reason in REFUSES).told


def _item(facts: Facts, one: Told, language: Language, state: WhyState, evidence: Sequence[str] = ()) -> Explanation:
    key = one.key if isinstance(one.key, Why) else Why.OTHER
    return Explanation(
        app=facts.app,
        component="",
        well=False,
        state=state,
        why=key,
        family=WORDS[key].family,
        reason=WORDS[key].reason,
        sentence=sentence(one, language),
        step=step(one, language),
        patch=patch(one),
        evidence=tuple(evidence)[-LINES:],
    )


def _of(item: Explanation, release: int, rollout: int | None, state: model.Reconciled, *, live: bool) -> Explanation:
    since = model.since_when(state, model.state_word(state))
    return replace(item, release=release, rollout=rollout, live=live, since=None if item.well else since)
