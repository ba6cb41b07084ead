"""Questions about Events: the timeline of a thing, and what came since."""

from __future__ import annotations

from collections.abc import Collection

from sqlalchemy import ColumnElement, false, func, or_, select, true

from mcd.model import Actor, Event, EventKind, Noun, Verb
from mcd.store import tables as t
from mcd.store.authorize import may
from mcd.store.nouns import event_of
from mcd.store.pages import FIRST, Page, Part, page
from mcd.store.tx import Tx


def _seen(actor: Actor) -> ColumnElement[bool]:
    """Those of the person's product lines, and of the person; what concerns the whole platform is for admins."""
    if not may(actor, Verb.READ, None):
        return false()
    if actor.admin:
        return true()
    own = (t.event.c.product_line.is_(None)) & (t.event.c.actor == actor.name)
    return or_(t.event.c.product_line.in_(sorted(actor.roles)), own)


async def events(
    actor: Actor,
    tx: Tx,
    part: Part = FIRST,
    *,
    after: int | None = None,
    app: str | None = None,
    product_line: str | None = None,
    noun: Noun | None = None,
    name: str | None = None,
    kinds: Collection[EventKind] = (),
) -> Page[Event]:
    """Newest first; with `after` (a sequence) the oldest first of what came since, which never skips one: the order of
    sequences is the order of commits. A Release or Rollout is named `app/number`. Nothing is said of what may not be
    seen: its Events are left out."""
    table = t.event
    statement = select(table).where(_seen(actor))
    exact = {table.c.app: app, table.c.product_line: product_line, table.c.noun: noun, table.c.name: name}
    for column, value in exact.items():
        if value is not None:
            statement = statement.where(column == str(value))
    if kinds:
        statement = statement.where(table.c.kind.in_(sorted(kind.value for kind in kinds)))
    if after is not None:
        statement = statement.where(table.c.sequence > after)
    return await page(tx, statement, [table.c.sequence], part, event_of, newest_first=after is None)


async def newest_sequence(actor: Actor, tx: Tx) -> int:
    """Where a stream of Events begins for who wants only what comes. It tells nothing but how much happened."""
    del actor
    return int(await tx.value(select(func.coalesce(func.max(t.event_counter.c.last), 0))))
