"""The fault proxy: a reverse proxy between MCD and one API server that does what its rules say, and keeps a journal.

It ends TLS with the cluster's own certificate and forwards method, path, headers and bytes as they came. Without a rule
it changes nothing, and it never decides by itself that something goes wrong.
"""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import aiohttp
from aiohttp import web
from yarl import URL

from scripts.cluster import ports
from tests.rig.rules import (
    Ask,
    Asked,
    Delay,
    DropAnswer,
    Elsewhere,
    Events,
    Hang,
    Hook,
    Kill,
    Line,
    Mangle,
    Reset,
    Rule,
    Status,
    Twice,
    asked,
)

_HOP = frozenset({"connection", "keep-alive", "transfer-encoding", "te", "upgrade", "host", "content-length"})
LARGEST = 70 * 2**20
"""Bytes of a request or an answer that is held whole: more than MCD itself takes."""


@dataclass(slots=True)
class Entry:
    """One request that came, in the order in which they came. `code` is what upstream said, 0 when it was not asked or
    did not say; `told` what the client heard, 0 for nothing; `did` the action of a rule."""

    at: float
    asked: Asked
    token: str
    body: bytes = b""
    code: int = 0
    told: int = 0
    did: str = ""
    query: str | None = None
    """What is asked upstream instead of the query that came."""
    server: str = ""
    """Where it is asked instead of upstream."""


@dataclass(frozen=True, slots=True)
class _Answer:
    status: int
    headers: list[tuple[str, str]]
    body: bytes


class Broken(Exception):
    """The connection to the client is to be broken off."""


