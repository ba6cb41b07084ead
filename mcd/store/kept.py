"""What is kept for as long as nothing is committed: values by what was asked, each with the mark of the state that it
was read in, in so many bytes at most.

A value is given back only for the very mark that it was kept with. It knows no noun and asks no database.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Generic, TypeVar

from mcd.store.marks import Mark

V = TypeVar("V")

OVERHEAD = 300
"""Bytes that an entry takes beside its value: keys, marks, links."""


@dataclass(frozen=True, slots=True)
class _Entry(Generic[V]):
    mark: Mark
    value: V
    size: int


class Kept(Generic[V]):
    """`most`: bytes of all values and their keys together. What was used longest ago goes first."""

    def __init__(self, most: int) -> None:
        self._most = most
        self._entries: OrderedDict[Hashable, _Entry[V]] = OrderedDict()
        self.size = 0

    def __len__(self) -> int:
        return len(self._entries)

    def good(self, key: Hashable, mark: Mark) -> V | None:
        """What was kept, if it is from the state of this mark."""
        found = self._entries.get(key)
        if found is None or mark is None or found.mark != mark:
            return None
        self._entries.move_to_end(key)
        return found.value

    def before(self, key: Hashable) -> V | None:
        """What was kept, from whichever state: whoever tells it knows how far behind it may be."""
        found = self._entries.get(key)
        return None if found is None else found.value

    def keep(self, key: Hashable, mark: Mark, value: V, size: int) -> None:
        """`mark` was asked for before the value was read. `size`: bytes of the value and its key."""
        self.drop(key)
        size += OVERHEAD
        if mark is None or size > self._most:
            return
        self._entries[key] = _Entry(mark, value, size)
        self.size += size
        while self.size > self._most:
            self.size -= self._entries.popitem(last=False)[1].size

    def drop(self, key: Hashable) -> None:
        found = self._entries.pop(key, None)
        if found is not None:
            self.size -= found.size
