"""A relay before one API server that lets bytes pass, holds them back, or is not there: a cluster that is well, hung,
dead, or comes and goes.

It ends no TLS and reads nothing of what passes. It must not decide when something breaks.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from scripts.cluster import ports

FLAP = 1.0
"""Seconds that one that comes and goes is there, and is not."""


class Health(StrEnum):
    WELL = "well"
    HUNG = "hung"
    """Connections are taken, and nothing passes in either direction."""
    DEAD = "dead"
    """Connections are refused, and those there were are broken off."""
    FLAPPING = "flapping"


@dataclass
class Relay:
    """Listens at `port` and talks to `upstream`, both on this machine."""

    upstream: int
    port: int = 0
    _flows: asyncio.Event = field(default_factory=asyncio.Event)
    _server: asyncio.Server | None = None
    _open: set[asyncio.StreamWriter] = field(default_factory=set)
    _under_way: set[asyncio.Task[Any]] = field(default_factory=set)
    _flapping: asyncio.Task[None] | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Relay]:
        self.port = ports.chosen("relay", None, set())
        await self.become(Health.WELL)
        try:
            yield self
        finally:
            await self.become(Health.DEAD)
            await asyncio.gather(*self._under_way, return_exceptions=True)

    async def become(self, health: Health) -> None:
        if self._flapping is not None:
            self._flapping.cancel()
            await asyncio.gather(self._flapping, return_exceptions=True)
            self._flapping = None
        if health is Health.FLAPPING:
            self._flapping = asyncio.create_task(self._flap())
            return
        await self._is(health)

    def hang_up(self) -> None:
        """Breaks every connection off; new ones are taken."""
        for writer in tuple(self._open):
            writer.transport.abort()

    async def _is(self, health: Health) -> None:
        if health is Health.HUNG:
            self._flows.clear()
        else:
            self._flows.set()
        if health is Health.DEAD:
            if self._server is not None:
                self._server.close()
                self._server = None
            self.hang_up()
        elif self._server is None:
            self._server = await asyncio.start_server(self._relayed, "127.0.0.1", self.port)

    async def _flap(self) -> None:
        while True:
            await self._is(Health.DEAD)
            await asyncio.sleep(FLAP)
            await self._is(Health.WELL)
            await asyncio.sleep(FLAP)

    async def _relayed(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open.add(writer)
        task = asyncio.current_task()
        assert task is not None
        self._under_way.add(task)
        task.add_done_callback(self._under_way.discard)
        try:
            beyond_in, beyond_out = await asyncio.open_connection("127.0.0.1", self.upstream)
        except OSError:
            self._gone(writer)
            return
        self._open.add(beyond_out)
        ways = [asyncio.ensure_future(way) for way in (self._pass(reader, beyond_out), self._pass(beyond_in, writer))]
        try:
            await asyncio.wait(ways, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for way in ways:
                way.cancel()
            await asyncio.gather(*ways, return_exceptions=True)
            self._gone(writer)
            self._gone(beyond_out)

    def _gone(self, writer: asyncio.StreamWriter) -> None:
        self._open.discard(writer)
        writer.transport.abort()

    async def _pass(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            while data := await source.read(65536):
                await self._flows.wait()
                sink.write(data)
                await sink.drain()
