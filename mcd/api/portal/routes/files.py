"""/static and /csp-reports: what pages are made of, and what browsers say that they refused to load.

It must not answer anything that belongs to a person.
"""

from __future__ import annotations

from collections import deque

from fastapi import APIRouter
from fastapi.responses import Response
from starlette.requests import Request

from mcd.api.access import PROBE, PUBLIC
from mcd.api.portal.assets import PREFIX, assets
from mcd.api.portal.pages import REPORTS
from mcd.errors import Code, McdError, echo
from mcd.observability import logs

router = APIRouter(include_in_schema=False)

REPORT_LIMIT = 16 * 1024
"""Bytes of one report."""
KEPT = 50
"""Reports that are kept in memory, for tests and for who looks with a debugger."""

FOR_EVER = "public, max-age=31536000, immutable"


@router.get(PREFIX + "/{digest}/{name:path}", operation_id="portal_static", dependencies=[PROBE])
async def static(request: Request, digest: str, name: str) -> Response:
    """One file. Its address holds its hash, so that it is kept for ever; an older address has nothing any more."""
    found = assets().get(name)
    if found is None or found.digest != digest:
        raise McdError(Code.NOT_FOUND, f"there is nothing at {echo(request.url.path)}.", "Load the page again.")
    tag = f'"{found.digest}"'
    headers = {"Cache-Control": FOR_EVER, "ETag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(found.content, media_type=found.media_type, headers=headers)


@router.post(REPORTS, operation_id="portal_csp_report", dependencies=[PUBLIC])
async def csp_report(request: Request) -> Response:
    """A browser refused to load something on a page of ours: that is a bug of ours or an attack on a person."""
    text = (await request.body())[:REPORT_LIMIT].decode("utf-8", "replace")
    reports_of(request).append(text)
    logs.logger("portal").warning("csp_report", report=echo(text, 2000))
    return Response(status_code=204)


def reports_of(request: Request) -> deque[str]:
    reports: deque[str] = request.app.state.csp_reports
    return reports
