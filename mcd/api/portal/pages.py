"""How a page is answered: the template and the view become HTML in the language of who asks.

A request of htmx for one part of a page gets the block of that name only, from the same template. It must not read the
store, nor know what any page is about.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Hashable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache, lru_cache
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from fastapi.responses import HTMLResponse, RedirectResponse, Response
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template, pass_context
from jinja2.runtime import Context
from markupsafe import Markup, escape
from starlette.requests import HTTPConnection, Request
from starlette.types import Scope

from mcd.api.portal import assets
from mcd.api.portal.language import NAMES, Language, chosen, language
from mcd.api.portal.views.frame import PLACES, THEMES, Frame, frame, local, parts_of
from mcd.api.portal.views.typed import typed
from mcd.model import Actor

TEMPLATES = Path(__file__).parent / "templates"
LANGUAGE, THEME, DONE = "mcd_language", "mcd_theme", "mcd_done"
"""Cookies: what a person chose, for a year, and what was just done, for a moment. None of them is a secret."""
YEAR = 365 * 86400

A_TURN = 0.0005
"""Seconds that a long page is written before others have their turn."""
REMEMBERED = 4096
"""Parts of pages that are remembered, each about a KiB: the lines of one long list in two languages."""

REPORTS = "/csp-reports"
POLICY = {
    "Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    f"report-uri {REPORTS}",
}
"""What a page may load: our own files, nothing inline, nothing from another host. Browsers tell us what they refused,
by the older way, which sends at once and also without https."""


@cache
def environment(spoken: Language) -> Environment:
    """Everything is escaped, and a value that a view does not have is an error, not a hole in a page."""
    made = Environment(
        loader=FileSystemLoader(TEMPLATES),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        extensions=["jinja2.ext.i18n"],
    )
    made.install_gettext_callables(*_texts(spoken), newstyle=True)  # type: ignore[attr-defined]
    made.globals |= {
        "asset": assets.address,
        "languages": NAMES,
        "themes": THEMES,
        "places": PLACES,
        "spoken": spoken,
        "query": query,
        "typed": typed,
        "same": _same,
    }
    # For every template and block, also one that is rendered alone.
    made.globals["ui"] = made.get_template("parts/macros.html").module
    made.filters |= {"ago": _ago, "when": _when, "number": spoken.number, "lasting": spoken.lasting}
    made.filters["told"] = spoken.told
    return made


def _texts(spoken: Language) -> tuple[Callable[[str], str], Callable[[str, str, int], str]]:
    """Jinja takes what these answer for markup, because it takes it for ours. A page may ask for a word that is
    somebody else's, such as the phase of a pod: it is a text all the same."""
    return (
        lambda text: str(escape(spoken.text(text))),
        lambda one, many, count: str(escape(spoken.plural(one, many, count))),
    )


def query(**values: object) -> str:
    """`?a=1&b=2` of what is not empty."""
    kept = {name: value for name, value in values.items() if value not in (None, "")}
    return f"?{urlencode(kept)}" if kept else ""


@pass_context
def _same(context: Context, template: str, **values: Hashable) -> Markup:
    """A part of a page that says the same whenever it is given the same, in a template of its own. It has these values
    and nothing else of the page: not `now`."""
    spoken: Language = context["spoken"]
    return _remembered(spoken.code, template, tuple(values.items()))


@lru_cache(maxsize=REMEMBERED)
def _remembered(code: str, template: str, values: tuple[tuple[str, Hashable], ...]) -> Markup:
    return Markup(environment(language(code)).get_template(template).render(dict(values)))  # noqa: S704


@pass_context
def _ago(context: Context, then: datetime) -> Markup:
    """How long ago, with the moment itself for who wants it."""
    spoken: Language = context["spoken"]
    return _moment(then, spoken.at(then), spoken.ago(then, context["now"]))


@lru_cache(maxsize=REMEMBERED)
def _moment(then: datetime, at: str, words: str) -> Markup:
    return Markup('<time datetime="{}" title="{}">{}</time>').format(then.isoformat(), at, words)


