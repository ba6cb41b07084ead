"""Bytes to and from one API server: TLS, credential, connection pool, deadlines, size limits. No redirects, no proxy.

aiohttp as it is: the official client library brings forty packages along to call the same (ADR 25). It must not know
what a body means: `client.py` does.
"""

from __future__ import annotations

import asyncio
import contextlib
import socket
import ssl
import tempfile
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import aiohttp

from mcd import __version__
from mcd.errors import Code
from mcd.kube.cluster import KubeError, KubeReason
from mcd.kube.kubeconfig import Connection
from mcd.kube.sending import still_ours
from mcd.observability import metrics, tracing

DEADLINE = 10.0
"""Seconds for a whole request. The API server itself would answer 504 only after 34 s."""
CONNECT = 5.0
"""Seconds for a connection and its TLS handshake."""
MAX_OBJECT = 4 * 1024 * 1024
"""Bytes of an answer about one object; the API server itself takes 3 MiB."""
MAX_LIST = 64 * 1024 * 1024
"""Bytes of a whole list."""
POOL = 128
"""Connections to one cluster: 16 requests in flight, a stream per watched kind, logs and terminals."""

LINE = 2 * 1024 * 1024
"""Bytes of a stream that wait for whoever reads it: an event of a watch is one line."""

Query = Sequence[tuple[str, str]]


@dataclass(frozen=True, slots=True)
class Answer:
    status: int
    headers: Mapping[str, str]
    body: bytes


def _kept_alive(address: Any) -> socket.socket:
    """A peer that vanished without a word is noticed after about 60 s."""
    family, kind, proto, _, _ = address
    made = socket.socket(family=family, type=kind, proto=proto)
    made.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
    for option, value in (("TCP_KEEPIDLE", 30), ("TCP_KEEPINTVL", 10), ("TCP_KEEPCNT", 3)):
        if hasattr(socket, option):
            made.setsockopt(socket.IPPROTO_TCP, getattr(socket, option), value)
    return made


async def _no_redirects(request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType) -> aiohttp.ClientResponse:
    """aiohttp follows redirects on its own; a credential of ours must not travel to another host."""
    answer = await handler(request)
    if 300 <= answer.status < 400:
        answer.close()
        raise _Redirected(answer.status)
    return answer


class _Redirected(Exception):
    pass


class _Request(aiohttp.ClientRequest):
    """A write whose sender is asked again when there is a connection, also when the library sends it once more."""

    async def send(self, conn: Any) -> aiohttp.ClientResponse:
        if self.method not in ("GET", "HEAD"):
            still_ours()
        return await super().send(conn)


class Transport:
    """One cluster's connections. Nothing here is retried."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._opened: aiohttp.ClientSession | None = None
        self._closed = False
        self.name = ""
        """What people call the cluster, for what is counted of it."""
        self._headers = {"User-Agent": f"mcd/{__version__}", "Accept-Encoding": "identity"}
        if connection.token:
            self._headers["Authorization"] = f"Bearer {connection.token}"

    def _session(self) -> aiohttp.ClientSession:
        if self._closed:
            # Whoever still has it has old credentials, and what it opened nobody would close.
            raise _unreachable("it was given other credentials, or is left")
        if self._opened is None:
            self._opened = _session(self._connection)
        return self._opened

    async def send(
        self, method: str, path: str, query: Query = (), *, body: bytes | None = None, limit: int = MAX_OBJECT,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:  # fmt: skip
        """One request and its whole answer. Raises KubeError UNREACHABLE when nothing can have happened, and
        UNKNOWN_OUTCOME when a write was sent and no whole answer came within the deadline."""
        wrote = method not in ("GET", "HEAD")
        began, status = asyncio.get_running_loop().time(), None
        try:
            async with asyncio.timeout(DEADLINE):
                response = await self._open(method, path, query, body, headers, timeout=DEADLINE)
                status = response.status
                try:
                    raw = await _read(response, limit)
                finally:
                    response.release()
                return Answer(response.status, response.headers, raw)
        except _TooLarge:
            raise _unreachable(f"its answer is larger than {limit // 2**20} MiB") from None
        except (TimeoutError, aiohttp.ClientError, _Redirected, OSError) as error:
            raise _failed(error, wrote=wrote) from None
        finally:
            seconds = asyncio.get_running_loop().time() - began
            metrics.KUBE_SECONDS.labels(self.name, method, metrics.code_class(status)).observe(seconds)

    @contextlib.asynccontextmanager
    async def stream(
        self, path: str, query: Query, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[aiohttp.ClientResponse]:
        """An answer that goes on. The head comes within the deadline; whoever reads has a deadline of their own."""
        try:
            async with asyncio.timeout(DEADLINE):
                response = await self._open("GET", path, query, None, headers, timeout=None)
        except (TimeoutError, aiohttp.ClientError, _Redirected, OSError) as error:
            raise _failed(error, wrote=False) from None
        try:
            yield response
        finally:
            _hang_up(response)

    async def websocket(self, path: str, query: Query, protocols: Sequence[str]) -> aiohttp.ClientWebSocketResponse:
        """A WebSocket to the server, kept alive by pings. Raises KubeError, and aiohttp's handshake error as it is."""
        try:
            async with asyncio.timeout(DEADLINE):
                return await self._session().ws_connect(
                    self._url(path, query), protocols=protocols, headers=self._headers, heartbeat=30.0,
                    max_msg_size=MAX_OBJECT, server_hostname=self._connection.server_name or None,
                )  # fmt: skip
        except aiohttp.WSServerHandshakeError:
            raise
        except (TimeoutError, aiohttp.ClientError, _Redirected, OSError) as error:
            raise _failed(error, wrote=False) from None

    async def close(self) -> None:
        self._closed = True
        opened, self._opened = self._opened, None
        if opened is not None:
            await opened.close()
            # Connections that were hung up end in the next turn of the loop, which may be its last.
            await asyncio.sleep(0)

    def _url(self, path: str, query: Query) -> str:
        return f"{self._connection.server}{path}" + (f"?{urlencode(list(query))}" if query else "")

    async def _open(
        self, method: str, path: str, query: Query, body: bytes | None, headers: Mapping[str, str] | None,
        *, timeout: float | None,  # noqa: ASYNC109  (handed on to the library)
    ) -> aiohttp.ClientResponse:  # fmt: skip
        return await self._session().request(
            method,
            self._url(path, query),
            headers={"Accept": "application/json", **self._headers, **tracing.outgoing(), **(headers or {})},
            data=body,
            timeout=aiohttp.ClientTimeout(total=timeout, sock_connect=CONNECT),
            server_hostname=self._connection.server_name or None,
        )


