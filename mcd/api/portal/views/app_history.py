"""What became of an App over time, what lies between two points of it, and the exact objects that it has.

Pure. A point is a Rollout (a Release with Settings), a Release or a Settings revision. Values of secrets are not known
here: Settings hold names and versions, the compiler emits none.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime

from mcd import model
from mcd.api.portal.views.app import Top
from mcd.api.portal.views.app_act import unified, yaml_of
from mcd.api.portal.views.states import Sign, sign
from mcd.api.portal.words import n_
from mcd.errors import Code, McdError, echo
from mcd.model import Action, Change, EventKind, InventoryEntry
from mcd.model.fates import Became
from mcd.model.named import TRIGGERS
from mcd.model.why import Note, say
from mcd.objects import MASK, Object, Ref, in_apply_order, masked, ref_of, to_yaml

SHOWS: Mapping[str, str] = {
    "events": n_("Everything that happened"),
    "rollouts": n_("Rollouts"),
    "releases": n_("Releases"),
    "settings": n_("Settings"),
}
"""What the timeline can be narrowed to."""

KINDS: Mapping[EventKind, Sign] = {
    EventKind.CREATED: Sign(n_("created"), "plus", "quiet"),
    EventKind.CHANGED: Sign(n_("changed"), "adjustments", "quiet"),
    EventKind.DELETED: Sign(n_("deleted"), "trash", "wait"),
    EventKind.PUSHED: Sign(n_("pushed"), "git-commit", "busy"),
    EventKind.PUSH_REFUSED: Sign(n_("push refused"), "circle-x", "bad"),
    EventKind.BUILD_STARTED: Sign(n_("build started"), "package", "busy"),
    EventKind.BUILD_FINISHED: Sign(n_("build finished"), "package", "good"),
    EventKind.RELEASE_READY: Sign(n_("Release ready"), "circle-check", "good"),
    EventKind.RELEASE_FAILED: Sign(n_("Release failed"), "circle-x", "bad"),
    EventKind.ROLLOUT_REQUESTED: Sign(n_("Rollout asked for"), "rocket", "busy"),
    EventKind.ROLLOUT_SUPERSEDED: Sign(n_("superseded"), "rotate-2", "quiet"),
    EventKind.APPLIED: Sign(n_("written"), "check", "quiet"),
    EventKind.PROGRESS: Sign(n_("progress"), "refresh", "quiet"),
    EventKind.READY: Sign(n_("ready"), "circle-check", "good"),
    EventKind.STALLED: Sign(n_("stalled"), "circle-x", "bad"),
    EventKind.HEALED: Sign(n_("put back"), "rotate", "wait"),
    EventKind.HELD: Sign(n_("held"), "hand-stop", "wait"),
    EventKind.EXEC: Sign(n_("shell"), "terminal-2", "wait"),
    EventKind.SECRET_SET: Sign(n_("secret set"), "key", "quiet"),
    EventKind.WARNING: Sign(n_("warning"), "alert-triangle", "wait"),
}

_TITLE = 70
"""Characters of a commit in a list to choose from."""

_POINT = re.compile(r"(rollout|release|settings):(0|[1-9][0-9]{0,8})")


@dataclass(frozen=True, slots=True)
class Point:
    """One moment of an App that can be compared with another one."""

    kind: str
    number: int

    def __str__(self) -> str:
        return f"{self.kind}:{self.number}"


def point(text: str) -> Point | None:
    """None for an empty text. Raises McdError(invalid)."""
    if not text:
        return None
    found = _POINT.fullmatch(text)
    if found is None:
        raise McdError(
            Code.INVALID, f'"{echo(text)}" is not a point of the timeline.', "Write rollout:4, release:7 or settings:2."
        )
    return Point(found[1], int(found[2]))


@dataclass(frozen=True, slots=True)
class Row:
    """One line of the timeline."""

    at: datetime
    sign: Sign
    title: str
    """Of MCD, which knows what it says, or of people."""
    by: str
    detail: str = ""
    point: str = ""
    before: str = ""
    """The point that it can be compared with at once."""

    @property
    def page(self) -> str:
        return page_of(self.point)


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    title: str


@dataclass(frozen=True, slots=True)
class Section:
    """One part of a comparison; without a text both sides are the same. `sign` is there for an object."""

    title: str
    text: str = ""
    sign: Sign | None = None
    plain: bool = False
    """The title is a name and not a word of ours."""


@dataclass(frozen=True, slots=True)
class Timeline:
    top: Top
    show: str
    rows: tuple[Row, ...]
    next_cursor: str | None
    first: bool
    options: tuple[Option, ...]
    before: str = ""
    after: str = ""
    sections: tuple[Section, ...] | None = None
    trouble: str = ""
    """Why the objects cannot be compared."""

    @property
    def url(self) -> str:
        return f"{self.top.url}/timeline?show={self.show}"

    @property
    def shows(self) -> Mapping[str, str]:
        return SHOWS


def event_row(event: model.Event) -> Row:
    told = KINDS.get(event.kind) or sign(event.kind.value)
    noun, _, number = event.name.rpartition("/")
    known = {"rollout": "rollout", "release": "release", "settings": "settings"}.get(event.noun.value, "")
    named = f"{known}:{number}" if known and noun and number.isdecimal() else ""
    return Row(event.at, told, event.message, event.actor, point=named if _POINT.fullmatch(named) else "")


def rollout_row(rollout: model.Rollout) -> Row:
    title = say(Note.POINT_ROLLOUT, number=rollout.number, release=rollout.release, settings=rollout.settings)
    return Row(
        rollout.created_at, sign(model.state_word(rollout.state).value), title, rollout.created_by,
        say(TRIGGERS[rollout.trigger]), f"rollout:{rollout.number}",
        f"rollout:{rollout.number - 1}" if rollout.number > 1 else "",
    )  # fmt: skip


def release_row(release: model.Release, told: Became) -> Row:
    title = say(Note.POINT_RELEASE, number=release.number, what=f"{release.commit[:12]} {release.title}")
    return Row(
        release.created_at, sign(told.fate.value), title, release.author or release.created_by,
        told.message or release.branch or release.tag, f"release:{release.number}",
        f"release:{release.number - 1}" if release.number > 1 else "",
    )  # fmt: skip


def settings_row(settings: model.Settings) -> Row:
    return Row(
        settings.created_at, Sign(n_("saved"), "settings", "quiet"), say(Note.POINT_SETTINGS, number=settings.revision),
        settings.created_by, "", f"settings:{settings.revision}",
        f"settings:{settings.revision - 1}" if settings.revision else "",
    )  # fmt: skip


def page_of(point: str) -> str:
    """Where a point has a page of its own, under the App; empty for Settings, which the timeline tells whole."""
    kind, _, number = point.partition(":")
    word = {"rollout": "rollouts", "release": "releases"}.get(kind, "")
    return f"{word}/{number}" if word else ""


def options_of(
    rollouts: Iterable[model.Rollout], releases: Iterable[model.Release], settings: Iterable[model.Settings]
) -> tuple[Option, ...]:
    found = [
        Option(f"rollout:{r.number}", say(Note.POINT_ROLLOUT, number=r.number, release=r.release, settings=r.settings))
        for r in rollouts
    ]
    for r in releases:
        what = f"{r.commit[:12]} {r.title}"[:_TITLE]
        found.append(Option(f"release:{r.number}", say(Note.POINT_RELEASE, number=r.number, what=what)))
    for s in settings:
        what = say(Note.POINT_SETTINGS_BY, number=s.revision, who=s.created_by)
        found.append(Option(f"settings:{s.revision}", what))
    return tuple(found)


# --- between two points ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Side:
    """What a point stands for. None: it says nothing of it."""

    release: model.Release | None
    settings: model.Settings | None
    objects: tuple[Object, ...] | None = None


def between(before: Side, after: Side) -> tuple[Section, ...]:
    sections = []
    if before.release is not None and after.release is not None:
        a, b = before.release, after.release
        sections.append(Section("app.yaml", unified(a.app_yaml, b.app_yaml), plain=True))
        sections.append(Section(n_("Images"), unified(yaml_of(dict(a.images)), yaml_of(dict(b.images)))))
        sections.append(Section(n_("Commit"), unified(_commit(a), _commit(b))))
    if before.settings is not None and after.settings is not None:
        was, now = before.settings.values, after.settings.values
        sections.append(Section(n_("Settings"), unified(yaml_of(was), yaml_of(now))))
    if before.objects is not None and after.objects is not None:
        sections += list(_objects(before.objects, after.objects))
    return tuple(sections)


def _commit(release: model.Release) -> str:
    return f"{release.commit}\n{release.title}\n{release.author}\n"


_NEW = Sign(n_("new"), "plus", "good")
_OTHER = Sign(n_("differs"), "adjustments", "busy")
_GONE = Sign(n_("gone"), "trash", "bad")


def _objects(before: Sequence[Object], after: Sequence[Object]) -> Iterable[Section]:
    was, now = {ref_of(o): o for o in before}, {ref_of(o): o for o in after}
    for obj in in_apply_order([*now.values(), *(o for ref, o in was.items() if ref not in now)]):
        ref = ref_of(obj)
        text = unified(yaml(was.get(ref)), yaml(now.get(ref)))
        if text:
            told = _NEW if ref not in was else _GONE if ref not in now else _OTHER
            yield Section(f"{ref.kind}/{ref.name}", text, told, plain=True)


def yaml(obj: Object | None) -> str:
    """As a person may see it."""
    return to_yaml([masked(obj)]).removeprefix("---\n") if obj is not None else ""


# --- objects ---------------------------------------------------------------------------------------------------------

LIVE = Sign(n_("in the cluster"), "circle-check", "good")
MAKING = Sign(n_("on its way"), "refresh", "busy")
KEPT = Sign(n_("kept: it holds data"), "database", "wait")
LEAVING = Sign(n_("not wished any more"), "trash", "wait")
DRIFTED = Sign(n_("drifted: held"), "hand-stop", "bad")
HEALED = Sign(n_("drifted: put back"), "rotate", "wait")


@dataclass(frozen=True, slots=True)
class Thing:
    """One object: as MCD wants it, and how it is."""

    kind: str
    name: str
    namespace: str
    sign: Sign
    yaml: str
    detail: str = ""
    id: str = ""


@dataclass(frozen=True, slots=True)
class Objects:
    top: Top
    things: tuple[Thing, ...]
    kinds: tuple[str, ...]
    kind: str = ""
    problems: tuple[str, ...] = ()
    drift: object | None = None
    """A plan: what would be written if MCD looked now. None: nobody asked."""
    mask: str = MASK


def things_of(
    wanted: Sequence[Object], inventory: Sequence[InventoryEntry], changes: Sequence[Change], kind: str = ""
) -> tuple[Thing, ...]:
    entries = {entry.ref: entry for entry in inventory}
    said = {change.ref: change for change in changes}
    found = []
    for obj in in_apply_order(wanted):
        ref = ref_of(obj)
        told, detail = _how(entries.get(ref), said.get(ref))
        found.append(_thing(ref, told, yaml(obj), detail))
    names = {ref_of(obj) for obj in wanted}
    for ref in sorted(ref for ref in entries if ref not in names):
        kept = ref.kind == "PersistentVolumeClaim"
        secret = ref.kind == "Secret"
        found.append(_thing(ref, LIVE if secret else KEPT if kept else LEAVING, "", ""))
    return tuple(thing for thing in found if not kind or thing.kind == kind)


def _thing(ref: Ref, told: Sign, text: str, detail: str) -> Thing:
    id = re.sub(r"[^A-Za-z0-9]+", "-", f"{ref.kind}-{ref.namespace}-{ref.name}")
    return Thing(ref.kind, ref.name, ref.namespace, told, text, detail, id)


def _how(entry: InventoryEntry | None, change: Change | None) -> tuple[Sign, str]:
    if change is not None and change.action is Action.HELD:
        return DRIFTED, change.detail
    if entry is None or not entry.uid:
        return MAKING, change.detail if change is not None else ""
    if change is not None and change.healed_from:
        return HEALED, f"{change.healed_from}: {change.detail}"
    return LIVE, ""
