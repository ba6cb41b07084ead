"""Refusals as pages: what the API says as problem+json, a person reads as a sentence in the layout of the portal.

Who is not signed in is asked to, and comes back to where they were. It must not decide what is refused.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from urllib.parse import quote

from fastapi.responses import RedirectResponse, Response
from starlette.requests import HTTPConnection, Request
from starlette.types import Scope

from mcd.api.portal.pages import Page, environment, frame_of, show, spoken_of
from mcd.api.portal.views.frame import local, parts_of
from mcd.api.portal.views.refusal import refusal
from mcd.api.shapes import ProblemDetails

MACHINES = ("/api/", "/git/", "/static/", "/livez", "/readyz", "/metrics", "/version")
"""Addresses at which no person reads the answer."""


def page(scope: Scope, body: ProblemDetails, headers: Mapping[str, str]) -> Response | None:
    """None when it is not a person with a browser who asks."""
    if not _reads_pages(scope):
        return None
    connection = HTTPConnection(scope)
    scope["state"].setdefault("request_id", "")
    kept = {name: value for name, value in headers.items() if name.lower() != "content-type"}
    part = connection.headers.get("hx-request") == "true"
    if body.status == 401 and (scope["method"] in ("GET", "HEAD") or part):
        return _sign_in(connection, part=part)
    view = refusal(body, signed_in=frame_of(connection).signed_in and body.status != 401)
    if part:
        # Beside the page, which stays: htmx would put a whole page where the part belongs.
        made = environment(spoken_of(connection)).get_template("parts/refused.html")
        text = made.render(v=view, frame=frame_of(connection), now=datetime.now(UTC))
        where = {"HX-Retarget": "#notice", "HX-Reswap": "innerHTML", "HX-Push-Url": "false"}
        return Response(text, body.status, {**kept, **where}, media_type="text/html; charset=utf-8")
    return show(
        Request(scope), Page("portal/refused.html", view, status=body.status), now=datetime.now(UTC), headers=kept
    )


def _reads_pages(scope: Scope) -> bool:
    if scope["state"].get("page"):
        return True
    if str(scope["path"]).startswith(MACHINES) or scope["type"] != "http":
        return False
    accepts = next((value.decode("latin-1") for name, value in scope["headers"] if name == b"accept"), "")
    return "text/html" in accepts


def _sign_in(connection: HTTPConnection, *, part: bool) -> Response:
    shown = parts_of(connection.headers.get("hx-current-url", "")) if part else connection.url
    here = local(f"{shown.path}?{shown.query}" if shown.query else shown.path)
    address = "/login" if here == "/" else f"/login?next={quote(here, safe='')}"
    if part:
        return Response(status_code=401, headers={"HX-Redirect": address})
    return RedirectResponse(address, status_code=303, headers={"Cache-Control": "no-store"})