def _session(connection: Connection) -> aiohttp.ClientSession:
    return aiohttp.ClientSession(
        connector=aiohttp.TCPConnector(limit=POOL, ssl=_tls(connection), socket_factory=_kept_alive),
        # No proxy, no .netrc of this machine, no cookies: nothing but what the kubeconfig says.
        trust_env=False,
        cookie_jar=aiohttp.DummyCookieJar(),
        middlewares=(_no_redirects,),
        request_class=_Request,
        read_bufsize=LINE,
    )


def _tls(connection: Connection) -> ssl.SSLContext:
    try:
        made = ssl.create_default_context(cadata=connection.ca or None)
        if connection.certificate:
            with tempfile.TemporaryDirectory(prefix="mcd-kube-") as folder:
                # ssl takes client certificates from files only; they are gone as soon as they are loaded.
                certificate, key = Path(folder, "tls.crt"), Path(folder, "tls.key")
                for file, text in ((certificate, connection.certificate), (key, connection.key)):
                    file.touch(mode=0o600)
                    file.write_text(text)
                made.load_cert_chain(certificate, key)
    except OSError as error:  # ssl.SSLError is one
        raise KubeError(
            Code.INVALID, KubeReason.UNREACHABLE, "the kubeconfig's certificates cannot be used by TLS.",
            f"Copy the kubeconfig again ({type(error).__name__}).",
        ) from None  # fmt: skip
    return made


def _hang_up(response: aiohttp.ClientResponse) -> None:
    """Ends a connection in the middle of an answer, at once: a farewell in TLS would wait for the other side."""
    connection = response.connection
    if connection is not None and connection.transport is not None:
        connection.transport.abort()
    response.close()


class _TooLarge(Exception):
    pass


async def _read(response: aiohttp.ClientResponse, limit: int) -> bytes:
    if (response.content_length or 0) > limit:
        _hang_up(response)
        raise _TooLarge
    parts, size = [], 0
    async for chunk in response.content.iter_any():
        size += len(chunk)
        if size > limit:
            _hang_up(response)
            raise _TooLarge
        parts.append(chunk)
    return b"".join(parts)


def _unreachable(why: str) -> KubeError:
    return KubeError(
        Code.UNAVAILABLE,
        KubeReason.UNREACHABLE,
        f"the cluster cannot be reached: {why}.",
        "It is tried again by itself.",
    )


def _failed(error: BaseException, *, wrote: bool) -> KubeError:
    """What a transport error means. Only the kind of the error is told: its text may hold addresses of the inside."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError | aiohttp.ClientSSLError):
        return _unreachable("its TLS certificate is not the one of the kubeconfig's authority, or has expired")
    if isinstance(error, aiohttp.ClientConnectorDNSError):
        return _unreachable("the name of its server cannot be resolved")
    if isinstance(error, aiohttp.ConnectionTimeoutError):
        return _unreachable(f"no connection within {CONNECT:g} s")
    if isinstance(error, aiohttp.ClientConnectorError):
        return _unreachable("it refuses the connection")
    if isinstance(error, _Redirected):
        return _unreachable("it answers with a redirect, and MCD follows none")
    why = f"no answer within {DEADLINE:g} s" if isinstance(error, TimeoutError) else "it closed the connection"
    if wrote:
        return KubeError(
            Code.UNAVAILABLE, KubeReason.UNKNOWN_OUTCOME, f"the cluster was sent a write and {why}.",
            "It is read again before anything is decided.",
        )  # fmt: skip
    return _unreachable(why)


__all__ = ["DEADLINE", "MAX_LIST", "MAX_OBJECT", "Answer", "Query", "Transport"]