@dataclass
class Proxy:
    """One proxy. `upstream` is the URL of the API server, `folder` has server.crt, server.key and ca.crt of it."""

    upstream: str
    folder: Path
    port: int = 0
    rules: list[Rule] = field(default_factory=list)
    journal: list[Entry] = field(default_factory=list)
    serial: bool = True
    """Whether writes are forwarded one by one, in the order in which they came: the n-th is the same in each run."""
    dead: bool = False
    """The process behind it was killed: whatever it had sent and was not forwarded yet never arrives."""
    _tls: ssl.SSLContext = field(default_factory=lambda: ssl.create_default_context(ssl.Purpose.CLIENT_AUTH))
    _server: web.Server | None = None
    _session: aiohttp.ClientSession | None = None
    _writes: asyncio.Lock = field(default_factory=asyncio.Lock)
    _open: set[asyncio.Task[object]] = field(default_factory=set)

    @property
    def url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Proxy]:
        """Serves until the block ends."""
        self.present(self.folder / "server.crt", self.folder / "server.key")
        beyond = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, ssl=beyond), auto_decompress=False,
            timeout=aiohttp.ClientTimeout(total=None), read_bufsize=2**20,
        )  # fmt: skip
        self.port = self.port or ports.chosen("rig", None, set())
        self._server = web.Server(self._serve, access_log=None, handler_cancellation=True)
        runner = web.ServerRunner(self._server, handle_signals=False, shutdown_timeout=0.1)
        await runner.setup()
        try:
            await web.TCPSite(runner, "127.0.0.1", self.port, ssl_context=self._tls).start()
            yield self
        finally:
            for task in tuple(self._open):
                task.cancel()
            await asyncio.gather(*self._open, return_exceptions=True)
            await self._session.close()
            await runner.cleanup()

    def rule(self, rule: Rule) -> Rule:
        """Adds a rule. The first that meets a request is carried out; the others are not asked."""
        self.rules.append(rule)
        return rule

    def clear(self) -> None:
        """No rule any more. What hangs already hangs on until its client gives up."""
        self.rules.clear()

    def present(self, certificate: Path, key: Path) -> None:
        """What new connections are shown from now on."""
        self._tls.load_cert_chain(certificate, key)

    def part(self) -> None:
        """Breaks every connection, also those at which nobody asks anything now."""
        for connection in self._server.connections if self._server is not None else ():
            if connection.transport is not None:
                connection.transport.abort()

    def hang_up(self) -> None:
        """Breaks every connection that is at work now, open watches too."""
        for task in tuple(self._open):
            task.cancel()

    # --- one request -------------------------------------------------------------------------------------------------

    async def _serve(self, request: web.BaseRequest) -> web.StreamResponse:
        task = asyncio.current_task()
        assert task is not None
        self._open.add(task)
        try:
            return await self._exchange(request)
        except (Broken, aiohttp.ClientError, ConnectionError, asyncio.CancelledError) as error:
            if request.transport is not None:
                request.transport.abort()
            if isinstance(error, asyncio.CancelledError):
                raise
            return web.Response(status=502)
        finally:
            self._open.discard(task)

    async def _exchange(self, request: web.BaseRequest) -> web.StreamResponse:
        what = asked(request.method, request.rel_url.raw_path, request.rel_url.raw_query_string)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        entry = Entry(time.monotonic(), what, token, await request.read())
        self.journal.append(entry)
        if not what.is_write:
            return await self._carried_out(request, entry)
        # A write that was forwarded is carried to its end, whoever has gone meanwhile.
        writing = asyncio.ensure_future(self._written(request, entry))
        writing.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await asyncio.shield(writing)

    async def _written(self, request: web.BaseRequest, entry: Entry) -> web.StreamResponse:
        async with self._writes if self.serial else contextlib.nullcontext():
            if self.dead:
                entry.did = "never sent"
                raise Broken
            return await self._carried_out(request, entry)

    async def quiet(self) -> None:
        """Returns when no write is under way."""
        async with self._writes:
            return

    async def _carried_out(self, request: web.BaseRequest, entry: Entry) -> web.StreamResponse:
        rule = next((rule for rule in tuple(self.rules) if rule.meets(entry.asked)), None)
        action = rule.action if rule is not None else None
        entry.did = type(action).__name__.lower() if action is not None else ""
        match action:
            case Status(code, body, headers):
                entry.told = code
                return web.Response(status=code, body=body, headers={"Content-Type": "application/json", **headers})
            case Reset():
                raise Broken
            case Hang():
                await self._gone(request)
                raise Broken
            case Delay(seconds):
                await asyncio.sleep(seconds)
            case Hook(act, after=False):
                await act(entry.asked)
            case Kill(kill, after=False):
                kill()
                raise Broken
            case Twice():
                await self._asked(request, entry)
            case Ask(instead):
                entry.query = instead(entry.asked.query)
            case Elsewhere(server):
                entry.server = server
        if entry.asked.verb == "watch" or request.rel_url.query.get("follow"):
            return await self._streamed(request, entry, action if isinstance(action, Events) else None)
        return await self._answered(request, entry, action)

    async def _answered(self, request: web.BaseRequest, entry: Entry, action: object) -> web.StreamResponse:
        answer = await self._asked(request, entry)
        match action:
            case DropAnswer():
                raise Broken
            case Hook(act, after=True):
                await act(entry.asked)
            case Kill(kill, after=True):
                kill()
                raise Broken
            case Mangle(alter, length_lies):
                return await _mangled(request, answer, alter(answer.body), lies=length_lies)
        entry.told = answer.status
        return web.Response(status=answer.status, headers=answer.headers, body=answer.body)

    async def _asked(self, request: web.BaseRequest, entry: Entry) -> _Answer:
        async with self._forwarded(request, entry) as response:
            body = await response.read()
            entry.code = response.status
            return _Answer(response.status, _kept(response), body)

    def _forwarded(self, request: web.BaseRequest, entry: Entry) -> aiohttp.client._RequestContextManager:
        assert self._session is not None
        headers = [(name, value) for name, value in request.headers.items() if name.lower() not in _HOP]
        # The path as it came: encoded once, by the client.
        path = request.raw_path if entry.query is None else f"{entry.asked.path}?{entry.query}"
        url = URL((entry.server or self.upstream) + path, encoded=True)
        return self._session.request(
            request.method, url, headers=headers, data=entry.body or None, allow_redirects=False,
            skip_auto_headers=("User-Agent", "Content-Type", "Accept", "Accept-Encoding"),
        )  # fmt: skip

    async def _streamed(self, request: web.BaseRequest, entry: Entry, action: Events | None) -> web.StreamResponse:
        """A watch, line by line. The rule that met it when it was opened stays with it."""
        async with self._forwarded(request, entry) as response:
            entry.code = entry.told = response.status
            if response.status != 200:
                return web.Response(status=response.status, headers=_kept(response), body=await response.read())
            stream = web.StreamResponse(status=200, headers=_kept(response))
            await stream.prepare(request)
            async for raw in response.content:
                for line in await self._told(entry.asked, raw, action):
                    await stream.write(line)
            await stream.write_eof()
            return stream

    async def _told(self, what: Asked, raw: bytes, action: Events | None) -> list[bytes]:
        """The lines that are sent for one that came."""
        if action is None:
            return [raw]
        told = await action.each(Line.read(raw))
        if told is None:
            raise Broken
        return told

    async def _gone(self, request: web.BaseRequest) -> None:
        """Waits until the client has given up."""
        while request.transport is not None and not request.transport.is_closing():
            await asyncio.sleep(0.05)


def _kept(response: aiohttp.ClientResponse) -> list[tuple[str, str]]:
    return [(name, value) for name, value in response.headers.items() if name.lower() not in _HOP]


async def _mangled(request: web.BaseRequest, answer: _Answer, body: bytes, *, lies: bool) -> web.StreamResponse:
    if not lies:
        return web.Response(status=answer.status, headers=answer.headers, body=body)
    stream = web.StreamResponse(status=answer.status, headers=answer.headers)
    stream.content_length = len(answer.body)
    await stream.prepare(request)
    await stream.write(body)
    raise Broken
