"""What every request passes, as plain ASGI: an id, a log line, metrics, security headers, a size limit, same origin.

Nothing here knows a route or a noun. The order is Edge → Front (`front.py`, which answers some
requests itself) → SameOrigin → BodyLimit → Sessions (`sealing.py`) → the application.
"""

from __future__ import annotations

import asyncio
import re
import secrets
import time
from collections.abc import Mapping
from urllib.parse import unquote

from starlette.datastructures import Headers, MutableHeaders
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from mcd.api import errors
from mcd.api.stopping import stopping_of
from mcd.errors import Code, McdError, echo
from mcd.observability import logs, metrics, tracing

BODY_SECONDS = 30.0
"""Seconds for a whole body, from when it is asked for; then it is not waited for any more."""
BODY_SECONDS_LEFT = 2.0
"""Seconds for what is left of it when the server stops."""
BODY_LIMIT = 1024 * 1024
"""Bytes of a request's body. The git remote has limits of its own."""

PATH_SHOWN = 300
"""Characters of a path that a log line has room for; one may be 64 KiB long."""

GIT = "/git/"

CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
}
"""On every answer, also on refusals. HSTS comes with them when the public URL is https."""

_CUT_OFF = McdError(
    Code.UNAVAILABLE,
    "MCD is restarting, and this was not done in time.",
    "It may or may not be done: look, or send it again with the same Idempotency-Key.",
    reason="Restarting",
)

_GIVEN_ID = re.compile(r"[A-Za-z0-9._-]{8,64}")
_QUIET = frozenset({"/livez", "/readyz", "/metrics"})


class Edge:
    """The outermost: names the request, measures it, logs one line, adds headers and lets no exception out."""

    def __init__(self, app: ASGIApp, *, https: bool) -> None:
        self.app = app
        self.headers = _raw({**HEADERS, **({"Strict-Transport-Security": "max-age=31536000"} if https else {})})

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] not in ("http", "websocket"):
            await self.app(scope, receive, send)
            return
        given = Headers(scope=scope)
        asked = given.get("x-request-id", "")
        request_id = asked if _GIVEN_ID.fullmatch(asked) else secrets.token_hex(8)
        scope.setdefault("state", {})["request_id"] = request_id
        with tracing.within(tracing.place(given.get(tracing.HEADER, "")), request_id=request_id):
            if scope["type"] == "websocket":
                await self.app(scope, receive, send)
            else:
                await self._measured(scope, receive, send)

    async def _measured(self, scope: Scope, receive: Receive, send: Send) -> None:
        status = 0
        began = False
        started = time.perf_counter()

        async def sending(message: Message) -> None:
            nonlocal status, began
            began = True
            if message["type"] == "http.response.start":
                status = message["status"]
                self._head(scope, message)
            await send(message)

        metrics.HTTP_IN_FLIGHT.inc()
        try:
            refusal = _unreadable(scope)
            if refusal is not None:
                await errors.answer(refusal, scope)(scope, receive, sending)
            else:
                await self.app(scope, receive, sending)
        except asyncio.CancelledError:
            if began or not stopping_of(scope).is_set():
                raise
            await errors.answer(_CUT_OFF, scope, errors.LAST)(scope, receive, sending)
        except Exception as error:
            answer = errors.bug(scope, error)
            if began:
                # Half an answer is out: only an aborted connection tells the client so.
                raise
            await answer(scope, receive, sending)
        finally:
            metrics.HTTP_IN_FLIGHT.dec()
            _told(scope, status, time.perf_counter() - started)

    def _head(self, scope: Scope, message: Message) -> None:
        headers = message["headers"] = [pair for pair in message.get("headers", ()) if pair[0] != b"x-request-id"]
        there = {name for name, _ in headers}
        headers.append((b"x-request-id", errors.request_id(scope).encode("latin-1")))
        headers += [pair for pair in self.headers if pair[0] not in there]
        if b"cache-control" not in there:
            headers.append(_NOT_KEPT)
        headers += [pair for pair in _raw(scope["state"].get("rate_limit", {})) if pair[0] not in there]
        if stopping_of(scope).is_set():
            # A client that still sends stops when it knows that nobody reads on; git waits for ever otherwise.
            MutableHeaders(raw=headers)["Connection"] = "close"


def _raw(headers: Mapping[str, str]) -> list[tuple[bytes, bytes]]:
    return [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()]


_NOT_KEPT = (b"cache-control", b"no-store")


def _told(scope: Scope, status: int, seconds: float) -> None:
    route = getattr(scope.get("route"), "path", "none")
    stream = scope["state"].get("stream")
    if not stream:
        metrics.HTTP_SECONDS.labels(_method(scope), route, metrics.code_class(status or None)).observe(seconds)
    said = {
        "method": scope["method"],
        "path": echo(scope["path"], PATH_SHOWN),
        "route": route,
        "status": status,
        "seconds": round(seconds, 4),
        "person": scope["state"].get("person"),
        "stream": stream,
    }
    logs.tell("api", "debug" if scope["path"] in _QUIET else "info", "request", said)


