"""/apps/{app}/timeline and /apps/{app}/objects: what happened, what lies between two points, what exactly there is.

It reads the store and compiles; the cluster is asked only by who wants to know what drifted at this moment. It must not
change anything.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from fastapi.responses import Response
from starlette.requests import Request

from mcd.api import places
from mcd.api.access import Deployer, Reader, RuntimeOf
from mcd.api.pages import Piece
from mcd.api.paths import AppName
from mcd.api.portal.pages import Page, show
from mcd.api.portal.routes.app import drafts_of, top
from mcd.api.portal.routes.app_plans import planned_of_live
from mcd.api.portal.routing import pages
from mcd.api.portal.views.app_act import Plan
from mcd.api.portal.views.app_history import (
    Objects,
    Point,
    Row,
    Side,
    Timeline,
    between,
    event_row,
    options_of,
    point,
    release_row,
    rollout_row,
    settings_row,
    things_of,
)
from mcd.api.portal.views.typed import typed
from mcd.api.running import pair_of
from mcd.errors import Code, McdError
from mcd.model import Actor, Verb
from mcd.runtime import Runtime
from mcd.store import reads
from mcd.store.reads import Part
from mcd.store.tx import Tx

router = pages()

ROWS = 50
OFFERED = 40
"""Points of each kind that the form offers, the newest; others are reached by their address."""


@router.get("/apps/{app}/timeline", operation_id="portal_timeline")
async def timeline(
    request: Request,
    app: AppName,
    actor: Reader,
    runtime: RuntimeOf,
    part: Piece,
    show_: Annotated[str, Query(alias="show", pattern=r"^(events|rollouts|releases|settings)$")] = "events",
    before: Annotated[str, Query(alias="from", max_length=30)] = "",
    after: Annotated[str, Query(alias="to", max_length=30)] = "",
) -> Response:
    """Everything that happened, newest first; and what is different between two points."""
    since, until = point(before), point(after)
    async with runtime.db.reading() as tx:
        head = await top(actor, tx, app, "/timeline")
        rows, cursor = await _rows(actor, tx, app, show_, Part(ROWS, part.cursor))
        some = Part(OFFERED)
        options = options_of(
            (await reads.rollouts(actor, tx, app, some)).items,
            (await reads.releases(actor, tx, app, some)).items,
            (await reads.settings_history(actor, tx, app, some)).items,
        )
    sections, trouble = None, ""
    if since is not None and until is not None:
        sides, trouble = await _sides(request, runtime, actor, app, since, until)
        sections = between(*sides)
    view = Timeline(
        head, show_, rows, cursor, part.cursor is None, options, before, after, sections, trouble
    )  # fmt: skip
    command = {"events": typed("mcd events", app), "settings": typed("mcd settings history", app),
               "releases": typed("mcd release list", app)}.get(show_, typed("mcd history", app))  # fmt: skip
    return show(request, Page("app/timeline.html", view, command), now=runtime.now())


async def _rows(actor: Actor, tx: Tx, app: str, shown: str, part: Part) -> tuple[tuple[Row, ...], str | None]:
    match shown:
        case "rollouts":
            rollouts = await reads.rollouts(actor, tx, app, part)
            return tuple(rollout_row(r) for r in rollouts.items), rollouts.next_cursor
        case "releases":
            releases = await reads.releases(actor, tx, app, part)
            fates = await reads.fates(actor, tx, app, releases.items)
            return tuple(release_row(r, fates[r.number]) for r in releases.items), releases.next_cursor
        case "settings":
            settings = await reads.settings_history(actor, tx, app, part)
            return tuple(settings_row(s) for s in settings.items), settings.next_cursor
    events = await reads.events(actor, tx, part, app=app)
    return tuple(event_row(e) for e in events.items), events.next_cursor


async def _sides(
    request: Request, runtime: Runtime, actor: Actor, app: str, before: Point, after: Point
) -> tuple[tuple[Side, Side], str]:
    """Both, and why their objects are not compared."""
    sides, trouble = [], ""
    for at in (before, after):
        side, said = await _side(request, runtime, actor, app, at)
        sides.append(side)
        trouble = trouble or said
    return (sides[0], sides[1]), trouble


async def _side(request: Request, runtime: Runtime, actor: Actor, app: str, at: Point) -> tuple[Side, str]:
    async with runtime.db.reading() as tx:
        if at.kind == "settings":
            return Side(None, await reads.settings(actor, tx, app, at.number)), ""
        if at.kind == "release":
            return Side(await reads.release(actor, tx, app, at.number), None), ""
        rollout = await reads.rollout_numbered(actor, tx, app, at.number)
        place = await places.place_of(actor, tx, app, Verb.READ)
        pair = await pair_of(actor, tx, place, rollout.release, rollout.settings)
    try:
        drawn = await drafts_of(request).of(runtime, pair, rollout)
    except McdError as error:
        if error.code is not Code.UNAVAILABLE:
            raise
        return Side(pair.release, pair.settings), str(error)
    said = "" if drawn.objects else " ".join(str(p.message) for p in drawn.problems[:1])
    return Side(pair.release, pair.settings, drawn.objects or None), said


@router.get("/apps/{app}/objects", operation_id="portal_objects")
async def objects(
    request: Request,
    app: AppName,
    actor: Reader,
    runtime: RuntimeOf,
    kind: Annotated[str, Query(max_length=63)] = "",
) -> Response:
    """Every object of the App as MCD wants it, and how it was when MCD looked last."""
    view = await _objects(request, runtime, actor, app, kind, None)
    return show(request, Page("app/objects.html", view, typed("mcd status", app, "-o", "yaml")), now=runtime.now())


@router.get("/apps/{app}/drift", operation_id="portal_drift")
async def drift(request: Request, app: AppName, actor: Deployer, runtime: RuntimeOf) -> Response:
    """The same, compared with the cluster at this moment: what MCD would write."""
    plan = await planned_of_live(runtime, actor, app)
    view = await _objects(request, runtime, actor, app, "", plan)
    return show(request, Page("app/objects.html", view, typed("mcd status", app, "-o", "yaml")), now=runtime.now())


async def _objects(request: Request, runtime: Runtime, actor: Actor, app: str, kind: str, plan: Plan | None) -> Objects:
    async with runtime.db.reading() as tx:
        head = await top(actor, tx, app, "/objects")
        place = await places.place_of(actor, tx, app, Verb.READ)
        live = await reads.live_rollout(actor, tx, app)
        pair = await pair_of(actor, tx, place, live.release, live.settings) if live is not None else None
        changes = (await reads.rollout_seen(actor, tx, live.id)).changes if live is not None else ()
    drawn = await drafts_of(request).of(runtime, pair, live) if pair is not None else None
    wanted = drawn.objects if drawn is not None else ()
    problems = tuple(map(str, drawn.problems if drawn and not wanted else ()))
    every = things_of(wanted, place.inventory, changes)
    kinds = tuple(sorted({thing.kind for thing in every}))
    return Objects(head, tuple(t for t in every if not kind or t.kind == kind), kinds, kind, problems, plan)
