"""How parent and child speak: frames of a length and so many bytes, over a pair of sockets; one that is empty ends an
answer.

It must not know what is in a frame.
"""

from __future__ import annotations

import asyncio
import pickle
import socket

HEAD = 8
"""Bytes of the length of a frame."""

_PART = 1 << 18


def framed(content: bytes) -> bytes:
    return len(content).to_bytes(HEAD, "big") + content


END = framed(b"")

OUT_OF_MEMORY = pickle.dumps(("memory",), 5)
"""The last frame of an ask that took all that it may."""


def read_exactly(pipe: socket.socket, count: int) -> bytes | None:
    """In the child. None: the other side is gone."""
    found = bytearray()
    while len(found) < count:
        part = pipe.recv(min(count - len(found), _PART))
        if not part:
            return None
        found += part
    return bytes(found)


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
                part = await loop.sock_recv(self._pipe, _PART)
            except ConnectionError:
                return None
            if not part:
                return None
            self._buffer += part
        found = bytes(self._buffer[:count])
        del self._buffer[:count]
        return found
