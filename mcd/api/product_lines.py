"""/product-lines and their members: one namespace on one cluster, and who may do what in it."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.requests import Request

from mcd.api.access import Administrator, Reader, RuntimeOf, Setter
from mcd.api.carry import Answer, IdempotencyKey, carry
from mcd.api.etag import IfMatch, RequiredMatch, shown
from mcd.api.facts import check_line
from mcd.api.pages import Piece, page
from mcd.api.paths import LineName, PersonName
from mcd.api.rehearsal import pools_of
from mcd.api.secret_uses import Loss, refuse_what_breaks
from mcd.api.shapes import ContextFile, Member, Page, ProductLine
from mcd.api.strict import StrictRoute
from mcd.api.wishes import MemberPut, ProductLineChange, ProductLineNew
from mcd.appyaml.live import context_file
from mcd.store import intents, reads
from mcd.store.tx import Tx

router = APIRouter(prefix="/api/v1", tags=["product-lines"], route_class=StrictRoute)


@router.get("/product-lines", operation_id="list_product_lines", response_model=Page[ProductLine])
async def list_product_lines(request: Request, actor: Reader, runtime: RuntimeOf, part: Piece) -> Response:
    """The product lines that you may see, by name."""
    async with runtime.db.reading() as tx:
        found = await reads.product_lines(actor, tx, part)
    return page(request, found, ProductLine.shown)


@router.post("/product-lines", operation_id="create_product_line", status_code=201, response_model=ProductLine)
async def create_product_line(
    request: Request, wish: ProductLineNew, actor: Administrator, runtime: RuntimeOf, key: IdempotencyKey
) -> Response:
    """Makes a product line: its namespace with quota, limits, network policies and rights follows by itself."""
    check_line(wish.wishes)

    async def act(tx: Tx, now: datetime) -> Answer:
        made = await intents.create_product_line(
            actor,
            tx,
            now,
            wish.name,
            cluster=wish.cluster,
            namespace=wish.namespace,
            wishes=wish.wishes,
            take_over=wish.take_over,
        )
        return Answer(201, ProductLine.shown(made), f"/api/v1/product-lines/{made.name}", made.state.generation)

    return await carry(request, runtime, actor, act, key)


@router.get("/product-lines/{line}", operation_id="show_product_line", response_model=ProductLine)
async def show_product_line(request: Request, line: LineName, actor: Reader, runtime: RuntimeOf) -> Response:
    """One product line."""
    async with runtime.db.reading() as tx:
        found = await reads.product_line(actor, tx, line)
    return shown(request, ProductLine.shown(found), found.state.generation)


@router.get("/product-lines/{line}/context", operation_id="show_context", response_model=ContextFile)
async def show_context(line: LineName, actor: Reader, runtime: RuntimeOf) -> ContextFile:
    """What the platform knows of the product line, its cluster and its node pools: the context file of the commands
    that need no server (app.yaml 8.2). No value of a secret is in it."""
    async with runtime.db.reading() as tx:
        found = await reads.product_line(actor, tx, line)
        cluster = await reads.cluster(actor, tx, found.cluster)
        pools = await pools_of(actor, tx, found.cluster)
    return ContextFile(**context_file(found, cluster, pools))


@router.patch("/product-lines/{line}", operation_id="change_product_line", response_model=ProductLine)
async def change_product_line(
    request: Request,
    line: LineName,
    wish: ProductLineChange,
    actor: Administrator,
    runtime: RuntimeOf,
    expected: RequiredMatch,
) -> Response:
    """Replaces the wishes that are named; a null takes one away. The ETag that you read is required."""
    check_line(wish.wishes)

    async def take(tx: Tx, now: datetime) -> None:
        await intents.change_product_line(actor, tx, now, line, wishes=wish.wishes, expected=expected)

    if "configs" in wish.wishes:
        loss = Loss(f"a config map of {line}", "SettingInUse")
        await refuse_what_breaks(runtime, actor, loss, take, product_line=line)

    async def act(tx: Tx, now: datetime) -> Answer:
        made = await intents.change_product_line(
            actor, tx, now, line, wishes=wish.wishes, take_over=wish.take_over, expected=expected
        )
        return Answer(200, ProductLine.shown(made), generation=made.state.generation)

    return await carry(request, runtime, actor, act)


@router.delete("/product-lines/{line}", operation_id="delete_product_line", status_code=202, response_model=ProductLine)
async def delete_product_line(
    request: Request, line: LineName, actor: Administrator, runtime: RuntimeOf, expected: IfMatch
) -> Response:
    """Deletes a product line with its namespace. Refused while Apps live in it."""

    async def act(tx: Tx, now: datetime) -> Answer:
        gone = await intents.delete_product_line(actor, tx, now, line, expected=expected)
        return Answer(202, ProductLine.shown(gone))

    return await carry(request, runtime, actor, act)


# --- members ---------------------------------------------------------------------------------------------------------


@router.get("/product-lines/{line}/members", operation_id="list_members", response_model=Page[Member])
async def list_members(request: Request, line: LineName, actor: Reader, runtime: RuntimeOf, part: Piece) -> Response:
    """Who may do what in a product line, by name: its members, and the admins, who may do everything."""
    async with runtime.db.reading() as tx:
        found = await reads.members(actor, tx, line, part)
    return page(request, found, lambda m: Member(person=m.person, role=m.role, admin=m.admin))


@router.put("/product-lines/{line}/members/{person}", operation_id="put_member", response_model=Member)
async def put_member(
    request: Request, line: LineName, person: PersonName, wish: MemberPut, actor: Setter, runtime: RuntimeOf
) -> Response:
    """Gives a person a role, instead of the one that it had."""

    async def act(tx: Tx, now: datetime) -> Answer:
        await intents.add_member(actor, tx, now, line, person, wish.role)
        known = await reads.person(actor, tx, person)
        return Answer(200, Member(person=person, role=wish.role, admin=known.admin and not known.disabled))

    return await carry(request, runtime, actor, act)


@router.delete("/product-lines/{line}/members/{person}", operation_id="remove_member", status_code=204)
async def remove_member(
    request: Request, line: LineName, person: PersonName, actor: Setter, runtime: RuntimeOf
) -> Response:
    """Takes a person's role away, from its next request on."""

    async def act(tx: Tx, now: datetime) -> Answer:
        await intents.remove_member(actor, tx, now, line, person)
        return Answer(204)

    return await carry(request, runtime, actor, act)
