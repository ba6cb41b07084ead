"""/events: everything that people and controllers did and saw, filtered and paged, newest first.

It must not leave out or add anything: what may be seen is decided by the store.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from fastapi.responses import Response
from starlette.requests import Request

from mcd.api.access import Reader, RuntimeOf
from mcd.api.portal.pages import Page, show
from mcd.api.portal.routing import pages
from mcd.api.portal.views.audit import Asked, events_view
from mcd.model import EventKind
from mcd.store import reads
from mcd.store.reads import Part

router = pages()

ON_A_PAGE = 50


@router.get("/events", operation_id="portal_events")
async def events(
    request: Request,
    actor: Reader,
    runtime: RuntimeOf,
    app: Annotated[str, Query(max_length=63)] = "",
    line: Annotated[str, Query(max_length=63)] = "",
    kind: Annotated[str, Query(max_length=40)] = "",
    cursor: Annotated[str, Query(max_length=2000)] = "",
) -> Response:
    """Who did what, to which thing, when. An unknown kind is none that anything is of."""
    asked = Asked(app.strip(), line.strip(), kind if kind in set(EventKind) else "", cursor)
    async with runtime.db.reading() as tx:
        found = await reads.events(
            actor,
            tx,
            Part(ON_A_PAGE, cursor or None),
            app=asked.app or None,
            product_line=asked.line or None,
            kinds=(EventKind(asked.kind),) if asked.kind else (),
        )
    view = events_view(found.items, asked, next_cursor=found.next_cursor, admin=actor.admin)
    return show(request, Page("portal/events.html", view, asked.command), now=runtime.now())
