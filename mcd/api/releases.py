"""/apps/{app}/releases: the commits of an App that MCD read, and what the builder said."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response, StreamingResponse
from starlette.requests import Request

from mcd.api.access import Deployer, Reader, RuntimeOf, credential_of, throttle_of
from mcd.api.app_shapes import Release, ReleaseListed, ReleaseWhole
from mcd.api.build_logs import build_lines
from mcd.api.carry import Answer, IdempotencyKey, carry
from mcd.api.etag import shown
from mcd.api.pages import Piece, page
from mcd.api.paths import AppName, ReleaseNumber
from mcd.api.shapes import Page, Validation
from mcd.api.strict import StrictRoute
from mcd.store import intents, reads
from mcd.store.tx import Tx

router = APIRouter(prefix="/api/v1", tags=["releases"], route_class=StrictRoute)


@router.get("/apps/{app}/releases", operation_id="list_releases", response_model=Page[ReleaseListed])
async def list_releases(
    request: Request,
    app: AppName,
    actor: Reader,
    runtime: RuntimeOf,
    part: Piece,
    ignored: Annotated[bool | None, Query(description="Only those that their push did not deploy, or none.")] = None,
) -> Response:
    """The Releases of an App, newest first."""
    async with runtime.db.reading() as tx:
        found = await reads.releases(actor, tx, app, part, ignored=ignored)
        fates = await reads.fates(actor, tx, app, found.items)
    return page(request, found, lambda release: ReleaseListed.of_fate(release, fates[release.number]))


@router.get("/apps/{app}/releases/{number}", operation_id="show_release", response_model=ReleaseWhole)
async def show_release(
    request: Request, app: AppName, number: ReleaseNumber, actor: Reader, runtime: RuntimeOf
) -> Response:
    """One Release, with its app.yaml."""
    async with runtime.db.reading() as tx:
        found = await reads.release(actor, tx, app, number)
    return shown(request, ReleaseWhole.shown(found), found.state.generation)


@router.get("/apps/{app}/releases/{number}/problems", operation_id="show_release_problems")
async def show_release_problems(app: AppName, number: ReleaseNumber, actor: Reader, runtime: RuntimeOf) -> Validation:
    """What is wrong with app.yaml at that commit."""
    async with runtime.db.reading() as tx:
        return Validation.of(await reads.release_problems(actor, tx, app, number))


@router.get(
    "/apps/{app}/releases/{number}/log",
    operation_id="read_release_log",
    response_class=StreamingResponse,
    responses={200: {"description": "Lines of text.", "content": {"text/plain": {"example": "STEP 1/4: FROM …\n"}}}},
)
async def read_release_log(
    request: Request,
    app: AppName,
    number: ReleaseNumber,
    actor: Reader,
    runtime: RuntimeOf,
    follow: Annotated[bool, Query(description="Go on until the build ends.")] = False,
) -> Response:
    """The builder's output."""
    credential = credential_of(request)
    assert credential is not None
    throttle = throttle_of(request)
    throttle.room(actor.person)
    async with runtime.db.reading() as tx:
        await reads.release(actor, tx, app, number)
    lines = build_lines(runtime, credential, app, number, follow=follow)

    async def counted() -> AsyncIterator[bytes]:
        with throttle.stream(actor.person, "build_log"):
            async for line in lines:
                yield line

    request.scope["state"]["stream"] = "build_log"
    return StreamingResponse(counted(), media_type="text/plain; charset=utf-8", headers={"X-Accel-Buffering": "no"})


@router.post(
    "/apps/{app}/releases/{number}/retries", operation_id="retry_release", status_code=202, response_model=Release
)
async def retry_release(
    request: Request, app: AppName, number: ReleaseNumber, actor: Deployer, runtime: RuntimeOf, key: IdempotencyKey
) -> Response:
    """Looks at a Release again that failed, and deploys it when it is ready."""

    async def act(tx: Tx, now: datetime) -> Answer:
        again = await intents.retry_release(actor, tx, now, app, number)
        return Answer(202, Release.shown(again), f"/api/v1/apps/{app}/releases/{number}")

    return await carry(request, runtime, actor, act, key)
