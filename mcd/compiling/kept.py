"""Answers of the compiler, kept by what was asked: a Rollout that waits for its pods is looked at many times, and
compiles to the same each time.

Bounded in bytes, the oldest first. It must not know what an answer says.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

MOST = 8 * 1024 * 1024
"""Bytes: of Apps of six objects some 700."""

_BESIDE = 200
"""Bytes that keeping an answer takes beside it, about."""


def key(asked: bytes) -> bytes:
    return blake2b(asked, digest_size=20).digest()


@dataclass(slots=True)
class Kept:
    most: int = MOST
    size: int = 0
    _answers: dict[bytes, Sequence[bytes]] = field(default_factory=dict)

    def get(self, name: bytes) -> Sequence[bytes] | None:
        """The frames of an answer; it is the newest then."""
        found = self._answers.pop(name, None)
        if found is not None:
            self._answers[name] = found
        return found

    def put(self, name: bytes, frames: Sequence[bytes]) -> None:
        """One that fills half of the room by itself is not kept."""
        if (size := _size(frames)) > self.most // 2 or name in self._answers:
            return
        self._answers[name] = frames
        self.size += size
        while self.size > self.most:
            self.size -= _size(self._answers.pop(next(iter(self._answers))))


def _size(frames: Sequence[bytes]) -> int:
    return _BESIDE + sum(map(len, frames))
