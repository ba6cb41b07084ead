"""The trace that a request or a pass belongs to: W3C's `traceparent`, honoured when it comes and passed on.

MCD records no spans. It takes its place in the trace of whoever asks, says so in each log line, and hands it to the
API servers that it asks, so that their traces and audit lines join. It must not send anything anywhere by itself.
"""

from __future__ import annotations

import re
import secrets
from contextlib import AbstractContextManager
from contextvars import ContextVar
from dataclasses import dataclass

import structlog

HEADER = "traceparent"

_TRACEPARENT = re.compile(r"([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[ -~]{0,200})?")
_SAMPLED = 1


@dataclass(frozen=True, slots=True)
class Place:
    """Where one of our pieces of work stands in a trace."""

    trace_id: str
    span_id: str
    sampled: bool = False

    @property
    def header(self) -> str:
        """What is sent with a request that this piece of work makes."""
        return f"00-{self.trace_id}-{self.span_id}-{'01' if self.sampled else '00'}"


_HERE: ContextVar[Place | None] = ContextVar("mcd_trace", default=None)


def place(given: str = "") -> Place:
    """A place of our own in the trace that a header names; in a new trace where it names none, or is no traceparent."""
    found = _TRACEPARENT.fullmatch(given)
    own = secrets.token_hex(8)
    if found is None or found[1] == "ff" or (found[1] == "00" and found[5]) or not _named(found[2], found[3]):
        # Unsampled: nobody asked for it to be kept.
        return Place(secrets.token_hex(16), own)
    return Place(found[2], own, bool(int(found[4], 16) & _SAMPLED))


def _named(*ids: str) -> bool:
    """Zeros name nothing."""
    return all(found.strip("0") for found in ids)


def within(here: Place, **ids: str) -> AbstractContextManager[None]:
    """What is logged and sent inside of this belongs to the place. `ids` stand in each log line beside its own."""
    return _Within(here, ids)


class _Within(AbstractContextManager[None]):
    """A class, because every request goes through it: a generator takes twice as long."""

    __slots__ = ("_before", "_bound", "_here", "_ids")

    def __init__(self, here: Place, ids: dict[str, str]) -> None:
        self._here, self._ids = here, ids

    def __enter__(self) -> None:
        here = self._here
        self._before = _HERE.set(here)
        self._bound = structlog.contextvars.bind_contextvars(trace_id=here.trace_id, span_id=here.span_id, **self._ids)

    def __exit__(self, *_error: object) -> None:
        structlog.contextvars.reset_contextvars(**self._bound)
        _HERE.reset(self._before)


def outgoing() -> dict[str, str]:
    """The header to send with a request; nothing outside of any piece of work."""
    here = _HERE.get()
    return {} if here is None else {HEADER: here.header}
