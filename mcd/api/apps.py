"""/apps: an App is a name, unique in the platform, bound to one app.yaml in one product line."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from starlette.requests import Request

from mcd import model
from mcd.api.access import Deployer, Reader, RuntimeOf, Setter
from mcd.api.app_shapes import App, RolloutBrief
from mcd.api.carry import Answer, IdempotencyKey, carry
from mcd.api.etag import IfMatch, shown
from mcd.api.pages import Piece, page
from mcd.api.paths import AppName
from mcd.api.shapes import Page, summary
from mcd.api.sources import check_repository
from mcd.api.strict import StrictRoute
from mcd.api.wishes import AppChange, AppNew
from mcd.model import Actor, Noun, Verb
from mcd.runtime import Runtime
from mcd.store import intents, reads
from mcd.store.authorize import require
from mcd.store.tx import Tx

router = APIRouter(prefix="/api/v1", tags=["apps"], route_class=StrictRoute)


def app_shape(runtime: Runtime, app: model.App, live: model.Rollout | None, commit: str) -> App:
    held = app.repository == f"mcd:{app.name}"
    return App(
        name=app.name,
        product_line=app.product_line,
        repository=app.repository,
        path=app.path,
        branch=app.branch,
        created_at=app.created_at,
        deleting=app.deleted_at is not None,
        git_url=f"{runtime.settings.url}/git/{app.name}.git" if held else None,
        live=None if live is None else _brief(live, commit),
    )


def _brief(rollout: model.Rollout, commit: str) -> RolloutBrief:
    word, reason, message = summary(rollout.state)
    return RolloutBrief(
        id=rollout.id,
        number=rollout.number,
        release=rollout.release,
        commit=commit,
        state=word,
        reason=reason,
        message=message,
        created_at=rollout.created_at,
    )


async def with_live(runtime: Runtime, actor: Actor, tx: Tx, app: model.App) -> App:
    """The App with its live Rollout, as lists and single answers show it."""
    live = await reads.live_rollout(actor, tx, app.name) if app.deleted_at is None else None
    commit = (await reads.release(actor, tx, app.name, live.release)).commit if live is not None else ""
    return app_shape(runtime, app, live, commit)


@router.get("/apps", operation_id="list_apps", response_model=Page[App])
async def list_apps(
    request: Request,
    actor: Reader,
    runtime: RuntimeOf,
    part: Piece,
    product_line: Annotated[str | None, Query(max_length=63, description="Only those of this product line.")] = None,
) -> Response:
    """The Apps that you may see, by name, each with its live Rollout."""
    async with runtime.db.reading() as tx:
        found = await reads.apps(actor, tx, part, product_line=product_line)
    return page(request, found, lambda listed: app_shape(runtime, listed.app, listed.live, listed.commit))


@router.post("/apps", operation_id="create_app", status_code=201, response_model=App)
async def create_app(
    request: Request, wish: AppNew, actor: Deployer, runtime: RuntimeOf, key: IdempotencyKey
) -> Response:
    """Makes an App. Nothing runs until something is pushed or deployed."""

    async def act(tx: Tx, now: datetime) -> Answer:
        line = await reads.product_line(actor, tx, wish.product_line)
        require(actor, Verb.DEPLOY, Noun.PRODUCT_LINE, line.name, line.name)
        check_repository(runtime, wish.name, wish.repository)
        made = await intents.create_app(
            actor,
            tx,
            now,
            wish.name,
            product_line=wish.product_line,
            repository=wish.repository,
            path=wish.path,
            branch=wish.branch,
        )
        return Answer(201, app_shape(runtime, made, None, ""), f"/api/v1/apps/{made.name}", made.generation)

    return await carry(request, runtime, actor, act, key)


@router.get("/apps/{app}", operation_id="show_app", response_model=App)
async def show_app(request: Request, app: AppName, actor: Reader, runtime: RuntimeOf) -> Response:
    """One App, with its live Rollout."""
    async with runtime.db.reading() as tx:
        found = await reads.app(actor, tx, app)
        answer = await with_live(runtime, actor, tx, found)
    return shown(request, answer, found.generation)


@router.patch("/apps/{app}", operation_id="change_app", response_model=App)
async def change_app(
    request: Request, app: AppName, wish: AppChange, actor: Setter, runtime: RuntimeOf, expected: IfMatch
) -> Response:
    """Changes where its source is. Takes effect with the next push."""
    check_repository(runtime, app, wish.repository)

    async def act(tx: Tx, now: datetime) -> Answer:
        made = await intents.change_app(
            actor, tx, now, app, repository=wish.repository, path=wish.path, branch=wish.branch, expected=expected
        )
        return Answer(200, await with_live(runtime, actor, tx, made), generation=made.generation)

    return await carry(request, runtime, actor, act)


@router.delete("/apps/{app}", operation_id="delete_app", status_code=202, response_model=App)
async def delete_app(request: Request, app: AppName, actor: Setter, runtime: RuntimeOf, expected: IfMatch) -> Response:
    """Deletes an App with its objects. What holds data stays in the cluster and is said in the Events."""

    async def act(tx: Tx, now: datetime) -> Answer:
        gone = await intents.delete_app(actor, tx, now, app, expected=expected)
        return Answer(202, app_shape(runtime, gone, None, ""))

    return await carry(request, runtime, actor, act)
