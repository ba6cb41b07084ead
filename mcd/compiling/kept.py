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
    _other_names: dict[bytes, bytes] = field(default_factory=dict)
    """Of a question that has two: the second → the first, and the first → the second."""

    def get(self, name: bytes) -> Sequence[bytes] | None:
        """The frames of an answer; it is the newest then."""
        if name not in self._answers:
            name = self._other_names.get(name, name)
        found = self._answers.pop(name, None)
        if found is None:
            return None
        self._answers[name] = found
        frames: Sequence[bytes] = pickle.loads(self._alike.whole(found))  # noqa: S301 - from `put`
        return frames

    def put(self, name: bytes, frames: Sequence[bytes], other: bytes = b"") -> None:
        """`other` is another name of the same question. One that fills half of the room by itself is not kept."""
        if name in self._answers:
            return
        packed = self._alike.packed(pickle.dumps(frames, 5))
        if (size := _BESIDE + len(packed)) > self.most // 2:
            return
        self._answers[name] = packed
        if other not in (b"", name):
            self._other_names |= {other: name, name: other}
        self.size += size
        while self.size > self.most:
            self._drop(next(iter(self._answers)))

    def _drop(self, name: bytes) -> None:
        self.size -= _BESIDE + len(self._answers.pop(name))
        other = self._other_names.pop(name, b"")
        if self._other_names.get(other) == name:
            del self._other_names[other]
