"""How often one person or one address may ask, in this process. A refusal says when to come again.

Counts live in memory and are lost on a restart; sign-in is limited by rows in the store instead.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import NamedTuple

from mcd.errors import Code, McdError
from mcd.observability import metrics

STREAMS_PER_PERSON = 20

COME_AGAIN = 10
"""Seconds after which somebody with too many streams may find a place again, as they are told."""


@dataclass(frozen=True, slots=True)
class Rates:
    """Requests a minute."""

    person: int = 6000
    address: int = 600
    """For requests without a credential that is accepted."""


MINUTE = 60.0


class Hit(NamedTuple):
    accepted: bool
    left: int
    """Requests."""
    reset: float
    """Seconds until there are more."""


class Minute:
    """How often each name was counted in the last minute, by a sliding window: that of the minute before counts by the
    share of it that is not over a minute ago. Two tables, and no name is in them for longer than two minutes."""

    def __init__(self) -> None:
        self._number = 0
        self._before: Counter[str] = Counter()
        self._now: Counter[str] = Counter()

    def hit(self, name: str, most: int, now: float) -> Hit:
        """Counts one at `now`, seconds of any one clock, unless it would be more than `most`."""
        number, gone = divmod(now, MINUTE)
        if number != self._number:
            self._before = self._now if number == self._number + 1 else Counter()
            self._now, self._number = Counter(), int(number)
        before = self._before[name]
        weighted = before * (MINUTE - gone) / MINUTE + self._now[name]
        accepted = math.floor(weighted) < most
        if accepted:
            self._now[name] += 1
            weighted += 1
        resets = [(MINUTE - gone) % (MINUTE / before)] if before else []
        resets += [MINUTE - gone] if self._now[name] else []
        return Hit(accepted, max(0, most - math.floor(weighted)), min(resets, default=0.0))


@dataclass
class Throttle:
    rates: Rates = field(default_factory=Rates)
    _minutes: dict[str, Minute] = field(default_factory=lambda: {"person": Minute(), "address": Minute()})
    _streams: Counter[str] = field(default_factory=Counter)

    async def person(self, name: str) -> dict[str, str]:
        return await self._hit("person", name, self.rates.person)

    async def address(self, address: str) -> dict[str, str]:
        return await self._hit("address", address, self.rates.address)

    async def _hit(self, bucket: str, who: str, rate: int) -> dict[str, str]:
        """The RateLimit headers for the answer. Raises McdError(rate_limited)."""
        hit = self._minutes[bucket].hit(who, rate, time.time())
        seconds = max(1, math.ceil(hit.reset))
        if not hit.accepted:
            metrics.RATE_LIMITED.labels(bucket).inc()
            raise McdError(
                Code.RATE_LIMITED,
                f"more than {rate} requests a minute.",
                f"Try again in {seconds} s.",
                retry_after=seconds,
            )
        return {
            "RateLimit-Policy": f'"{bucket}";q={rate};w=60',
            "RateLimit": f'"{bucket}";r={hit.left};t={seconds}',
        }

    def room(self, person: str) -> None:
        """Raises McdError(rate_limited) when the person has as many streams open as one may have."""
        if self._streams[person] < STREAMS_PER_PERSON:
            return
        metrics.RATE_LIMITED.labels("stream").inc()
        raise McdError(
            Code.RATE_LIMITED,
            f"you have {STREAMS_PER_PERSON} streams open (logs, events, shells, git).",
            f"Close one, or try again in {COME_AGAIN} s.",
            reason="TooManyStreams",
            retry_after=COME_AGAIN,
        )

    @contextmanager
    def stream(self, person: str, kind: str) -> Iterator[None]:
        """Counts a stream for as long as it is open. Raises McdError(rate_limited) as `room` does."""
        self.room(person)
        self._streams[person] += 1
        metrics.HTTP_STREAMS.labels(kind).inc()
        try:
            yield
        finally:
            metrics.HTTP_STREAMS.labels(kind).dec()
            self._streams[person] -= 1
            if not self._streams[person]:
                del self._streams[person]
