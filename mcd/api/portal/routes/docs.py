"""/docs: the pages that came with this MCD, their search, and the pictures in them. For everybody: they hold nothing of
anybody, and the `type` of each refusal leads here.

It must not read anything of a person or a cluster, nor open a file by a path that was sent.
"""

from __future__ import annotations

import asyncio
from typing import Annotated

from fastapi import Query
from fastapi.responses import RedirectResponse, Response
from starlette.requests import Request

from mcd.api.access import PUBLIC, RuntimeOf
from mcd.api.portal.language import Language
from mcd.api.portal.manual.library import INDEX, PREFIX, address, library
from mcd.api.portal.manual.search import index
from mcd.api.portal.pages import Page, show, spoken_of
from mcd.api.portal.routing import pages
from mcd.api.portal.views.docs import Around, around_view, doc_view, found_view
from mcd.errors import Code, McdError, echo

router = pages()

ENGLISH = "en"
A_DAY = "public, max-age=86400"


@router.get(PREFIX, operation_id="portal_docs", dependencies=[PUBLIC])
async def first(request: Request, runtime: RuntimeOf) -> Response:
    """The list of all pages."""
    return await _page(request, runtime, INDEX)


@router.get(f"{PREFIX}/search", operation_id="portal_docs_search", dependencies=[PUBLIC])
async def search(
    request: Request, runtime: RuntimeOf, q: Annotated[str, Query(max_length=200)] = ""
) -> Response:  # fmt: skip
    """What has these words, the best first."""
    spoken = spoken_of(request)
    # A thread, because the first question reads all pages.
    found = await asyncio.to_thread(lambda: index(spoken.code).find(q))
    around = await asyncio.to_thread(_around, spoken, f"{PREFIX}/search")
    return show(request, Page("docs/found.html", found_view(q.strip(), found, around)), now=runtime.now())


@router.get(PREFIX + "/{name:path}", operation_id="portal_doc", dependencies=[PUBLIC])
async def page(request: Request, runtime: RuntimeOf, name: str) -> Response:
    """One page, or a picture of one."""
    kept = library().file(name)
    if kept is not None:
        return Response(kept[0], media_type=kept[1], headers={"Cache-Control": A_DAY})
    plain = name.rstrip("/").removesuffix(".md").removesuffix("/README")
    if plain != name and plain in library().names:
        return RedirectResponse(address(plain), status_code=308)
    return await _page(request, runtime, name)


async def _page(request: Request, runtime: RuntimeOf, name: str) -> Response:
    spoken = spoken_of(request)
    text = await asyncio.to_thread(library().page, name, spoken.code)
    if text is None:
        said = f"there is no page {echo(name)} in the docs."
        raise McdError(Code.NOT_FOUND, said, f"Look for it in {PREFIX}, which lists and searches them all.")
    around = await asyncio.to_thread(_around, spoken, address(name))
    view = doc_view(text, _tag(spoken, name), around, first=name == INDEX)
    command = "mcd explain" if name.startswith("reference/app-yaml") else ""
    return show(request, Page("docs/show.html", view, command), now=runtime.now())


def _around(spoken: Language, here: str) -> Around:
    listed = library().page(INDEX, spoken.code)
    assert listed is not None, "docs/README.md is a part of MCD"
    return around_view(listed, here, _tag(spoken, INDEX))


def _tag(spoken: Language, name: str) -> str:
    return spoken.tag if library().speaks(name, spoken.code) else ENGLISH
