"""The last question before a write leaves the process: does the row still belong to who decided on it?

Between the decision and the first byte a connection may have to be made, and a process may be stopped in it for longer
than its lease. It must not know what a lease is.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

Check = Callable[[], None]

_check: ContextVar[Check | None] = ContextVar("before_sending", default=None)


@contextmanager
def guarded(check: Check) -> Iterator[None]:
    """Every write inside asks `check` when it has its connection, each time it is sent. What that raises ends it."""
    before = _check.set(check)
    try:
        yield
    finally:
        _check.reset(before)


def still_ours() -> None:
    """Raises what the check of these writes raises; a write that nobody guards passes."""
    check = _check.get()
    if check is not None:
        check()
