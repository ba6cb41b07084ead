"""API tokens and sessions of a person. Pure. The text of a token is here once, when it was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from mcd.api.portal.words import n_
from mcd.model import Scope, Token

SCOPES: Mapping[Scope, str] = {
    Scope.READ: n_("read: see what I may see"),
    Scope.DEPLOY: n_("deploy: also push, deploy, scale, restart, roll back"),
    Scope.ALL: n_("all: everything that I may"),
}
DAYS = (7, 30, 90)
SOON = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class TokenRow:
    id: str
    name: str
    scope: str
    created_at: datetime
    expires_at: datetime
    last_used_at: datetime | None
    state: str
    """ended, soon or good."""


@dataclass(frozen=True, slots=True)
class Tokens:
    person: str
    mine: bool
    rows: tuple[TokenRow, ...]
    scopes: dict[str, str]
    days: dict[str, str]
    made: str = field(default="", repr=False)
    """The text of the one that was just made: shown this once."""
    made_name: str = ""


def tokens_view(
    person: str, tokens: Sequence[Token], now: datetime, *, mine: bool, made: str = "", made_name: str = ""
) -> Tokens:
    return Tokens(
        person=person,
        mine=mine,
        rows=tuple(_row(token, now) for token in tokens),
        scopes={scope.value: word for scope, word in SCOPES.items()},
        days={str(days): str(days) for days in DAYS},
        made=made,
        made_name=made_name,
    )


def _row(token: Token, now: datetime) -> TokenRow:
    state = "ended" if token.expires_at <= now else "soon" if token.expires_at <= now + SOON else "good"
    return TokenRow(
        token.id, token.name, token.scope.value, token.created_at, token.expires_at, token.last_used_at, state
    )


@dataclass(frozen=True, slots=True)
class SessionRow:
    id: str
    created_at: datetime
    expires_at: datetime
    current: bool


@dataclass(frozen=True, slots=True)
class Sessions:
    rows: tuple[SessionRow, ...]
    by_token: bool
    """This browser was signed in with a token, and has no session of its own."""
