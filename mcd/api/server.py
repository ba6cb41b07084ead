"""The HTTP server around the application: how many connections it has, and how it begins and stops.

A connection that says nothing, its head byte by byte, or the rest of a body whose answer is out already, costs a place
only for a while, and it is the first to go when there are no places left. It must not know a route.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import resource
import socket
from collections.abc import Sequence
from functools import partial
from typing import Any, cast

import uvicorn

from mcd.api.connection import Connection, Limits, Patience
from mcd.api.stopping import STATE, Stopping

IDLE_SECONDS = 5
"""Seconds for which a connection is kept without a next request."""

CONNECTIONS = 2000
"""Connections at one time. One more takes the place of the one that has been silent longest; where none is, it is
answered 503."""

OWN_FILES = 512
"""Files that the process opens beside its connections: database, clusters, git, builds."""


def server(
    app: Any,
    *,
    patience: Patience | None = None,
    connections: int | None = None,
    graceful_seconds: int = 8,
    proxies: Sequence[str] = (),
) -> Server:
    """A server that is not started yet. It leaves signals alone. `connections` is as many as there may be files, and
    CONNECTIONS at most. `proxies` are addresses and networks whose X-Forwarded-For and -Proto are believed; the client
    of a request is then the last address there that is not one of them."""
    most = _connections() if connections is None else connections
    config = uvicorn.Config(
        app,
        log_config=None,
        access_log=False,
        proxy_headers=bool(proxies),
        # Never None: uvicorn would take what the environment says, or trust this machine.
        forwarded_allow_ips=list(proxies),
        server_header=False,
        timeout_graceful_shutdown=graceful_seconds,
        timeout_keep_alive=IDLE_SECONDS,
        # uvicorn only calls it.
        http=cast(type[asyncio.Protocol], partial(Connection, limits=Limits(patience or Patience(), most))),
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
