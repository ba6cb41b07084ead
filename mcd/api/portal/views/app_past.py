"""One Rollout and one Release of an App: what became of it, what it said, what was written for it. Pure."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from mcd import model
from mcd.api.portal.views.app import HEALTH, Said, Top, conditions_of
from mcd.api.portal.views.plain import plain
from mcd.api.portal.views.states import Sign, sign
from mcd.api.portal.words import n_
from mcd.errors import Problem
from mcd.model import Action
from mcd.model.fates import Became
from mcd.model.named import TRIGGERS
from mcd.model.why import say

DID = {
    Action.CREATED: Sign(n_("created"), "plus", "good"),
    Action.CONFIGURED: Sign(n_("changed"), "adjustments", "busy"),
    Action.DELETED: Sign(n_("deleted"), "trash", "bad"),
    Action.HELD: Sign(n_("held"), "hand-stop", "wait"),
    Action.UNCHANGED: Sign(n_("left as it was"), "check", "quiet"),
}


@dataclass(frozen=True, slots=True)
class Was:
    """How a component was when it was seen last."""

    component: str
    sign: Sign
    message: str
    evidence: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Did:
    name: str
    sign: Sign
    detail: str


@dataclass(frozen=True, slots=True)
class RolloutPage:
    top: Top
    number: int
    release: int
    settings: int
    trigger: str
    by: str
    at: datetime
    ready_at: datetime | None
    live: bool
    sign: Sign
    conditions: tuple[Said, ...]
    components: tuple[Was, ...]
    changes: tuple[Did, ...]
    unchanged: int


def rollout_page(
    top: Top, rollout: model.Rollout, health: Sequence[model.ComponentHealth], changes: Sequence[model.Change]
) -> RolloutPage:
    done = [c for c in changes if c.action is not Action.UNCHANGED]
    return RolloutPage(
        top,
        rollout.number,
        rollout.release,
        rollout.settings,
        say(TRIGGERS[rollout.trigger]),
        rollout.created_by,
        rollout.created_at,
        rollout.ready_at,
        rollout.live,
        sign(model.state_word(rollout.state).value),
        conditions_of(rollout.state),
        tuple(
            Was(h.component, HEALTH.get(h.state) or sign(h.state.value), h.message, tuple(plain(e) for e in h.evidence))
            for h in health
        ),
        tuple(Did(f"{c.ref.kind}/{c.ref.name}", DID[c.action], c.detail) for c in done),
        len(changes) - len(done),
    )


@dataclass(frozen=True, slots=True)
class ReleasePage:
    top: Top
    number: int
    commit: str
    title: str
    author: str
    branch: str
    at: datetime
    sign: Sign
    conditions: tuple[Said, ...]
    images: tuple[tuple[str, str], ...]
    app_yaml: str
    problems: tuple[str, ...]
    log: tuple[str, ...]
    """The last lines of the builder."""
    failed: bool


def release_page(
    top: Top, release: model.Release, told: Became, problems: Sequence[Problem], log: Sequence[str]
) -> ReleasePage:
    return ReleasePage(
        top,
        release.number,
        release.commit,
        release.title,
        release.author,
        release.branch or release.tag,
        release.created_at,
        sign(told.fate.value),
        conditions_of(release.state),
        tuple(sorted(release.images.items())),
        release.app_yaml,
        tuple(map(str, problems)),
        tuple(log),
        release.state.is_now(model.ConditionType.STALLED),
    )
