"""Product lines: which there are, and one of them with its members, what it may use, its Apps and what is wished of it.

Pure. What a person may change there is judged by `mcd.store.authorize`, here only to leave out forms that would refuse.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from mcd.api.portal.views.apps import Tally, Wanted, tallies
from mcd.api.portal.views.states import Sign, sign
from mcd.api.portal.words import n_
from mcd.api.shapes import summary
from mcd.model import Actor, AppState, ProductLine, Role, Verb, since_when
from mcd.model.glances import Glance
from mcd.store.authorize import may

ROLES: Mapping[Role, str] = {
    Role.VIEWER: n_("viewer"),
    Role.DEVELOPER: n_("developer"),
    Role.RELEASE_MANAGER: n_("release manager"),
    Role.OWNER: n_("owner"),
}
MEANINGS: Mapping[Role, str] = {
    Role.VIEWER: n_("sees state, history, Settings and the names of secrets"),
    Role.DEVELOPER: n_("also makes Apps, deploys, scales, restarts, rolls back, reads logs and runs commands"),
    Role.RELEASE_MANAGER: n_("as a developer"),
    Role.OWNER: n_("also changes secrets, members and all Settings, and deletes Apps"),
}


@dataclass(frozen=True, slots=True)
class LineRow:
    name: str
    url: str
    cluster: str
    namespace: str
    sign: Sign
    message: str
    role: str
    """My role there, English; empty: none (an admin)."""
    apps: int


@dataclass(frozen=True, slots=True)
class LineList:
    rows: tuple[LineRow, ...]
    next_cursor: str
    first: bool
    admin: bool


def line_list(
    actor: Actor, lines: Sequence[ProductLine], seen: Sequence[Glance], *, next_cursor: str | None, first: bool
) -> LineList:
    apps = Counter(glance.product_line for glance in seen)
    return LineList(tuple(_row(actor, line, apps[line.name]) for line in lines), next_cursor or "", first, actor.admin)


def _row(actor: Actor, line: ProductLine, apps: int) -> LineRow:
    word, _, message = summary(line.state)
    role = actor.roles.get(line.name)
    return LineRow(
        name=line.name,
        url=f"/product-lines/{line.name}",
        cluster=line.cluster,
        namespace=line.namespace,
        sign=sign(word),
        message=message,
        role=ROLES[role] if role else "",
        apps=apps,
    )


@dataclass(frozen=True, slots=True)
class MemberRow:
    person: str
    role: str
    word: str
    since: datetime | None
    admin: bool
    me: bool


@dataclass(frozen=True, slots=True)
class ConditionRow:
    type: str
    holds: bool
    reason: str
    message: str
    since: datetime


@dataclass(frozen=True, slots=True)
class Line:
    name: str
    cluster: str
    namespace: str
    sign: Sign
    message: str
    since: datetime | None
    conditions: tuple[ConditionRow, ...]
    quota: tuple[tuple[str, str], ...]
    """What it may use in all; empty: no limit of its own."""
    wishes: tuple[tuple[str, str], ...]
    """Everything else that is wished of it, as dotted names and values."""
    members: tuple[MemberRow, ...]
    more_members: bool
    roles: dict[str, str]
    meanings: tuple[tuple[str, str], ...]
    may_set: bool
    may_administer: bool
    apps: int
    tallies: tuple[Tally, ...]


@dataclass(frozen=True, slots=True)
class Member:
    """As the store answers it (`mcd.store.reads.Member`)."""

    person: str
    role: Role | None
    since: datetime | None
    admin: bool = False


def line_view(
    actor: Actor, line: ProductLine, members: Sequence[Member], seen: Sequence[Glance], *, more_members: bool
) -> Line:
    word, _, message = summary(line.state)
    here = [glance for glance in seen if glance.product_line == line.name]
    counts: Counter[AppState] = Counter(glance.state for glance in here)
    rest = {name: value for name, value in line.wishes.items() if name != "quota"}
    return Line(
        name=line.name,
        cluster=line.cluster,
        namespace=line.namespace,
        sign=sign(word),
        message=message,
        since=since_when(line.state, word),
        conditions=tuple(
            ConditionRow(c.type.value, c.status, c.reason.value, c.message, c.last_transition)
            for c in line.state.conditions
        ),
        quota=tuple(flat(line.wishes.get("quota"))),
        wishes=tuple(flat(rest)),
        members=tuple(_member(actor, member) for member in members),
        more_members=more_members,
        roles={role.value: word for role, word in ROLES.items()},
        meanings=tuple((ROLES[role], meaning) for role, meaning in MEANINGS.items()),
        may_set=may(actor, Verb.SET, line.name),
        may_administer=may(actor, Verb.ADMINISTER, line.name),
        apps=len(here),
        tallies=tallies(counts, Wanted(line=line.name)),
    )


def _member(actor: Actor, member: Member) -> MemberRow:
    return MemberRow(
        person=member.person,
        role=member.role.value if member.role else "",
        word=ROLES[member.role] if member.role else "",
        since=member.since,
        admin=member.admin,
        me=member.person == actor.name,
    )


def flat(value: Any, name: str = "") -> list[tuple[str, str]]:
    """A tree of wishes as dotted names with their values as text."""
    if isinstance(value, Mapping):
        return [pair for key, each in value.items() for pair in flat(each, f"{name}.{key}" if name else str(key))]
    if isinstance(value, (list, tuple)):
        if all(not isinstance(each, (Mapping, list, tuple)) for each in value):
            return [(name, ", ".join(map(_text, value)))] if value else []
        return [pair for number, each in enumerate(value) for pair in flat(each, f"{name}[{number}]")]
    return [] if value is None else [(name, _text(value))]


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


@dataclass(frozen=True, slots=True)
class Use:
    """How much of a quota is used, by the cluster's own count. `share` is 0 to 100, None where it cannot be said."""

    resource: str
    used: str
    limit: str
    share: int | None
    full: bool


@dataclass(frozen=True, slots=True)
class Uses:
    rows: tuple[Use, ...]
    at: datetime | None
    trouble: str
    """Why there is nothing newer, in MCD's words; empty: it is as told."""
    line: str
