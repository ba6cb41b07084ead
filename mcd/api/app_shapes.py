"""What the API answers about an App and what runs of it: App, Release, Settings, Rollout, pods, status.

The same contract as `shapes.py`, in a file of its own for its size. They hold no rule and never a secret's value.
"""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from pydantic import Field

from mcd import model
from mcd.api.away import Away, Known, health_known, known
from mcd.api.shapes import Problem, Shape, State
from mcd.model import AppState, Reason, StateWord
from mcd.model.fates import Became, Fate
from mcd.objects import Ref


class LastSeen(Shape):
    """What was seen of a live Rollout while its cluster could be looked at. All null while it can be; only the first is
    not while a look that failed is tried again."""

    last_state: StateWord | None = None
    """What it was then; null unless `state` is `unknown`."""
    last_seen_at: datetime | None = None
    """When the cluster answered last."""
    away_since: datetime | None = None
    """Since when it does not."""


class RolloutBrief(LastSeen):
    """The live Rollout of an App as a list shows it."""

    id: str
    number: int
    release: int
    commit: str
    state: StateWord
    reason: model.Reason
    message: str
    since: datetime | None
    """Since when `state` holds."""
    created_at: datetime


class App(Shape):
    name: str
    product_line: str
    cluster: str
    """Where its product line is."""
    state: AppState
    """That of its live Rollout; `held` when MCD keeps its hands off until a person decides."""
    repository: str
    """`mcd:<app>` for a repository that MCD itself holds."""
    path: str
    branch: str
    created_at: datetime
    deleting: bool
    git_url: str | None
    """Where to push; null when the repository is elsewhere."""
    live: RolloutBrief | None
    called_by: tuple[str, ...] = ()
    """Apps that call it and that you may see. Told of one App, not in a list."""
    called_by_others: int = 0
    """How many more there are."""


class Release(State):
    app: str
    number: int
    commit: str
    branch: str
    tag: str
    author: str
    title: str
    images: dict[str, str]
    """Component → image, pinned by digest."""
    deploys: bool
    """False: it waits for somebody to deploy it."""
    ignored: str
    """Why the push that made it does not deploy it; empty otherwise. Deploying it ends that."""
    created_at: datetime
    created_by: str

    @classmethod
    def shown(cls, release: model.Release) -> Release:
        return cls(**_release(release))


class ReleaseListed(Release):
    fate: Fate
    """How far it came: what was built is not yet what ran."""
    fate_reason: Reason | None
    """Why it failed; null for one that did not."""
    fate_message: str
    """The same in words."""

    @classmethod
    def of_fate(cls, release: model.Release, became: Became) -> ReleaseListed:
        told = {"fate": became.fate, "fate_reason": became.reason, "fate_message": became.message}
        return cls(**_release(release), **told)


class ReleaseWhole(Release):
    app_yaml: str
    """As it was read at the commit; empty until then."""

    @classmethod
    def shown(cls, release: model.Release) -> ReleaseWhole:
        return cls(**_release(release), app_yaml=release.app_yaml)


def _release(release: model.Release) -> dict[str, Any]:
    names = ("app", "number", "commit", "branch", "tag", "author", "title", "deploys", "ignored", "created_at",
             "created_by")  # fmt: skip
    shown = {name: getattr(release, name) for name in names}
    return {**dict(State.of(release.state)), **shown, "images": dict(release.images)}


class Settings(Shape):
    app: str
    revision: int
    values: dict[str, Any]
    """components.X.replicas, env and configs as people wrote them, secrets (names and versions, never values)."""
    created_at: datetime
    created_by: str

    @classmethod
    def of(cls, settings: model.Settings) -> Settings:
        return cls(
            app=settings.app,
            revision=settings.revision,
            values=dict(settings.values),
            created_at=settings.created_at,
            created_by=settings.created_by,
        )


class ComponentHealth(Shape):
    component: str
    state: model.HealthState
    reason: model.Reason
    message: str
    ready: int
    """Pods of the wished version that are ready; of an `unknown` one, when it was seen last."""
    old: int
    """Ready pods of older versions, which go on until the new ones are ready; `ready` does not count them."""
    desired: int
    evidence: list[str]
    """Lines of a log or of the cluster's own messages."""

    @classmethod
    def of(cls, health: model.ComponentHealth, gone: Away | None = None) -> ComponentHealth:
        state, reason, message = health_known(health, gone)
        return cls(
            component=health.component,
            state=state,
            reason=reason,
            message=message,
            ready=health.ready,
            old=health.old,
            desired=health.desired,
            evidence=list(health.evidence),
        )


class ObjectRef(Shape):
    api_version: str
    kind: str
    namespace: str
    name: str

    @classmethod
    def of(cls, ref: Ref) -> ObjectRef:
        return cls(api_version=ref.api_version, kind=ref.kind, namespace=ref.namespace, name=ref.name)


class Change(Shape):
    """What was done, or would be done, to one object."""

    object: ObjectRef
    action: model.Action
    detail: str = ""
    healed_from: str = ""
    """The other field manager, when a change by hand was taken back."""
    diff: str = ""
    """Lines of a unified diff, values of Secrets masked. Only in a dry run."""


class InventoryEntry(Shape):
    """One object that belongs to the App."""

    object: ObjectRef
    uid: str
    """Empty: it was decided to create it and no answer came yet."""


