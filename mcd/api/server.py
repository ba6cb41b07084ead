"""The HTTP server around the application: its parser, its limits, and how long it waits for what a client says.

A connection that says nothing, its head byte by byte, or the rest of a body whose answer is out already, costs a place
only for a while, and it is the first to go when there are no places left. It must not know a route.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import socket
from dataclasses import dataclass
from typing import Any, cast

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from mcd.api.stopping import STATE, Stopping

HEAD_LIMIT = 64 * 1024
"""Bytes that the head of a request may have."""

HEAD_SECONDS = 10.0
"""Seconds for a whole head, from the first moment at which it could come."""

IDLE_SECONDS = 5
"""Seconds for which a connection is kept without a next request."""

LINGER_SECONDS = 5.0
"""Seconds for which the rest of a body is still taken and thrown away when its answer is out: a client that sends
reads the answer last, and a connection that is closed on what it sends loses it."""

LINGER_BYTES = 4 * 1024 * 1024
"""Bytes of that."""

LAST_SECONDS = 1.0
"""The same when the server stops."""

CONNECTIONS = 2000
"""Connections at one time. One more takes the place of the one that has been silent longest; where none is, it is
answered 503."""

OWN_FILES = 512
"""Files that the process opens beside its connections: database, clusters, git, builds."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a connection is waited for, in seconds, and for how much of what nobody needs, in bytes."""

    head: float = HEAD_SECONDS
    linger: float = LINGER_SECONDS
    linger_bytes: int = LINGER_BYTES


def server(
    app: Any, *, patience: Patience | None = None, connections: int | None = None, graceful_seconds: int = 8
) -> Server:
    """A server that is not started yet. It leaves signals alone. `connections` is as many as there may be files, and
    CONNECTIONS at most."""
    most = _connections() if connections is None else connections
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        proxy_headers=False,
        server_header=False,
        timeout_graceful_shutdown=graceful_seconds,
        timeout_keep_alive=IDLE_SECONDS,
        # The other parser gathers a head without a limit, and the controllers share this loop.
        http=_protocol(patience or Patience(), most),
        h11_max_incomplete_event_size=HEAD_LIMIT,
        limit_concurrency=most,
        # So many are let in before the first of them is looked at.
        backlog=OWN_FILES // 2,
        ws_max_size=1024 * 1024,
    )
    return Server(config)


class Server(uvicorn.Server):
    """uvicorn's, that says first that it stops, and is stopped by whoever started it, never by a signal."""

    def __init__(self, config: uvicorn.Config) -> None:
        super().__init__(config)
        self.stopping = Stopping()

    def capture_signals(self) -> contextlib.AbstractContextManager[None]:  # type: ignore[override]
        return contextlib.nullcontext()

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        self.lifespan.state[STATE] = self.stopping
        await super().startup(sockets)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        self.stopping.begin()
        log = logging.getLogger("uvicorn.error")
        log.addFilter(_cut_off)
        try:
            await super().shutdown(sockets)
            if not self.force_exit and (late := {task for task in self.server_state.tasks if not task.done()}):
                # What was cut off has something to tidy up, and maybe an answer.
                await asyncio.wait(late, timeout=1)
        finally:
            log.removeFilter(_cut_off)


def _cut_off(record: logging.LogRecord) -> bool:
    """What ends because the server stops is not a bug. How many they are is said in a line of its own."""
    return not (record.exc_info and isinstance(record.exc_info[1], asyncio.CancelledError))


def _connections() -> int:
    """How many fit: a limit that is above the files that may be open would never be met, and new clients hang."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + OWN_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return CONNECTIONS if soft == resource.RLIM_INFINITY else max(16, min(CONNECTIONS, soft - OWN_FILES))


class _Parting:
    """The transport of a connection, closed so that the client can read what was sent to it last. A socket that is
    closed while its client sends is reset, and with it goes an answer that was not read yet."""

    def __init__(self, transport: asyncio.Transport, connection: Any) -> None:
        self.transport = transport
        self._connection = connection

    def __getattr__(self, name: str) -> Any:
        return getattr(self.transport, name)

    def is_closing(self) -> bool:
        return self._connection.parting or self.transport.is_closing()

    def close(self) -> None:
        self._connection.part()


def _protocol(patience: Patience, most: int) -> type[asyncio.Protocol]:
    """What uvicorn makes one of for each connection. h11 has no time-out for a head, uvicorn's own ends with the first
    byte of it, and neither ends a body that nobody reads any more."""
    silent: dict[Connection, asyncio.TimerHandle] = {}
    """Those that owe what nothing else waits for, a whole head or the rest of an answered body, the oldest first."""

    class Connection(H11Protocol):
        owed = ""
        """What is waited for: a head, or the rest of a body."""
        rest = 0
        """Bytes of the rest that came."""
        parting = False
        stopped = False

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(cast(asyncio.Transport, _Parting(transport, self)))
            if len(self.connections) >= most and silent:
                next(iter(silent)).give_up()
            self.wait()

        def data_received(self, data: bytes) -> None:
            if self.owed == "rest":
                self.rest += len(data)
                if self.rest > patience.linger_bytes:
                    self.give_up()
                    return
            if not self.parting:
                super().data_received(data)
                self.wait()

        def handle_websocket_upgrade(self, event: h11.Request) -> None:
            self.heard()
            self.transport = cast(Any, self.transport).transport
            super().handle_websocket_upgrade(event)

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self.wait()

        def shutdown(self) -> None:
            super().shutdown()
            self.stopped = True
            self.owed = ""
            self.wait()

        def connection_lost(self, exc: Exception | None) -> None:
            self.heard()
            # What is closed on the way out is closed already.
            self.parting = True
            super().connection_lost(exc)

        def part(self) -> None:
            """Closes the connection; while the client still sends, only our half of it, and the rest in a while."""
            if self.parting:
                return
            raw = cast(Any, self.transport).transport
            if self.conn.their_state not in (h11.SEND_BODY, h11.ERROR) or not raw.can_write_eof():
                raw.close()
                return
            self.parting = True
            self._unset_keepalive_if_required()
            raw.write_eof()
            raw.resume_reading()
            self.wait()

        def wait(self) -> None:
            owed = self.owes()
            if owed == self.owed and self in silent:
                return
            self.heard()
            if owed:
                self.owed, self.rest = owed, 0
                seconds = patience.head if owed == "head" else patience.linger
                if self.stopped:
                    seconds = min(seconds, LAST_SECONDS)
                silent[self] = self.loop.call_later(seconds, self.give_up)

        def owes(self) -> str:
            if self.parting:
                return "rest"
            if self.transport.is_closing():
                return ""
            if self.conn.their_state is h11.IDLE:
                return "head"
            answered = self.cycle is not None and self.cycle.response_complete
            return "rest" if answered and self.conn.their_state is h11.SEND_BODY else ""

        def heard(self) -> None:
            self.owed = ""
            if (timer := silent.pop(self, None)) is not None:
                timer.cancel()

        def give_up(self) -> None:
            self.heard()
            self.connections.discard(self)
            # Not closed: that would wait until it reads what was sent to it before.
            self.transport.abort()

    return Connection
