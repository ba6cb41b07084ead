"""/apps/{app}/rollouts/{number} and /apps/{app}/releases/{number}: what became of one, for ever.

It reads the store only. It must not change anything.
"""

from __future__ import annotations

from fastapi.responses import Response
from starlette.requests import Request

from mcd.api.access import Reader, RuntimeOf
from mcd.api.paths import AppName, ReleaseNumber
from mcd.api.portal.pages import Page, show
from mcd.api.portal.routes.app import top
from mcd.api.portal.routing import pages
from mcd.api.portal.views.app_past import release_page, rollout_page
from mcd.api.portal.views.plain import plain
from mcd.api.portal.views.typed import typed
from mcd.store import reads
from mcd.store.reads.runs import build_tail

router = pages()

LINES = 500
"""Of the builder's output; all of it is for `mcd logs --build`."""


@router.get("/apps/{app}/rollouts/{number}", operation_id="portal_rollout")
async def rollout(request: Request, app: AppName, number: ReleaseNumber, actor: Reader, runtime: RuntimeOf) -> Response:
    """One Rollout: its conditions, how each component was, what was written."""
    async with runtime.db.reading() as tx:
        head = await top(actor, tx, app, "/rollouts")
        found = await reads.rollout_numbered(actor, tx, app, number)
        seen = await reads.rollout_seen(actor, tx, found.id)
    view = rollout_page(head, seen.rollout, seen.health, seen.changes)
    command = typed("mcd rollout show", number, "-a", app)
    return show(request, Page("app/rollout.html", view, command), now=runtime.now())


@router.get("/apps/{app}/releases/{number}", operation_id="portal_release")
async def release(request: Request, app: AppName, number: ReleaseNumber, actor: Reader, runtime: RuntimeOf) -> Response:
    """One Release: its app.yaml, its images, what is wrong with it, what the builder said."""
    async with runtime.db.reading() as tx:
        head = await top(actor, tx, app, "/releases")
        found = await reads.release(actor, tx, app, number)
        told = (await reads.fates(actor, tx, app, (found,)))[number]
        problems = await reads.release_problems(actor, tx, app, number)
        log = await build_tail(actor, tx, app, number, LINES)
    view = release_page(head, found, told, problems, [plain(line) for line in log])
    command = typed("mcd release show", number, "-a", app)
    return show(request, Page("app/release.html", view, command), now=runtime.now())
