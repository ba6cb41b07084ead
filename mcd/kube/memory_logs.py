"""What the containers of the cluster in memory say, to whoever asks for it and to whoever follows.

Each line has a time, as on a real node. It must not judge which container there is: whoever asks hands that in.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from dataclasses import dataclass, field
from datetime import UTC, datetime

from mcd.errors import McdError
from mcd.kube.stamps import BILLION, stamp_of

Key = tuple[str, str, str]
"""Namespace, pod, container; "/previous" behind the container for its run before."""


@dataclass(frozen=True, slots=True)
class Ask:
    """What is asked for. `since` in nanoseconds since 1970; `alive` tells whether more may come, None: not followed."""

    tail: int | None = None
    since: int = 0
    timestamps: bool = False
    alive: Callable[[], bool] | None = None


@dataclass
class Logs:
    """Of one cluster. `bells` are rung whenever anything of it changes."""

    clock: Callable[[], datetime]
    bells: set[asyncio.Event]
    _said: dict[Key, list[tuple[int, bytes, bytes]]] = field(default_factory=dict)
    _ends: int = 0
    _error: McdError | None = None

    def put(self, key: Key, lines: Iterable[bytes]) -> None:
        """The whole log. Lines that were there already keep their times; one that begins with a time says it itself."""
        before = self._said.get(key, [])
        now = int(self.clock().timestamp()) * BILLION
        said: list[tuple[int, bytes, bytes]] = []
        for line in lines:
            at, length = stamp_of(line)
            kept = before[len(said)] if len(said) < len(before) else None
            if not at and kept is not None and kept[2] == line:
                said.append(kept)
                continue
            at = at or max(now, *(told[-1][0] + 1000 for told in (before, said) if told), 0)
            said.append((at, line[:length] or _text(at), line[length:]))
        self._said[key] = said
        self._ring()

    def end(self, error: McdError | None) -> None:
        """Whatever is followed ends: in order, or with this error."""
        self._ends, self._error = self._ends + 1, error
        self._ring()

    async def read(self, key: Key, ask: Ask) -> AsyncIterator[bytes]:
        lines = [line for line in self._said.get(key, []) if line[0] >= ask.since]
        for line in lines[-ask.tail :] if ask.tail else lines if ask.tail is None else []:
            yield _shown(line, ask)
        if ask.alive is None:
            return
        told, ends = len(self._said.get(key, [])), self._ends
        bell = asyncio.Event()
        self.bells.add(bell)
        try:
            while self._ends == ends:
                said = self._said.get(key, [])
                for line in said[told:]:
                    yield _shown(line, ask)
                told = len(said)
                if not ask.alive():
                    return
                bell.clear()
                await bell.wait()
            if self._error is not None:
                raise self._error
        finally:
            self.bells.discard(bell)

    def _ring(self) -> None:
        for bell in self.bells:
            bell.set()


def _shown(line: tuple[int, bytes, bytes], ask: Ask) -> bytes:
    return line[1] + line[2] if ask.timestamps else line[2]


def _text(at: int) -> bytes:
    seconds, rest = divmod(at, BILLION)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:09d}Z ".encode()
