"""/apps/{app}/scale, offline and online: how many pods each component has, and none at all.

They are changes of Settings, as `mcd scale` makes them. It must not write anything before a preview was confirmed.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Annotated, Any

from fastapi import Form
from fastapi.responses import Response
from pydantic import Field, StringConstraints
from starlette.requests import Request

from mcd.api import places
from mcd.api.access import Deployer, RuntimeOf
from mcd.api.components import REPLICAS, refuse_others, types_of
from mcd.api.parts import Part as Component
from mcd.api.paths import AppName
from mcd.api.portal.pages import Page, show
from mcd.api.portal.routes.app import drafts_of, top
from mcd.api.portal.routes.app_plans import Confirmed, Wish, preview, with_one_wish
from mcd.api.portal.routing import pages
from mcd.api.portal.views.app_act import ActForm, Choice, Plan
from mcd.api.portal.views.typed import typed
from mcd.api.portal.words import n_
from mcd.api.running import pair_of
from mcd.errors import Code, McdError
from mcd.model import Actor, Verb
from mcd.runtime import Runtime
from mcd.store import intents, reads
from mcd.store.tx import Tx

router = pages()

Word = Annotated[str, StringConstraints(max_length=63)]


Count = Annotated[str, StringConstraints(strip_whitespace=True, pattern=r"^[0-9]{0,4}$")]


class ScaleForm(Confirmed):
    component: Annotated[list[Word], Field(default_factory=list, max_length=100)]
    replicas: Annotated[list[Count], Field(default_factory=list, max_length=100)]


@dataclass(frozen=True, slots=True)
class Scaled:
    """The components that run all the time, and what Settings say of their number."""

    parts: tuple[Component, ...]
    held: Mapping[str, Any]
    """Component → its overrides."""


async def scaled(request: Request, runtime: Runtime, actor: Actor, app: str) -> Scaled:
    """Raises McdError not_found, forbidden, unavailable."""
    async with runtime.db.reading() as tx:
        place = await places.place_of(actor, tx, app, Verb.DEPLOY)
        live = await reads.live_rollout(actor, tx, app)
        settings = await reads.settings(actor, tx, app)
        drawn = drafts_of(request).kept(place, live) if live is not None else None
        pair = None
        if live is not None and drawn is None:
            pair = await pair_of(actor, tx, place, live.release, live.settings)
    if live is not None and pair is not None:
        drawn = await drafts_of(request).drawn(runtime, place, pair, live)
    parts = drawn[0].parts if drawn is not None else ()
    return Scaled(tuple(p for p in parts if p.long), settings.values.get("components", {}))


@router.get("/apps/{app}/scale", operation_id="portal_scale_form")
async def scale_form(request: Request, app: AppName, actor: Deployer, runtime: RuntimeOf) -> Response:
    """How many pods?"""
    found = await scaled(request, runtime, actor, app)
    async with runtime.db.reading() as tx:
        head = await top(actor, tx, app, "/scale")
    choices = tuple(Choice(p.name, p.type, str(p.replicas)) for p in found.parts)
    amounts = {p.name: str(found.held.get(p.name, {}).get("replicas", "")) for p in found.parts}
    view = ActForm(head, "scale", n_("Scale"), choices, amounts=amounts)
    return show(request, Page("app/scale.html", view, typed("mcd scale", app, "COMPONENT=N")), now=runtime.now())


@router.post("/apps/{app}/scale", operation_id="portal_scale")
async def scale(
    request: Request, app: AppName, actor: Deployer, runtime: RuntimeOf, form: Annotated[ScaleForm, Form()]
) -> Response:
    """Previews other numbers of pods, then sets them."""
    if not form.component or len(form.component) != len(form.replicas):
        raise McdError(Code.INVALID, "each component needs its number of pods.", "Fill the form in again.")
    wanted = {name: int(count) if count else None for name, count in zip(form.component, form.replicas, strict=True)}
    fields = tuple(pair for name, count in wanted.items() for pair in (("component", name), ("replicas", _text(count))))
    words = [f"{name}={'default' if count is None else count}" for name, count in wanted.items()]
    wish = await _replicas(
        runtime, actor, app,
        Wish(app, "scale", n_("Scale"), _nothing, typed("mcd scale", app, *words), n_("Scale"), "scaling", {}, fields,
             settings_only=True),
        wanted,
    )  # fmt: skip
    return await preview(request, runtime, actor, wish, form.confirmation)


def _text(count: int | None) -> str:
    return "" if count is None else str(count)


async def _nothing(tx: Tx, now: datetime, plan: Plan) -> bool:
    return False


async def _replicas(runtime: Runtime, actor: Actor, app: str, wish: Wish, wanted: Mapping[str, int | None]) -> Wish:
    """The wish with what it does: other numbers of pods. Raises McdError(invalid) for what is no component."""
    async with runtime.db.reading() as tx:
        held = (await reads.settings(actor, tx, app)).values.get("components", {})
    known = await types_of(runtime, actor, app)
    refuse_others(known, [n for n, count in wanted.items() if not (count is None and n in held)], REPLICAS)

    async def act(tx: Tx, now: datetime, plan: Plan) -> bool:
        before = await reads.settings(actor, tx, app)
        changes = {"components": {name: {"replicas": count} for name, count in wanted.items()}}
        after = await intents.change_settings(actor, tx, now, app, changes=changes)
        return after.revision != before.revision

    return replace(wish, act=act)


async def _offline(request: Request, runtime: Runtime, actor: Actor, app: str) -> Wish:
    """Takes every component that runs all the time to 0 pods."""
    found = await scaled(request, runtime, actor, app)
    if not found.parts:
        raise McdError(Code.CONFLICT, f"nothing of {app} runs all the time, so nothing can be taken offline.", "")
    wanted: dict[str, int | None] = dict.fromkeys((p.name for p in found.parts), 0)
    words = [f"{name}=0" for name in wanted]
    wish = Wish(
        app, "offline", n_("Take offline"), _nothing, typed("mcd scale", app, *words), n_("Take offline"), "offline",
        notes=(n_("Its addresses answer with an error until it is brought back. Data, secrets and history stay. "
                  "Jobs on a schedule go on."),),
        danger=True, back=f"/apps/{app}", settings_only=True,
    )  # fmt: skip
    return await _replicas(runtime, actor, app, wish, wanted)


async def _online(request: Request, runtime: Runtime, actor: Actor, app: str) -> Wish:
    """Gives every component that was set to 0 pods back to app.yaml."""
    found = await scaled(request, runtime, actor, app)
    stopped = [name for name, overrides in found.held.items() if overrides.get("replicas") == 0]
    if not stopped:
        raise McdError(Code.CONFLICT, f"no component of {app} is set to 0 pods.", "There is nothing to bring back.")
    words = [f"{name}=default" for name in stopped]
    wish = Wish(
        app, "online", n_("Bring back"), _nothing, typed("mcd scale", app, *words), n_("Bring back"), "online",
        notes=(n_("Each component runs as many pods again as app.yaml says."),), back=f"/apps/{app}",
        settings_only=True,
    )  # fmt: skip
    return await _replicas(runtime, actor, app, wish, dict.fromkeys(stopped))


with_one_wish(router, "offline", Deployer, _offline)
with_one_wish(router, "online", Deployer, _online)
