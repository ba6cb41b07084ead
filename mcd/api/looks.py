"""A query coalescer: one question to a cluster for all the people who look at the same page, its answer kept for a
moment.

A question ends at a deadline; who asks waits as long as they say, and is told the older answer and why there is no
newer one. It must not know what is asked, and it never asks by itself.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Generic, TypeVar

from mcd.errors import McdError

T = TypeVar("T")

DEADLINE = 10.0
"""Seconds after which a cluster that says nothing is taken not to answer."""

KEPT = 2000
"""Answers at most; the one that nobody asked for longest goes first."""


@dataclass(frozen=True, slots=True)
class Looked(Generic[T]):
    """What was answered last and when. `trouble` says why there is nothing newer; `value` None: nothing ever was."""

    value: T | None = None
    at: datetime | None = None
    trouble: str = ""


@dataclass(slots=True)
class _Entry:
    looked: Looked[Any] = field(default_factory=Looked)
    asked: float = float("-inf")
    task: asyncio.Task[None] | None = None


class Looks:
    """`now` tells the moment that an answer is told with."""

    def __init__(self, now: Callable[[], datetime], deadline: float = DEADLINE) -> None:
        self._now, self._deadline = now, deadline
        self._entries: OrderedDict[Hashable, _Entry] = OrderedDict()

    def kept(self, key: Hashable) -> Looked[Any]:
        """What is known already; asks nobody."""
        entry = self._entries.get(key)
        return entry.looked if entry is not None else Looked()

    async def ask(self, key: Hashable, question: Callable[[], Awaitable[T]], *, fresh: float, wait: float) -> Looked[T]:
        """The answer, not older than `fresh` seconds if it comes within `wait` seconds. Raises nothing of the
        question's: that is told as trouble."""
        entry = self._entries.setdefault(key, _Entry())
        self._entries.move_to_end(key)
        clock = asyncio.get_running_loop().time
        if entry.task is None and clock() - entry.asked >= fresh:
            # In a context of its own: it outlives the request that was the first to ask.
            entry.task = asyncio.create_task(
                self._answer(entry, question), name=f"look:{key}", context=contextvars.Context()
            )
            self._forget()
        if entry.task is not None:
            await asyncio.wait({entry.task}, timeout=wait)
        if entry.task is not None and entry.looked.value is None and not entry.looked.trouble:
            return Looked(trouble="The cluster has not answered yet.")
        return entry.looked

    async def _answer(self, entry: _Entry, question: Callable[[], Awaitable[Any]]) -> None:
        clock = asyncio.get_running_loop().time
        before = entry.looked
        try:
            async with asyncio.timeout(self._deadline):
                entry.looked = Looked(await question(), self._now())
        except McdError as error:
            entry.looked = Looked(before.value, before.at, str(error))
        except TimeoutError:
            said = f"The cluster did not answer within {self._deadline:g} seconds. It is asked again."
            entry.looked = Looked(before.value, before.at, said)
        finally:
            entry.asked, entry.task = clock(), None

    def _forget(self) -> None:
        for key in list(self._entries):
            if len(self._entries) <= KEPT:
                return
            if self._entries[key].task is None:
                del self._entries[key]

    async def close(self) -> None:
        """Ends what is still being asked."""
        tasks = [entry.task for entry in self._entries.values() if entry.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
