"""Secrets of Apps and product lines: names and keys can be read, values only replaced."""

from __future__ import annotations

from datetime import datetime

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.requests import Request

from mcd.api.access import Reader, RuntimeOf, Setter
from mcd.api.carry import Answer, IdempotencyKey, carry
from mcd.api.paths import WHOLE, AppName, LineName, SecretName, VariableName
from mcd.api.secret_uses import Loss, refuse_what_breaks
from mcd.api.shapes import Page, Secret
from mcd.api.strict import StrictRoute
from mcd.api.wishes import SecretPut
from mcd.model import Actor, Noun, RolloutItem, SecretText
from mcd.runtime import Runtime
from mcd.store import intents, reads, work
from mcd.store.intents.secret_values import SecretSet
from mcd.store.tx import Tx

router = APIRouter(prefix="/api/v1", tags=["secrets"], route_class=StrictRoute)


@router.get("/apps/{app}/secrets", operation_id="list_app_secrets", dependencies=[WHOLE])
async def list_app_secrets(app: AppName, actor: Reader, runtime: RuntimeOf) -> Page[Secret]:
    """The secrets of an App, without their values."""
    return await _list(actor, runtime, app=app)


@router.get("/product-lines/{line}/secrets", operation_id="list_line_secrets", dependencies=[WHOLE])
async def list_line_secrets(line: LineName, actor: Reader, runtime: RuntimeOf) -> Page[Secret]:
    """The secrets of a product line, which its Apps may use, without their values."""
    return await _list(actor, runtime, product_line=line)


@router.put("/apps/{app}/secrets/{secret}", operation_id="set_app_secret", response_model=Secret)
async def set_app_secret(
    request: Request, app: AppName, secret: SecretName, wish: SecretPut, actor: Setter, runtime: RuntimeOf
) -> Response:
    """Replaces a secret of an App by its next version. What runs gets it with a new Rollout. A key that the App
    reads cannot be left out (409)."""
    return await _set(request, actor, runtime, secret, wish, app=app)


@router.put("/product-lines/{line}/secrets/{secret}", operation_id="set_line_secret", response_model=Secret)
async def set_line_secret(
    request: Request, line: LineName, secret: SecretName, wish: SecretPut, actor: Setter, runtime: RuntimeOf
) -> Response:
    """Replaces a secret of a product line by its next version, for all its Apps. A key that one of them reads cannot
    be left out (409)."""
    return await _set(request, actor, runtime, secret, wish, product_line=line)


@router.delete("/apps/{app}/secrets/{secret}", operation_id="unset_app_secret", status_code=204)
async def unset_app_secret(
    request: Request, app: AppName, secret: SecretName, actor: Setter, runtime: RuntimeOf
) -> Response:
    """Removes a secret of an App with all its versions. Refused (409) while the App reads it."""
    return await _unset(request, actor, runtime, secret, app=app)


@router.delete("/product-lines/{line}/secrets/{secret}", operation_id="unset_line_secret", status_code=204)
async def unset_line_secret(
    request: Request, line: LineName, secret: SecretName, actor: Setter, runtime: RuntimeOf
) -> Response:
    """Removes a secret of a product line with all its versions. Refused (409) while an App reads it."""
    return await _unset(request, actor, runtime, secret, product_line=line)


@router.post("/apps/{app}/secrets/{variable}/rotations", operation_id="rotate_secret", response_model=Secret)
async def rotate_secret(
    request: Request, app: AppName, variable: VariableName, actor: Setter, runtime: RuntimeOf, key: IdempotencyKey
) -> Response:
    """Puts a new value in the place of one that MCD generated. Only the components that read it get new pods. One that
    people set is replaced by setting it."""

    length = await _length(runtime, actor, app, variable)

    async def act(tx: Tx, now: datetime) -> Answer:
        version = await intents.rotate_generated(actor, tx, now, app, variable, length=length)
        return Answer(200, Secret(name=variable, keys=[variable], version=version, generated=True))

    return await carry(request, runtime, actor, act, key)


def _loss(name: str) -> Loss:
    return Loss(f'secret "{name}"', "SecretInUse")


async def _length(runtime: Runtime, actor: Actor, app: str, variable: str) -> int | None:
    """As many characters as what runs asks for; None when nothing does. Before the transaction, because to compile
    takes its time."""
    async with runtime.db.reading() as tx:
        live = await reads.live_rollout(actor, tx, app)
        item = (await work.load(tx, Noun.ROLLOUT, [live.id])).get(live.id) if live is not None else None
    if not isinstance(item, RolloutItem):
        return None
    spec = (await runtime.compiler.desired(item, item.rollout, item.previous)).compiled.spec
    return spec.generated.get(variable) if spec is not None else None


async def _list(
    actor: Actor, runtime: Runtime, *, app: str | None = None, product_line: str | None = None
) -> Page[Secret]:
    async with runtime.db.reading() as tx:
        found = await reads.secret_names(actor, tx, app=app, product_line=product_line)
    items = [Secret(name=s.name, keys=list(s.keys), version=s.version, generated=s.generated) for s in found]
    return Page(items=items)


async def _set(
    request: Request,
    actor: Actor,
    runtime: Runtime,
    name: str,
    wish: SecretPut,
    *,
    app: str | None = None,
    product_line: str | None = None,
) -> Response:
    values = {key: SecretText(value.get_secret_value()) for key, value in wish.values.items()}

    async def put(tx: Tx, now: datetime) -> SecretSet:
        return await intents.set_secret(actor, tx, now, name, values, app=app, product_line=product_line)

    async def act(tx: Tx, now: datetime) -> Answer:
        done = await put(tx, now)
        return Answer(200, Secret(name=done.name, keys=list(done.keys), version=done.version))

    async with runtime.db.reading() as tx:
        known = await reads.secret_names(actor, tx, app=app, product_line=product_line)
    if any(held.name == name and not set(held.keys) <= set(values) for held in known):
        await refuse_what_breaks(runtime, actor, _loss(name), put, app=app, product_line=product_line)
    return await carry(request, runtime, actor, act)


async def _unset(
    request: Request,
    actor: Actor,
    runtime: Runtime,
    name: str,
    *,
    app: str | None = None,
    product_line: str | None = None,
) -> Response:
    async def take(tx: Tx, now: datetime) -> None:
        await intents.unset_secret(actor, tx, now, name, app=app, product_line=product_line)

    async def act(tx: Tx, now: datetime) -> Answer:
        await take(tx, now)
        return Answer(204)

    await refuse_what_breaks(runtime, actor, _loss(name), take, app=app, product_line=product_line)
    return await carry(request, runtime, actor, act)