def _method(scope: Scope) -> str:
    """Methods are text of strangers; a metric takes a closed set."""
    method = str(scope["method"])
    return method if method in {"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"} else "other"


def _unreadable(scope: Scope) -> McdError | None:
    """Control characters and halves of characters in an address name nothing, and some databases choke on them."""
    if not _clean(scope["path"]):
        return McdError(Code.NOT_FOUND, "there is nothing at an address with control characters.", "Check the address.")
    asked: bytes = scope["query_string"]
    if asked and not _clean(unquote(asked.decode("latin-1"), errors="replace")):
        return McdError(Code.INVALID, "the query holds a control character.", "Remove it.")
    return None


def _clean(text: str) -> bool:
    # Nearly every address is plain, and to look at each letter of one takes longer than to find it.
    plain = text.isascii() and text.isprintable()
    return plain or all(c >= " " and c != "\x7f" and not "\ud800" <= c <= "\udfff" for c in text)


class SameOrigin:
    """Refuses what another site made a browser send: every method that changes something and every WebSocket.

    Browsers say where a request comes from (`Sec-Fetch-Site`, `Origin`) and pages cannot change that. What says
    neither is no browser and carries no cookie of a stranger. A request with an Authorization header was not made by a
    form, and git says nothing of the kind.
    """

    def __init__(self, app: ASGIApp, *, origin: str) -> None:
        self.app = app
        self.origin = origin

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            if not self._same(Headers(scope=scope)):
                await receive()
                await send({"type": "websocket.close", "code": 1008, "reason": "another site opened this WebSocket"})
                return
        elif scope["type"] == "http" and scope["method"] not in ("GET", "HEAD", "OPTIONS"):
            headers = Headers(scope=scope)
            if "authorization" not in headers and not self._same(headers):
                refusal = McdError(
                    Code.FORBIDDEN,
                    "another site made your browser send this, so nothing was done.",
                    "Do it on MCD's own pages, or with a token.",
                    reason="CrossSite",
                )
                await errors.answer(refusal, scope)(scope, receive, send)
                return
        await self.app(scope, receive, send)

    def _same(self, headers: Headers) -> bool:
        origin = headers.get("origin")
        if origin is not None:
            host = headers.get("host", "")
            # An https site is not spoken for by its own plain http half, which anybody on the way can write.
            return origin in (self.origin, f"https://{host}", f"{self.origin.partition(':')[0]}://{host}")
        return headers.get("sec-fetch-site", "none") in ("same-origin", "none")


class BodyTooLarge(HTTPException):
    """FastAPI lets this one through while it reads a body."""

    def __init__(self) -> None:
        super().__init__(413)


class BodyTooSlow(HTTPException):
    """The body was not whole in time."""

    def __init__(self) -> None:
        super().__init__(408)


class BodyCutOff(HTTPException):
    """The body was not whole when the server stopped."""

    def __init__(self) -> None:
        super().__init__(503)


class BodyLimit:
    """Counts a body while it comes, in bytes and in seconds; what Content-Length says is believed only when it is too
    much."""

    def __init__(self, app: ASGIApp, *, limit: int = BODY_LIMIT, seconds: float = BODY_SECONDS) -> None:
        self.app = app
        self.limit = limit
        self.seconds = seconds

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"].startswith(GIT):
            await self.app(scope, receive, send)
            return
        said = Headers(scope=scope).get("content-length", "0")
        if not said.isascii() or not said.isdigit() or len(said) > 18 or int(said) > self.limit:
            await self._refuse(scope, receive, send)
            return
        size = 0
        complete = answered = False
        deadline: float | None = None
        stopping = stopping_of(scope)

        async def counting() -> Message:
            nonlocal size, complete, deadline
            if complete:
                # What is awaited now is that the client goes away, however long it listens.
                return await receive()
            deadline = deadline or asyncio.get_running_loop().time() + self.seconds
            try:
                async with asyncio.timeout_at(deadline) as left:
                    with stopping.hurries(left, BODY_SECONDS_LEFT):
                        message = await receive()
            except TimeoutError:
                if answered:
                    # A stream that waits for its end: a client that promised more than it sends gets no other.
                    return {"type": "http.disconnect"}
                raise BodyCutOff if stopping.is_set() else BodyTooSlow from None
            complete = not message.get("more_body", False)
            size += len(message.get("body", b""))
            if size > self.limit:
                raise BodyTooLarge
            return message

        async def sending(message: Message) -> None:
            nonlocal answered
            answered = True
            await send(message)

        await self.app(scope, counting, sending)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        refusal = McdError(
            Code.TOO_LARGE, f"the body is over the limit of {self.limit // 1024} KiB.", "Send less at a time."
        )
        await errors.answer(refusal, scope, errors.LAST)(scope, receive, send)
