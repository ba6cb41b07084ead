"""The output of one build on its way to the row of its Release.

It must not know what is built, and a line that cannot be written yet is never lost for it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from dataclasses import dataclass, field

import structlog

from mcd.errors import McdError
from mcd.observability import logs
from mcd.runtime import Runtime
from mcd.store import leases

log = structlog.get_logger("mcd.loop")

GATHERED = 0.5
"""Seconds for which lines of a build are gathered before they are written."""


@dataclass(slots=True)
class BuildLog:
    """Keeps the builder's output: lines are gathered and written every half second, so that a person sees them live."""

    runtime: Runtime
    release_id: str
    names: Mapping[str, str | int] = field(default_factory=dict)
    """What a line of the log calls the Release."""
    _lines: list[str] = field(default_factory=list)
    _writer: asyncio.Task[None] | None = None
    _ending: asyncio.Event = field(default_factory=asyncio.Event)
    _once: logs.Once = field(default_factory=lambda: logs.Once(60.0))

    async def __aenter__(self) -> BuildLog:
        return self

    async def line(self, text: str) -> None:
        self._lines.append(text)
        if self._writer is None or self._writer.done():
            self._writer = asyncio.create_task(self._write_soon())

    async def _write_soon(self) -> None:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._ending.wait(), GATHERED)
        await self._flush()

    async def _flush(self) -> None:
        """Writes what was gathered. Lines that cannot be written stay, for the next attempt."""
        lines = tuple(self._lines)
        if not lines:
            return
        try:
            async with self.runtime.db.writing() as tx:
                await leases.append_build_log(tx, self.release_id, lines)
        except McdError as error:
            if self._once.due(str(error), asyncio.get_running_loop().time()) is not None:
                log.warning("build_log_not_written", **self.names, lines=len(lines), error=str(error))
        else:
            del self._lines[: len(lines)]

    async def __aexit__(self, *exc: object) -> None:
        self._ending.set()
        if self._writer is not None:
            await asyncio.gather(self._writer, return_exceptions=True)
        await self._flush()
