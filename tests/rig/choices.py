"""Decisions out of bytes: a fuzzer that changes a byte changes one decision, and the same bytes decide the same.

Where the bytes end every decision is the first one, so that each sequence ends. It must not draw anything at random.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")


class Choices:
    """Decides, from the front of some bytes to their end."""

    def __init__(self, data: bytes) -> None:
        self._data = data
        self._at = 0

    @property
    def spent(self) -> bool:
        return self._at >= len(self._data)

    def below(self, count: int) -> int:
        """A number from 0 to one less than `count`."""
        if count <= 1 or self.spent:
            return 0
        byte = self._data[self._at]
        self._at += 1
        if count > 256:
            byte = byte * 256 + (self._data[self._at] if not self.spent else 0)
            self._at += 1
        return byte % count

    def one(self, words: Sequence[T]) -> T:
        return words[self.below(len(words))]

    def chance(self, percent: int) -> bool:
        """True in so many of a hundred; where the bytes end, False."""
        return not self.spent and self.below(100) < percent

    def rest(self) -> bytes:
        """All that is left."""
        left = self._data[self._at :]
        self._at = len(self._data)
        return left
