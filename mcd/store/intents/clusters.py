"""Wishes about clusters and node pools. Only an admin has them."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from sqlalchemy import delete, insert, select, update

from mcd.errors import Code, McdError, echo, not_found
from mcd.model import Actor, Cluster, EventKind, NodePool, Noun, Reason, Verb
from mcd.model.named import names_or_none
from mcd.model.why import Note, say
from mcd.store import events, names, secrets
from mcd.store import tables as t
from mcd.store.authorize import require
from mcd.store.due import hint_apps, wished
from mcd.store.ids import new_id
from mcd.store.intents.shape import bounded
from mcd.store.lookup import expect, find_cluster, find_line, not_going
from mcd.store.nouns import Row, cluster_of, pool_of
from mcd.store.rolling import fresh_conditions
from mcd.store.tx import Tx

_FRESH = say(Note.NOT_LOOKED_YET)


async def create_cluster(
    actor: Actor, tx: Tx, now: datetime, name: str, *, kubeconfig: str, idc: str = "", facts: Mapping[str, Any]
) -> Cluster:
    """The kubeconfig is sealed at once. Raises McdError invalid, forbidden, conflict (taken), unavailable (no key)."""
    require(actor, Verb.ADMINISTER, Noun.CLUSTER, name, None)
    names.check_name("a cluster", name)
    taken = await tx.value(select(t.cluster.c.id).where(t.cluster.c.name == name, t.cluster.c.gone_at.is_(None)))
    if taken is not None:
        raise McdError(Code.CONFLICT, f'the cluster name "{name}" is taken.', "Choose another name.")
    cluster_id = new_id(now)
    await tx.run(
        insert(t.cluster).values(
            id=cluster_id,
            name=name,
            idc=idc,
            facts=bounded("facts", facts),
            created_at=now,
            conditions=fresh_conditions(now, 1, Reason.NEW, _FRESH),
            next_run_at=now,
        )
    )
    await secrets.store(tx, now, actor, secrets.kubeconfig_of(cluster_id), {secrets.KUBECONFIG_KEY: kubeconfig})
    tx.wished = True
    events.append(tx, now, actor, EventKind.CREATED, say(Note.CLUSTER_ADDED, name=name), noun=Noun.CLUSTER, name=name)
    return await _cluster(tx, cluster_id)


async def change_cluster(
    actor: Actor,
    tx: Tx,
    now: datetime,
    name: str,
    *,
    idc: str | None = None,
    facts: Mapping[str, Any] | None = None,
    kubeconfig: str | None = None,
    expected: int | None = None,
) -> Cluster:
    """What is None stays. `facts` replaces all facts. `expected` is the generation that was read."""
    row = await find_cluster(actor, tx, Verb.ADMINISTER, name, lock=True)
    expect(Noun.CLUSTER, name, expected, row["generation"])
    not_going(Noun.CLUSTER, name, row)
    changed = [
        word for word, value in (("idc", idc), ("facts", facts), ("kubeconfig", kubeconfig)) if value is not None
    ]
    if kubeconfig is not None:
        await secrets.store(tx, now, actor, secrets.kubeconfig_of(row["id"]), {secrets.KUBECONFIG_KEY: kubeconfig})
    await tx.run(
        update(t.cluster)
        .where(t.cluster.c.id == row["id"])
        .values(
            idc=row["idc"] if idc is None else idc,
            facts=row["facts"] if facts is None else bounded("facts", facts),
            **wished(t.cluster, now),
        )
    )
    tx.wished = True
    await hint_apps(tx, now, t.product_line.c.cluster_id == row["id"])
    events.append(
        tx,
        now,
        actor,
        EventKind.CHANGED,
        say(Note.CLUSTER_CHANGED, name=name, what=names_or_none(changed)),
        noun=Noun.CLUSTER,
        name=name,
        data={"changed": changed},
    )
    return await _cluster(tx, row["id"])


async def delete_cluster(actor: Actor, tx: Tx, now: datetime, name: str, *, expected: int | None = None) -> None:
    """Refused while product lines live there; nothing in the cluster is touched. Repeating it changes nothing, but
    what waits for its time is looked at now."""
    row = await find_cluster(actor, tx, Verb.ADMINISTER, name, lock=True)
    expect(Noun.CLUSTER, name, expected, row["generation"])
    lines = await tx.values(
        select(t.product_line.c.name)
        .where(t.product_line.c.cluster_id == row["id"], t.product_line.c.gone_at.is_(None))
        .order_by(t.product_line.c.name)
        .limit(10)
    )
    if lines:
        raise McdError(
            Code.CONFLICT, f'cluster "{name}" still holds product lines: {", ".join(lines)}.', "Delete them first."
        )
    since = row["deleted_at"] or now
    wish = {"deleted_at": since, **wished(t.cluster, now)}
    await tx.run(update(t.cluster).where(t.cluster.c.id == row["id"]).values(**wish))
    tx.wished = True
    if row["deleted_at"] is None:
        said = say(Note.CLUSTER_GOING, name=name)
        events.append(tx, now, actor, EventKind.DELETED, said, noun=Noun.CLUSTER, name=name)


async def put_node_pool(actor: Actor, tx: Tx, now: datetime, pool: NodePool) -> NodePool:
    """Makes or replaces the pool of this name on `pool.cluster`; `pool.id` is not used. Raises McdError invalid,
    not_found (cluster, product line), forbidden."""
    cluster = await find_cluster(actor, tx, Verb.ADMINISTER, pool.cluster, lock=True)
    not_going(Noun.CLUSTER, pool.cluster, cluster)
    names.check_name("a node pool", pool.name)
    if not pool.labels:
        raise McdError(Code.INVALID, f'node pool "{pool.name}" has no labels.', "Name the label of its nodes.")
    if not 1 <= pool.oversell <= 100:
        raise McdError(Code.INVALID, f"oversell: {pool.oversell} is not a ratio.", "Use 1 to 100.")
    dedicated = await find_line(actor, tx, Verb.READ, pool.dedicated_to) if pool.dedicated_to else None
    values = {
        "labels": dict(pool.labels),
        "taints": [dict(taint) for taint in pool.taints],
        "runtime_class": pool.runtime_class,
        "arch": pool.arch,
        "capacity": dict(pool.capacity),
        "devices": [_device(d) for d in pool.devices],
        "dedicated_to_id": dedicated["id"] if dedicated else None,
        "oversell": float(pool.oversell),
    }
    bounded("the node pool", values)
    table = t.node_pool
    old = await tx.row(select(table).where(table.c.cluster_id == cluster["id"], table.c.name == pool.name))
    if old is None:
        await tx.run(
            insert(table).values(id=new_id(now), cluster_id=cluster["id"], name=pool.name, generation=1, **values)
        )
    else:
        await tx.run(update(table).where(table.c.id == old["id"]).values(generation=old["generation"] + 1, **values))
    await _pools_changed(tx, now, cluster["id"])
    note = Note.POOL_ADDED if old is None else Note.POOL_CHANGED
    events.append(
        tx,
        now,
        actor,
        EventKind.CREATED if old is None else EventKind.CHANGED,
        say(note, name=pool.name, cluster=pool.cluster),
        noun=Noun.NODE_POOL,
        name=f"{pool.cluster}/{pool.name}",
    )
    stored = await tx.row(select(table).where(table.c.cluster_id == cluster["id"], table.c.name == pool.name))
    assert stored is not None
    return pool_of(stored, pool.cluster, pool.dedicated_to)


async def delete_node_pool(actor: Actor, tx: Tx, now: datetime, cluster: str, name: str) -> None:
    """Raises McdError not_found, conflict when a product line of the cluster wishes it."""
    place = await find_cluster(actor, tx, Verb.ADMINISTER, cluster, lock=True)
    table = t.node_pool
    row = await tx.row(select(table).where(table.c.cluster_id == place["id"], table.c.name == name))
    if row is None:
        raise not_found(Noun.NODE_POOL, f"{cluster}/{name}")
    lines = await tx.rows(
        select(t.product_line.c.name, t.product_line.c.wishes).where(
            t.product_line.c.cluster_id == place["id"], t.product_line.c.gone_at.is_(None)
        )
    )
    users = sorted(line["name"] for line in lines if _wishes_pool(line["wishes"], name))
    if users:
        raise McdError(
            Code.CONFLICT,
            f'node pool "{echo(name)}" is used by product lines: {", ".join(users[:10])}.',
            "Take it out of their wishes first.",
        )
    await tx.run(delete(table).where(table.c.id == row["id"]))
    await _pools_changed(tx, now, place["id"])
    events.append(
        tx,
        now,
        actor,
        EventKind.DELETED,
        say(Note.POOL_GONE, name=name, cluster=cluster),
        noun=Noun.NODE_POOL,
        name=f"{cluster}/{name}",
    )


def _wishes_pool(wishes: Mapping[str, Any], name: str) -> bool:
    pools = wishes.get("node_pools")
    return wishes.get("node_pool") == name or (isinstance(pools, list) and name in pools)


def _device(device: Any) -> dict[str, Any]:
    fields = ("vendor", "model", "product", "memory", "per_node", "resource")
    return {**{name: getattr(device, name) for name in fields}, "mig": list(device.mig)}


async def _pools_changed(tx: Tx, now: datetime, cluster_id: str) -> None:
    """What runs on the cluster is looked at again: labels and taints of a pool are in its objects."""
    await tx.run(update(t.cluster).where(t.cluster.c.id == cluster_id).values(**wished(t.cluster, now)))
    tx.wished = True
    await hint_apps(tx, now, t.product_line.c.cluster_id == cluster_id)


async def _cluster(tx: Tx, cluster_id: str) -> Cluster:
    row: Row | None = await tx.row(select(t.cluster).where(t.cluster.c.id == cluster_id))
    assert row is not None
    return cluster_of(row)
