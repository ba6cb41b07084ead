"""Questions about clusters and node pools."""

from __future__ import annotations

from sqlalchemy import Select, select

from mcd.errors import not_found
from mcd.model import Actor, Cluster, NodePool, Noun, Verb
from mcd.store import tables as t
from mcd.store.authorize import require
from mcd.store.lookup import find_cluster, seen_by
from mcd.store.nouns import Row, cluster_of, labelled, picked, pool_of
from mcd.store.pages import FIRST, Page, Part, page
from mcd.store.tx import Tx


async def clusters(actor: Actor, tx: Tx, part: Part = FIRST) -> Page[Cluster]:
    """By name. Raises McdError not_found for who is nobody."""
    require(actor, Verb.READ, Noun.CLUSTER, "", None)
    statement = select(t.cluster).where(t.cluster.c.gone_at.is_(None))
    return await page(tx, statement, [t.cluster.c.name], part, cluster_of)


async def cluster(actor: Actor, tx: Tx, name: str) -> Cluster:
    return cluster_of(await find_cluster(actor, tx, Verb.READ, name))


def _pools(actor: Actor) -> Select[tuple[object, ...]]:
    """A pool that is dedicated to a product line is everybody's to see, but not whose it is."""
    dedicated = t.product_line.alias("dedicated")
    theirs = (dedicated.c.id == t.node_pool.c.dedicated_to_id) & seen_by(actor, dedicated.c.name)
    return (
        select(*labelled(t.node_pool, "p"), t.cluster.c.name.label("cluster"), dedicated.c.name.label("dedicated_to"))
        .join(t.cluster, t.cluster.c.id == t.node_pool.c.cluster_id)
        .join(dedicated, theirs, isouter=True)
        .where(t.cluster.c.gone_at.is_(None))
    )


def _pool(row: Row) -> NodePool:
    found = picked(row, "p")
    hidden = "another product line" if found["dedicated_to_id"] is not None else None
    return pool_of(found, row["cluster"], row["dedicated_to"] or hidden)


async def node_pools(actor: Actor, tx: Tx, part: Part = FIRST, *, cluster: str | None = None) -> Page[NodePool]:
    """By cluster and name."""
    require(actor, Verb.READ, Noun.NODE_POOL, "", None)
    statement = _pools(actor)
    if cluster is not None:
        await find_cluster(actor, tx, Verb.READ, cluster)
        statement = statement.where(t.cluster.c.name == cluster)
    return await page(tx, statement, [t.cluster.c.name, t.node_pool.c.name], part, _pool)


async def node_pool(actor: Actor, tx: Tx, cluster: str, name: str) -> NodePool:
    await find_cluster(actor, tx, Verb.READ, cluster)
    row = await tx.row(_pools(actor).where(t.cluster.c.name == cluster, t.node_pool.c.name == name))
    if row is None:
        raise not_found(Noun.NODE_POOL, f"{cluster}/{name}")
    return _pool(row)
