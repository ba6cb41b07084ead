"""Answers of the compiler, kept by what was asked: a Rollout that waits for its pods is looked at many times, and
compiles to the same each time.

Packed, and bounded in bytes, the oldest first. It must not know what an answer says.
"""

from __future__ import annotations

import pickle
from collections.abc import Sequence
from dataclasses import dataclass, field
from hashlib import blake2b

from mcd.packed import Alike

MOST = 2 * 1024 * 1024
"""Bytes: Apps of six objects that are much alike take 0.4 KiB each (6 before they are packed, 3 by themselves)."""

_BESIDE = 200
"""Bytes that keeping an answer takes beside it, about."""


def key(asked: bytes) -> bytes:
    return blake2b(asked, digest_size=20).digest()


@dataclass(slots=True)
class Kept:
    most: int = MOST
    size: int = 0
    _answers: dict[bytes, bytes] = field(default_factory=dict)
    _alike: Alike = field(default_factory=Alike)

    def get(self, name: bytes) -> Sequence[bytes] | None:
        """The frames of an answer; it is the newest then."""
        found = self._answers.pop(name, None)
        if found is None:
            return None
        self._answers[name] = found
        frames: Sequence[bytes] = pickle.loads(self._alike.whole(found))  # noqa: S301 - from `put`
        return frames

    def put(self, name: bytes, frames: Sequence[bytes]) -> None:
        """One that fills half of the room by itself is not kept."""
        if name in self._answers:
            return
        packed = self._alike.packed(pickle.dumps(frames, 5))
        if (size := _BESIDE + len(packed)) > self.most // 2:
            return
        self._answers[name] = packed
        self.size += size
        while self.size > self.most:
            self.size -= _BESIDE + len(self._answers.pop(next(iter(self._answers))))
