"""One App: what stands on top of each of its pages, and the overview with components, conditions and what waits.

Pure: made from what the store answered and from pods as they were seen last. It must not judge states; `mcd.model` and
`mcd.api.why` do.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

from mcd import model
from mcd.api.app_shapes import Pod
from mcd.api.away import Away, health_known
from mcd.api.parts import Part
from mcd.api.portal.views.states import Sign, sign
from mcd.api.portal.words import n_
from mcd.api.why import Explanation, Whole
from mcd.errors import Problem
from mcd.kube.explain.platform import as_saying
from mcd.model import Actor, AppState, ConditionType, HealthState, Reason, Verb
from mcd.model.named import TRIGGERS
from mcd.model.why import say
from mcd.store.authorize import may

MOST_PODS = 100
"""Rows of pods on the overview; the page of pods has all."""


@dataclass(frozen=True, slots=True)
class Tab:
    title: str
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class Top:
    """The head of every page of an App."""

    name: str
    line: str
    cluster: str
    sign: Sign
    tabs: tuple[Tab, ...]
    deploys: bool
    """The person may deploy, scale, restart and roll back."""
    enters: bool
    """May read logs and open a shell."""
    sets: bool
    """May change settings and delete."""
    deleting: bool = False
    live: int | None = None
    """Number of the live Rollout."""
    release: int | None = None

    @property
    def url(self) -> str:
        return f"/apps/{self.name}"

    @property
    def goes_back(self) -> bool:
        """The person may roll back, and something ran before."""
        return self.deploys and self.live is not None and self.live > 1


_TABS: Sequence[tuple[str, str, Verb]] = (
    ("", n_("Overview"), Verb.READ),
    ("/timeline", n_("Timeline"), Verb.READ),
    ("/objects", n_("Objects"), Verb.READ),
    ("/logs", n_("Logs"), Verb.SHELL),
    ("/shell", n_("Shell"), Verb.SHELL),
    ("/settings", n_("Settings"), Verb.READ),
)


def top_of(actor: Actor, app: model.App, live: model.Rollout | None, where: tuple[str, AppState], tab: str = "") -> Top:
    """`where`: its cluster, and what it is there. `tab`: the end of the address that is open, such as `/logs`; any
    other word marks none."""
    (cluster, state), line = where, app.product_line
    tabs = tuple(
        Tab(title, f"/apps/{app.name}{end}", end == tab) for end, title, verb in _TABS if may(actor, verb, line)
    )
    going = app.deleted_at is not None
    return Top(
        name=app.name,
        line=line,
        cluster=cluster,
        sign=sign("deleting" if going and state is not AppState.STALLED else state.value),
        tabs=tabs,
        deploys=may(actor, Verb.DEPLOY, line) and not going,
        enters=may(actor, Verb.SHELL, line),
        sets=may(actor, Verb.SET, line) and not going,
        deleting=going,
        live=live.number if live is not None else None,
        release=live.release if live is not None else None,
    )


# --- the overview ----------------------------------------------------------------------------------------------------

HEALTH: Mapping[HealthState, Sign] = {
    HealthState.HEALTHY: Sign(n_("healthy"), "circle-check", "good"),
    HealthState.PROGRESSING: Sign(n_("progressing"), "refresh", "busy"),
    HealthState.FAILED: Sign(n_("failed"), "circle-x", "bad"),
    HealthState.STOPPED: Sign(n_("stopped"), "player-stop", "quiet"),
    HealthState.UNKNOWN: Sign(n_("unknown"), "plug-connected-x", "wait"),
}

CONDITIONS: Mapping[tuple[ConditionType, bool], str] = {
    (ConditionType.READY, True): n_("It is ready."),
    (ConditionType.READY, False): n_("It is not ready."),
    (ConditionType.RECONCILING, True): n_("MCD is working on it."),
    (ConditionType.RECONCILING, False): n_("MCD has nothing left to do."),
    (ConditionType.STALLED, True): n_("It stands still and needs a person."),
    (ConditionType.STALLED, False): n_("Nothing stands still."),
}


@dataclass(frozen=True, slots=True)
class Component:
    name: str
    type: str
    sign: Sign
    message: str
    ready: int
    old: int
    wanted: int | None
    """Pods that app.yaml and Settings ask for; None for what does not run all the time."""
    urls: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Said:
    """A condition in words."""

    sentence: str
    reason: str
    message: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Wait:
    """Something that waits for a person. `values` are put into the sentence once it is translated."""

    sentence: str
    values: Mapping[str, object]
    url: str
    label: str
    detail: str = ""


@dataclass(frozen=True, slots=True)
class PodRow:
    name: str
    component: str
    sign: Sign
    restarts: int
    node: str
    message: str
    containers: tuple[tuple[str, str, str], ...]
    """Name, state, reason."""
    simulated: bool = False
    """Its node only plays one: nothing runs in it."""


@dataclass(frozen=True, slots=True)
class Pods:
    """`at`: when they were seen, of what may be older than now. `trouble`: why there is nothing newer."""

    rows: tuple[PodRow, ...] = ()
    at: datetime | None = None
    trouble: str = ""
    more: int = 0
    known: bool = True
    """False: nobody has looked yet."""


@dataclass(frozen=True, slots=True)
class Running:
    """What is live, in a line."""

    number: int
    release: int
    settings: int
    commit: str
    title: str
    author: str
    trigger: str
    by: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Overview:
    top: Top
    whole: Whole
    components: tuple[Component, ...]
    conditions: tuple[Said, ...]
    waits: tuple[Wait, ...]
    problems: tuple[str, ...]
    pods: Pods
    running: Running | None
    repository: str
    branch: str
    git_url: str
    path: str
    idle: str = ""
    """Why nobody works on it, empty while a controller is alive."""
    seen: int = 0

    @property
    def why(self) -> tuple[Explanation, ...]:
        """What is not well of what runs; when all of that is, what is to be said of it. What a Release that does not
        run failed of comes behind."""
        running = tuple(item for item in self.whole.items if item.live)
        wrong = tuple(item for item in running if not item.well)
        return (*(wrong or running[:1]), *(item for item in self.whole.items if not item.live))

    @property
    def well(self) -> bool:
        """What runs is as it was asked for, whatever became of a Release that does not."""
        running = [item.well for item in self.whole.items if item.live]
        return all(running) if running else self.whole.well


def component_of(part: Part, health: model.ComponentHealth | None, gone: Away | None, said: str) -> Component:
    """`said`: the same in the reader's language, where there is one."""
    wanted = part.replicas if part.long else None
    if health is None:
        return Component(part.name, part.type, HEALTH[HealthState.PROGRESSING], said, 0, 0, wanted, part.urls)
    state, _, message = health_known(health, gone)
    shown = HEALTH.get(state) or sign(state.value)
    return Component(part.name, part.type, shown, said or message, health.ready, health.old, wanted, part.urls)


