"""The route class of every page: who asks is found first, and what is refused is refused as a page.

It must not know any page. Forms are urlencoded; `SameOrigin` refuses those of other sites before they come here.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

from fastapi import APIRouter
from fastapi.responses import Response
from fastapi.routing import APIRoute
from starlette.requests import Request

from mcd.api.access import permissions
from mcd.api.errors import HttpRefusal
from mcd.api.portal.briefly import briefly_of
from mcd.model import Actor

FORM = "application/x-www-form-urlencoded"


class PageRoute(APIRoute):
    """Marks the request as one of a person with a browser, and asks who it is before the form is read."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handle = super().get_route_handler()
        declared = list(permissions(self.dependant))
        wants_form = self.body_field is not None

        async def page(request: Request) -> Response:
            request.scope["state"]["page"] = True
            for permission in declared:
                await permission.admit(request)
            kind = request.headers.get("content-type", "").partition(";")[0].strip().lower()
            if wants_form and kind != FORM:
                raise HttpRefusal(415, "this is not a form.", f"Send Content-Type: {FORM}.")
            return _ready(request) or await handle(request)

        return page


def _ready(request: Request) -> Response | None:
    """A page that is kept, before its route reads what was asked: it is kept by the very words."""
    actor: Actor | None = request.scope["state"].get("actor")
    if request.method != "GET" or actor is None:
        return None
    return briefly_of(request).ready(request, actor)


def pages() -> APIRouter:
    """A router of pages. They are not a part of the API's description."""
    return APIRouter(route_class=PageRoute, include_in_schema=False)
