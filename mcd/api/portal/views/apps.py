"""Apps in lists: one line each, how many are in which state, what a filter finds, what follows on the next page.

Pure: it filters what the store answered to this person, and never adds to it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from urllib.parse import urlencode

from mcd.api.away import away, known
from mcd.api.portal.views.states import Sign, sign
from mcd.api.portal.views.typed import typed
from mcd.api.portal.words import n_
from mcd.kube.explain.platform import as_saying
from mcd.model import AppState, app_state, why_away
from mcd.model.glances import AppLine, Glance

ON_A_PAGE = 50
REMEMBERED = 4096
"""Rows that are remembered, by all that they say."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """What of the list is asked for. Empty: all."""

    text: str = ""
    line: str = ""
    cluster: str = ""
    state: str = ""
    after: str = ""

    def but(self, **changed: str) -> str:
        """The address with other filters, from the first page on."""
        names = {"q": self.text, "line": self.line, "cluster": self.cluster, "state": self.state, **changed}
        kept = {name: value for name, value in names.items() if value}
        return f"/apps?{urlencode(kept)}" if kept else "/apps"

    @property
    def narrowed(self) -> bool:
        return bool(self.text or self.line or self.cluster or self.state)

    @property
    def command(self) -> str:
        words = ["-p", self.line] if self.line else []
        words += ["--cluster", self.cluster] if self.cluster else []
        words += ["--state", self.state] if self.state in set(AppState) else []
        return typed("mcd app list", *words)


@dataclass(frozen=True, slots=True)
class Tally:
    """How many Apps are in a state, and where they are listed."""

    sign: Sign
    count: int
    url: str
    current: bool


@dataclass(frozen=True, slots=True)
class Found:
    """What the filters leave: the names of one page, and what is told of the whole."""

    names: tuple[str, ...]
    total: int
    after: str
    """The cursor of the next page; empty at the end."""
    tallies: tuple[Tally, ...]
    lines: tuple[str, ...]
    clusters: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class AppRow:
    name: str
    url: str
    line: str
    cluster: str
    sign: Sign
    reason: str
    message: str
    since: datetime | None
    commit: str
    title: str
    release: int
    rollout: int
    by: str
    at: datetime | None
    put_back: bool


@dataclass(frozen=True, slots=True)
class AppList:
    wanted: Wanted
    rows: tuple[AppRow, ...]
    total: int
    all: int
    """How many there are without filters."""
    after: str
    tallies: tuple[Tally, ...]
    lines: dict[str, str] = field(default_factory=dict)
    clusters: dict[str, str] = field(default_factory=dict)
    states: dict[str, str] = field(default_factory=dict)


ORDER = (
    AppState.STALLED,
    AppState.HELD,
    AppState.UNKNOWN,
    AppState.PROGRESSING,
    AppState.READY,
    AppState.DELETING,
    AppState.UNDEPLOYED,
)
"""What needs a person first."""


def find(seen: Sequence[Glance], wanted: Wanted) -> Found:
    """One page of what the filters leave, in the order of names."""
    text = wanted.text.strip().casefold()
    here = [
        glance
        for glance in seen
        if (not text or text in glance.name)
        and (not wanted.line or glance.product_line == wanted.line)
        and (not wanted.cluster or glance.cluster == wanted.cluster)
    ]
    counts = Counter(glance.state for glance in here)
    left = [glance for glance in here if not wanted.state or glance.state == wanted.state]
    page = [glance.name for glance in left if not wanted.after or glance.name > wanted.after][: ON_A_PAGE + 1]
    return Found(
        names=tuple(page[:ON_A_PAGE]),
        total=len(left),
        after=page[ON_A_PAGE - 1] if len(page) > ON_A_PAGE else "",
        tallies=tallies(counts, wanted),
        lines=tuple(sorted({glance.product_line for glance in seen})),
        clusters=tuple(sorted({glance.cluster for glance in seen})),
    )


def tallies(counts: Counter[AppState], wanted: Wanted) -> tuple[Tally, ...]:
    """One for each state that something is in, and for the one that is asked for."""
    found = []
    for state in ORDER:
        current = state == wanted.state
        if counts[state] or current:
            found.append(Tally(sign(state), counts[state], wanted.but(state="" if current else state), current))
    return tuple(found)


def app_list(found: Found, lines: Sequence[AppLine], wanted: Wanted, *, all_of_them: int) -> AppList:
    return AppList(
        wanted=wanted,
        rows=tuple(map(app_row, lines)),
        total=found.total,
        all=all_of_them,
        after=found.after,
        tallies=found.tallies,
        lines={name: name for name in found.lines},
        clusters={name: name for name in found.clusters},
        states={"": n_("all"), **{state.value: sign(state).word for state in ORDER}},
    )


@lru_cache(maxsize=REMEMBERED)
def app_row(line: AppLine) -> AppRow:
    gone = away(line.cluster_state, line.cluster_seen_at)
    told = known(line.live, gone) if line.live is not None else None
    if line.live is None:
        state = AppState.DELETING if line.deleting else AppState.UNDEPLOYED
    else:
        state = app_state(line.live, away=why_away(line.cluster_state))
    return AppRow(
        name=line.name,
        url=f"/apps/{line.name}",
        line=line.product_line,
        cluster=line.cluster,
        sign=sign(state),
        reason=told.reason.value if told else "",
        message=as_saying(told.reason, told.message) if told else "",
        since=told.since if told else None,
        commit=line.commit[:8],
        title=line.title,
        release=line.release,
        rollout=line.rollout,
        by=line.created_by,
        at=line.created_at,
        put_back=line.put_back,
    )
