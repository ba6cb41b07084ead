"""/: what a person sees first."""

from __future__ import annotations

from datetime import datetime

from fastapi.responses import Response
from starlette.requests import Request

from mcd.api.access import Reader, RuntimeOf
from mcd.api.portal.briefly import briefly_of
from mcd.api.portal.pages import Page, shown
from mcd.api.portal.routing import pages
from mcd.api.portal.views.home import Around, home_view, pick
from mcd.model import Actor, Scope, Token
from mcd.store import reads
from mcd.store.reads import Part
from mcd.store.tx import Tx

router = pages()

_MOST = Part(500)


@router.get("/", operation_id="portal_home")
async def home(request: Request, actor: Reader, runtime: RuntimeOf) -> Response:
    """My Apps, what is wrong now, what waits for me, what was deployed last."""

    async def made(now: datetime) -> Response:
        async with runtime.db.reading() as tx:
            seen = await reads.glances(actor, tx)
            picked = pick(actor, seen)
            found = {line.name: line for line in await reads.app_lines(actor, tx, picked.names)}
            clusters = (await reads.clusters(actor, tx, _MOST)).items
            lines = (await reads.product_lines(actor, tx, _MOST)).items
            tokens = await _tokens(actor, tx)
        around = Around(clusters, lines, tokens, runtime.settings.url, now)
        view = home_view(actor, seen, picked, found, around)
        return await shown(request, Page("portal/home.html", view, "mcd app list"), now=around.now)

    return await briefly_of(request).page(request, actor, made)


async def _tokens(actor: Actor, tx: Tx) -> tuple[Token, ...]:
    """Who signed in with a narrow token does not see the others."""
    if actor.scope is not Scope.ALL:
        return ()
    return (await reads.tokens(actor, tx, None, _MOST)).items