class Rollout(State, LastSeen):
    id: str
    app: str
    number: int
    release: int
    settings: int
    trigger: str
    take_over: bool
    restarts: dict[str, datetime]
    confirmed_prune: str
    commits: dict[str, str]
    live: bool
    created_at: datetime
    created_by: str
    ready_at: datetime | None
    """When it was Ready first; null: it never was."""

    @classmethod
    def shown(cls, rollout: model.Rollout, gone: Away | None = None) -> Rollout:
        return cls(**rollout_fields(rollout, gone))


class RolloutMade(Rollout):
    """The answer to a wish."""

    deletes: list[ObjectRef]
    """What a rollback deletes because the older Release does not have it, without another question. Never what holds
    data."""

    @classmethod
    def made(cls, rollout: model.Rollout, gone: Away | None, deletes: Iterable[Ref]) -> RolloutMade:
        return cls(**rollout_fields(rollout, gone), deletes=[ObjectRef.of(ref) for ref in deletes])


def rollout_fields(rollout: model.Rollout, gone: Away | None = None) -> dict[str, Any]:
    """`gone`: the cluster of a live Rollout cannot be looked at."""
    names = (
        "id", "app", "number", "release", "settings", "trigger", "take_over", "confirmed_prune", "live", "created_at",
        "created_by", "ready_at",
    )  # fmt: skip
    shown = {name: getattr(rollout, name) for name in names}
    return {
        **_state(rollout.state, gone),
        **shown,
        "restarts": dict(rollout.restarts),
        "commits": dict(rollout.commits),
    }


def _state(state: model.Reconciled, gone: Away | None) -> dict[str, Any]:
    """The state as it may be told, its conditions with it: Ready becomes Unknown, as Kubernetes does for a node."""
    fields = dict(State.of(state))
    told = known(state, gone)
    fields["since"] = told.since
    if gone is not None and told.before is not None:
        unseen = {"status": "Unknown", "reason": told.reason, "message": told.message}
        fields["conditions"] = [
            c.model_copy(update=unseen) if c.type is model.ConditionType.READY else c for c in fields["conditions"]
        ]
    return {**fields, "state": told.state, "reason": told.reason, "message": told.message, **last_seen(told, gone)}


def last_seen(told: Known, gone: Away | None) -> dict[str, Any]:
    """The fields of LastSeen."""
    if gone is None:
        return {"last_state": told.before}
    return {"last_state": told.before, "last_seen_at": gone.seen_at, "away_since": gone.since}


class RolloutWhole(Rollout):
    """A Rollout with what was seen of it."""

    components: list[ComponentHealth]
    changes: list[Change]
    """What its passes wrote or left alone, the newest action of each object."""
    inventory: list[InventoryEntry]


class DryRun(Shape):
    """What the wish would do. Nothing was written."""

    release: int
    settings: int
    """Revision that it was computed with; a change of settings is computed as the next revision."""
    changes: list[Change]
    unchanged: int
    writes: int
    """Number of objects that would be created, configured or deleted."""
    reason: model.Reason | None = None
    """Not null: nothing is written before what `message` says is mended or has come."""
    message: str = ""
    to_build: list[str] = Field(default_factory=list)
    """Components whose image is not there yet: it is built first, and their diff shows the tag that it will get."""
    confirm_prune: str = ""
    """Not empty: the deletes need this digest as `confirmed_prune`."""
    replaces: list[str] = Field(default_factory=list)
    """Components whose pods that run are replaced, one after the other: what pods are made from changes."""
    settings_changes: list[str] = Field(default_factory=list)
    """How the Settings that it would run with differ from those that run now, one line for each value."""
    warnings: list[Problem] = Field(default_factory=list)


class Container(Shape):
    name: str
    ready: bool
    restarts: int
    state: str
    """waiting, running or terminated."""
    reason: str
    image: str


class Pod(Shape):
    name: str
    component: str
    phase: str
    ready: bool
    restarts: int
    node: str
    commit: str
    created_at: datetime | None
    containers: list[Container]
    message: str


class ComponentStatus(ComponentHealth):
    type: str
    replicas: int | None
    """As app.yaml and Settings ask for; null for cron and job."""
    urls: list[str]


class NotLive(Shape):
    """The newest Release, which is not what runs, and why."""

    release: int
    commit: str
    rollout: int | None
    """Number of its newest Rollout; null when it had none."""
    state: StateWord
    reason: model.Reason
    message: str
    evidence: list[str]
    """Lines of a log or of the cluster's own messages, of what failed."""


class Status(Shape):
    """All that a person asks first about an App, in one answer."""

    app: App
    rollout: Rollout | None
    release: ReleaseWhole | None
    """The newest Release: the one that is deployed, or the one on its way."""
    not_live: NotLive | None
    """What became of the newest Release when it is not what runs: it failed, was put back, or is on its way."""
    newest_settings: int
    """The newest revision. Newer than that of the Rollout: it is saved, and does not run yet."""
    components: list[ComponentStatus]
    problems: list[Problem]
    next_step: str
    """What the person can do now; empty when there is nothing to do."""


class ExecTicket(Shape):
    """Good once, for 30 seconds, for the person that asked for it."""

    ticket: str
    url: str
    """WebSocket address, the ticket in it."""
    pod: str
    container: str
    expires_at: datetime
