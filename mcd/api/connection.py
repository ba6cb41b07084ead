"""One connection of the HTTP server: what it owes, for how long it is waited for, and how it parts.

uvicorn's protocol over httptools, with the limits that these two leave open. It must not know a route, nor what is
answered.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any, cast

import httptools
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEAD_LIMIT = 64 * 1024
"""Bytes that the head of a request may have."""

HEAD_SECONDS = 10.0
"""Seconds for a whole head, from the first moment at which it could come."""

LINGER_SECONDS = 5.0
"""Seconds for which the rest of a body is still taken and thrown away when its answer is out: a client that sends
reads the answer last, and a connection that is closed on what it sends loses it."""

LINGER_BYTES = 4 * 1024 * 1024
"""Bytes of that."""

LAST_SECONDS = 1.0
"""The same when the server stops."""

PIPELINED = 32
"""Requests of one connection that wait for the answer to the one before. A client that sends more is cut off."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long a connection is waited for, in seconds, and for how much of what nobody needs, in bytes."""

    head: float = HEAD_SECONDS
    linger: float = LINGER_SECONDS
    linger_bytes: int = LINGER_BYTES


@dataclass(frozen=True, slots=True)
class Limits:
    """What the connections of one server share."""

    patience: Patience
    most: int
    """Connections at one time."""
    silent: dict[Connection, asyncio.TimerHandle] = field(default_factory=dict)
    """Those that owe what nothing else waits for, a whole head or the rest of an answered body, the oldest first."""


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


class Connection(HttpToolsProtocol):
    """What uvicorn makes one of for each connection. Its parser has no limit and no time-out for a head, uvicorn's own
    time-out ends with the first byte of it, and neither ends a body that nobody reads any more."""

    owed = ""
    """What is waited for: a head, or the rest of a body."""
    head = 0
    """Bytes of the head that is coming."""
    in_body = ended = broken = False
    """Whether a head was read and its body was not, whether a body ended in this piece, and whether what came is
    no HTTP."""
    read_of_head = 0
    """Bytes of it that were taken apart already."""
    rest = 0
    """Bytes of the rest that came."""
    parting = stopped = upgraded = False

    def __init__(self, *given: Any, limits: Limits, **named: Any) -> None:
        super().__init__(*given, **named)
        self.limits = limits

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(cast(asyncio.Transport, _Parting(transport, self)))
        if len(self.connections) >= self.limits.most and self.limits.silent:
            next(iter(self.limits.silent)).give_up()
        self.wait()

    def data_received(self, data: bytes) -> None:
        if self.owed == "rest":
            self.rest += len(data)
            if self.rest > self.limits.patience.linger_bytes:
                self.give_up()
                return
        if not self.parting:
            self._unset_keepalive_if_required()
            self.ended = False
            self.read(data)
            # A piece in which a body ended was that body; what comes after it is counted from the next piece on.
            if not (self.in_body or self.ended):
                self.head += len(data)
                if self.head > HEAD_LIMIT:
                    self.refuse()
            self.wait()

    def read(self, data: bytes) -> None:
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._should_upgrade():
                self.handle_websocket_upgrade()
                return
            # Another protocol, which we do not speak: it goes on as it began.
            self._unsupported_upgrade_warning()
            if rest := data[upgrade.args[0] :]:
                self.read(rest)
        except httptools.HttpParserError:
            self.refuse()

    def refuse(self) -> None:
        if not self.broken:
            self.broken = True
            said = "Invalid HTTP request received."
            self.logger.warning(said)
            self.send_400_response(said)

    def on_url(self, url: bytes) -> None:
        super().on_url(url)
        self.count(len(url))

    def on_header(self, name: bytes, value: bytes) -> None:
        super().on_header(name, value)
        self.count(len(name) + len(value) + 4)

    def count(self, size: int) -> None:
        """A head that comes in one piece is over before anybody counts the pieces."""
        self.read_of_head += size
        if self.read_of_head > HEAD_LIMIT:
            raise httptools.HttpParserError("the head is too long")

    def on_message_begin(self) -> None:
        super().on_message_begin()
        self.read_of_head = self.head = 0

    def on_headers_complete(self) -> None:
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (hosts == 0 and self.parser.get_http_version() == "1.1"):
            raise httptools.HttpParserError("not one host")
        if len(self.pipeline) >= PIPELINED:
            # Each is taken apart as soon as it comes, and nobody sends so many.
            self.give_up()
            return
        super().on_headers_complete()
        self.in_body = True

    def on_message_complete(self) -> None:
        super().on_message_complete()
        self.in_body, self.ended = False, True
        self.head = 0

    def handle_websocket_upgrade(self) -> None:
        self.upgraded = True
        self.heard()
        self.transport = cast(Any, self.transport).transport
        super().handle_websocket_upgrade()

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
        if not (self.in_body or self.broken) or not raw.can_write_eof():
            raw.close()
            return
        self.parting = True
        self._unset_keepalive_if_required()
        if self.cycle is not None and not self.cycle.response_complete:
            # Refused in the middle of its body: nobody can be answered any more.
            self.cycle.disconnected = True
            self.cycle.message_event.set()
        raw.write_eof()
        raw.resume_reading()
        self.wait()

    def wait(self) -> None:
        owed = self.owes()
        if owed == self.owed and self in self.limits.silent:
            return
        self.heard()
        if owed:
            self.owed, self.rest = owed, 0
            seconds = self.limits.patience.head if owed == "head" else self.limits.patience.linger
            if self.stopped:
                seconds = min(seconds, LAST_SECONDS)
            self.limits.silent[self] = self.loop.call_later(seconds, self.give_up)

    def owes(self) -> str:
        if self.parting:
            return "rest"
        answering = self.cycle is not None and not self.cycle.response_complete
        if self.upgraded or answering or self.transport.is_closing():
            return ""
        return "rest" if self.in_body else "head"

    def heard(self) -> None:
        self.owed = ""
        if (timer := self.limits.silent.pop(self, None)) is not None:
            timer.cancel()

    def give_up(self) -> None:
        self.heard()
        self.connections.discard(self)
        # Not closed: that would wait until it reads what was sent to it before.
        self.transport.abort()
