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

from limits import RateLimitItemPerMinute
from limits.aio.storage import MemoryStorage
from limits.aio.strategies import SlidingWindowCounterRateLimiter

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


@dataclass
class Throttle:
    rates: Rates = field(default_factory=Rates)
    _limiter: SlidingWindowCounterRateLimiter = field(
        default_factory=lambda: SlidingWindowCounterRateLimiter(MemoryStorage())
    )
    _streams: Counter[str] = field(default_factory=Counter)

    async def person(self, name: str) -> dict[str, str]:
        return await self._hit("person", name, self.rates.person)

    async def address(self, address: str) -> dict[str, str]:
        return await self._hit("address", address, self.rates.address)

    async def _hit(self, bucket: str, who: str, rate: int) -> dict[str, str]:
        """The RateLimit headers for the answer. Raises McdError(rate_limited)."""
        item = RateLimitItemPerMinute(rate)
        accepted = await self._limiter.hit(item, bucket, who)
        window = await self._limiter.get_window_stats(item, bucket, who)
        seconds = max(1, math.ceil(window.reset_time - time.time()))
        if not accepted:
            metrics.RATE_LIMITED.labels(bucket).inc()
            raise McdError(
                Code.RATE_LIMITED,
                f"more than {rate} requests a minute.",
                f"Try again in {seconds} s.",
                retry_after=seconds,
            )
        return {
            "RateLimit-Policy": f'"{bucket}";q={rate};w=60',
            "RateLimit": f'"{bucket}";r={max(0, window.remaining)};t={seconds}',
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
