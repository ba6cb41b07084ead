"""How late this process does what it wants to do at a moment: what says that something in it keeps everybody waiting.

It must not run anything but its own clock.
"""

from __future__ import annotations

import asyncio
import time

from mcd.observability import metrics

EVERY = 0.25
"""Seconds between two measurements."""


async def keep_measuring() -> None:
    """Until it is cancelled."""
    while True:
        wanted = time.monotonic() + EVERY
        await asyncio.sleep(EVERY)
        metrics.LOOP_LAG_SECONDS.observe(max(0.0, time.monotonic() - wanted))