def conditions_of(state: model.Reconciled) -> tuple[Said, ...]:
    """Those that hold first. What one says already, the next ones leave out."""
    found = sorted(state.conditions, key=lambda c: not c.status)
    first = {(c.reason, c.message): c for c in reversed(found)}
    return tuple(
        Said(
            CONDITIONS[(c.type, c.status)], c.reason.value,
            as_saying(c.reason, c.message) if first[c.reason, c.message] is c else "", c.last_transition,
        )
        for c in found
    )  # fmt: skip


def pods_of(
    pods: Sequence[Pod], at: datetime | None, trouble: str, simulated: Collection[str] = (), most: int = MOST_PODS
) -> Pods:
    """`simulated`: nodes in which nothing runs."""
    return Pods(tuple(_pod(pod, simulated) for pod in pods[:most]), at, trouble, max(0, len(pods) - most))


_PHASES: Mapping[str, Sign] = {
    "Running": Sign(n_("starting"), "refresh", "busy"),
    "Pending": Sign(n_("pending"), "clock", "wait"),
    "Succeeded": Sign(n_("done"), "check", "quiet"),
    "Failed": Sign(n_("failed"), "circle-x", "bad"),
    "Terminating": Sign(n_("ending"), "trash", "quiet"),
}
STATES_OF_CONTAINERS = (n_("running"), n_("waiting"), n_("terminated"))
"""As Kubernetes names them."""
_READY = Sign(n_("ready"), "circle-check", "good")
_BROKEN = Sign(n_("failing"), "circle-x", "bad")
_BAD = frozenset({"CrashLoopBackOff", "ImagePullBackOff", "ErrImagePull", "OOMKilled", "Error", "CreateContainerError",
                  "CreateContainerConfigError", "RunContainerError", "InvalidImageName"})  # fmt: skip


def _pod(pod: Pod, simulated: Collection[str]) -> PodRow:
    told = _PHASES.get(pod.phase) or sign(pod.phase)
    if pod.ready and pod.phase == "Running":
        told = _READY
    elif pod.phase in ("Running", "Pending") and any(c.reason in _BAD for c in pod.containers):
        told = _BROKEN
    containers = tuple((c.name, c.state, c.reason) for c in pod.containers)
    played = pod.node in simulated
    return PodRow(pod.name, pod.component, told, pod.restarts, pod.node, pod.message, containers, played)


def running_of(rollout: model.Rollout, release: model.Release) -> Running:
    return Running(
        rollout.number, rollout.release, rollout.settings, release.commit, release.title, release.author,
        say(TRIGGERS[rollout.trigger]), rollout.created_by, rollout.created_at,
    )  # fmt: skip


@dataclass(frozen=True, slots=True)
class Pending:
    """What the store knows of what is not live."""

    newest: model.Release | None = None
    settings: model.Settings | None = None
    problems: tuple[Problem, ...] = field(default=())


def waits_of(top: Top, live: model.Rollout | None, pending: Pending) -> tuple[Wait, ...]:
    """What a person may want to do next, the most urgent first."""
    found = []
    held = live.state.condition(ConditionType.STALLED) if live is not None else None
    if live is not None and held is not None and held.status and held.reason is Reason.PRUNE_NEEDS_CONFIRMATION:
        found.append(
            Wait(n_("Rollout %(number)s waits: what it deletes must be confirmed."), {"number": live.number},
                 f"{top.url}/confirm", n_("Read the list and confirm"), as_saying(held.reason, held.message))
        )  # fmt: skip
    newest = pending.newest
    if newest is not None and not newest.deploys and (live is None or newest.number > live.release):
        found.append(
            Wait(n_("Release %(number)s is ready and waits to be deployed."), {"number": newest.number},
                 f"{top.url}/deploy?release={newest.number}", n_("Preview and deploy"), newest.title)
        )  # fmt: skip
    settings = pending.settings
    if live is not None and settings is not None and settings.revision > live.settings:
        found.append(
            Wait(n_("Settings %(number)s are saved and do not run yet."), {"number": settings.revision},
                 f"{top.url}/deploy?release={live.release}", n_("Preview and deploy"))
        )  # fmt: skip
    return tuple(found)
