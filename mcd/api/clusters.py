"""/clusters: the Kubernetes APIs that MCD works on. Only admins change them."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.requests import Request

from mcd.api.access import Administrator, Reader, RuntimeOf
from mcd.api.carry import Answer, IdempotencyKey, carry
from mcd.api.etag import IfMatch, RequiredMatch, shown
from mcd.api.facts import check_cluster
from mcd.api.pages import Piece, page
from mcd.api.paths import ClusterName
from mcd.api.shapes import Cluster, Page
from mcd.api.strict import StrictRoute
from mcd.api.wishes import ClusterChange, ClusterNew
from mcd.model import SecretText
from mcd.store import intents, reads
from mcd.store.tx import Tx

router = APIRouter(prefix="/api/v1", tags=["clusters"], route_class=StrictRoute)


@router.get("/clusters", operation_id="list_clusters", response_model=Page[Cluster])
async def list_clusters(request: Request, actor: Reader, runtime: RuntimeOf, part: Piece) -> Response:
    """Every cluster, by name."""
    async with runtime.db.reading() as tx:
        found = await reads.clusters(actor, tx, part)
    return page(request, found, Cluster.shown)


@router.post("/clusters", operation_id="create_cluster", status_code=201, response_model=Cluster)
async def create_cluster(
    request: Request, wish: ClusterNew, actor: Administrator, runtime: RuntimeOf, key: IdempotencyKey
) -> Response:
    """Adds a cluster. The kubeconfig is read strictly, encrypted, and never shown again."""
    check_cluster(wish.facts, wish.kubeconfig.get_secret_value())

    async def act(tx: Tx, now: datetime) -> Answer:
        kubeconfig = SecretText(wish.kubeconfig.get_secret_value())
        made = await intents.create_cluster(
            actor, tx, now, wish.name, kubeconfig=kubeconfig, idc=wish.idc, facts=wish.facts
        )
        return Answer(201, Cluster.shown(made), f"/api/v1/clusters/{made.name}", made.state.generation)

    return await carry(request, runtime, actor, act, key)


@router.get("/clusters/{cluster}", operation_id="show_cluster", response_model=Cluster)
async def show_cluster(request: Request, cluster: ClusterName, actor: Reader, runtime: RuntimeOf) -> Response:
    """One cluster, with what it was seen to serve."""
    async with runtime.db.reading() as tx:
        found = await reads.cluster(actor, tx, cluster)
    return shown(request, Cluster.shown(found), found.state.generation)


@router.patch("/clusters/{cluster}", operation_id="change_cluster", response_model=Cluster)
async def change_cluster(
    request: Request,
    cluster: ClusterName,
    wish: ClusterChange,
    actor: Administrator,
    runtime: RuntimeOf,
    expected: RequiredMatch,
) -> Response:
    """Changes what is named. `facts` replaces all facts, so the ETag that you read is required."""
    kubeconfig = wish.kubeconfig.get_secret_value() if wish.kubeconfig is not None else None
    check_cluster(wish.facts, kubeconfig)

    async def act(tx: Tx, now: datetime) -> Answer:
        made = await intents.change_cluster(
            actor,
            tx,
            now,
            cluster,
            idc=wish.idc,
            facts=wish.facts,
            kubeconfig=SecretText(kubeconfig) if kubeconfig is not None else None,
            expected=expected,
        )
        return Answer(200, Cluster.shown(made), generation=made.state.generation)

    return await carry(request, runtime, actor, act)


@router.delete("/clusters/{cluster}", operation_id="delete_cluster", status_code=204)
async def delete_cluster(
    request: Request, cluster: ClusterName, actor: Administrator, runtime: RuntimeOf, expected: IfMatch
) -> Response:
    """Takes a cluster out. Refused while product lines live there; nothing in the cluster is touched."""

    async def act(tx: Tx, now: datetime) -> Answer:
        await intents.delete_cluster(actor, tx, now, cluster, expected=expected)
        return Answer(204)

    return await carry(request, runtime, actor, act)
