"""Counts what this thread does to a metric: servers of other tests may live in the process, in threads of their own."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


@contextmanager
def done_here(child: Any, what: str) -> Iterator[list[None]]:
    """One entry for each call of `what` (`inc`, `observe`) of a metric, or of its child with labels, by this thread."""
    mine, seen, before = threading.get_ident(), list[None](), getattr(child, what)

    def noting(*given: Any) -> None:
        if threading.get_ident() == mine:
            seen.append(None)
        before(*given)

    setattr(child, what, noting)
    try:
        yield seen
    finally:
        delattr(child, what)
