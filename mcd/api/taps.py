"""Log fan-out: one upstream for each container whose log is followed, however many people follow it.

Who comes later gets the lines that are kept of it first; where they do not reach back as far as was asked for, the
container is followed anew from there, for whoever comes after that too. Who reads more slowly than the program talks
loses lines and is told how many; nobody else waits. It must not know who reads, and it ends with its last reader.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime

from mcd.api.tails import Says
from mcd.kube.stamps import BILLION, stamp_of

HELD = 1000
"""Lines that wait for one reader."""
HELD_BYTES = 256 * 1024
"""Bytes of them together, at most, but for the one that came last: a line may have 64 KiB."""
KEPT = 500
"""Last lines that whoever comes later is given."""
KEPT_BYTES = 256 * 1024
"""Bytes of them together, at most, but for the last one."""

Key = tuple[str, str, str, str]
"""Id of the cluster, namespace, pod, container."""


@dataclass(frozen=True, slots=True)
class _Ask:
    """What of a log is asked for: the last lines (None: all) since a time in nanoseconds since 1970 (0: any)."""

    tail: int | None
    since: int

    def covers(self, other: _Ask) -> bool:
        enough = self.tail is None or (other.tail is not None and other.tail <= self.tail)
        return enough and self.since <= other.since


class _Last:
    """The last of many lines: so many, and of so many bytes together."""

    def __init__(self, count: int, size: int) -> None:
        self.lines: deque[bytes] = deque()
        self._count, self._most = count, size
        self._size = 0

    def add(self, line: bytes) -> int:
        """Answers how many older ones had to go."""
        self.lines.append(line)
        self._size += len(line)
        gone = 0
        while len(self.lines) > self._count or (self._size > self._most and len(self.lines) > 1):
            self.take()
            gone += 1
        return gone

    def take(self) -> bytes:
        line = self.lines.popleft()
        self._size -= len(line)
        return line


@dataclass(eq=False)
class _Reader:
    waiting: _Last = field(default_factory=lambda: _Last(HELD, HELD_BYTES))
    bell: asyncio.Event = field(default_factory=asyncio.Event)
    lost: int = 0

    def tell(self, line: bytes) -> None:
        self.lost += self.waiting.add(line)
        self.bell.set()


@dataclass(eq=False)
class _Tap:
    """One container that is followed. `asked` is what of its past; `error` is what the upstream ended with."""

    asked: _Ask
    readers: set[_Reader] = field(default_factory=set)
    kept: _Last = field(default_factory=lambda: _Last(KEPT, KEPT_BYTES))
    whole: bool = True
    """All that it was told is kept."""
    task: asyncio.Task[None] | None = None
    ended: bool = False
    error: Exception | None = None

    def tell(self, line: bytes) -> None:
        if self.kept.add(line):
            self.whole = False
        for reader in self.readers:
            reader.tell(line)

    def reaches(self, ask: _Ask) -> bool:
        """Whether what is kept, and what comes, is all that is asked for."""
        kept = self.kept.lines
        if (self.whole and self.asked.covers(ask)) or (ask.tail is not None and len(kept) >= ask.tail):
            return True
        return bool(ask.since and kept and 0 < stamp_of(kept[0])[0] <= ask.since)

    def reader(self, ask: _Ask) -> _Reader:
        """One more, with what is kept of what it asks for."""
        reader = _Reader()
        kept = list(self.kept.lines)
        for line in kept if ask.tail is None else kept[-ask.tail :] if ask.tail else ():
            reader.tell(line)
        self.readers.add(reader)
        return reader


class Taps:
    """Those of one process."""

    def __init__(self) -> None:
        self._taps: dict[Key, _Tap] = {}

    @property
    def open(self) -> int:
        """How many containers are followed."""
        return len(self._taps)

    def over(self, cluster: Says, cluster_id: str) -> Says:
        """The same cluster; what is followed of it is shared."""
        return _Shared(self, cluster, cluster_id)

    async def follow(
        self, cluster: Says, key: Key, *, tail: int | None, since_time: datetime | None
    ) -> AsyncIterator[bytes]:
        """Lines with their times: all that were asked for, and perhaps older ones."""
        ask = _Ask(tail, int(since_time.timestamp()) * BILLION if since_time is not None else 0)
        tap = self._taps.get(key)
        if tap is None or not tap.reaches(ask):
            # The one before it, if there is one, goes on for those who read from it.
            tap = self._taps[key] = _Tap(ask)
            upstream = cluster.logs(
                key[1], key[2], key[3], follow=True, tail=tail, since_time=since_time, timestamps=True
            )
            # In a context of its own: it outlives the request that was the first to follow.
            tap.task = asyncio.create_task(
                self._copy(key, tap, upstream), name=f"tap:{key[2]}/{key[3]}", context=contextvars.Context()
            )
        reader = tap.reader(ask)
        waiting = reader.waiting
        try:
            while True:
                if reader.lost:
                    lost, reader.lost = reader.lost, 0
                    yield f"mcd: {lost} lines are left out here: they came faster than they were read".encode()
                while waiting.lines and not reader.lost:
                    yield waiting.take()
                if waiting.lines or reader.lost:
                    continue
                if tap.ended:
                    if tap.error is not None:
                        raise tap.error
                    return
                reader.bell.clear()
                await reader.bell.wait()
        finally:
            tap.readers.discard(reader)
            if not tap.readers:
                await self._end(key, tap)

    async def _copy(self, key: Key, tap: _Tap, upstream: AsyncIterator[bytes]) -> None:
        try:
            async for line in upstream:
                tap.tell(line)
        except Exception as error:  # noqa: BLE001 - it is raised to each of those who read
            tap.error = error
        finally:
            # Whoever comes from now on begins anew.
            tap.ended = True
            if self._taps.get(key) is tap:
                del self._taps[key]
            for reader in tap.readers:
                reader.bell.set()

    async def _end(self, key: Key, tap: _Tap) -> None:
        if self._taps.get(key) is tap:
            del self._taps[key]
        if tap.task is not None and not tap.task.done():
            tap.task.cancel()
            await asyncio.gather(tap.task, return_exceptions=True)


@dataclass(frozen=True, slots=True)
class _Shared:
    taps: Taps
    cluster: Says
    id: str

    def logs(
        self,
        namespace: str,
        pod: str,
        container: str,
        *,
        follow: bool = False,
        previous: bool = False,
        tail: int | None = None,
        since_seconds: int | None = None,
        since_time: datetime | None = None,
        timestamps: bool = False,
    ) -> AsyncIterator[bytes]:
        if follow and timestamps and not previous and since_seconds is None:
            key = (self.id, namespace, pod, container)
            return self.taps.follow(self.cluster, key, tail=tail, since_time=since_time)
        return self.cluster.logs(
            namespace, pod, container, follow=follow, previous=previous, tail=tail, since_seconds=since_seconds,
            since_time=since_time, timestamps=timestamps,
        )  # fmt: skip
