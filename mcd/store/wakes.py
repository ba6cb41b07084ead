"""Bells: something was committed, look now. A lost ring costs time, never correctness, because everybody also polls.

One process rings its own bells; on PostgreSQL `listener.py` rings them for the commits of all others. Nothing is read
or written here.
"""

from __future__ import annotations

import asyncio
from enum import StrEnum

CHANNEL = "mcd"
"""The channel of NOTIFY. The payload is a word of `Ring`."""


class Ring(StrEnum):
    WISH = "wish"
    """A row may be due."""
    EVENT = "event"
    """Events were appended."""


class Bell:
    """Counts its rings, so that one between two waits is not missed."""

    def __init__(self) -> None:
        self.rings = 0
        self._seen = 0
        self._waiting: set[asyncio.Future[None]] = set()

    def ring(self) -> None:
        self.rings += 1
        for future in self._waiting:
            if not future.done():
                future.set_result(None)

    async def wait(self, timeout: float, seen: int | None = None) -> int:  # noqa: ASYNC109
        """Returns the count when it is no longer `seen`, or after `timeout` seconds. Without `seen`: what the last call
        without it returned, which suits the one task of a process that waits in a loop."""
        reference = self._seen if seen is None else seen
        if self.rings == reference and timeout > 0:
            future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            self._waiting.add(future)
            try:
                await asyncio.wait_for(future, timeout)
            except TimeoutError:
                pass
            finally:
                self._waiting.discard(future)
        if seen is None:
            self._seen = self.rings
        return self.rings
