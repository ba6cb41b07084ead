"""MCD as a git remote: smart HTTP for push, fetch and clone, with a token as the password.

Says in plain text what git shows before its protocol begins, and in `remote:` lines what comes after. What a push means
is decided in `pushes`; nothing here touches a repository by itself.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import ExitStack
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, FastAPI, Query
from fastapi.responses import PlainTextResponse, Response, StreamingResponse
from fastapi.routing import APIRoute
from starlette.requests import ClientDisconnect, HTTPConnection, Request
from starlette.types import Receive, Scope, Send

from mcd.api.access import Credential, Permit, RuntimeOf, throttle_of
from mcd.api.errors import STATUS, HttpRefusal
from mcd.api.paths import AppName
from mcd.api.plans import app_to_push
from mcd.api.pushes import DRAINED, GRACE, Push, Verdict
from mcd.api.stopping import stopping_of
from mcd.api.unavailable import say_unavailable
from mcd.api.watching import Watch
from mcd.errors import Code, McdError
from mcd.forge import upload
from mcd.forge.body import gunzipped, not_idle, too_large
from mcd.forge.receive import belongs, refs_of, repository_path
from mcd.forge.wire import FLUSH, Answer, PushRequest, advertise_push, refused_fetch, refused_refs
from mcd.model import Actor, Verb
from mcd.observability import logs
from mcd.runtime import Runtime
from mcd.store import reads
from mcd.store.authorize import SCOPES

AT_ONCE = 4
"""Pushes that one process unpacks at the same time; the others wait their turn."""

KEEPALIVE = 5.0
"""Seconds of silence after which git is shown that we are still here."""

_RPC = "application/x-git-{}-{}"


class GitRoute(APIRoute):
    """Refusals in plain text: git shows no other."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        inner = super().get_route_handler()

        async def handle(request: Request) -> Response:
            try:
                return await inner(request)
            except McdError as error:
                if error.code is Code.INTERNAL:
                    raise
                return _refusal(error, request)

        return handle


def _refusal(error: McdError, request: Request) -> Response:
    status = error.status if isinstance(error, HttpRefusal) else STATUS[error.code]
    if status == 503:
        say_unavailable(str(error), error.reason, request.url.path, error.place)
    headers = {}
    if status == 401:
        headers["WWW-Authenticate"] = 'Basic realm="MCD", charset="UTF-8"'
    if status in (429, 503):
        headers["Retry-After"] = str(max(1, round(error.retry_after or 5)))
    if status == 413:
        headers["Connection"] = "close"
    return PlainTextResponse(f"{error}\n", status, headers)


def _credential(connection: HTTPConnection) -> Credential:
    """HTTP Basic: the user name does not matter, the password is a token."""
    scheme, _, text = connection.headers.get("authorization", "").partition(" ")
    password = ""
    if scheme.lower() == "basic":
        try:
            password = base64.b64decode(text.strip(), validate=True).decode("utf-8").partition(":")[2]
        except (binascii.Error, UnicodeDecodeError):
            password = ""
    if not password:
        raise McdError(
            Code.UNAUTHENTICATED,
            "git needs a token here.",
            "Any user name, the token as the password: mcd token create.",
        )
    return Credential("token", password)


class GitPermit(Permit):
    """Keeps for the route that somebody asked too often, to be told in git's own protocol: of HTTP's 429 git shows the
    number only."""

    async def count(self, connection: HTTPConnection, actor: Actor) -> None:
        try:
            await super().count(connection, actor)
        except McdError as error:
            connection.scope["state"]["too_often"] = error


def _too_often(request: Request) -> McdError | None:
    found: McdError | None = request.scope["state"].get("too_often")
    return found


Reader = Annotated[Actor, Depends(GitPermit(Verb.READ, _credential))]
Pusher = Annotated[Actor, Depends(GitPermit(Verb.DEPLOY, _credential))]

router = APIRouter(prefix="/git", tags=["git"], route_class=GitRoute, include_in_schema=False)


