"""Lists: one page, the cursor of the next, and the `Link` header that says it in HTTP."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any

from fastapi import Depends
from fastapi.responses import Response
from pydantic import BaseModel
from starlette.requests import Request

from mcd.api.paths import Cursor, Limit
from mcd.api.shapes import Page
from mcd.store.reads import Part


async def _part(limit: Limit = 100, cursor: Cursor = None) -> Part:
    return Part(limit, cursor)


Piece = Annotated[Part, Depends(_part)]
"""`limit` and `cursor` of the query."""


def page(request: Request, found: Any, shape: Callable[[Any], BaseModel]) -> Response:
    """`found` is a page of the store: `items` and `next_cursor`."""
    answer: Page[Any] = Page(items=[shape(item) for item in found.items], next_cursor=found.next_cursor)
    headers = {"Vary": "Authorization, Cookie"}
    if found.next_cursor:
        following = request.url.include_query_params(cursor=found.next_cursor)
        headers["Link"] = f'<{following.path}?{following.query}>; rel="next"'
    return Response(answer.model_dump_json(), media_type="application/json", headers=headers)
