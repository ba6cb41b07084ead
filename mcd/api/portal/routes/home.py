"""/: what a person sees first."""

from __future__ import annotations

from fastapi.responses import Response
from starlette.requests import Request

from mcd.api.access import Reader, RuntimeOf
from mcd.api.portal.pages import Page, show
from mcd.api.portal.routing import pages
from mcd.api.portal.views.home import home_view

router = pages()


@router.get("/", operation_id="portal_home")
async def home(request: Request, actor: Reader, runtime: RuntimeOf) -> Response:
    """My Apps, what is wrong now, what waits for me, what was deployed last."""
    return show(request, Page("portal/home.html", home_view(actor), "mcd app list"), now=runtime.now())
