"""Finds the rows that an Actor's wish or question is about, or says that they are not there.

Every name comes in through here, so that what may not be seen is answered alike everywhere. It must not answer more
than one thing at a time; lists are in `reads`.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import ColumnElement, Select, bindparam, false, select, true

from mcd.errors import Code, McdError, echo, not_found
from mcd.model import Actor, Noun, Role, Verb
from mcd.store import tables as t
from mcd.store.authorize import NAMED, may, require
from mcd.store.nouns import Row, labelled, picked
from mcd.store.tx import Tx


def seen_by(actor: Actor, line_name: ColumnElement[Any]) -> ColumnElement[bool]:
    """The condition that keeps a list to the product lines that the person may read."""
    if not may(actor, Verb.READ, None):
        return false()
    return true() if actor.admin else line_name.in_(sorted(actor.roles))


async def permit(actor: Actor, tx: Tx, verb: Verb, noun: Noun, name: str, line: str, act: str = "") -> None:
    """As `require`, and a refusal names the owners of the product line: whoever may see it may see its members."""
    owners: list[str] = []
    if may(actor, Verb.READ, line) and not may(actor, verb, line):
        rows = await tx.rows(
            select(t.person.c.name)
            .join(t.member, t.member.c.person_id == t.person.c.id)
            .join(t.product_line, t.product_line.c.id == t.member.c.product_line_id)
            .where(t.product_line.c.name == line, t.product_line.c.gone_at.is_(None))
            .where(t.member.c.role == Role.OWNER.value, t.person.c.disabled_at.is_(None))
            .order_by(t.person.c.name)
            .limit(NAMED + 1)
        )
        owners = [row["name"] for row in rows]
    require(actor, verb, noun, name, line, act=act, owners=owners)


async def find_cluster(actor: Actor, tx: Tx, verb: Verb, name: str, *, lock: bool = False) -> Row:
    """Raises McdError not_found, forbidden."""
    require(actor, Verb.READ, Noun.CLUSTER, name, None)
    statement = select(t.cluster).where(t.cluster.c.name == name, t.cluster.c.gone_at.is_(None))
    row = await tx.row(statement.with_for_update() if lock else statement)
    if row is None:
        raise not_found(Noun.CLUSTER, name)
    require(actor, verb, Noun.CLUSTER, name, None)
    return row


def _lines() -> Select[Any]:
    return select(t.product_line, t.cluster.c.name.label("cluster")).join(
        t.cluster, t.cluster.c.id == t.product_line.c.cluster_id
    )


async def find_line(actor: Actor, tx: Tx, verb: Verb, name: str, *, lock: bool = False, act: str = "") -> Row:
    """The row, with the name of its cluster as `cluster`. Raises McdError not_found, forbidden."""
    statement = _lines().where(t.product_line.c.name == name, t.product_line.c.gone_at.is_(None))
    row = await tx.row(statement.with_for_update(of=t.product_line) if lock else statement)
    if row is None:
        raise not_found(Noun.PRODUCT_LINE, name)
    await permit(actor, tx, verb, Noun.PRODUCT_LINE, name, name, act)
    return row


_APP = (
    select(t.app, t.product_line.c.name.label("line"))
    .join(t.product_line, t.product_line.c.id == t.app.c.product_line_id)
    .where(t.app.c.name == bindparam("name"), t.app.c.gone_at.is_(None))
)
"""Made once: to put a statement together costs more than to ask it, and this one is asked with most requests."""


async def find_app(actor: Actor, tx: Tx, verb: Verb, name: str, *, lock: bool = False, act: str = "") -> Row:
    """The row, with the name of its product line as `line`. `lock` keeps every other wish of this App waiting until the
    transaction ends, which is what makes numbers and revisions gapless. Raises McdError not_found, forbidden."""
    row = await tx.row(_APP.with_for_update(of=t.app) if lock else _APP, {"name": name})
    if row is None:
        raise not_found(Noun.APP, name)
    await permit(actor, tx, verb, Noun.APP, name, row["line"], act)
    return row


async def find_release(tx: Tx, app: Row, number: int) -> Row:
    """A Release of an App that was found before. Raises McdError not_found."""
    row = await tx.row(select(t.release).where(t.release.c.app_id == app["id"], t.release.c.number == number))
    if row is None:
        raise not_found(Noun.RELEASE, f"{app['name']}/{number}")
    return row


async def find_rollout(actor: Actor, tx: Tx, verb: Verb, rollout_id: str) -> tuple[Row, Row]:
    """A Rollout by its id, and its App's row with `line`. Raises McdError not_found, forbidden."""
    row = await tx.row(
        select(*labelled(t.rollout, "r"), *labelled(t.app, "a"), t.product_line.c.name.label("line"))
        .join(t.app, t.app.c.id == t.rollout.c.app_id)
        .join(t.product_line, t.product_line.c.id == t.app.c.product_line_id)
        .where(t.rollout.c.id == rollout_id)
    )
    if row is None:
        raise not_found(Noun.ROLLOUT, rollout_id)
    await permit(actor, tx, verb, Noun.ROLLOUT, rollout_id, row["line"])
    return picked(row, "r"), {**picked(row, "a"), "line": row["line"]}


async def find_person(tx: Tx, name: str) -> Row:
    """Raises McdError not_found."""
    row = await tx.row(select(t.person).where(t.person.c.name == name))
    if row is None:
        raise not_found(Noun.PERSON, name)
    return row


def expect(noun: Noun, name: str, expected: int | None, current: int) -> None:
    """`If-Match`. Raises McdError precondition when the thing changed since it was read."""
    if expected is not None and expected != current:
        raise McdError(
            Code.PRECONDITION,
            f'{noun} "{echo(name)}" changed since you read it (you read {expected}, it is at {current}).',
            "Read it again, then decide again.",
        )


def not_going(noun: Noun, name: str, row: Row) -> None:
    """Raises McdError conflict when the thing is being deleted: a wish for it would be forgotten."""
    if row["deleted_at"] is not None:
        raise McdError(Code.CONFLICT, f'{noun} "{echo(name)}" is being deleted.', "Wait until it is gone.")
