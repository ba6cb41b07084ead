"""/apps/{app}/deploy, rollback, scale, restart, offline, online, confirm and delete: choose, preview, confirm.

Each makes the wish that the API makes for the same act. It must not write anything before the preview of exactly that
was confirmed.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Annotated

from fastapi import Form, Query
from fastapi.responses import Response
from pydantic import BeforeValidator, Field, StringConstraints
from starlette.requests import Request

from mcd.api import sources
from mcd.api.access import Deployer, RuntimeOf, Setter
from mcd.api.components import RESTART, refuse_others, types_of
from mcd.api.named import deletes_of
from mcd.api.pages import Piece
from mcd.api.paths import AppName
from mcd.api.portal.pages import Page, show
from mcd.api.portal.routes.app import top
from mcd.api.portal.routes.app_plans import Confirmed, Wish, preview, with_one_wish
from mcd.api.portal.routes.app_scale import Word, scaled
from mcd.api.portal.routing import pages
from mcd.api.portal.views.app_act import (
    ActForm,
    Choice,
    Plan,
    chosen_of,
    deletion,
    past_of,
    release_choices,
    rollout_choices,
)
from mcd.api.portal.views.typed import typed
from mcd.api.portal.words import n_
from mcd.errors import Code, McdError
from mcd.model import Actor, ConditionType, Reason, Trigger
from mcd.model.triggers import BACK
from mcd.model.way_back import before, went_back
from mcd.runtime import Runtime
from mcd.store import intents, reads
from mcd.store.reads import Part
from mcd.store.tx import Tx

router = pages()

CHOICES = 30
"""Releases or Rollouts on one page of a form."""

WAY_BACK = 500
"""Rollouts among which the way back is looked for, newest first. `mcd rollback` reads them all; a page has to end."""


def _blank(value: object) -> object:
    return None if value == "" else value


Number = Annotated[int | None, BeforeValidator(_blank), Field(ge=1, le=2**31 - 1)]


class DeployForm(Confirmed):
    release: Number = None
    commit: Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^([0-9a-f]{7,40})?$")] = ""
    take_over: Annotated[str, StringConstraints(pattern=r"^(yes)?$")] = ""


class RollbackForm(Confirmed):
    rollout: Annotated[int, Field(ge=1, le=2**31 - 1)]


class RestartForm(Confirmed):
    component: Annotated[list[Word], Field(default_factory=list, max_length=100)]


# --- deploy ----------------------------------------------------------------------------------------------------------


@router.get("/apps/{app}/deploy", operation_id="portal_deploy_form")
async def deploy_form(
    request: Request,
    app: AppName,
    actor: Deployer,
    runtime: RuntimeOf,
    part: Piece,
    release: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> Response:
    """Which Release?"""
    async with runtime.db.reading() as tx:
        head = await top(actor, tx, app, "/deploy")
        found = await reads.releases(actor, tx, app, Part(CHOICES, part.cursor))
        live = await reads.live_rollout(actor, tx, app)
        fates = await reads.fates(actor, tx, app, found.items)
    choices = release_choices(found.items, live, fates)
    newest = chosen_of(choices)
    more = f"{head.url}/deploy?cursor={found.next_cursor}" if found.next_cursor else ""
    view = ActForm(head, "deploy", n_("Deploy"), choices, str(release or newest), more)
    return show(request, Page("app/deploy.html", view, typed("mcd deploy", app)), now=runtime.now())


@router.post("/apps/{app}/deploy", operation_id="portal_deploy")
async def deploy(
    request: Request, app: AppName, actor: Deployer, runtime: RuntimeOf, form: Annotated[DeployForm, Form()]
) -> Response:
    """Previews the Rollout of a Release with the newest Settings, then makes it."""
    if form.commit:
        source = await sources.find(runtime, actor, app, form.commit)
        named, fields = source.commit.id[:12], (("commit", source.commit.id),)
        command = typed("mcd deploy", app, "--commit", named)
    elif form.release is not None:
        source, named, fields = None, str(form.release), (("release", str(form.release)),)
        command = typed("mcd deploy", app, "--release", form.release)
    else:
        raise McdError(Code.INVALID, "it is not said what to deploy.", "Choose a Release, or write a commit.")
    take_over = form.take_over == "yes"

    async def act(tx: Tx, now: datetime, plan: Plan) -> bool:
        number = form.release if source is None else await sources.release_of(actor, tx, now, app, source)
        assert number is not None
        asked = await intents.request_rollout(
            actor, tx, now, app, release=number, trigger=Trigger.DEPLOY, take_over=take_over,
            confirmed_prune=plan.confirm_prune,
        )  # fmt: skip
        return asked.created

    wish = Wish(
        app, "deploy", n_("Deploy commit %(named)s") if source is not None else n_("Deploy Release %(named)s"), act,
        command + (" --take-over" if take_over else ""), n_("Deploy"), "deploying", {"named": named},
        (*fields, ("take_over", form.take_over)),
    )  # fmt: skip
    return await preview(request, runtime, actor, wish, form.confirmation)


# --- roll back -------------------------------------------------------------------------------------------------------


@router.get("/apps/{app}/rollback", operation_id="portal_rollback_form")
async def rollback_form(request: Request, app: AppName, actor: Deployer, runtime: RuntimeOf, part: Piece) -> Response:
    """Back to which Rollout?"""
    async with runtime.db.reading() as tx:
        head = await top(actor, tx, app, "/rollback")
        found = await reads.rollouts(actor, tx, app, Part(CHOICES, part.cursor))
        titles = await _titles(actor, tx, app, {r.release for r in found.items})
        past = past_of((await reads.rollouts(actor, tx, app, Part(WAY_BACK))).items)
    choices = rollout_choices(found.items, titles)
    # As `mcd rollback` chooses: where MCD went back by itself, to go further is for a person to say.
    back, best = went_back(past), before(past)
    chosen = str(best.number) if best is not None and back is None else ""
    more = f"{head.url}/rollback?cursor={found.next_cursor}" if found.next_cursor else ""
    view = ActForm(head, "rollback", n_("Roll back"), choices, chosen, more, went_back=back)
    return show(request, Page("app/rollback.html", view, typed("mcd rollback", app)), now=runtime.now())


async def _titles(actor: Actor, tx: Tx, app: str, numbers: set[int]) -> Mapping[int, str]:
    found = await reads.releases_numbered(actor, tx, app, numbers)
    return {r.number: f"{r.commit[:12]} {r.title}".strip() for r in found}


@router.post("/apps/{app}/rollback", operation_id="portal_rollback")
async def rollback(
    request: Request, app: AppName, actor: Deployer, runtime: RuntimeOf, form: Annotated[RollbackForm, Form()]
) -> Response:
    """Previews going back to the Release and the Settings of an older Rollout, then goes back."""
    async with runtime.db.reading() as tx:
        old = await reads.rollout_numbered(actor, tx, app, form.rollout)
    deletes = await deletes_of(runtime, actor, app, old.release, old.settings)

    async def act(tx: Tx, now: datetime, plan: Plan) -> bool:
        asked = await intents.request_rollout(
            actor, tx, now, app, release=old.release, settings_revision=old.settings, trigger=Trigger.ROLLBACK,
            confirmed_prune=plan.confirm_prune, wished_deletes=deletes,
        )  # fmt: skip
        return asked.created

    wish = Wish(
        app, "rollback", n_("Roll back to Rollout %(number)s: Release %(release)s with Settings %(settings)s"), act,
        typed("mcd rollback", app, "--to", old.number), n_("Roll back"), "rolling-back",
        {"number": old.number, "release": old.release, "settings": old.settings}, (("rollout", str(old.number)),),
    )  # fmt: skip
    return await preview(request, runtime, actor, wish, form.confirmation)


# --- restart ---------------------------------------------------------------------------------------------------------


@router.get("/apps/{app}/restart", operation_id="portal_restart_form")
async def restart_form(request: Request, app: AppName, actor: Deployer, runtime: RuntimeOf) -> Response:
    """Which components?"""
    found = await scaled(request, runtime, actor, app)
    async with runtime.db.reading() as tx:
        head = await top(actor, tx, app, "/restart")
    view = ActForm(head, "restart", n_("Restart"), tuple(Choice(p.name, p.type) for p in found.parts))
    return show(request, Page("app/restart.html", view, typed("mcd restart", app)), now=runtime.now())


@router.post("/apps/{app}/restart", operation_id="portal_restart")
async def restart(
    request: Request, app: AppName, actor: Deployer, runtime: RuntimeOf, form: Annotated[RestartForm, Form()]
) -> Response:
    """Previews new pods for some components, then makes them."""
    names = list(dict.fromkeys(form.component))
    if not names:
        raise McdError(Code.INVALID, "it is not said what to restart.", "Choose one component or more.")
    async with runtime.db.reading() as tx:
        live = await reads.live_rollout(actor, tx, app)
    if live is None:
        raise McdError(Code.CONFLICT, f"nothing of {app} runs.", "Deploy it first.")
    release, settings = live.release, live.settings
    refuse_others(await types_of(runtime, actor, app, release), names, RESTART)

    async def act(tx: Tx, now: datetime, plan: Plan) -> bool:
        asked = await intents.request_rollout(
            actor, tx, now, app, release=release, settings_revision=settings, trigger=Trigger.RESTART, restart=names
        )
        return asked.created

    wish = Wish(
        app, "restart", n_("Restart %(names)s"), act,
        typed("mcd restart", app, *(word for n in names for word in ("-c", n))), n_("Restart"), "restarting",
        {"names": ", ".join(names)}, tuple(("component", n) for n in names),
    )  # fmt: skip
    return await preview(request, runtime, actor, wish, form.confirmation)


# --- what waits for a confirmation -----------------------------------------------------------------------------------


async def _confirm(request: Request, runtime: Runtime, actor: Actor, app: str) -> Wish:
    """Lets the Rollout that waits go on, with exactly the deletes that are shown."""
    async with runtime.db.reading() as tx:
        live = await reads.live_rollout(actor, tx, app)
    held = live.state.condition(ConditionType.STALLED) if live is not None else None
    if live is None or held is None or not held.status or held.reason is not Reason.PRUNE_NEEDS_CONFIRMATION:
        raise McdError(Code.CONFLICT, f"{app}: no Rollout waits for a confirmation now.", "Nothing needs to be done.")
    waiting = live

    async def act(tx: Tx, now: datetime, plan: Plan) -> bool:
        asked = await intents.request_rollout(
            actor, tx, now, app, release=waiting.release, settings_revision=waiting.settings,
            trigger=Trigger.ROLLBACK if waiting.trigger in BACK else Trigger.DEPLOY, take_over=waiting.take_over,
            confirmed_prune=plan.confirm_prune,
        )  # fmt: skip
        return asked.created

    return Wish(
        app, "confirm", n_("Confirm what Rollout %(number)s deletes"), act,
        typed("mcd deploy", app, "--release", waiting.release), n_("Go on and delete"), "deploying",
        {"number": waiting.number}, danger=True, typed=app, back=f"/apps/{app}",
    )  # fmt: skip


# --- delete ----------------------------------------------------------------------------------------------------------


async def _delete(request: Request, runtime: Runtime, actor: Actor, app: str) -> Wish:
    """Deletes the App, once its name was typed."""

    async def plan() -> Plan:
        async with runtime.db.reading() as tx:
            found = await reads.app(actor, tx, app)
            if found.deleted_at is not None:
                raise McdError(Code.CONFLICT, f"{app} is being deleted already.", "Nothing needs to be done.")
            live = await reads.live_rollout(actor, tx, app)
            entries = await reads.inventory(actor, tx, app)
        return deletion(entries, live.number if live is not None else 0, found.generation)

    async def act(tx: Tx, now: datetime, plan: Plan) -> bool:
        await intents.delete_app(actor, tx, now, app, expected=plan.revision)
        return True

    return Wish(
        app, "delete", n_("Delete %(name)s"), act, typed("mcd delete", app), n_("Delete for good"), "deleting",
        {"name": app}, danger=True, typed=app, plan=plan, to="/apps", back=f"/apps/{app}",
        notes=(n_("The App goes with its objects, its Settings and its secrets. "
                  "What holds data stays in the cluster."),),
    )  # fmt: skip


with_one_wish(router, "confirm", Deployer, _confirm)
with_one_wish(router, "delete", Setter, _delete)
