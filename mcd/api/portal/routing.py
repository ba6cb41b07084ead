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
            return await handle(request)

        return page


def pages() -> APIRouter:
    """A router of pages. They are not a part of the API's description."""
    return APIRouter(route_class=PageRoute, include_in_schema=False)
