"""/clusters and /node-pools: the places where Apps run.

What is told of a cluster is what controllers wrote down. Nodes are counted by one question for everybody who looks,
good for half a minute, with a deadline: a cluster that hangs holds no page. It must not change anything.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Annotated

from fastapi import Query
from fastapi.responses import Response
from starlette.requests import Request

from mcd import model
from mcd.api.access import Reader, RuntimeOf
from mcd.api.looks import Looked
from mcd.api.pages import Piece
from mcd.api.paths import ClusterName, PoolName
from mcd.api.portal.pages import Page, show
from mcd.api.portal.routes.app import looks_of
from mcd.api.portal.routing import pages
from mcd.api.portal.views.clusters import (
    ClusterList,
    PoolList,
    cluster_page,
    cluster_row,
    pool_page,
    pool_row,
)
from mcd.api.portal.views.typed import typed
from mcd.errors import Code, McdError
from mcd.kube.cluster import Kind
from mcd.kube.stock import Stock, stock_of
from mcd.model import Actor
from mcd.runtime import Runtime
from mcd.store import reads
from mcd.store.reads import Part
from mcd.store.tx import Tx

router = pages()

ROWS = 50
FRESH = 30.0
"""Seconds for which a count of nodes is good."""
PATIENCE = 1.5
"""Seconds for which a page waits for a count; what was counted before is shown then."""
SHOWN_POOLS = 20


@router.get("/clusters", operation_id="portal_clusters")
async def clusters(request: Request, actor: Reader, runtime: RuntimeOf, part: Piece) -> Response:
    """Every cluster, and whether it answers."""
    async with runtime.db.reading() as tx:
        found = await reads.clusters(actor, tx, Part(ROWS, part.cursor))
    view = ClusterList(tuple(cluster_row(c) for c in found.items), found.next_cursor, part.cursor is None)
    return show(request, Page("clusters/list.html", view, "mcd cluster list"), now=runtime.now())


@router.get("/clusters/{cluster}", operation_id="portal_cluster")
async def cluster(request: Request, cluster: ClusterName, actor: Reader, runtime: RuntimeOf) -> Response:
    """One cluster: what it serves, its node pools, the product lines there."""
    async with runtime.db.reading() as tx:
        found = await reads.cluster(actor, tx, cluster)
        pools = await reads.node_pools(actor, tx, Part(SHOWN_POOLS), cluster=cluster)
        lines = [line.name for line in await _lines(actor, tx) if line.cluster == cluster]
    view = cluster_page(found, pools.items, lines, more_pools=pools.next_cursor is not None)
    return show(request, Page("clusters/show.html", view, typed("mcd cluster show", cluster)), now=runtime.now())


@router.get("/node-pools", operation_id="portal_pools")
async def pools(
    request: Request,
    actor: Reader,
    runtime: RuntimeOf,
    part: Piece,
    cluster: Annotated[str, Query(max_length=63, pattern=r"^[-._A-Za-z0-9]*$")] = "",
) -> Response:
    """Every node pool: what there is, what is used and free, and by whom."""
    async with runtime.db.reading() as tx:
        found = await reads.node_pools(actor, tx, Part(ROWS, part.cursor), cluster=cluster or None)
        known = {c.name: c for c in (await reads.clusters(actor, tx, Part(500))).items}
        lines = await _lines(actor, tx)
    places = sorted({pool.cluster for pool in found.items})
    counted = dict(
        zip(places, await asyncio.gather(*(_count(request, runtime, known[name]) for name in places)), strict=True)
    )
    rows = tuple(pool_row(pool, counted[pool.cluster].value, _of_cluster(lines, pool.cluster)) for pool in found.items)
    moments = [looked.at for looked in counted.values() if looked.at is not None]
    view = PoolList(
        pools=rows,
        clusters=tuple(sorted(known)),
        cluster=cluster,
        at=min(moments, default=None),
        troubles=tuple((name, looked.trouble) for name, looked in counted.items() if looked.trouble),
        next_cursor=found.next_cursor,
        first=part.cursor is None,
    )
    return show(request, Page("clusters/pools.html", view, "mcd node-pool list"), now=runtime.now())


@router.get("/node-pools/{cluster}/{pool}", operation_id="portal_pool")
async def pool(request: Request, cluster: ClusterName, pool: PoolName, actor: Reader, runtime: RuntimeOf) -> Response:
    """One node pool, node by node."""
    async with runtime.db.reading() as tx:
        found = await reads.node_pool(actor, tx, cluster, pool)
        place = await reads.cluster(actor, tx, cluster)
        lines = await _lines(actor, tx)
    looked = await _count(request, runtime, place)
    view = pool_page(found, looked.value, _of_cluster(lines, cluster), looked.at, looked.trouble)
    command = typed("mcd node-pool show", pool, "--cluster", cluster)
    return show(request, Page("clusters/pool.html", view, command), now=runtime.now())


async def _lines(actor: Actor, tx: Tx) -> tuple[model.ProductLine, ...]:
    """Those that the person may see."""
    found: list[model.ProductLine] = []
    cursor: str | None = None
    while True:
        part = await reads.product_lines(actor, tx, Part(500, cursor))
        found += part.items
        cursor = part.next_cursor
        if cursor is None:
            return tuple(found)


def _of_cluster(lines: tuple[model.ProductLine, ...], cluster: str) -> Mapping[str, str]:
    return {line.namespace: line.name for line in lines if line.cluster == cluster}


async def _count(request: Request, runtime: Runtime, place: model.Cluster) -> Looked[Stock]:
    async def question() -> Stock:
        if not place.serves.kubernetes:
            raise McdError(Code.UNAVAILABLE, f'cluster "{place.name}" was not seen yet.', "It is asked again.")
        client = await runtime.client(place)
        nodes, pods = await asyncio.gather(client.list(Kind("v1", "Node")), client.list(Kind("v1", "Pod")))
        return stock_of(nodes.objects, pods.objects)

    return await looks_of(request).ask(("stock", place.id), question, fresh=FRESH, wait=PATIENCE)
