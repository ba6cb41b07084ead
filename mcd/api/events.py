"""/events: what happened, as a list, or as a stream for who asks for text/event-stream."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from starlette.requests import Request

from mcd import model
from mcd.api.access import Reader, RuntimeOf
from mcd.api.errors import HttpRefusal
from mcd.api.pages import Piece, page
from mcd.api.shapes import Event, Page
from mcd.api.streams import Item, Look, resume_after, stream
from mcd.api.strict import StrictRoute
from mcd.model import Actor, EventKind, Noun
from mcd.runtime import Runtime
from mcd.store import reads
from mcd.store.reads import Part

router = APIRouter(prefix="/api/v1", tags=["events"], route_class=StrictRoute)

_AT_ONCE = 100
_EVERY = 5.0
"""Seconds between two looks when nobody tells us of news; usually a commit tells at once."""


@dataclass(frozen=True, slots=True)
class _Filter:
    """What of the Events is asked for."""

    app: str | None
    product_line: str | None
    noun: Noun | None
    name: str | None
    kinds: tuple[EventKind, ...]

    async def page(self, runtime: Runtime, actor: Actor, part: Part, after: int | None) -> reads.Page[model.Event]:
        async with runtime.db.reading() as tx:
            return await reads.events(
                actor,
                tx,
                part,
                after=after,
                app=self.app,
                product_line=self.product_line,
                noun=self.noun,
                name=self.name,
                kinds=self.kinds,
            )


async def _filter(
    app: Annotated[str | None, Query(max_length=63, description="Of this App.")] = None,
    product_line: Annotated[str | None, Query(max_length=63, description="Of this product line.")] = None,
    noun: Annotated[Noun | None, Query(description="About this kind of thing.")] = None,
    name: Annotated[
        str | None, Query(max_length=128, description="About this thing; a Release or Rollout is `app/number`.")
    ] = None,
    kind: Annotated[list[EventKind] | None, Query(description="Of one of these kinds.")] = None,
) -> _Filter:
    return _Filter(app, product_line, noun, name, tuple(kind or ()))


Filter = Annotated[_Filter, Depends(_filter)]


@router.get(
    "/events",
    operation_id="list_events",
    response_model=Page[Event],
    responses={
        200: {
            "description": "A page of Events, newest first (oldest first with `after`); or, for "
            "`Accept: text/event-stream`, every Event from now on, or since `Last-Event-ID`.",
            "content": {"text/event-stream": {"example": 'event: event\nid: 42\ndata: {"sequence": 42, …}\n\n'}},
        }
    },
)
async def list_events(
    request: Request,
    actor: Reader,
    runtime: RuntimeOf,
    part: Piece,
    wanted: Filter,
    after: Annotated[int | None, Query(ge=0, le=2**62, description="Only what came after this sequence.")] = None,
) -> Response:
    """What happened. What you may not see is left out."""
    accepts = request.headers.get("accept", "*/*")
    if "text/event-stream" in accepts:
        return await _stream(request, runtime, actor, wanted, after)
    if not any(kind in accepts for kind in ("application/json", "application/*", "*/*")):
        raise HttpRefusal(406, "Events are answered as JSON or as a stream.", "Accept application/json.")
    return page(request, await wanted.page(runtime, actor, part, after), Event.of)


async def _stream(request: Request, runtime: Runtime, actor: Actor, wanted: _Filter, after: int | None) -> Response:
    if after is None:
        async with runtime.db.reading() as tx:
            after = await reads.newest_sequence(actor, tx)
    at = resume_after(request, after)

    async def look(who: Actor) -> Look:
        nonlocal at
        found = await wanted.page(runtime, who, Part(_AT_ONCE), at)
        if found.items:
            at = found.items[-1].sequence
        return Look(tuple(Item("event", Event.of(event), event.sequence) for event in found.items))

    return stream(request, runtime, actor, look, every=_EVERY)
