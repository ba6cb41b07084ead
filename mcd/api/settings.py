"""/apps/{app}/settings: what the platform owns for an App. Every change is a new numbered revision and a Rollout."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from fastapi import APIRouter
from fastapi.responses import JSONResponse, Response
from starlette.requests import Request

from mcd import model
from mcd.api.access import Deployer, Reader, RuntimeOf
from mcd.api.app_shapes import DryRun, Settings
from mcd.api.carry import Answer, carry
from mcd.api.components import REPLICAS, refuse_others, types_of
from mcd.api.etag import IfMatch, shown
from mcd.api.pages import Piece, page
from mcd.api.paths import AppName, Revision
from mcd.api.running import dry_run_beside
from mcd.api.secret_uses import refuse_loss_of_settings
from mcd.api.shapes import Page
from mcd.api.strict import StrictRoute
from mcd.api.variables import refuse_unasked
from mcd.api.wishes import SettingsChange
from mcd.errors import Code, McdError
from mcd.model import Actor
from mcd.runtime import Runtime
from mcd.store import intents, reads
from mcd.store.tx import Tx

NAMED = 5
"""How many settings a refusal names."""

router = APIRouter(prefix="/api/v1", tags=["settings"], route_class=StrictRoute)


@router.get("/apps/{app}/settings", operation_id="show_settings", response_model=Settings)
async def show_settings(request: Request, app: AppName, actor: Reader, runtime: RuntimeOf) -> Response:
    """The newest Settings. An App that nobody touched has revision 0, which is empty."""
    async with runtime.db.reading() as tx:
        found = await reads.settings(actor, tx, app)
    return shown(request, Settings.of(found), found.revision)


@router.get("/apps/{app}/settings/history", operation_id="list_settings", response_model=Page[Settings])
async def list_settings(request: Request, app: AppName, actor: Reader, runtime: RuntimeOf, part: Piece) -> Response:
    """All revisions, newest first."""
    async with runtime.db.reading() as tx:
        found = await reads.settings_history(actor, tx, app, part)
    return page(request, found, Settings.of)


@router.get("/apps/{app}/settings/{revision}", operation_id="show_settings_revision", response_model=Settings)
async def show_settings_revision(
    request: Request, app: AppName, revision: Revision, actor: Reader, runtime: RuntimeOf
) -> Response:
    """One revision."""
    async with runtime.db.reading() as tx:
        found = await reads.settings(actor, tx, app, revision)
    return shown(request, Settings.of(found), found.revision)


@router.patch(
    "/apps/{app}/settings",
    operation_id="change_settings",
    responses={
        200: {"model": Settings | DryRun, "description": "The new revision; for `dry_run` what it would write."}
    },
)
async def change_settings(
    request: Request, app: AppName, wish: SettingsChange, actor: Deployer, runtime: RuntimeOf, expected: IfMatch
) -> Response:
    """Changes what is named and nothing else. What runs gets it with a new Rollout. Who may deploy may scale."""
    changes = _changes(wish)
    await _refuse_others(actor, runtime, app, changes)
    await _refuse_what_breaks(actor, runtime, app, changes)
    if wish.dry_run:

        async def rehearsed(tx: Tx, now: datetime) -> model.Rollout:
            return await _rollout_with(actor, tx, now, app, changes, expected)

        answer = await dry_run_beside(runtime, actor, app, rehearsed)
        return JSONResponse(answer.model_dump(mode="json"))

    async def act(tx: Tx, now: datetime) -> Answer:
        made = await intents.change_settings(actor, tx, now, app, changes=changes, base_revision=expected)
        return Answer(200, Settings.of(made), generation=made.revision)

    return await carry(request, runtime, actor, act)


def _changes(wish: SettingsChange) -> dict[str, Any]:
    named = wish.model_dump(exclude_unset=True, exclude={"dry_run"})
    return {word: value for word, value in named.items() if value}


async def _refuse_others(actor: Actor, runtime: Runtime, app: str, changes: dict[str, Any]) -> None:
    """What was set for a component that is gone since can be taken away; nothing else can be said of one. Neither can
    a variable be filled in that nothing asks for."""
    components = changes.get("components", {})
    async with runtime.db.reading() as tx:
        held = (await reads.settings(actor, tx, app)).values.get("components", {})
    types = await types_of(runtime, actor, app)
    await refuse_unasked(runtime, actor, app, changes.get("env", {}))
    gone = [name for name, wanted in components.items() if name in held and wanted.get("replicas") is None]
    refuse_others(types, [name for name in components if name not in gone], REPLICAS)


async def _refuse_what_breaks(actor: Actor, runtime: Runtime, app: str, changes: dict[str, Any]) -> None:
    """What the running App reads is not taken away: a variable that it requires, a config map or a key of one."""
    emptied = [f"env.{name}" for name, value in changes.get("env", {}).items() if not value]
    for name, texts in changes.get("configs", {}).items():
        where = f"configs.{name}"
        emptied += [where] if texts is None else [f"{where}.{key}" for key, text in texts.items() if text is None]
    if emptied:
        await refuse_loss_of_settings(runtime, actor, app, ", ".join(emptied[:NAMED]), changes)


async def _rollout_with(
    actor: Actor, tx: Tx, now: datetime, app: str, changes: dict[str, Any], expected: int | None
) -> model.Rollout:
    await intents.change_settings(actor, tx, now, app, changes=changes, base_revision=expected)
    live = await reads.live_rollout(actor, tx, app)
    if live is None:
        raise McdError(Code.CONFLICT, f"nothing of {app} runs, so nothing would be written.", "Deploy it first.")
    return live
