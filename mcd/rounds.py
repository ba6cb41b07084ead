"""Who goes first where people's requests and the work of controllers share one event loop: of all tasks that began in
the background, one takes one step, and then some rounds of the loop are for everybody else.

A round runs everything that is ready and then looks who called. With sixteen passes ready, each with some milliseconds
to do, nobody who calls is heard for the whole of that; so they go one at a time, and a caller waits for one step. It
must not know what a step does, and in a process that has only one of the two it is not used.
"""

from __future__ import annotations

import asyncio
import time
from collections import deque
from collections.abc import Coroutine
from contextvars import Context, ContextVar
from types import TracebackType
from typing import Any, TypeVar

T = TypeVar("T")

LONGEST_STEP = 0.002
"""Seconds after which a step of the background ends at the next `breathe`."""

BETWEEN = 3
"""Rounds in which none of the background has a step, after one that had: a request takes several rounds, and waits for
one step in them."""

_background: ContextVar[bool] = ContextVar("background", default=False)


class Rounds:
    """The task factory of one event loop: `loop.set_task_factory(Rounds(loop))`."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._free = True
        """Whether the next step may be taken by whoever comes."""
        self._next: _OneAtATime[Any] | None = None
        """Whose step is next: called, and not here yet."""
        self._queue: deque[_OneAtATime[Any]] = deque()
        self.began = 0.0
        """When the last step began, on the performance counter."""

    def __call__(
        self, loop: asyncio.AbstractEventLoop, coroutine: Any, *, context: Context | None = None
    ) -> asyncio.Task[Any]:
        background = behind() if context is None else context.get(_background, False)
        made = _OneAtATime(coroutine, self) if background else coroutine
        return asyncio.Task(made, loop=loop, context=context)

    def take(self, one: _OneAtATime[Any]) -> asyncio.Future[None] | None:
        """None where this step may be taken now, else what to wait for before asking again."""
        if self._next is not one and (self._next is not None or not self._free):
            self._queue.append(one)
            one.turn = self._loop.create_future()
            return one.turn
        self._free, self._next = False, None
        self._loop.call_soon(self._passed, BETWEEN)
        self.began = time.perf_counter()
        return None

    def leave(self, one: _OneAtATime[Any]) -> None:
        """It goes on for another reason, or not at all."""
        if self._next is one:
            self._call()
        elif one in self._queue:
            self._queue.remove(one)

    def _passed(self, more: int) -> None:
        if more:
            self._loop.call_soon(self._passed, more - 1)
        else:
            self._call()

    def _call(self) -> None:
        self._next = None
        while self._queue:
            one = self._queue.popleft()
            # Whose task was cancelled comes by itself.
            if not one.turn.done():
                self._next = one
                one.turn.set_result(None)
                return
        self._free = True


def background(context: Context) -> Context:
    """The same context, in which all tasks that begin are of the background."""
    context.run(_background.set, True)
    return context


def behind() -> bool:
    """Whether who calls this is of the background."""
    return _background.get()


async def breathe() -> None:
    """Ends this step of the background here when it has lasted for long. For places that are passed often, between two
    pieces of work that need not be one."""
    if behind():
        rounds = asyncio.get_running_loop().get_task_factory()
        if isinstance(rounds, Rounds) and time.perf_counter() - rounds.began > LONGEST_STEP:
            await asyncio.sleep(0)


class _OneAtATime(Coroutine[Any, Any, T]):
    """A coroutine whose every step waits until it is its turn."""

    __slots__ = ("_coroutine", "_rounds", "turn")

    turn: asyncio.Future[None]

    def __init__(self, coroutine: Coroutine[Any, Any, T], rounds: Rounds) -> None:
        self._coroutine = coroutine
        self._rounds = rounds

    def send(self, value: Any) -> Any:
        turn = self._rounds.take(self)
        return self._coroutine.send(value) if turn is None else next(iter(turn))

    def throw(self, kind: Any, value: Any = None, traceback: TracebackType | None = None) -> Any:
        self._rounds.leave(self)
        try:
            return self._coroutine.throw(kind if value is None else value)
        finally:
            # The exception holds this frame: together they would be a circle, with all that a pass that ended held.
            del kind, value, traceback

    def close(self) -> None:
        self._rounds.leave(self)
        self._coroutine.close()

    def __await__(self) -> Any:
        return self._coroutine.__await__()
