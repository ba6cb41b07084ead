"""The compiler as the server asks it: a few warm children, each ask within its time and memory, the event loop free.

A child is started when it is needed first. Whoever opens the compiler closes it. What is compiled for the live path is
kept for who asks the very same again; of texts that people only ask about it must not keep anything.
"""

from __future__ import annotations

import asyncio
import os
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any

from mcd.appyaml.compiler import Compiled
from mcd.appyaml.live import FILE, Bound, Desired, Pair
from mcd.compiling.asks import Said, joined
from mcd.compiling.children import Child, Ended, asking, is_out_of_memory, opened
from mcd.compiling.kept import Kept, key
from mcd.errors import Code, McdError, Problem, Severity
from mcd.model import Reconciled, Rollout

SECONDS = 1.0
"""Of processor time for one reading of a file (app-yaml 2.1)."""

MEMORY = 256 * 1024 * 1024
"""Bytes that one ask may take on top of what a child has (app-yaml 2.1)."""

_READINGS = {"desired": 2}
"""How often an ask compiles its text at most, where it is more than once (ADR 3)."""

WAIT = 10.0
"""Seconds for which an ask waits for a free child."""

AT_MOST = 30.0
"""Seconds of an ask by the clock, with the start of a child: a busy machine gives processor time slowly."""


