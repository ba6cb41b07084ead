"""Log fan-out: one upstream for each container whose log is followed, however many people follow it.

Who comes later gets the lines that are kept of it first. Who reads more slowly than the program talks loses lines and
is told how many; nobody else waits. It must not know who reads, and it ends with its last reader.
"""

from __future__ import annotations

import asyncio
import contextvars
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from datetime import datetime

from mcd.api.tails import Says
from mcd.errors import McdError

HELD = 1000
"""Lines that wait for one reader."""
KEPT = 500
"""Last lines that whoever comes later is given."""

Key = tuple[str, str, str, str]
"""Id of the cluster, namespace, pod, container."""


@dataclass(eq=False)
class _Reader:
    lines: deque[bytes]
    bell: asyncio.Event = field(default_factory=asyncio.Event)
    lost: int = 0


@dataclass(eq=False)
class _Tap:
    """One container that is followed. `error` is what the upstream ended with."""

    readers: set[_Reader] = field(default_factory=set)
    kept: deque[bytes] = field(default_factory=lambda: deque(maxlen=KEPT))
    task: asyncio.Task[None] | None = None
    ended: bool = False
    error: McdError | None = None

    def tell(self, line: bytes) -> None:
        self.kept.append(line)
        for reader in self.readers:
            if len(reader.lines) >= HELD:
                reader.lines.popleft()
                reader.lost += 1
            reader.lines.append(line)
            reader.bell.set()


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
        self, cluster: Says, key: Key, *, tail: int | None, since_seconds: int | None, since_time: datetime | None
    ) -> AsyncIterator[bytes]:
        """Lines with their times. `tail` and the sinces are for whoever is the first: others get what is kept."""
        tap = self._taps.get(key)
        if tap is None:
            tap = self._taps[key] = _Tap()
            upstream = cluster.logs(
                key[1], key[2], key[3], follow=True, tail=tail, since_seconds=since_seconds, since_time=since_time,
                timestamps=True,
            )  # fmt: skip
            # In a context of its own: it outlives the request that was the first to follow.
            tap.task = asyncio.create_task(
                self._copy(key, tap, upstream), name=f"tap:{key[2]}/{key[3]}", context=contextvars.Context()
            )
        reader = _Reader(deque(tap.kept))
        tap.readers.add(reader)
        try:
            while True:
                if reader.lost:
                    lost, reader.lost = reader.lost, 0
                    yield f"mcd: {lost} lines are left out here: they came faster than they were read".encode()
                while reader.lines and not reader.lost:
                    yield reader.lines.popleft()
                if reader.lines or reader.lost:
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
        except McdError as error:
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
        if follow and timestamps and not previous:
            key = (self.id, namespace, pod, container)
            return self.taps.follow(self.cluster, key, tail=tail, since_seconds=since_seconds, since_time=since_time)
        return self.cluster.logs(
            namespace, pod, container, follow=follow, previous=previous, tail=tail, since_seconds=since_seconds,
            since_time=since_time, timestamps=timestamps,
        )  # fmt: skip
