"""The first page: what is wrong now, what waits for this person, what was deployed last, and the way to a first App.

Pure. It must not say anything of an App that the person may not see: it is given none.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from mcd.api.portal.views.apps import AppRow, Tally, Wanted, app_row, tallies
from mcd.api.portal.views.states import Sign, sign
from mcd.api.portal.views.typed import typed
from mcd.api.shapes import summary
from mcd.model import WAITS_LONG, Actor, AppState, Cluster, ProductLine, Reconciled, Role, StateWord, Token, Verb
from mcd.model.glances import AppLine, Glance
from mcd.store.authorize import may

WRONG = (AppState.STALLED, AppState.UNKNOWN)
SHOWN = 8
"""Of each kind; the rest is a link."""
LOOKED_AT = 50
"""Apps on their way that are looked at: those with the oldest Rollout.
More at once are a bulk that somebody watches."""
SOON = timedelta(days=7)
"""A token that ends within this time is worth a word."""


@dataclass(frozen=True, slots=True)
class Picked:
    """The names that the page shows more of."""

    wrong: tuple[str, ...]
    held: tuple[str, ...]
    last: tuple[str, ...]
    going: tuple[str, ...] = ()
    """On their way, the longest first: those that wait too long are among them."""
    put_back: tuple[str, ...] = ()
    """What runs of them is the Release before the one that failed."""

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(dict.fromkeys((*self.wrong, *self.held, *self.put_back, *self.last, *self.going)))


@dataclass(frozen=True, slots=True)
class Trouble:
    """A cluster or a product line that is not well."""

    kind: str
    name: str
    url: str
    sign: Sign
    message: str


@dataclass(frozen=True, slots=True)
class Ending:
    """A token that ends soon."""

    name: str
    at: datetime


@dataclass(frozen=True, slots=True)
class FirstApp:
    """Exact commands for this server."""

    login: str
    make: str
    push: str
    url: str
    line: str
    """The product line in which it would be made; empty: the person may deploy to none."""


@dataclass(frozen=True, slots=True)
class Home:
    name: str
    apps: int
    tallies: tuple[Tally, ...]
    wrong: tuple[AppRow, ...]
    wrong_in_all: int
    put_back: tuple[AppRow, ...]
    put_back_in_all: int
    troubles: tuple[Trouble, ...]
    waiting: tuple[AppRow, ...]
    """On their way for longer than `WAITS_LONG`."""
    held: tuple[AppRow, ...]
    held_in_all: int
    endings: tuple[Ending, ...]
    last: tuple[AppRow, ...]
    lines: tuple[tuple[str, str], ...]
    """My product lines with my role; of an admin those with a role."""
    first: FirstApp


def pick(actor: Actor, seen: Sequence[Glance]) -> Picked:
    newest = sorted((glance for glance in seen if glance.rollout), key=lambda glance: glance.rollout, reverse=True)
    return Picked(
        wrong=tuple(glance.name for glance in seen if glance.state in WRONG)[:SHOWN],
        held=tuple(glance.name for glance in seen if _mine(actor, glance))[:SHOWN],
        last=tuple(glance.name for glance in newest[:SHOWN]),
        going=tuple(glance.name for glance in reversed(newest) if glance.state is AppState.PROGRESSING)[:LOOKED_AT],
        put_back=tuple(glance.name for glance in newest if _put_back(glance))[:SHOWN],
    )


def _put_back(glance: Glance) -> bool:
    """Not where that is wrong too: it is told there."""
    return glance.put_back and glance.state not in WRONG


def _mine(actor: Actor, glance: Glance) -> bool:
    return glance.state is AppState.HELD and may(actor, Verb.DEPLOY, glance.product_line)


@dataclass(frozen=True, slots=True)
class Around:
    """What the page needs beside Apps."""

    clusters: Sequence[Cluster]
    lines: Sequence[ProductLine]
    tokens: Sequence[Token]
    server: str
    now: datetime


def home_view(
    actor: Actor, seen: Sequence[Glance], picked: Picked, found: Mapping[str, AppLine], around: Around
) -> Home:
    def rows(names: Sequence[str]) -> tuple[AppRow, ...]:
        return tuple(app_row(found[name]) for name in names if name in found)

    counts = Counter(glance.state for glance in seen)
    waiting = [row for row in rows(picked.going) if row.since and around.now - row.since >= WAITS_LONG]
    return Home(
        name=actor.name,
        apps=len(seen),
        tallies=tallies(counts, Wanted()),
        wrong=rows(picked.wrong),
        wrong_in_all=sum(counts[state] for state in WRONG),
        put_back=rows(picked.put_back),
        put_back_in_all=sum(map(_put_back, seen)),
        troubles=(
            *_troubles("cluster", {cluster.name: cluster.state for cluster in around.clusters}, "/clusters"),
            *_troubles("product line", {line.name: line.state for line in around.lines}, "/product-lines"),
        ),
        waiting=tuple(waiting[:SHOWN]),
        held=rows(picked.held),
        held_in_all=sum(_mine(actor, glance) for glance in seen),
        endings=tuple(
            Ending(token.name, token.expires_at)
            for token in around.tokens
            if around.now < token.expires_at <= around.now + SOON
        ),
        last=rows(picked.last),
        lines=tuple((name, role.value) for name, role in sorted(actor.roles.items())),
        first=first_app(actor, around.server),
    )


def _troubles(kind: str, states: Mapping[str, Reconciled], url: str) -> list[Trouble]:
    found = []
    for name, state in states.items():
        word, _, message = summary(state)
        if word in (StateWord.STALLED, StateWord.UNKNOWN):
            found.append(Trouble(kind, name, f"{url}/{name}", sign(word), message))
    return found


def first_app(actor: Actor, server: str) -> FirstApp:
    """What to type, from nothing to a running App, on this server and as this person."""
    line = _line_of(actor)
    # Names of Apps are unique in the whole platform.
    app = re.sub(r"[^a-z0-9]+", "-", f"hello-{actor.name}")[:40].rstrip("-")
    option = ("-o", f"product-line={line}") if line and line != actor.default_product_line else ()
    return FirstApp(
        login=typed("mcd login", server, "--name", actor.name),
        make=f"mkdir {app} && cd {app}\nmcd init --language python\nmcd validate",
        push="git init -q -b main && git add . && git commit -q -m hello\n"
        + typed("git config", f"credential.{server}.helper", "!mcd credential")
        + "\n"
        + typed("git push", *option, f"{server}/git/{app}.git", "main"),
        url=typed("mcd open", app),
        line=line,
    )


def _line_of(actor: Actor) -> str:
    """The default one when the person may deploy there, else the first where they may."""
    may_deploy = [name for name, role in sorted(actor.roles.items()) if role is not Role.VIEWER]
    if actor.default_product_line and (actor.admin or actor.default_product_line in may_deploy):
        return actor.default_product_line
    return may_deploy[0] if may_deploy else ""
