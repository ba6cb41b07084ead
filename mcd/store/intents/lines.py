"""Wishes about product lines and their members."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, func, insert, select, update

from mcd.errors import Code, McdError, echo, not_found
from mcd.model import Actor, EventKind, Noun, ProductLine, Reason, Role, Verb
from mcd.model.named import ROLES, names_or_none
from mcd.model.why import Note, say, told
from mcd.store import events, names
from mcd.store import tables as t
from mcd.store.authorize import require
from mcd.store.due import hint_apps, wished
from mcd.store.ids import new_id
from mcd.store.intents.shape import bounded
from mcd.store.lookup import expect, find_cluster, find_line, find_person, not_going
from mcd.store.nouns import TAKE_OVER, line_of
from mcd.store.rolling import fresh_conditions
from mcd.store.tx import Tx

WISHES = ("quota", "node_pool", "node_pools", "config", "configs", "security", "egress", "timezone")
"""What may be wished for a product line (app-yaml 8.2). Its secrets are set by `set_secret` only."""


async def create_product_line(
    actor: Actor,
    tx: Tx,
    now: datetime,
    name: str,
    *,
    cluster: str,
    namespace: str | None = None,
    wishes: Mapping[str, Any] | None = None,
    take_over: bool = False,
) -> ProductLine:
    """`take_over`: adopt what is in the namespace already under our names.
    Raises McdError invalid, forbidden, not_found (cluster), conflict (name or namespace taken)."""
    require(actor, Verb.ADMINISTER, Noun.PRODUCT_LINE, name, None)
    names.check_name("a product line", name)
    names.check_namespace(namespace or name)
    place = await find_cluster(actor, tx, Verb.ADMINISTER, cluster, lock=True)
    not_going(Noun.CLUSTER, cluster, place)
    line = t.product_line
    there = line.c.gone_at.is_(None)
    if await tx.value(select(line.c.id).where(line.c.name == name, there)) is not None:
        raise McdError(Code.CONFLICT, f'the product line name "{name}" is taken.', "Choose another name.")
    holder = await tx.value(
        select(line.c.name).where(line.c.cluster_id == place["id"], line.c.namespace == (namespace or name), there)
    )
    if holder is not None:
        raise McdError(
            Code.CONFLICT,
            f'the namespace "{namespace or name}" of cluster "{cluster}" belongs to product line "{holder}".',
            "Choose another namespace.",
        )
    line_id = new_id(now)
    await tx.run(
        insert(line).values(
            id=line_id,
            name=name,
            cluster_id=place["id"],
            namespace=namespace or name,
            wishes=_wishes({}, wishes or {}, take_over),
            created_at=now,
            conditions=fresh_conditions(now, 1, Reason.NEW, say(Note.NOT_LOOKED_YET)),
            next_run_at=now,
        )
    )
    tx.wished = True
    _tell(tx, now, actor, EventKind.CREATED, name, say(Note.LINE_MADE, name=name, cluster=cluster))
    return await _line(tx, line_id, cluster)


async def change_product_line(
    actor: Actor,
    tx: Tx,
    now: datetime,
    name: str,
    *,
    wishes: Mapping[str, Any],
    take_over: bool = False,
    expected: int | None = None,
) -> ProductLine:
    """Replaces the wishes that are named; None takes one away. `take_over` holds until the next change. `expected` is
    the generation that was read."""
    row = await find_line(actor, tx, Verb.ADMINISTER, name, lock=True)
    expect(Noun.PRODUCT_LINE, name, expected, row["generation"])
    not_going(Noun.PRODUCT_LINE, name, row)
    await tx.run(
        update(t.product_line)
        .where(t.product_line.c.id == row["id"])
        .values(wishes=_wishes(row["wishes"], wishes, take_over), **wished(t.product_line, now))
    )
    tx.wished = True
    await hint_apps(tx, now, t.product_line.c.id == row["id"])
    changed = sorted([*wishes, *([TAKE_OVER] if take_over else [])])
    _tell(
        tx, now, actor, EventKind.CHANGED, name, say(Note.LINE_CHANGED, name=name, what=names_or_none(changed)),
        {"changed": changed},
    )  # fmt: skip
    return await _line(tx, row["id"], row["cluster"])


def _wishes(old: Mapping[str, Any], changes: Mapping[str, Any], take_over: bool) -> dict[str, Any]:
    for word in changes:
        if word not in WISHES:
            hint = "Use `mcd secret set`." if word == "secrets" else f"Use one of: {', '.join(WISHES)}."
            raise McdError(Code.INVALID, f'there is no "{echo(str(word))}" to wish for a product line.', hint)
    kept = {word: value for word, value in old.items() if word not in changes and word != TAKE_OVER}
    wanted = bounded("wishes", {**kept, **{word: value for word, value in changes.items() if value is not None}})
    return {**wanted, TAKE_OVER: True} if take_over else wanted


async def delete_product_line(
    actor: Actor, tx: Tx, now: datetime, name: str, *, expected: int | None = None
) -> ProductLine:
    """Refused while Apps live in it. Repeating it changes nothing, but what waits for its time is looked at now."""
    row = await find_line(actor, tx, Verb.ADMINISTER, name, lock=True)
    expect(Noun.PRODUCT_LINE, name, expected, row["generation"])
    apps = await tx.values(
        select(t.app.c.name)
        .where(t.app.c.product_line_id == row["id"], t.app.c.deleted_at.is_(None))
        .order_by(t.app.c.name)
        .limit(10)
    )
    if apps:
        raise McdError(
            Code.CONFLICT, f'product line "{name}" still holds Apps: {", ".join(apps)}.', "Delete them first."
        )
    since = row["deleted_at"] or now
    await tx.run(
        update(t.product_line)
        .where(t.product_line.c.id == row["id"])
        .values(deleted_at=since, **wished(t.product_line, now))
    )
    tx.wished = True
    if row["deleted_at"] is None:
        _tell(tx, now, actor, EventKind.DELETED, name, say(Note.LINE_GOING, name=name))
    return await _line(tx, row["id"], row["cluster"])


async def add_member(actor: Actor, tx: Tx, now: datetime, line: str, person: str, role: Role) -> None:
    """Gives the person this role there, instead of the one it had."""
    row = await find_line(actor, tx, Verb.SET, line, lock=True)
    not_going(Noun.PRODUCT_LINE, line, row)
    who = await find_person(tx, person)
    table = t.member
    mine = (table.c.product_line_id == row["id"], table.c.person_id == who["id"])
    before = await tx.value(select(table.c.role).where(*mine))
    if before == role.value:
        return
    if before is None:
        await tx.run(insert(table).values(product_line_id=row["id"], person_id=who["id"], role=role.value, since=now))
    else:
        await _not_the_last_owner(actor, tx, row["id"], line, before)
        await tx.run(update(table).where(*mine).values(role=role.value, since=now))
    said = say(Note.MEMBER_IS, person=person, role=told(ROLES[role]), line=line)
    data = {"person": person, "role": role.value, "before": before}
    _tell(tx, now, actor, EventKind.CHANGED, line, said, data)


async def remove_member(actor: Actor, tx: Tx, now: datetime, line: str, person: str) -> None:
    """Effective at the person's next request. Raises McdError not_found, conflict (the last owner)."""
    row = await find_line(actor, tx, Verb.SET, line, lock=True)
    who = await find_person(tx, person)
    table = t.member
    mine = (table.c.product_line_id == row["id"], table.c.person_id == who["id"])
    before = await tx.value(select(table.c.role).where(*mine))
    if before is None:
        raise not_found("member", person)
    await _not_the_last_owner(actor, tx, row["id"], line, before)
    await tx.run(delete(table).where(*mine))
    said = say(Note.MEMBER_NOT, person=person, line=line)
    _tell(tx, now, actor, EventKind.CHANGED, line, said, {"person": person, "role": None, "before": before})


async def _not_the_last_owner(actor: Actor, tx: Tx, line_id: str, line: str, role: str) -> None:
    """An owner cannot lock everybody out by mistake; an admin may, because an admin can also let them in again."""
    if role != Role.OWNER or actor.admin:
        return
    owners = await tx.value(
        select(func.count()).where(t.member.c.product_line_id == line_id, t.member.c.role == Role.OWNER.value)
    )
    if owners < 2:
        raise McdError(Code.CONFLICT, f'product line "{line}" would have no owner.', "Name another owner first.")


def _tell(
    tx: Tx,
    now: datetime,
    actor: Actor,
    kind: EventKind,
    line: str,
    message: str,
    data: Mapping[str, Any] | None = None,
) -> None:
    events.append(tx, now, actor, kind, message, noun=Noun.PRODUCT_LINE, name=line, product_line=line, data=data)


async def _line(tx: Tx, line_id: str, cluster: str) -> ProductLine:
    row = await tx.row(select(t.product_line).where(t.product_line.c.id == line_id))
    assert row is not None
    return line_of(row, cluster)
