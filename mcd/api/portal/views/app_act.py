"""What is about to be done to an App: the form, the exact preview, and the digest that binds a confirmation to it.

Pure. The preview is that of the dry run; it must not leave anything of it out, nor add to it.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from mcd import model
from mcd.api.app_shapes import DryRun
from mcd.api.portal.views.app import Top
from mcd.api.portal.views.states import Sign, sign
from mcd.api.portal.words import n_
from mcd.model import Action, ConditionType, Rollout
from mcd.model.fates import Became
from mcd.model.named import TRIGGERS
from mcd.model.way_back import Past, WentBack
from mcd.model.why import say
from mcd.objects import KEPT, to_yaml

ACTIONS: Mapping[Action, Sign] = {
    Action.CREATED: Sign(n_("would be created"), "plus", "good"),
    Action.CONFIGURED: Sign(n_("would be changed"), "adjustments", "busy"),
    Action.DELETED: Sign(n_("would be deleted"), "trash", "bad"),
    Action.HELD: Sign(n_("is held"), "hand-stop", "wait"),
    Action.UNCHANGED: Sign(n_("stays as it is"), "check", "quiet"),
}


@dataclass(frozen=True, slots=True)
class Step:
    """What is done to one object."""

    name: str
    namespace: str
    sign: Sign
    detail: str = ""
    diff: str = ""


@dataclass(frozen=True, slots=True)
class Plan:
    """Everything that a confirmation is about. `live` is the number of the live Rollout, 0 when there is none."""

    live: int
    steps: tuple[Step, ...] = ()
    unchanged: int = 0
    stop: str = ""
    """Nothing is written before this is mended or has come."""
    to_build: tuple[str, ...] = ()
    replaces: tuple[str, ...] = ()
    """Components whose pods that run are replaced."""
    warnings: tuple[str, ...] = ()
    settings: str = ""
    """How the Settings change, as a unified diff."""
    confirm_prune: str = ""
    stored_only: bool = False
    """Nothing of the App runs: the wish is only kept."""
    release: int = 0
    revision: int = 0

    @property
    def deletes(self) -> bool:
        return any(step.sign is ACTIONS[Action.DELETED] for step in self.steps)


def plan_of(found: DryRun, live: int, settings: str, stamps: Sequence[str]) -> Plan:
    """`stamps` are the moments at which it was worked out: each preview has another, so they are left out of it."""
    return Plan(
        live=live,
        steps=tuple(
            Step(f"{c.object.kind}/{c.object.name}", c.object.namespace, ACTIONS[c.action], c.detail,
                 without(c.diff, stamps))
            for c in found.changes
        ),
        unchanged=found.unchanged,
        stop=found.message if found.reason is not None else "",
        to_build=tuple(found.to_build),
        replaces=tuple(found.replaces),
        warnings=tuple(map(str, found.warnings)),
        settings=settings,
        confirm_prune=found.confirm_prune,
        release=found.release,
        revision=found.settings,
    )  # fmt: skip


def without(text: str, stamps: Sequence[str]) -> str:
    for stamp in stamps:
        text = text.replace(stamp, "…")
    return text


def digest_of(act: str, fields: Sequence[tuple[str, str]], plan: Plan) -> str:
    """Of the wish and of all that it would do now. A confirmation that carries another one is of another preview."""
    steps = [(s.name, s.namespace, s.sign.word, s.detail, s.diff) for s in plan.steps]
    whole = (act, list(fields), plan.live, steps, plan.stop, plan.to_build, plan.settings, plan.confirm_prune,
             plan.release, plan.revision)  # fmt: skip
    return hashlib.sha256(json.dumps(whole).encode()).hexdigest()


def settings_diff(before: Mapping[str, Any], after: Mapping[str, Any]) -> str:
    """Empty when they are the same. Secrets are in Settings by name, keys and version only."""
    return unified(yaml_of(before), yaml_of(after))


def yaml_of(values: Mapping[str, Any]) -> str:
    return to_yaml([values]).removeprefix("---\n") if values else ""


def unified(before: str, after: str, context: int = 3) -> str:
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), n=context, lineterm="")
    return "\n".join(list(lines)[2:])


# --- pages -----------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Faster:
    """What took place since the preview that was confirmed."""

    number: int
    by: str
    trigger: str
    release: int
    at: datetime


def faster_of(live: Rollout | None) -> Faster | None:
    if live is None:
        return None
    return Faster(live.number, live.created_by, say(TRIGGERS[live.trigger]), live.release, live.created_at)


@dataclass(frozen=True, slots=True)
class Preview:
    top: Top
    title: str
    values: Mapping[str, object]
    action: str
    """Where the confirmation goes."""
    label: str
    plan: Plan
    digest: str
    fields: tuple[tuple[str, str], ...]
    back: str
    danger: bool = False
    typed: str = ""
    """What must be typed to confirm."""
    wrong: bool = False
    """It was typed wrongly."""
    changed: bool = False
    """What was confirmed is not what would happen any more."""
    faster: Faster | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Choice:
    """One thing that can be chosen: a Release, a Rollout, a component."""

    value: str
    title: str
    detail: str = ""
    at: datetime | None = None
    by: str = ""
    why_not: str = ""
    """Why it cannot be chosen."""
    current: bool = False
    sign: Sign | None = None
    failed: str = ""
    """Why it failed when it was rolled out: it can be chosen, and never is by itself."""
    release: int = 0
    """Of a Rollout: what it ran."""


@dataclass(frozen=True, slots=True)
class ActForm:
    top: Top
    act: str
    title: str
    choices: tuple[Choice, ...] = ()
    chosen: str = ""
    more: str = ""
    """Address of the next choices."""
    amounts: Mapping[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    went_back: WentBack | None = None
    """MCD went back by itself, so nothing is chosen for the person."""


def release_choices(
    found: Sequence[model.Release], live: Rollout | None, fates: Mapping[int, Became]
) -> tuple[Choice, ...]:
    def why_not(release: model.Release) -> str:
        failed = release.state.is_now(ConditionType.STALLED)
        return n_("It failed; push again, or deploy its commit to try it again.") if failed else ""

    return tuple(
        Choice(
            str(r.number), f"{r.commit[:12]} {r.title}".strip(), r.branch or r.tag, r.created_at,
            r.author or r.created_by, why_not(r), live is not None and live.release == r.number,
            sign(fates[r.number].fate.value), "" if why_not(r) else fates[r.number].message,
        )
        for r in found
    )  # fmt: skip


def chosen_of(choices: Sequence[Choice]) -> str:
    """What a form proposes: the newest that did not fail; empty when all did."""
    return next((c.value for c in choices if not c.why_not and not c.failed), "")


def rollout_choices(found: Sequence[Rollout], titles: Mapping[int, str]) -> tuple[Choice, ...]:
    """Those that ran before. One that never was ready can be gone back to, and says so."""
    return tuple(
        Choice(
            str(r.number), titles.get(r.release, ""), n_("It was never ready.") if r.ready_at is None else "",
            r.created_at, r.created_by, "", r.live, sign(model.state_word(r.state).value), release=r.release,
        )
        for r in found
        if not r.live
    )  # fmt: skip


def past_of(found: Sequence[Rollout]) -> list[Past]:
    return [Past(r.number, r.release, r.settings, r.trigger, r.live, r.ready_at is not None) for r in found]


def deletion(inventory: Sequence[model.InventoryEntry], live: int, generation: int) -> Plan:
    """What goes with an App, and what stays because it holds data."""
    steps = []
    for entry in inventory:
        kept = entry.ref.kind in KEPT
        told = Sign(n_("stays: it holds data"), "database", "wait") if kept else ACTIONS[Action.DELETED]
        steps.append(Step(f"{entry.ref.kind}/{entry.ref.name}", entry.ref.namespace, told))
    return Plan(
        live=live, steps=tuple(sorted(steps, key=lambda s: (s.sign.tone != "wait", s.name))), revision=generation
    )