@router.get("/{app}.git/info/refs", operation_id="git_refs")
async def info_refs(
    request: Request,
    runtime: RuntimeOf,
    actor: Reader,
    app: AppName,
    service: Annotated[str, Query(max_length=64)] = "",
) -> Response:
    """What git asks first, for both directions."""
    if (refusal := _too_often(request)) is not None:
        body = refused_refs(service, str(refusal)) if service in _SERVICES else refused_fetch(str(refusal))
    elif service == "git-upload-pack":
        folder = await _readable(runtime, actor, app)
        body = await upload.advertise(folder, upload.protocol_of(request.headers.get("git-protocol", "")))
    elif service == "git-receive-pack":
        _scope_allows_pushing(actor)
        async with runtime.db.reading() as tx:
            found = await app_to_push(actor, tx, app)
        folder = repository_path(runtime.settings.repositories, app)
        there = found is not None and belongs(folder, found.id)
        body = advertise_push(list(refs_of(folder).items()) if there else [])
    else:
        raise HttpRefusal(
            403,
            "this address speaks git's smart HTTP only.",
            "Use git clone, git fetch or git push.",
            code=Code.FORBIDDEN,
        )
    return Response(body, media_type=_RPC.format(service.removeprefix("git-"), "advertisement"), headers=_NO_CACHE)


_SERVICES = ("git-upload-pack", "git-receive-pack")
_NO_CACHE = {"Cache-Control": "no-cache, max-age=0, must-revalidate", "X-Accel-Buffering": "no"}


def _scope_allows_pushing(actor: Actor) -> None:
    if Verb.DEPLOY not in SCOPES[actor.scope]:
        raise McdError(
            Code.FORBIDDEN,
            f"your token is only for {actor.scope.value}.",
            "Make one with scope deploy: mcd token create.",
        )


async def _readable(runtime: Runtime, actor: Actor, app: str) -> Any:
    """The repository's folder, if the person may see the App. Raises McdError(not_found), in the same words for an App
    that is not there and for one that may not be seen."""
    async with runtime.db.reading() as tx:
        found = await reads.app(actor, tx, app)
    folder = repository_path(runtime.settings.repositories, app)
    if not belongs(folder, found.id):
        raise McdError(Code.NOT_FOUND, f"{app} has no commits here yet.", "Push first.")
    return folder


class Placed(StreamingResponse):
    """A stream that keeps its person's place among the streams until it ends, also when nothing of it could be sent."""

    def __init__(self, place: ExitStack, content: AsyncIterator[bytes], service: str) -> None:
        super().__init__(content, media_type=_RPC.format(service, "result"), headers=_NO_CACHE)
        self.place = place

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        with self.place:
            scope["state"]["stream"] = "git"
            await super().__call__(scope, receive, send)


def _no_place(request: Request, actor: Actor, place: ExitStack) -> McdError | None:
    """Takes a place among the person's streams, to be given back with `place`; or why there is none, to be told in
    git's own protocol, because of HTTP's 429 git shows the number only."""
    try:
        place.enter_context(throttle_of(request).stream(actor.person, "git"))
    except McdError as error:
        return error
    return None


@router.post("/{app}.git/git-upload-pack", operation_id="git_fetch")
async def upload_pack(request: Request, runtime: RuntimeOf, actor: Reader, app: AppName) -> Response:
    """Fetch and clone."""
    encoding = _form(request, "upload-pack")
    folder = await _readable(runtime, actor, app)
    with ExitStack() as place:
        refusal = _no_place(request, actor, place) or _too_often(request)
        try:
            body = await _asked(request, encoding)
        except ClientDisconnect:
            # Nobody is there to read this.
            return Response(status_code=400)
        if refusal is not None:
            return _remote_error(refusal)
        pieces = upload.answer(folder, upload.protocol_of(request.headers.get("git-protocol", "")), body)
        try:
            first = await anext(pieces, b"")
        except McdError as error:
            if error.code is not Code.UNAVAILABLE:
                raise
            return _remote_error(error)
        return Placed(place.pop_all(), _joined(first, pieces), "upload-pack")


def _remote_error(error: McdError) -> Response:
    return Response(refused_fetch(str(error)), media_type=_RPC.format("upload-pack", "result"), headers=_NO_CACHE)


async def _asked(request: Request, encoding: Literal["identity", "gzip"]) -> bytes:
    """The body of a fetch. Raises McdError(too_large)."""
    chunks: AsyncIterator[bytes] = request.stream()
    body = bytearray()
    async for chunk in not_idle(gunzipped(chunks, upload.REQUEST_LIMIT) if encoding == "gzip" else chunks, 60):
        body += chunk
        if len(body) > upload.REQUEST_LIMIT:
            raise too_large(upload.REQUEST_LIMIT)
    return bytes(body)


