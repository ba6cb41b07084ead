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
from mcd.model import Reconciled, Rollout, Trigger
from mcd.rounds import breathe

SECONDS = 1.0
"""Of processor time for one reading of a file (app-yaml 2.1)."""

MEMORY = 256 * 1024 * 1024
"""Bytes that one ask may take on top of what a child has (app-yaml 2.1)."""

_READINGS = {"desired": 2}
"""How often an ask compiles its text at most, where it is more than once (ADR 3)."""

WAIT = 10.0
"""Seconds for which an ask waits for a free child."""

DIGEST = "@sha256:"
"""What an image has that is written with its digest."""

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
        variables and files among the components. Raises McdError as that, and unavailable."""
        given = _bare(bound, rollout, previous)
        asked = self._asking("desired", given)
        frames = self.kept.get(key(asked))
        kept = frames is not None
        try:
            if frames is None:
                frames = await self._frames(asked)
            found = joined(self._opened(await opened(frames)))
        except _Limit as limit:
            problem = limit.problem(bound.app.path or FILE)
            return Desired(Compiled((), (), (problem,), None), (), {}, {}, (problem,))
        if not kept:
            await breathe()
            later = self._asking("desired", _as_asked_later(given, found))
            self.kept.put(key(asked), frames, key(later))
        return found

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

    async def _ask(self, word: str, *args: Any) -> list[Any]:
        """The pieces of the answer. Raises _Limit, McdError as the compiler does, and unavailable."""
        return self._opened(await opened(await self._frames(self._asking(word, args))))

    def _asking(self, word: str, args: tuple[Any, ...]) -> bytes:
        return asking((self.seconds * _READINGS.get(word, 1), self.memory), word, args)

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

_Given = tuple[Pair, Rollout | None, Rollout | None]


def _bare(bound: Bound, rollout: Rollout | None, previous: Rollout | None) -> _Given:
    """What is compiled, without what changes while it waits: who asks again asks the same, and less is sent."""
    pair = Pair(
        replace(bound.app, created_at=_NEVER, deleted_at=None, generation=1),
        replace(
            bound.release, state=_NO_STATE, created_at=_NEVER, footprint=None, author="", title="",
            images=dict(sorted(bound.release.images.items())),
        ),
        bound.settings,
        replace(bound.line, state=_NO_STATE),
        replace(bound.cluster, state=_NO_STATE, seen_at=None),
        bound.pools,
        bound.facts,
    )  # fmt: skip
    return pair, *_bare_past(pair.release.commit, rollout, previous)


def _bare_past(commit: str, rollout: Rollout | None, previous: Rollout | None) -> tuple[Rollout | None, Rollout | None]:
    """What is compiled of a Rollout: its commits and restarts, and before it has commits, those of the one before it
    with their digests. Where everything is of the Release's own commit, nothing is."""
    if rollout is not None:
        if rollout.commits:
            previous = None
        named = {} if _are_all(commit, rollout.commits) else rollout.commits
        rollout = _only(rollout, commits=named, restarts=rollout.restarts) if named or rollout.restarts else None
    if previous is not None:
        kept = not _are_all(commit, previous.commits)
        previous = _only(previous, commits=previous.commits, digests=previous.digests) if kept else None
    return rollout, previous


def _are_all(commit: str, commits: Mapping[str, str]) -> bool:
    return all(each == commit for each in commits.values())


_NOTHING: Mapping[str, str] = {}


def _only(
    rollout: Rollout, *, commits: Mapping[str, str] = _NOTHING, digests: Mapping[str, str] = _NOTHING,
    restarts: Mapping[str, str] = _NOTHING,
) -> Rollout:  # fmt: skip
    """A Rollout with nothing but this. A column that comes to Rollouts is kept as it is until it is named here: what
    the compiler reads is never taken away unseen."""
    return replace(
        rollout, id="", number=0, release=0, settings=0, trigger=Trigger.PUSH, take_over=False, confirmed_prune="",
        live=False, created_at=_NEVER, created_by="", state=_NO_STATE, ready_at=None,
        commits=dict(sorted(commits.items())), digests=dict(sorted(digests.items())),
        restarts=dict(sorted(restarts.items())),
    )  # fmt: skip


def _as_asked_later(given: _Given, found: Desired) -> _Given:
    """How the very same is asked when the images are pinned and the Rollout has begun: an image that is written with
    its digest is pinned to what is written, and a Rollout that has begun names the commits that came out."""
    pair, rollout, previous = given
    spec = found.compiled.spec
    if spec is not None and not pair.release.images:
        pinned = {name: image for name, image in sorted(spec.written_images.items()) if DIGEST in image}
        pair = replace(pair, release=replace(pair.release, images=pinned))
    if found.commits and (before := rollout or previous) is not None:
        restarts = rollout.restarts if rollout is not None else {}
        began = _only(before, commits=found.commits, restarts=restarts)
        rollout, previous = _bare_past(pair.release.commit, began, None)
    return pair, rollout, previous


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