@dataclass(slots=True)
class Compiler:
    """`most` children at the same time, those that are free in `idle`."""

    most: int = field(default_factory=lambda: max(2, min(4, len(os.sched_getaffinity(0)) // 2)))
    seconds: float = SECONDS
    memory: int = MEMORY
    idle: list[Child] = field(default_factory=list)
    kept: Kept = field(default_factory=Kept)
    _room: asyncio.Semaphore | None = None

    async def desired(self, bound: Bound, rollout: Rollout | None, previous: Rollout | None) -> Desired:
        """As `live.desired`, with the whole catalogue; the templates of Jobs are not among what was compiled, and no
        variables and files among the components. Raises
        McdError as that, and unavailable."""
        try:
            return joined(await self._ask("desired", *_bare(bound, rollout, previous), keep=True))
        except _Limit as limit:
            problem = limit.problem(bound.app.path or FILE)
            return Desired(Compiled((), (), (problem,), None), (), {}, {}, (problem,))

    async def problems(self, text: str, file: str, files: Mapping[str, bytes] | None) -> tuple[Problem, ...]:
        """Of a file that belongs to no product line. Raises McdError(unavailable)."""
        try:
            (found,) = await self._ask("problems", text, file, files)
        except _Limit as limit:
            return (limit.problem(file),)
        told: tuple[Problem, ...] = found
        return told

    async def said(self, text: str, file: str = FILE, line: str = "") -> Said | None:
        """What a file says of pushes and names in a product line. None: it cannot be read within the limits. Raises
        McdError(unavailable)."""
        try:
            (found,) = await self._ask("said", text, file, line)
        except _Limit:
            return None
        told: Said = found
        return told

    async def types(self, text: str, line: str) -> Mapping[str, str] | None:
        """As `live.types_in`. Raises McdError(unavailable)."""
        if not text:
            return None
        try:
            (found,) = await self._ask("types", text, line)
        except _Limit:
            return None
        types: Mapping[str, str] | None = found
        return types

    async def required(self, text: str, line: str) -> frozenset[str]:
        """As `live.required_in`. Raises McdError(unavailable)."""
        if "required" not in text:
            return frozenset()
        try:
            (found,) = await self._ask("required", text, line)
        except _Limit:
            return frozenset()
        names: frozenset[str] = found
        return names

    def close(self) -> None:
        """Ends the children that are free. Those at work end with who asked them."""
        while self.idle:
            self.idle.pop().end()

    async def _ask(self, word: str, *args: Any, keep: bool = False) -> list[Any]:
        """The pieces of the answer. Raises _Limit, McdError as the compiler does, and unavailable."""
        asked = asking((self.seconds * _READINGS.get(word, 1), self.memory), word, args)
        name = key(asked) if keep else b""
        frames = self.kept.get(name) if keep else None
        if frames is None:
            frames = await self._frames(asked)
            pieces = self._opened(await opened(frames))
            if keep:
                self.kept.put(name, frames)
            return pieces
        return self._opened(await opened(frames))

    async def _frames(self, asked: bytes) -> list[bytes]:
        if self._room is None:
            self._room = asyncio.Semaphore(self.most)
        try:
            async with asyncio.timeout(WAIT):
                await self._room.acquire()
        except TimeoutError:
            raise _busy() from None
        try:
            return await self._asked(asked)
        finally:
            self._room.release()

    async def _asked(self, asked: bytes) -> list[bytes]:
        """Of a child that is free, or a new one. It is kept only when it answered in full."""
        while True:
            child = self.idle.pop() if self.idle else Child.start()
            whole = False
            try:
                async with asyncio.timeout(AT_MOST):
                    frames = await child.ask(asked)
                whole = not is_out_of_memory(frames) and not child.worn
            except Ended as ended:
                if ended.late:
                    raise _Limit(f"{self.seconds:g} s") from None
                if child.asked > 1:
                    continue  # it ended while it was free: nothing says that the text had a part in it
                raise McdError(
                    Code.UNAVAILABLE, "the process that reads app.yaml ended before it was done.", "Try again.",
                    retry_after=1, reason="CompilerEnded",
                ) from None  # fmt: skip
            except TimeoutError:
                raise _busy() from None
            else:
                return frames
            finally:
                if whole:
                    self.idle.append(child)
                else:
                    await child.stop()

    def _opened(self, pieces: list[Any]) -> list[Any]:
        """What the child tagged, without the tag."""
        match pieces[-1]:
            case ("memory",):
                raise _Limit(f"{self.memory // 1024**2} MiB of memory")
            case ("refused", (code, message, hint, reason, problems, retry_after, place)):
                raise McdError(
                    code, message, hint, reason=reason, problems=problems, retry_after=retry_after, place=place
                )  # fmt: skip
            case ("bug", text):
                raise RuntimeError(f"the compiler failed:\n{text}")
        return [piece for _, piece in pieces]


_NEVER = datetime.min.replace(tzinfo=UTC)
_NO_STATE = Reconciled(1, 0, (), None)


def _bare(
    bound: Bound, rollout: Rollout | None, previous: Rollout | None
) -> tuple[Pair, Rollout | None, Rollout | None]:
    """What is compiled, without what changes while it waits: who asks again asks the same, and less is sent."""
    pair = Pair(
        replace(bound.app, created_at=_NEVER, deleted_at=None, generation=1),
        replace(bound.release, state=_NO_STATE, created_at=_NEVER, footprint=None, author="", title=""),
        bound.settings,
        replace(bound.line, state=_NO_STATE),
        replace(bound.cluster, state=_NO_STATE, seen_at=None),
        bound.pools,
        bound.facts,
    )
    if rollout is not None and not rollout.commits and not rollout.restarts:
        rollout = None  # nothing of it is compiled
    return pair, _bare_rollout(rollout), _bare_rollout(previous)


def _bare_rollout(rollout: Rollout | None) -> Rollout | None:
    if rollout is None:
        return None
    return replace(rollout, live=False, state=_NO_STATE, created_at=_NEVER, ready_at=None)


class _Limit(Exception):
    """A text that cannot be compiled within the limits."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what

    def problem(self, file: str) -> Problem:
        message = f"reading it takes more than {self.what}."
        return Problem("yaml.limit", Severity.ERROR, file, 1, 1, "", message, "Make it smaller.")


def _busy() -> McdError:
    return McdError(
        Code.UNAVAILABLE, "MCD is busy with other files.", "Try again in a moment.", retry_after=2,
        reason="CompilerBusy",
    )  # fmt: skip
