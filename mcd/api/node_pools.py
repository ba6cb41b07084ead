"""/node-pools: nodes of a cluster under one label. Named by cluster and pool; only admins change them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from fastapi.responses import Response
from starlette.requests import Request

from mcd import model
from mcd.api.access import Administrator, Reader, RuntimeOf
from mcd.api.carry import Answer, carry
from mcd.api.etag import shown
from mcd.api.facts import check_pool
from mcd.api.pages import Piece, page
from mcd.api.paths import ClusterName, PoolName
from mcd.api.shapes import NodePool, Page
from mcd.api.strict import StrictRoute
from mcd.api.wishes import NodePoolPut
from mcd.store import intents, reads
from mcd.store.tx import Tx

router = APIRouter(prefix="/api/v1", tags=["node-pools"], route_class=StrictRoute)


@router.get("/node-pools", operation_id="list_node_pools", response_model=Page[NodePool])
async def list_node_pools(
    request: Request,
    actor: Reader,
    runtime: RuntimeOf,
    part: Piece,
    cluster: Annotated[str | None, Query(max_length=63, description="Only those of this cluster.")] = None,
) -> Response:
    """Every node pool, by cluster and name."""
    async with runtime.db.reading() as tx:
        found = await reads.node_pools(actor, tx, part, cluster=cluster)
    return page(request, found, NodePool.of)


@router.get("/node-pools/{cluster}/{pool}", operation_id="show_node_pool", response_model=NodePool)
async def show_node_pool(
    request: Request, cluster: ClusterName, pool: PoolName, actor: Reader, runtime: RuntimeOf
) -> Response:
    """One node pool."""
    async with runtime.db.reading() as tx:
        found = await reads.node_pool(actor, tx, cluster, pool)
    return shown(request, NodePool.of(found), 0)


@router.put("/node-pools/{cluster}/{pool}", operation_id="put_node_pool", response_model=NodePool)
async def put_node_pool(
    request: Request,
    cluster: ClusterName,
    pool: PoolName,
    wish: NodePoolPut,
    actor: Administrator,
    runtime: RuntimeOf,
) -> Response:
    """Makes the pool, or replaces all that is said about it."""
    check_pool(_written(pool, wish))
    wanted = model.NodePool(
        id="",
        name=pool,
        cluster=cluster,
        labels=wish.labels,
        taints=tuple(taint.model_dump() for taint in wish.taints),
        runtime_class=wish.runtime_class,
        arch=wish.arch,
        capacity=wish.capacity,
        devices=tuple(model.Device(**{**d.model_dump(), "mig": tuple(d.mig)}) for d in wish.devices),
        dedicated_to=wish.dedicated_to,
        oversell=float(wish.oversell),
    )

    async def act(tx: Tx, now: datetime) -> Answer:
        return Answer(200, NodePool.of(await intents.put_node_pool(actor, tx, now, wanted)))

    return await carry(request, runtime, actor, act)


def _written(pool: str, wish: NodePoolPut) -> dict[str, Any]:
    """The pool as a context file would have it, without what is empty."""
    entry = {
        "name": pool,
        "arch": wish.arch,
        "labels": wish.labels,
        "taints": [taint.model_dump() for taint in wish.taints],
        "runtime_class": wish.runtime_class,
        "capacity": {word: text for word, text in wish.capacity.items() if word in ("cpu", "memory")},
        "devices": [{k: v for k, v in d.model_dump().items() if v not in ("", [])} for d in wish.devices],
    }
    return {word: value for word, value in entry.items() if value}


@router.delete("/node-pools/{cluster}/{pool}", operation_id="delete_node_pool", status_code=204)
async def delete_node_pool(
    request: Request, cluster: ClusterName, pool: PoolName, actor: Administrator, runtime: RuntimeOf
) -> Response:
    """Forgets the pool. Refused while a product line wishes it; nodes are not touched."""

    async def act(tx: Tx, now: datetime) -> Answer:
        await intents.delete_node_pool(actor, tx, now, cluster, pool)
        return Answer(204)

    return await carry(request, runtime, actor, act)
