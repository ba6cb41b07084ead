"""The questions that are asked most, answered before the routes are tried: the same judgement, the same words, the same
headers, from what was kept while nothing was committed.

Only a plain GET with a token comes through here; whatever else there is about a request, the routes see to it. It must
not answer anything that they would not.
"""

from __future__ import annotations

from fastapi.routing import APIRoute
from starlette.requests import HTTPConnection
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from mcd.api import errors, etag
from mcd.api.access import Permit, runtime_of
from mcd.api.apps import ANSWERED_FIRST, AppTold, app_told
from mcd.api.apps import router as apps
from mcd.api.paths import is_word
from mcd.errors import McdError
from mcd.model import Verb
from mcd.store.kept import Kept

MOST_BYTES = 32 * 1024 * 1024
"""Of answers that are kept: some thousand Apps."""

_NOT_PLAIN = frozenset({b"cookie", b"transfer-encoding", b"content-length"})
"""Headers of what the routes answer: a session, a body."""


class Front:
    """Stands behind what every request passes (`middleware.Edge`), which writes its log line and its headers."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app
        self._permit = Permit(Verb.READ)
        self.kept: Kept[AppTold] = Kept(MOST_BYTES)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        name = _asked(scope)
        if not name:
            await self.app(scope, receive, send)
            return
        scope["route"] = ROUTE
        try:
            answer = await self._answer(HTTPConnection(scope), name)
        except McdError as error:
            answer = errors.refusal(error, scope)
        await answer(scope, receive, send)

    async def _answer(self, connection: HTTPConnection, name: str) -> Response:
        runtime = runtime_of(connection)
        actor = await self._permit(connection)
        told = await app_told(runtime, actor, name, connection.scope["state"]["mark"], self.kept)
        return etag.told(told.body, told.tag, connection.headers.get("if-none-match", ""))


def _route() -> APIRoute:
    """The route that this stands before. Raises StopIteration when the router has it no more."""
    return next(r for r in apps.routes if isinstance(r, APIRoute) and r.endpoint is ANSWERED_FIRST)


ROUTE = _route()
_APPS = ROUTE.path.removesuffix("{app}")


def _asked(scope: Scope) -> str:
    """The App that is asked for; empty for any other request."""
    if scope["type"] != "http" or scope["method"] != "GET" or scope["query_string"]:
        return ""
    path: str = scope["path"]
    if not path.startswith(_APPS):
        return ""
    name = path[len(_APPS) :]
    tokens = 0
    for header, _ in scope["headers"]:
        if header in _NOT_PLAIN:
            return ""
        tokens += header == b"authorization"
    return name if tokens == 1 and is_word(name) else ""
