"""Wishes about personal API tokens. The text is answered once and only its digest is kept."""

from __future__ import annotations

from datetime import datetime, timedelta

from sqlalchemy import delete, func, insert, select

from mcd.errors import Code, McdError, not_found
from mcd.model import Actor, EventKind, Noun, Scope, SecretText, Token
from mcd.model.why import Note, say
from mcd.store import events, names
from mcd.store import tables as t
from mcd.store.credential import new_token
from mcd.store.nouns import token_of
from mcd.store.tx import Tx

MOST_DAYS = 90
MOST_TOKENS = 50
"""Of one person, so that nobody fills the table."""


async def create_token(
    actor: Actor, tx: Tx, now: datetime, name: str, *, scope: Scope = Scope.ALL, days: int = 30
) -> tuple[Token, SecretText]:
    """A token of the person itself, and its text: the only time that it is seen. Raises McdError invalid, conflict
    (name), forbidden (a token of a narrower scope cannot make a wider one)."""
    names.check_line_of_text("a name for a token", name, 100)
    if not 1 <= days <= MOST_DAYS:
        raise McdError(Code.INVALID, f"{days} days is not a life of a token.", f"Use 1 to {MOST_DAYS}.")
    if actor.scope is not Scope.ALL:
        raise McdError(Code.FORBIDDEN, "this token may not make tokens.", "Sign in, or use a token of scope all.")
    if not actor.person:
        raise McdError(Code.FORBIDDEN, "only a person has tokens.", "Sign in.")
    table = t.token
    held = await tx.value(select(func.count()).where(table.c.person_id == actor.person, table.c.expires_at > now))
    if held >= MOST_TOKENS:
        raise McdError(Code.CONFLICT, f"you have {held} tokens.", "Revoke those that you do not use.")
    # A name is free again when its token has expired.
    await tx.run(delete(table).where(table.c.person_id == actor.person, table.c.expires_at <= now))
    if await tx.value(select(table.c.id).where(table.c.person_id == actor.person, table.c.name == name)) is not None:
        raise McdError(Code.CONFLICT, f'you have a token "{name}" already.', "Choose another name, or revoke it.")
    token_id, text, digest = new_token()
    row = {
        "id": token_id,
        "person_id": actor.person,
        "name": name,
        "digest": digest,
        "scope": scope.value,
        "created_at": now,
        "expires_at": now + timedelta(days=days),
        "last_used_at": None,
    }
    await tx.run(insert(table).values(**row))
    said = say(Note.TOKEN_MADE, who=actor.name, name=name, scope=scope.value, days=days)
    events.append(tx, now, actor, EventKind.CREATED, said, noun=Noun.TOKEN, name=f"{actor.name}/{name}")
    return token_of(row, actor.name), SecretText(text)


async def revoke_token(actor: Actor, tx: Tx, now: datetime, token_id: str) -> None:
    """One's own, or as an admin anybody's. Dead at the next request. Raises McdError not_found."""
    row = await tx.row(
        select(t.token, t.person.c.name.label("person"))
        .join(t.person, t.person.c.id == t.token.c.person_id)
        .where(t.token.c.id == token_id)
    )
    may = row is not None and (row["person_id"] == actor.person or actor.admin) and actor.scope is Scope.ALL
    if row is None or not may:
        raise not_found(Noun.TOKEN, token_id)
    await tx.run(delete(t.token).where(t.token.c.id == token_id))
    said = say(Note.TOKEN_REVOKED, name=row["name"], person=row["person"])
    events.append(tx, now, actor, EventKind.DELETED, said, noun=Noun.TOKEN, name=f"{row['person']}/{row['name']}")
