"""The logs of several containers as one stream of lines: merged as they come, pods that appear later joined in.

It reads through the Cluster protocol and knows no route. Memory is bounded: a reader that is slow slows the sources.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from mcd.errors import Code, McdError

GONE = b"unable to retrieve container logs for "
"""What a kubelet says, as if it were a line of the log, when a container is gone with its log."""

LINES_HELD = 512
"""Lines that may wait for the reader."""


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


Sources = Callable[[], Awaitable[Sequence[Source]]]
"""Asked again and again while a log is followed. Raises McdError when the reader may not read any more."""


async def lines(cluster: Says, namespace: str, find: Sources, options: Options) -> AsyncIterator[bytes]:
    """Every line with its newline, until all sources ended, or for ever when followed."""
    queue: asyncio.Queue[bytes | None] = asyncio.Queue(LINES_HELD)
    known: set[Source] = set()
    running: set[asyncio.Task[None]] = set()

    async def copy(source: Source, first: bool) -> None:
        async for line in _of(cluster, namespace, source, options, first):
            await queue.put(line)
        await queue.put(None)

    async def start(first: bool) -> int:
        new = [source for source in await find() if source not in known]
        known.update(new)
        for source in new:
            running.add(asyncio.create_task(copy(source, first), name=f"log:{source.pod}/{source.container}"))
        return len(new)

    clock = asyncio.get_running_loop().time
    try:
        going = await start(True)
        look = clock() + options.look_again
        while going or options.follow:
            try:
                line = await asyncio.wait_for(queue.get(), max(0.0, look - clock()) if options.follow else None)
            except TimeoutError:
                line = b""
            if line is None:
                going -= 1
            elif line:
                yield line
            if options.follow and clock() >= look:
                going += await start(False)
                look = clock() + options.look_again
    except McdError as error:
        yield f"mcd: {error}\n".encode()
    finally:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)


async def _of(cluster: Says, namespace: str, source: Source, options: Options, first: bool) -> AsyncIterator[bytes]:
    words = f"{source.pod} {source.container} ".encode() if options.prefix else b""
    for previous in source.ends if options.previous else (False,):
        told = False
        try:
            async for line in cluster.logs(
                namespace,
                source.pod,
                source.container,
                follow=options.follow,
                previous=previous,
                # What started after the reader is told from its first line on.
                tail=options.tail if first else None,
                since_seconds=options.since_seconds if first else None,
                timestamps=options.timestamps,
            ):
                if not (options.previous and GONE in line):
                    told = True
                    yield words + line + b"\n"
        except McdError as error:
            # A run whose container is gone with its log is as good as none.
            if not (options.previous and error.code in (Code.NOT_FOUND, Code.INVALID)):
                told = True
                yield f"mcd: {source.pod} {source.container}: {error}\n".encode()
        if told:
            return
