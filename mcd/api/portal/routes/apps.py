"""/apps: every App that a person may see, searched, filtered and paged.

A page costs a few queries, whatever the number of Apps. It must not show one App; that is the App page's.
"""

from __future__ import annotations

import asyncio
from datetime import datetime
from typing import Annotated

from fastapi import Query
from fastapi.responses import Response
from starlette.requests import Request

from mcd.api.access import Reader, RuntimeOf
from mcd.api.portal.briefly import briefly_of
from mcd.api.portal.pages import Page, shown
from mcd.api.portal.routing import pages
from mcd.api.portal.views.apps import AppList, Wanted, app_list, find
from mcd.store import reads
from mcd.store.tx import Tx

router = pages()

Word = Annotated[str, Query(max_length=63)]


@router.get("/apps", operation_id="portal_apps")
async def apps(
    request: Request,
    actor: Reader,
    runtime: RuntimeOf,
    q: Annotated[str, Query(max_length=100)] = "",
    line: Word = "",
    cluster: Word = "",
    state: Word = "",
    cursor: Word = "",
) -> Response:
    """The list; `cursor` is the last name of the page before."""
    wanted = Wanted(q, line, cluster, state, cursor)

    async def look(tx: Tx) -> AppList:
        seen = await reads.glances(actor, tx)
        await asyncio.sleep(0)  # Each step takes about a millisecond: others have their turn between them.
        found = find(seen, wanted)
        await asyncio.sleep(0)
        lines = await reads.app_lines(actor, tx, found.names)
        await asyncio.sleep(0)
        return app_list(found, lines, wanted, all_of_them=len(seen))

    async def made(now: datetime) -> Response:
        return await shown(request, Page("portal/apps.html", await runtime.db.asked(look), wanted.command), now=now)

    return await briefly_of(request).page(request, actor, made)
