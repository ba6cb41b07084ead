"""Questions about people, members and tokens."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Select, select

from mcd.errors import Code, McdError, not_found
from mcd.model import Actor, Noun, Person, Role, Scope, Token, Verb
from mcd.store import tables as t
from mcd.store.authorize import may
from mcd.store.lookup import find_line
from mcd.store.nouns import Row, person_of, token_of
from mcd.store.pages import FIRST, Page, Part, page
from mcd.store.tx import Tx


@dataclass(frozen=True, slots=True)
class Member:
    """One person who may act in a product line: by a role there, or as an admin, who needs none."""

    person: str
    role: Role | None
    since: datetime | None
    admin: bool = False


def _people() -> Select[tuple[object, ...]]:
    return select(t.person, t.product_line.c.name.label("line")).join(
        t.product_line, t.product_line.c.id == t.person.c.default_product_line_id, isouter=True
    )


def _sees_people(actor: Actor) -> bool:
    """Who may name members needs to know whom there is."""
    return actor.admin or Role.OWNER in actor.roles.values()


async def people(actor: Actor, tx: Tx, part: Part = FIRST) -> Page[Person]:
    """By name. For admins and owners of a product line; anybody else sees only themselves."""
    statement = _people()
    if not _sees_people(actor):
        statement = statement.where(t.person.c.id == actor.person)
    return await page(tx, statement, [t.person.c.name], part, lambda row: person_of(row, row["line"]))


async def person(actor: Actor, tx: Tx, name: str) -> Person:
    if name != actor.name and not _sees_people(actor):
        raise not_found(Noun.PERSON, name)
    row = await tx.row(_people().where(t.person.c.name == name))
    if row is None:
        raise not_found(Noun.PERSON, name)
    return person_of(row, row["line"])


async def members(actor: Actor, tx: Tx, line: str, part: Part = FIRST) -> Page[Member]:
    """Of a product line that the person may see, by name; and the admins, so that there is always somebody to ask."""
    row = await find_line(actor, tx, Verb.READ, line)
    here = (t.member.c.person_id == t.person.c.id) & (t.member.c.product_line_id == row["id"])
    serving = t.person.c.admin & t.person.c.disabled_at.is_(None)
    statement = (
        select(t.member.c.role, t.member.c.since, t.person.c.name, serving.label("serving"))
        .join_from(t.person, t.member, here, isouter=True)
        .where(t.member.c.role.is_not(None) | serving)
    )
    return await page(tx, statement, [t.person.c.name], part, _member)


def _member(row: Row) -> Member:
    return Member(row["name"], Role(row["role"]) if row["role"] else None, row["since"], bool(row["serving"]))


async def tokens(actor: Actor, tx: Tx, person: str | None = None, part: Part = FIRST) -> Page[Token]:
    """One's own, or as an admin those of a person, by name; a disabled one has none. Never their text.
    Raises McdError not_found; forbidden for a token of narrow scope: a leaked one should not list the others."""
    if actor.scope is not Scope.ALL:
        raise McdError(Code.FORBIDDEN, "this token may not list tokens.", "Sign in, or use a token of scope all.")
    name = actor.name if person is None else person
    owner = await tx.value(select(t.person.c.id).where(t.person.c.name == name))
    if owner is None or (owner != actor.person and not may(actor, Verb.ADMINISTER, None)):
        raise not_found(Noun.PERSON, name)
    enabled = select(t.person.c.id).where(t.person.c.id == owner, t.person.c.disabled_at.is_(None))
    statement = select(t.token).where(t.token.c.person_id.in_(enabled))
    return await page(tx, statement, [t.token.c.name], part, lambda row: token_of(row, name))
