"""Wishes about sessions: end one of one's own that is somewhere else."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, select

from mcd.errors import not_found
from mcd.model import Actor, EventKind, Noun, Scope
from mcd.model.why import Note, say
from mcd.store import events
from mcd.store import tables as t
from mcd.store.reads.sessions import NAMED
from mcd.store.tx import Tx


async def end_session(actor: Actor, tx: Tx, now: datetime, session: str) -> None:
    """`session` as `reads.sessions` names it. Dead at the next request. Raises McdError not_found."""
    found: list[bytes] = []
    if actor.scope is Scope.ALL:
        digests = await tx.values(select(t.session.c.digest).where(t.session.c.person_id == actor.person))
        found = [digest for digest in digests if digest.hex()[:NAMED] == session]
    if not found:
        raise not_found("session", session)
    await tx.run(delete(t.session).where(t.session.c.digest.in_(found)))
    said = say(Note.SESSION_ENDED, who=actor.name)
    events.append(tx, now, actor, EventKind.DELETED, said, noun=Noun.PERSON, name=actor.name)
