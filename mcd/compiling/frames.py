"""How parent and child speak: frames of a length and so many bytes, over a pair of sockets; one that is empty ends an
answer.

It must not know what is in a frame, nor import what only the parent needs: there are several children, and each has
its own of everything that is imported.
"""

from __future__ import annotations

import pickle
import socket

HEAD = 8
"""Bytes of the length of a frame."""

PART = 1 << 18
"""Bytes that are taken at a time."""


def framed(content: bytes) -> bytes:
    return len(content).to_bytes(HEAD, "big") + content


END = framed(b"")

OUT_OF_MEMORY = pickle.dumps(("memory",), 5)
"""The last frame of an ask that took all that it may."""


def read_exactly(pipe: socket.socket, count: int) -> bytes | None:
    """In the child. None: the other side is gone."""
    found = bytearray()
    while len(found) < count:
        part = pipe.recv(min(count - len(found), PART))
        if not part:
            return None
        found += part
    return bytes(found)
