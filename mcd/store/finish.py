"""The end of a noun: what is left when nothing of it is in a cluster any more.

The row stays, because Events and history name it; its name is free (or reserved), its secrets, files and inventory
are not kept. Shared by wishes and records.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import delete, update

from mcd.model import Actor, EventKind, Noun
from mcd.model.why import Note, say
from mcd.store import events, files, neighbours, secrets
from mcd.store import tables as t
from mcd.store.nouns import Row
from mcd.store.tx import Tx


async def finish_app(tx: Tx, now: datetime, actor: Actor, app: Row) -> None:
    """`app` has its product line's name as `line`."""
    await tx.run(update(t.app).where(t.app.c.id == app["id"]).values(gone_at=now))
    await tx.run(
        update(t.rollout)
        .where(t.rollout.c.app_id == app["id"], t.rollout.c.live)
        .values(live=False, next_run_at=None, deleted_at=now)
    )
    waiting = (t.release.c.app_id == app["id"]) & t.release.c.next_run_at.is_not(None)
    await tx.run(update(t.release).where(waiting).values(next_run_at=None))
    await tx.run(delete(t.inventory).where(t.inventory.c.owner_id == app["id"]))
    await secrets.forget(tx, app["id"])
    await files.forget(tx, app["id"])
    await neighbours.forget(tx, app["id"])
    events.append(
        tx,
        now,
        actor,
        EventKind.DELETED,
        say(Note.APP_GONE, name=app["name"]),
        noun=Noun.APP,
        name=app["name"],
        product_line=app["line"],
        app=app["name"],
        data={"gone": True},
    )


async def finish_line(tx: Tx, now: datetime, actor: Actor, line_id: str, name: str) -> None:
    await tx.run(update(t.product_line).where(t.product_line.c.id == line_id).values(gone_at=now, next_run_at=None))
    await tx.run(delete(t.member).where(t.member.c.product_line_id == line_id))
    await tx.run(
        update(t.person).where(t.person.c.default_product_line_id == line_id).values(default_product_line_id=None)
    )
    await tx.run(update(t.node_pool).where(t.node_pool.c.dedicated_to_id == line_id).values(dedicated_to_id=None))
    await tx.run(delete(t.inventory).where(t.inventory.c.owner_id == line_id))
    await secrets.forget(tx, line_id)
    said = say(Note.LINE_GONE, name=name)
    events.append(
        tx, now, actor, EventKind.DELETED, said, noun=Noun.PRODUCT_LINE, name=name, product_line=name,
        data={"gone": True},
    )  # fmt: skip


async def finish_cluster(tx: Tx, now: datetime, actor: Actor, cluster_id: str, name: str) -> None:
    await tx.run(update(t.cluster).where(t.cluster.c.id == cluster_id).values(gone_at=now, next_run_at=None))
    await tx.run(delete(t.node_pool).where(t.node_pool.c.cluster_id == cluster_id))
    await tx.run(delete(t.inventory).where(t.inventory.c.cluster_id == cluster_id))
    await secrets.forget(tx, cluster_id)
    said = say(Note.CLUSTER_GONE, name=name)
    events.append(
        tx, now, actor, EventKind.DELETED, said, noun=Noun.CLUSTER, name=name, data={"gone": True}
    )  # fmt: skip