async def _joined(first: bytes, rest: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    try:
        yield first
        async for piece in rest:
            yield piece
    finally:
        # Ends git when the client went away.
        await rest.aclose()  # type: ignore[attr-defined]


def _form(request: Request, service: str) -> Literal["identity", "gzip"]:
    """The body's encoding. Raises McdError for a body that no git sends."""
    if request.headers.get("content-type", "") != _RPC.format(service, "request"):
        raise HttpRefusal(415, "this is not a request of git's.", "Use git.")
    encoding = request.headers.get("content-encoding", "identity").lower()
    if encoding in ("gzip", "x-gzip"):
        return "gzip"
    if encoding != "identity":
        raise HttpRefusal(415, "only gzip is understood as Content-Encoding.", "Use git.")
    return "identity"


# --- push -------------------------------------------------------------------------------------------------------------


class Pushing:
    """The pushes that this process carries out. They are tasks of their own, held here: a client that goes away, or a
    garbage collector, ends none."""

    def __init__(self) -> None:
        self.room = asyncio.Semaphore(AT_ONCE)
        self.tasks: set[asyncio.Task[None]] = set()

    def start(self, push: Push, chunks: AsyncIterator[bytes], encoding: Literal["identity", "gzip"]) -> None:
        task = asyncio.create_task(push.carry(chunks, encoding), name=f"push:{push.app}")
        self.tasks.add(task)
        task.add_done_callback(self._done)

    async def ended(self) -> None:
        """When the server has stopped: waits for those whose clients went away, so that nobody takes the database from
        under them."""
        if self.tasks:
            _, late = await asyncio.wait(self.tasks, timeout=GRACE)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    def _done(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            logs.logger("git").debug("a push ended in a bug that is logged above", kind=type(error).__name__)


def pushing(app: FastAPI) -> Pushing:
    """The pushes of an application."""
    if not hasattr(app.state, "pushing"):
        app.state.pushing = Pushing()
    found: Pushing = app.state.pushing
    return found


@router.post("/{app}.git/git-receive-pack", operation_id="git_push")
async def receive_pack(request: Request, runtime: RuntimeOf, actor: Pusher, app: AppName) -> Response:
    """A push. The answer streams until the Rollout has a verdict; the push itself is done long before."""
    encoding = _form(request, "receive-pack")
    _scope_allows_pushing(actor)
    async with runtime.db.reading() as tx:
        await app_to_push(actor, tx, app)
    with ExitStack() as place:
        at_once = pushing(request.app)
        push = Push(
            runtime, actor, app, at_once.room,
            refusal=_no_place(request, actor, place) or _too_often(request), stopping=stopping_of(request.scope),
        )  # fmt: skip
        _believable(request, push.limits.body)
        at_once.start(push, request.stream(), encoding)
        try:
            asked = await asyncio.shield(push.taken)
        except ClientDisconnect:
            # Nobody is there to read this.
            return Response(status_code=400)
        if not asked.updates:
            # git asks this way whether its credential is good before it sends a large pack.
            return Response(b"", media_type=_RPC.format("receive-pack", "result"), headers=_NO_CACHE)
        return Placed(place.pop_all(), _told(push, asked, _credential(request)), "receive-pack")


def _believable(request: Request, limit: int) -> None:
    """Content-Length is believed only when it is too much."""
    said = request.headers.get("content-length", "0")
    if not (said.isascii() and said.isdigit() and len(said) <= 18):
        raise McdError(Code.INVALID, "Content-Length is not a number.", "Use git push.")
    if int(said) > (DRAINED + 1) * limit:
        raise too_large(limit)


async def _told(push: Push, asked: PushRequest, credential: Credential) -> AsyncIterator[bytes]:
    """The answer: what is said while the push is judged, the report, then the way to Ready."""
    answer = Answer.to(asked)
    while True:
        try:
            async with asyncio.timeout(KEEPALIVE):
                said = await push.said.get()
        except TimeoutError:
            yield answer.keepalive
            continue
        if isinstance(said, Verdict):
            break
        yield answer.line(said)
    yield answer.report(said.unpacked, said.results)
    if said.release is not None and answer.side_band:
        watch = Watch(push.runtime, push.actor, said.release, said.urls, credential, stopping=push.stopping)
        async for line in watch.lines():
            yield answer.line(line) if line else answer.keepalive
    yield answer.end if answer.side_band else (b"" if answer.report_status else FLUSH)
