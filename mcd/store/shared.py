"""Single flight: one look for all who want to see the same; who comes while it is under way shares the next one.

What each of them is told was looked at after they asked, and a hundred at once cost two. Nothing is kept here, and it
must not tell an older answer: `mcd.api.looks` does, of clusters, which may take ten seconds or not answer at all.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Hashable
from typing import Generic, TypeVar

T = TypeVar("T")


class Shared(Generic[T]):
    """Looks by what is looked at. `name`: of their tasks."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._under_way: dict[Hashable, asyncio.Task[T]] = {}
        self._next: dict[Hashable, asyncio.Task[T]] = {}

    async def look(self, key: Hashable, look: Callable[[], Awaitable[T]]) -> T:
        """What a look says that begins after this call. Raises what it raises."""
        # Others wait for the same: one who goes away does not end it.
        return await asyncio.shield(self.begun(key, look))

    def begun(self, key: Hashable, look: Callable[[], Awaitable[T]]) -> asyncio.Task[T]:
        """That look, for who does not wait for it."""
        if key not in self._next:
            task = asyncio.create_task(self._in_turn(key, look, self._under_way.get(key)), name=self._name)
            task.add_done_callback(_noted)
            self._next[key] = task
        return self._next[key]

    def under_way(self, key: Hashable) -> bool:
        """Whether one is looking now; what it says may be older than what is committed by now."""
        return key in self._under_way

    async def _in_turn(self, key: Hashable, look: Callable[[], Awaitable[T]], before: asyncio.Task[T] | None) -> T:
        if before is not None:
            await asyncio.wait({before})
        self._under_way[key] = self._next.pop(key)
        try:
            return await look()
        finally:
            if self._under_way.get(key) is asyncio.current_task():
                del self._under_way[key]

    async def end(self) -> None:
        """Ends what is under way; whoever waits for it is cancelled."""
        tasks = [*self._next.values(), *self._under_way.values()]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._next.clear()
        self._under_way.clear()


def _noted(task: asyncio.Task[T]) -> None:
    """A look that failed, and that nobody waited for to its end, is begun anew by whoever asks next."""
    if not task.cancelled():
        task.exception()
