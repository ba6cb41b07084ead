"""The logs of several containers as one stream of lines: merged as they come, pods that appear later joined in.

What is followed and breaks off is opened again where it broke off, for as long as its container is there. It reads
through the Cluster protocol and knows no route. Memory is bounded: a reader that is slow slows the sources.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import blake2b
from typing import Protocol

from mcd.api.log_marks import KEY
from mcd.errors import Code, McdError
from mcd.kube.stamps import moment, stamp_of

GONE = b"unable to retrieve container logs for "
"""What a kubelet says, as if it were a line of the log, when a container is gone with its log."""

LINES_HELD = 512
"""Lines that may wait for the reader."""
BYTES_HELD = 256 * 1024
"""Bytes of them together, after which no further one may come: a line may have 64 KiB."""

LONGEST_PAUSE = 30.0
"""Seconds before a source that was opened for nothing is opened again, at most."""

_PASSING = (Code.UNAVAILABLE, Code.CONFLICT, Code.RATE_LIMITED)
"""Refusals that end nothing that is followed: who cannot be asked now is asked again."""


class Says(Protocol):
    """What of a cluster is asked here: `mcd.kube.cluster.Cluster.logs`."""

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
        """Lines without their newline. Raises McdError."""


@dataclass(frozen=True, slots=True)
class Source:
    """One container of one pod. `uid` and `restarts` make a container that was started again another source."""

    pod: str
    uid: str
    container: str
    restarts: int
    ends: tuple[bool, ...] = field(default=(), compare=False)
    """Where the lines of a run that ended may be, for `previous`: in the log of the run before (True), in the present
    one (False). The first that has any is told. Empty: none ended."""
    running: bool = field(default=False, compare=False)
    """Whether it may say more: if its log ends all the same, that was not its end."""
    waits: McdError | None = field(default=None, compare=False)
    """Why it never started, for the reader: there is nothing to ask the cluster for."""

    @property
    def key(self) -> bytes:
        """Six bytes, the same for all runs of a container: their lines have times of one clock."""
        return blake2b("/".join((self.pod, self.uid, self.container)).encode(), digest_size=KEY).digest()


@dataclass(frozen=True, slots=True)
class Options:
    follow: bool = False
    previous: bool = False
    tail: int | None = None
    since_seconds: int | None = None
    timestamps: bool = False
    prefix: bool = False
    look_again: float = 5.0
    """Seconds between two looks for new pods, and whether the reader may still read."""
    after: Mapping[bytes, int] = field(default_factory=dict)
    """How far the reader has read already: by the key of a source the time of its last line, in nanoseconds since 1970.
    Only what comes after it is told of that one, whatever else is asked for."""


Sources = Callable[[], Awaitable[Sequence[Source]]]
"""Asked again and again while a log is followed. Raises McdError when the reader may not read any more."""


@dataclass(eq=False)
class _Reading:
    """How far one source was read."""

    source: Source
    first: bool
    """It was there before the reader: only what was asked for of it is told. Others are told from their first line."""
    opened: float = 0.0
    """When it was opened first."""
    task: asyncio.Task[None] | None = None
    ran: bool = False
    """It was running when it was opened last."""
    settled: bool = False
    """It was read to the end: it is not opened again before it is seen running."""
    tries: int = 0
    """How often one after another it was opened for nothing."""
    again: float = 0.0
    """When it may be opened again."""
    trouble: str = ""
    """What the reader was told last of why it cannot be read."""


@dataclass(frozen=True, slots=True)
class _End:
    """The lines of a source are over, for now or for good; `error` is why, when it was not in order."""

    reading: _Reading
    error: Exception | None = None


class _Waiting(asyncio.Queue[bytes | _End]):
    """A queue that is full by bytes too."""

    def __init__(self) -> None:
        self._size = 0
        super().__init__(LINES_HELD)

    def full(self) -> bool:
        return super().full() or self._size >= BYTES_HELD

    def _put(self, item: bytes | _End) -> None:
        super()._put(item)
        self._size += len(item) if isinstance(item, bytes) else 0

    def _get(self) -> bytes | _End:
        item = super()._get()
        self._size -= len(item) if isinstance(item, bytes) else 0
        return item


async def lines(cluster: Says, namespace: str, find: Sources, options: Options) -> AsyncIterator[bytes]:
    """Every line with its newline, until all sources ended, or for ever when followed."""
    tails = _Tails(cluster, namespace, options)
    clock = asyncio.get_running_loop().time
    try:
        tails.look(await find(), first=True)
        look = clock() + options.look_again
        while tails.going or options.follow:
            try:
                async with asyncio.timeout_at(look if options.follow else None):
                    item = await tails.queue.get()
            except TimeoutError:
                item = b""
            said = tails.ended(item) if isinstance(item, _End) else item
            if said:
                yield said
            if options.follow and clock() >= look:
                if said := await tails.look_again(find):
                    yield said
                look = clock() + options.look_again
    except McdError as error:
        yield f"mcd: {error}\n".encode()
    finally:
        await tails.close()


class _Tails:
    """All sources of one reader."""

    def __init__(self, cluster: Says, namespace: str, options: Options) -> None:
        self.cluster, self.namespace, self.options = cluster, namespace, options
        self.queue = _Waiting()
        self.known: dict[Source, _Reading] = {}
        self.marks = dict(options.after)
        """Of each container the time of the last line that was told, in nanoseconds since 1970."""
        self.trouble = ""
        self.clock = asyncio.get_running_loop().time

    @property
    def going(self) -> bool:
        return any(reading.task is not None for reading in self.known.values())

    async def look_again(self, find: Sources) -> bytes:
        """Opens what is new and what broke off. Answers what the reader is told of it."""
        try:
            self.look(await find(), first=False)
        except McdError as error:
            if error.code not in _PASSING:
                raise
            told, self.trouble = self.trouble, str(error)
            return b"" if told == self.trouble else f"mcd: {error}\n".encode()
        self.trouble = ""
        return b""

    def look(self, found: Sequence[Source], *, first: bool) -> None:
        now = self.clock()
        for source in found:
            reading = self.known.get(source) or _Reading(source, first, now)
            started = source.running and not reading.source.running
            if reading.source.waits and not source.waits:
                # What starts may have ended before anybody looked.
                started, reading.settled = True, False
            reading.source = source
            self.known[source] = reading
            due = started or now >= reading.again
            if reading.task is None and due and (source.running or not reading.settled):
                name = f"log:{source.pod}/{source.container}"
                reading.ran = source.running
                reading.task = asyncio.create_task(self._copy(reading), name=name)
        for source in self.known.keys() - set(found):
            if self.known[source].task is None:
                del self.known[source]
        for key in self.marks.keys() - {source.key for source in self.known}:
            del self.marks[key]

    def ended(self, end: _End) -> bytes:
        """What the reader is told of the end of a source. Raises what is none of a cluster's errors: a bug."""
        reading, error = end.reading, end.error
        reading.task = None
        if error is not None and not isinstance(error, McdError):
            raise error
        refused = error is not None and error.code in (Code.NOT_FOUND, Code.INVALID)
        reading.settled = (error is None or refused) and not reading.ran
        pause = self.options.look_again * (2 ** min(reading.tries, 10) - 1)
        reading.again = self.clock() + min(pause, LONGEST_PAUSE)
        reading.tries += 1
        told, reading.trouble = reading.trouble, str(error or "")
        if not reading.trouble or told == reading.trouble:
            return b""
        return f"mcd: {reading.source.pod} {reading.source.container}: {error}\n".encode()

    async def close(self) -> None:
        running = [reading.task for reading in self.known.values() if reading.task is not None]
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)

    async def _copy(self, reading: _Reading) -> None:
        try:
            async with aclosing(self._of(reading)) as said:
                async for line in said:
                    await self.queue.put(line)
        except Exception as error:  # noqa: BLE001 - the reader is told of it, or it is raised to the reader
            await self.queue.put(_End(reading, error))
        else:
            await self.queue.put(_End(reading))

    async def _of(self, reading: _Reading) -> AsyncGenerator[bytes, None]:
        options, source = self.options, reading.source
        if source.waits is not None and not options.previous:
            raise source.waits
        key = source.key
        known = self.marks.get(key, 0)
        words = f"{source.pod} {source.container} ".encode() if options.prefix else b""
        tail, since = (None, None) if known else self._asked(reading)
        for previous in source.ends if options.previous else (False,):
            told = False
            try:
                async for line in self.cluster.logs(
                    self.namespace,
                    source.pod,
                    source.container,
                    follow=options.follow,
                    previous=previous,
                    tail=tail,
                    since_seconds=since,
                    since_time=moment(known) if known else None,
                    timestamps=options.timestamps or options.follow,
                ):
                    if options.previous and GONE in line:
                        continue
                    at, length = stamp_of(line) if options.follow else (0, 0)
                    if at:
                        # A cluster counts in seconds: what was told already comes once more, before anything new.
                        if at <= known:
                            continue
                        known, self.marks[key] = 0, at
                    told, reading.tries, reading.trouble = True, 0, ""
                    yield words + (line if options.timestamps else line[length:]) + b"\n"
            except McdError as error:
                # A run whose container is gone with its log is as good as none.
                if not (options.previous and error.code in (Code.NOT_FOUND, Code.INVALID)):
                    raise
            if told:
                return

    def _asked(self, reading: _Reading) -> tuple[int | None, int | None]:
        """How many last lines, and of how many last seconds, while nothing was told yet: what the reader asked for; if
        that was no old line and it is opened once more, all that was said since it was opened first."""
        if not reading.first:
            return None, None
        if self.options.tail == 0 and reading.tries:
            return None, int(self.clock() - reading.opened) + 2
        return self.options.tail, self.options.since_seconds
