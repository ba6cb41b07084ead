"""The HTTP server around the application: its parser, its limits, and how long it waits for what a client says.

A connection that says nothing, or its head byte by byte, costs a place only for a while, and it is the first to go when
there are no places left. It must not know a route.
"""

from __future__ import annotations

import asyncio
import resource
from typing import Any

import h11
import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

HEAD_LIMIT = 64 * 1024
"""Bytes that the head of a request may have."""

HEAD_SECONDS = 10.0
"""Seconds for a whole head, from the first moment at which it could come."""

IDLE_SECONDS = 5
"""Seconds for which a connection is kept without a next request."""

CONNECTIONS = 2000
"""Connections at one time. One more takes the place of the one that has been silent longest; where none is, it is
answered 503."""

OWN_FILES = 512
"""Files that the process opens beside its connections: database, clusters, git, builds."""


def server(
    app: Any, *, head_seconds: float = HEAD_SECONDS, connections: int | None = None, graceful_seconds: int = 8
) -> uvicorn.Server:
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
        http=_protocol(head_seconds, most),
        h11_max_incomplete_event_size=HEAD_LIMIT,
        limit_concurrency=most,
        # So many are let in before the first of them is looked at.
        backlog=OWN_FILES // 2,
        ws_max_size=1024 * 1024,
    )
    made = uvicorn.Server(config)
    made.install_signal_handlers = lambda: None  # type: ignore[attr-defined]
    return made


def _connections() -> int:
    """How many fit: a limit that is above the files that may be open would never be met, and new clients hang."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = CONNECTIONS + OWN_FILES
    if soft != resource.RLIM_INFINITY and soft < wanted:
        soft = wanted if hard == resource.RLIM_INFINITY else min(hard, wanted)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    return CONNECTIONS if soft == resource.RLIM_INFINITY else max(16, min(CONNECTIONS, soft - OWN_FILES))


def _protocol(head_seconds: float, most: int) -> type[asyncio.Protocol]:
    """What uvicorn makes one of for each connection. h11 has no time-out for a head, and uvicorn's own ends with the
    first byte of it."""
    silent: dict[Connection, asyncio.TimerHandle] = {}
    """Those of which the next head is not whole yet, the longest silent first."""

    class Connection(H11Protocol):
        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            if len(self.connections) >= most and silent:
                next(iter(silent)).give_up()
            self.wait_for_head()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self.wait_for_head()

        def on_response_complete(self) -> None:
            super().on_response_complete()
            self.wait_for_head()

        def connection_lost(self, exc: Exception | None) -> None:
            self.heard()
            super().connection_lost(exc)

        def wait_for_head(self) -> None:
            if self.conn.their_state is not h11.IDLE or self.transport.is_closing():
                self.heard()
            elif self not in silent:
                silent[self] = self.loop.call_later(head_seconds, self.give_up)

        def heard(self) -> None:
            if (timer := silent.pop(self, None)) is not None:
                timer.cancel()

        def give_up(self) -> None:
            self.heard()
            self.connections.discard(self)
            # Not closed: that would wait until it reads what was sent to it before.
            self.transport.abort()

    return Connection
