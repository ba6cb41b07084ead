"""Events as a list: who did what to which thing, when, and what became of it.

Pure. It shows what Events hold, which is masked where they are written.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from urllib.parse import urlencode

from mcd.api.portal.views.lines import flat
from mcd.api.portal.views.typed import typed
from mcd.api.portal.words import n_
from mcd.model import Event, EventKind, Noun

KINDS: Mapping[EventKind, str] = {
    EventKind.CREATED: n_("created"),
    EventKind.CHANGED: n_("changed"),
    EventKind.DELETED: n_("deleted"),
    EventKind.PUSHED: n_("pushed"),
    EventKind.PUSH_REFUSED: n_("push refused"),
    EventKind.BUILD_STARTED: n_("build started"),
    EventKind.BUILD_FINISHED: n_("build finished"),
    EventKind.RELEASE_READY: n_("Release ready"),
    EventKind.RELEASE_FAILED: n_("Release failed"),
    EventKind.ROLLOUT_REQUESTED: n_("Rollout asked for"),
    EventKind.ROLLOUT_SUPERSEDED: n_("Rollout superseded"),
    EventKind.APPLIED: n_("applied"),
    EventKind.PROGRESS: n_("progress"),
    EventKind.READY: n_("ready"),
    EventKind.STALLED: n_("stalled"),
    EventKind.HEALED: n_("healed"),
    EventKind.HELD: n_("held"),
    EventKind.SIGNED_IN: n_("signed in"),
    EventKind.SIGN_IN_REFUSED: n_("sign-in refused"),
    EventKind.EXEC: n_("command run"),
    EventKind.SECRET_SET: n_("secret set"),
    EventKind.WARNING: n_("warning"),
}
_TONES = {
    "bad": {EventKind.STALLED, EventKind.RELEASE_FAILED, EventKind.PUSH_REFUSED, EventKind.SIGN_IN_REFUSED},
    "wait": {EventKind.HELD, EventKind.WARNING},
    "good": {EventKind.READY, EventKind.RELEASE_READY},
}

_PAGES: Mapping[Noun, str] = {
    Noun.APP: "/apps/{}",
    Noun.CLUSTER: "/clusters/{}",
    Noun.PRODUCT_LINE: "/product-lines/{}",
}


@dataclass(frozen=True, slots=True)
class Asked:
    """Of which Events. Empty: of all."""

    app: str = ""
    line: str = ""
    kind: str = ""
    cursor: str = ""

    @property
    def url(self) -> str:
        kept = {name: value for name, value in (("app", self.app), ("line", self.line), ("kind", self.kind)) if value}
        return f"/events?{urlencode(kept)}" if kept else "/events"

    @property
    def command(self) -> str:
        words = ["-a", self.app] if self.app else []
        words += ["-p", self.line] if self.line else []
        words += ["--kind", self.kind] if self.kind in set(EventKind) else []
        return typed("mcd events", *words)


@dataclass(frozen=True, slots=True)
class EventRow:
    sequence: int
    at: datetime
    who: str
    kind: str
    tone: str
    noun: str
    name: str
    url: str
    line: str
    message: str
    data: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Events:
    asked: Asked
    rows: tuple[EventRow, ...]
    next_cursor: str
    kinds: dict[str, str]
    all_of_them: bool
    """An admin sees those of the whole platform too."""


def events_view(events: Sequence[Event], asked: Asked, *, next_cursor: str | None, admin: bool) -> Events:
    return Events(
        asked=asked,
        rows=tuple(map(_row, events)),
        next_cursor=next_cursor or "",
        kinds={"": n_("all"), **{kind.value: word for kind, word in KINDS.items()}},
        all_of_them=admin,
    )


def _row(event: Event) -> EventRow:
    tone = next((tone for tone, kinds in _TONES.items() if event.kind in kinds), "quiet")
    return EventRow(
        sequence=event.sequence,
        at=event.at,
        who=event.actor,
        kind=KINDS.get(event.kind, event.kind.value),
        tone=tone,
        noun=event.noun.value,
        name=event.name,
        url=f"/apps/{event.app}" if event.app else _PAGES.get(event.noun, "").format(event.name),
        line=event.product_line or "",
        message=event.message,
        data=tuple(flat(event.data))[:40],
    )
