"""Runs one program as an async child process and hands its output on line by line, under a deadline.

It must not start a shell, and must leave nothing running: time-out, cancellation and a guard's refusal all end the
whole process group.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import signal
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from mcd.build.output import Lines

_CHUNK = 1024 * 1024
_GUARD_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Place:
    """Where a program runs: its whole environment, its folder, and the moment (of the loop's clock) when it is
    stopped."""

    variables: Mapping[str, str]
    folder: Path
    deadline: float


@dataclass(frozen=True, slots=True)
class Ended:
    """How a program ended: its exit code (minus the signal's number when it was killed) and its last lines."""

    code: int
    tail: tuple[str, ...]


async def run(
    command: Sequence[str],
    place: Place,
    on_line: Callable[[str], Awaitable[None]] | None = None,
    guard: Callable[[], None] | None = None,
) -> Ended:
    """Runs `command` to its end. `on_line` gets each clean line; `guard` is called every second and stops the program
    by raising. Raises TimeoutError at the deadline, FileNotFoundError when there is no such program."""
    process, output = await _begun(command, place)
    lines = Lines()
    queue: asyncio.Queue[str | None] = asyncio.Queue()
    # The reader never waits for the log: buildah loses the last words of a program that ends while its pipe is full.
    # What may wait in the queue is bounded by `Lines`.
    writer = asyncio.create_task(_hand_on(queue, on_line))
    try:
        async with asyncio.timeout_at(place.deadline):
            while data := await _read(output.stream, guard, writer):
                _put(queue, lines.feed(data))
            _put(queue, [*lines.close(), None])
            await writer
            code = await process.wait()
    finally:
        writer.cancel()
        output.pipe.close()
        await _stop(process)
    return Ended(code, lines.ending())


@dataclass(frozen=True, slots=True)
class _Output:
    stream: asyncio.StreamReader
    pipe: asyncio.ReadTransport


async def _begun(command: Sequence[str], place: Place) -> tuple[asyncio.subprocess.Process, _Output]:
    """The program and what it says, through a pipe of our own: uvloop's is a socket of its own size, which a program
    cannot open as /dev/stdout."""
    ours, theirs = os.pipe()
    stream = asyncio.StreamReader(limit=_CHUNK)
    with open(theirs, "wb", buffering=0):  # noqa: ASYNC230, PTH123 - a pipe that is open already
        reader = open(ours, "rb", buffering=0)  # noqa: ASYNC230, PTH123, SIM115
        protocol = asyncio.StreamReaderProtocol(stream)
        pipe, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, reader)
        try:
            fcntl.fcntl(theirs, fcntl.F_SETPIPE_SZ, _CHUNK)
            process = await asyncio.create_subprocess_exec(
                *command, stdin=asyncio.subprocess.DEVNULL, stdout=theirs, stderr=theirs, env=dict(place.variables),
                cwd=place.folder, start_new_session=True,
            )  # fmt: skip
        except BaseException:
            pipe.close()
            raise
    return process, _Output(stream, pipe)


async def _read(stream: asyncio.StreamReader, guard: Callable[[], None] | None, writer: asyncio.Task[None]) -> bytes:
    while True:
        if guard is not None:
            guard()
        if writer.done():
            await writer
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(_GUARD_SECONDS) as limit:
                return await stream.read(_CHUNK)
        assert limit.expired()


def _put(queue: asyncio.Queue[str | None], lines: Sequence[str | None]) -> None:
    for line in lines:
        queue.put_nowait(line)


async def _hand_on(queue: asyncio.Queue[str | None], on_line: Callable[[str], Awaitable[None]] | None) -> None:
    while (line := await queue.get()) is not None:
        if on_line is not None:
            await on_line(line)


async def _stop(process: asyncio.subprocess.Process) -> None:
    """Ends the whole group. After a normal end this catches what the program left behind in it."""
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(process.pid, signal.SIGKILL)
    await asyncio.shield(process.wait())
