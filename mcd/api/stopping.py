"""That the server stops: how what goes on for long learns it in time to end with a word instead of being cut off.

One `Stopping` belongs to one server, which puts it into the state of every request. It must not know what ends.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

STATE = "stopping"
"""Its name in the state of a request."""


class Stopping:
    """Set once, and for good."""

    def __init__(self) -> None:
        self._event = asyncio.Event()
        self._hurried: dict[asyncio.Timeout, float] = {}
        self._began = 0.0

    def is_set(self) -> bool:
        return self._event.is_set()

    async def wait(self) -> None:
        await self._event.wait()

    def begin(self) -> None:
        """The server stops from now on."""
        if not self.is_set():
            self._began = asyncio.get_running_loop().time()
            self._event.set()
            for limit, seconds in self._hurried.items():
                self._hurry(limit, seconds)

    @contextmanager
    def hurries(self, limit: asyncio.Timeout, seconds: float) -> Iterator[None]:
        """Inside, `limit` ends at the latest so many seconds after the stop began."""
        self._hurried[limit] = seconds
        try:
            if self.is_set():
                self._hurry(limit, seconds)
            yield
        finally:
            del self._hurried[limit]

    def _hurry(self, limit: asyncio.Timeout, seconds: float) -> None:
        at, when = self._began + seconds, limit.when()
        if not limit.expired() and (when is None or at < when):
            limit.reschedule(at)


def stopping_of(scope: Mapping[str, Any]) -> Stopping:
    """Of the server that took this request. Where there is none, one that never begins."""
    state = scope.setdefault("state", {})  # type: ignore[attr-defined]
    found: Stopping | None = state.get(STATE)
    if found is None:
        found = state[STATE] = Stopping()
    return found
