"""/apps: an App is a name, unique in the platform, bound to one app.yaml in one product line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from starlette.requests import Request

from mcd import model
from mcd.api import etag
from mcd.api.access import Deployer, Reader, RuntimeOf, Setter
from mcd.api.app_shapes import App, RolloutBrief, last_seen
from mcd.api.away import Away, away, known
from mcd.api.carry import Answer, IdempotencyKey, carry
from mcd.api.etag import IfMatch
from mcd.api.pages import Piece, page
from mcd.api.paths import AppName
from mcd.api.shapes import Page
from mcd.api.sources import check_repository
from mcd.api.strict import StrictRoute
from mcd.api.wishes import AppChange, AppNew
from mcd.model import Actor, AppState, Noun, Verb, app_state, why_away
from mcd.runtime import Runtime
from mcd.store import intents, reads
from mcd.store.authorize import require
from mcd.store.kept import Kept
from mcd.store.lookup import permit
from mcd.store.marks import Mark
from mcd.store.reads import AppListed, Callers
from mcd.store.tx import Tx

router = APIRouter(prefix="/api/v1", tags=["apps"], route_class=StrictRoute)


def app_shape(runtime: Runtime, listed: AppListed) -> App:
    app = listed.app
    held = app.repository == f"mcd:{app.name}"
    gone = away(listed.cluster_state, listed.cluster_seen_at)
    return App(
        name=app.name,
        product_line=app.product_line,
        cluster=listed.cluster,
        state=state_of(listed),
        repository=app.repository,
        path=app.path,
        branch=app.branch,
        created_at=app.created_at,
        deleting=app.deleted_at is not None,
        git_url=f"{runtime.settings.url}/git/{app.name}.git" if held else None,
        live=None if listed.live is None else _brief(listed.live, listed.commit, gone),
    )


def _whole(runtime: Runtime, listed: AppListed, callers: Callers) -> App:
    """With those that call it: who deletes it should know them."""
    told = {"called_by": callers.seen, "called_by_others": callers.others}
    return app_shape(runtime, listed).model_copy(update=told)


@dataclass(frozen=True, slots=True)
class AppTold:
    """One App as it is answered to whoever may see it and these callers."""

    seen: reads.AppSeen
    callers: Callers
    body: bytes
    tag: str
    size: int
    """Bytes that keeping it takes, about."""

    @classmethod
    def of(cls, runtime: Runtime, seen: reads.AppSeen, callers: Callers) -> AppTold:
        listed = seen.listed()
        body = _whole(runtime, listed, callers).model_dump_json().encode()
        size = seen.size + len(body) + 100 * len(callers.seen) + 500
        return cls(seen, callers, body, etag.etag(listed.app.generation, body), size)


async def app_told(
    runtime: Runtime, actor: Actor, name: str, mark: Mark = None, kept: Kept[AppTold] | None = None
) -> AppTold:
    """Every time the person is judged; the database is asked unless it is in the state of `kept`, and what it answers
    is put into words unless it is the same as there. Raises McdError not_found."""
    before = None if kept is None else kept.good(name, mark)
    if before is not None:
        seen = before.seen
        require(actor, Verb.READ, Noun.APP, name, seen.product_line)
    else:
        before = None if kept is None else kept.before(name)
        seen = await runtime.db.asked(lambda tx: reads.app_seen(actor, tx, name), single=True)
    callers = seen.callers(actor)
    if before is not None and before.seen == seen and before.callers == callers:
        told = before
    else:
        told = AppTold.of(runtime, seen, callers)
    if kept is not None and kept.good(name, mark) is not told:
        kept.keep(name, mark, told, told.size)
    return told


def state_of(listed: AppListed) -> AppState:
    """The one word that a list shows and can be filtered by."""
    if listed.live is None and listed.app.deleted_at is not None:
        return AppState.DELETING
    live = None if listed.live is None else listed.live.state
    return app_state(live, away=why_away(listed.cluster_state))


def _brief(rollout: model.Rollout, commit: str, gone: Away | None) -> RolloutBrief:
    told = known(rollout.state, gone)
    return RolloutBrief(
        id=rollout.id,
        number=rollout.number,
        release=rollout.release,
        commit=commit,
        state=told.state,
        reason=told.reason,
        message=told.message,
        since=told.since,
        created_at=rollout.created_at,
        **last_seen(told, gone),
    )


@router.get("/apps", operation_id="list_apps", response_model=Page[App])
async def list_apps(
    request: Request,
    actor: Reader,
    runtime: RuntimeOf,
    part: Piece,
    product_line: Annotated[str | None, Query(max_length=63, description="Only those of this product line.")] = None,
    cluster: Annotated[str | None, Query(max_length=63, description="Only those on this cluster.")] = None,
    state: Annotated[
        AppState | None,
        Query(description="Only those in this state. A page may then be short, or empty, before the end."),
    ] = None,
) -> Response:
    """The Apps that you may see, by name, each with its live Rollout."""
    keep = None if state is None else lambda listed: state_of(listed) == state
    async with runtime.db.reading() as tx:
        found = await reads.apps(actor, tx, part, product_line=product_line, cluster=cluster, keep=keep)
    return page(request, found, lambda listed: app_shape(runtime, listed))


@router.post("/apps", operation_id="create_app", status_code=201, response_model=App)
async def create_app(
    request: Request, wish: AppNew, actor: Deployer, runtime: RuntimeOf, key: IdempotencyKey
) -> Response:
    """Makes an App. Nothing runs until something is pushed or deployed."""

    async def act(tx: Tx, now: datetime) -> Answer:
        line = await reads.product_line(actor, tx, wish.product_line)
        await permit(actor, tx, Verb.DEPLOY, Noun.PRODUCT_LINE, line.name, line.name)
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
        shape = app_shape(runtime, await reads.app_listed(actor, tx, made.name))
        return Answer(201, shape, f"/api/v1/apps/{made.name}", made.generation)

    return await carry(request, runtime, actor, act, key)


@router.get("/apps/{app}", operation_id="show_app", response_model=App)
async def show_app(request: Request, app: AppName, actor: Reader, runtime: RuntimeOf) -> Response:
    """One App, with its live Rollout."""
    told = await app_told(runtime, actor, app)
    return etag.told(told.body, told.tag, request.headers.get("if-none-match", ""))


ANSWERED_FIRST = show_app
"""A plain GET with a token never comes to this route: `front.py` answers it. What is added to the route is added
there."""


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
        shape = app_shape(runtime, await reads.app_listed(actor, tx, app))
        return Answer(200, shape, generation=made.generation)

    return await carry(request, runtime, actor, act)


@router.delete("/apps/{app}", operation_id="delete_app", status_code=202, response_model=App)
async def delete_app(request: Request, app: AppName, actor: Setter, runtime: RuntimeOf, expected: IfMatch) -> Response:
    """Deletes an App with its objects. What holds data stays in the cluster and is said in the Events. The answer names
    the Apps that call it: what runs of them goes on, and their next deploy is refused until they do without it."""

    async def act(tx: Tx, now: datetime) -> Answer:
        there = await reads.app_listed(actor, tx, app)
        before = _whole(runtime, there, await reads.callers(actor, tx, app))
        gone = await intents.delete_app(actor, tx, now, app, expected=expected)
        # One that had nothing in a cluster is gone already.
        now_there = replace(there, app=gone) if there.live is None else await reads.app_listed(actor, tx, app)
        told = {"called_by": before.called_by, "called_by_others": before.called_by_others}
        return Answer(202, app_shape(runtime, now_there).model_copy(update=told))

    return await carry(request, runtime, actor, act)