@pass_context
def _when(context: Context, then: datetime) -> Markup:
    """The moment itself."""
    spoken: Language = context["spoken"]
    return Markup('<time datetime="{}">{}</time>').format(then.isoformat(), spoken.at(then))


@dataclass(frozen=True, slots=True)
class Page:
    """What is answered: a template, what it shows, and the `mcd` line that gives the same."""

    template: str
    view: object
    command: str = ""
    status: int = 200


def show(request: Request, page: Page, *, now: datetime, headers: Mapping[str, str] | None = None) -> Response:
    """The whole page; or, when htmx asks for the part `#name`, the block `name` of it."""
    return _answered(request, page, "".join(_pieces(request, page, now)), headers or {})


async def shown(request: Request, page: Page, *, now: datetime) -> Response:
    """As `show`, for a page that takes long: what others ask is answered between its pieces."""
    pieces, until = [], time.monotonic() + A_TURN
    for piece in _pieces(request, page, now):
        pieces.append(piece)
        if time.monotonic() > until:
            await asyncio.sleep(0)
            until = time.monotonic() + A_TURN
    return _answered(request, page, "".join(pieces), {})


def _pieces(request: Request, page: Page, now: datetime) -> Iterator[str]:
    template = environment(spoken_of(request)).get_template(page.template)
    values = _values(request.scope, request, page, now)
    part = part_of(request)
    if part and page.status == 200 and part in template.blocks:
        return _block(template, part, values)
    return template.generate(values)


def _block(template: Template, name: str, values: dict[str, Any]) -> Iterator[str]:
    return template.blocks[name](template.new_context(values))


def _answered(request: Request, page: Page, body: str, headers: Mapping[str, str]) -> Response:
    answer = HTMLResponse(body, page.status, {**POLICY, **headers})
    answer.headers.setdefault("Vary", "Cookie, Accept-Language, HX-Request")
    if DONE in request.cookies:
        answer.delete_cookie(DONE, path="/")
    return answer


def fragment(connection: HTTPConnection, template: str, block: str, view: object, now: datetime) -> str:
    """One block of a page as text, for a stream."""
    made = environment(spoken_of(connection)).get_template(template)
    return "".join(_block(made, block, _values(connection.scope, connection, Page(template, view), now)))


def _values(scope: Scope, connection: HTTPConnection, page: Page, now: datetime) -> dict[str, Any]:
    return {"v": page.view, "frame": frame_of(connection), "command": page.command, "now": now}


def part_of(request: Request) -> str:
    """`table` for a request of htmx whose target is `#table`."""
    if request.headers.get("hx-request") != "true" or request.headers.get("hx-request-type") != "partial":
        return ""
    return request.headers.get("hx-target", "").partition("#")[2].replace("-", "_")


def spoken_of(connection: HTTPConnection) -> Language:
    return chosen(connection.headers.get("accept-language", ""), connection.cookies.get(LANGUAGE))


def frame_of(connection: HTTPConnection) -> Frame:
    actor: Actor | None = connection.scope["state"].get("actor")
    url = parts_of(str(connection.url))
    if connection.scope["method"] not in ("GET", "HEAD"):
        # The address of a form is often no page: who chooses a language there goes on where the form stood.
        url = parts_of(connection.headers.get("referer", "/"))
    here = local(f"{url.path}?{url.query}" if url.query else url.path)
    return frame(
        actor,
        theme=connection.cookies.get(THEME),
        here=here,
        done=connection.cookies.get(DONE),
        signed_in=bool(connection.scope.get("session")),
    )


def done(to: str, what: str = "") -> Response:
    """The answer to a form that did what it says: the page `to`, which tells it (`views.frame.DONE`)."""
    answer = RedirectResponse(to, status_code=303)
    if what:
        answer.set_cookie(DONE, what, max_age=60, path="/", httponly=True, samesite="strict")
    return answer
