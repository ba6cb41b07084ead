"""One child process as its parent has it: started, asked, and ended.

It must not know how many there are.
"""

from __future__ import annotations

import asyncio
import os
import pickle
import signal
import socket
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import mcd
from mcd.compiling.frames import HEAD, OUT_OF_MEMORY, PART, framed

_ROOT = Path(mcd.__file__).parent.parent

ASKED_AT_MOST = 10_000
"""Asks after which a child gives way to a new one, whatever it has gathered: to start one costs some hundreds of asks,
and after three thousand compiles it has gathered nothing."""

_PAUSE = 16 * 1024
"""Bytes that are made into values without a pause: some tenth of a millisecond."""


def asking(bounds: tuple[float, int], word: str, args: tuple[Any, ...]) -> bytes:
    """What a child is asked. `bounds` are seconds of processor time and bytes on top of what the child has."""
    return pickle.dumps((*bounds, word, args), 5)


async def opened(frames: Sequence[bytes]) -> list[Any]:
    """The pieces of an answer as the child tagged them. Others have their turn meanwhile."""
    pieces, done = [], 0
    for frame in frames:
        pieces.append(pickle.loads(frame))  # noqa: S301 - from our own child
        done += len(frame)
        if done > _PAUSE:
            done = 0
            await asyncio.sleep(0)
    return pieces


def is_out_of_memory(frames: Sequence[bytes]) -> bool:
    return frames[-1] == OUT_OF_MEMORY


class Ended(Exception):
    """The child ended before it answered. `late`: its processor time was over."""

    def __init__(self, *, late: bool) -> None:
        super().__init__("the child ended")
        self.late = late


class Incoming:
    """What comes from a child, frame by frame."""

    def __init__(self, pipe: socket.socket) -> None:
        self._pipe = pipe
        self._buffer = bytearray()

    async def frame(self) -> bytes | None:
        """The next one. None: the child is gone."""
        head = await self._exactly(HEAD)
        return None if head is None else await self._exactly(int.from_bytes(head, "big"))

    async def _exactly(self, count: int) -> bytes | None:
        loop = asyncio.get_running_loop()
        while len(self._buffer) < count:
            try:
                part = await loop.sock_recv(self._pipe, PART)
            except ConnectionError:
                return None
            if not part:
                return None
            self._buffer += part
        found = bytes(self._buffer[:count])
        del self._buffer[:count]
        return found


@dataclass(slots=True)
class Child:
    process: subprocess.Popen[bytes]
    pipe: socket.socket
    incoming: Incoming
    asked: int = 0

    @classmethod
    def start(cls) -> Child:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        # Nothing of the server's environment: its settings hold the way to the database and to the keys.
        env = {"PYTHONPATH": str(_ROOT), "PATH": os.environ.get("PATH", ""), "LC_ALL": "C.UTF-8"}
        command = [sys.executable, "-s", "-P", "-m", "mcd.compiling.child", str(theirs.fileno())]
        with theirs:
            process = subprocess.Popen(
                command, pass_fds=[theirs.fileno()], env=env, cwd="/", stdin=subprocess.DEVNULL
            )  # fmt: skip
        return cls(process, ours, Incoming(ours))

    @property
    def worn(self) -> bool:
        return self.asked >= ASKED_AT_MOST

    async def ask(self, asked: bytes) -> list[bytes]:
        """Answers the frames of its answer. Raises Ended."""
        self.asked += 1
        loop = asyncio.get_running_loop()
        try:
            await loop.sock_sendall(self.pipe, framed(asked))
        except ConnectionError:
            raise await self._ended() from None
        frames = []
        while (frame := await self.incoming.frame()) != b"":
            if frame is None:
                raise await self._ended()
            frames.append(frame)
        return frames

    async def _ended(self) -> Ended:
        """Its socket is closed, so it is as good as gone."""
        await self.stop()
        return Ended(late=self.process.returncode == -signal.SIGPROF)

    async def stop(self) -> None:
        """Whatever it is at. One that was ending by itself has said why in its return code."""
        self.pipe.close()
        self.process.kill()
        while self.process.poll() is None:  # noqa: ASYNC110 - the kernel tells nobody but who asks
            # Giving back its memory takes a moment, and nothing can keep it from it.
            await asyncio.sleep(0.002)

    def end(self) -> None:
        """The same, waited for on the spot: nobody asks any more."""
        self.pipe.close()
        self.process.kill()
        self.process.wait()
