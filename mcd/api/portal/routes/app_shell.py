"""/apps/{app}/shell: a terminal in the browser, over the ticket and the WebSocket of the API.

It only shows the page. It must not open a session by itself: a person presses for it.
"""

from __future__ import annotations

from typing import Annotated

from fastapi import Query
from fastapi.responses import Response
from starlette.requests import Request

from mcd.api.access import RuntimeOf, Sheller
from mcd.api.paths import AppName
from mcd.api.portal.pages import Page, show
from mcd.api.portal.routes.app import top
from mcd.api.portal.routing import pages
from mcd.api.portal.views.app_shell import Shell
from mcd.store import reads

router = pages()


@router.get("/apps/{app}/shell", operation_id="portal_shell")
async def shell(
    request: Request,
    app: AppName,
    actor: Sheller,
    runtime: RuntimeOf,
    component: Annotated[str, Query(max_length=63, pattern=r"^[-a-z0-9]*$")] = "",
    pod: Annotated[str, Query(max_length=253, pattern=r"^[-.a-z0-9]*$")] = "",
    container: Annotated[str, Query(max_length=63, pattern=r"^[-a-z0-9]*$")] = "",
) -> Response:
    """Where to, and the terminal."""
    async with runtime.db.reading() as tx:
        head = await top(actor, tx, app, "/shell")
        live = await reads.live_rollout(actor, tx, app)
        health = (await reads.rollout_seen(actor, tx, live.id)).health if live is not None else ()
    names = tuple(sorted({h.component for h in health}))
    # One component needs no choice; of several the person says which.
    chosen = component or (names[0] if len(names) == 1 else "")
    view = Shell(head, names, chosen, pod, container)
    return show(request, Page("app/shell.html", view, view.line), now=runtime.now())
