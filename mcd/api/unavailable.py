"""Why requests are answered 503, said once a minute for each cause and not for each request.

It only writes log lines. It must not decide what a cause is answered with.
"""

from __future__ import annotations

import re
import time

from mcd.observability import logs

SAID_EVERY = 60.0
"""Seconds."""

_said = logs.Once(SAID_EVERY)


def say_unavailable(message: str, reason: str, path: str, place: str = "") -> None:
    """Causes are told apart by their words without the numbers in them, which count seconds or bytes. `path` is that of
    the request, `place` where on our machines it happened, which stands in the log only."""
    passed_over = _said.due(reason + place + re.sub(r"\d+", "0", message), time.monotonic())
    if passed_over is not None:
        more = {"place": place} if place else {}
        logs.logger("api").warning(
            "unavailable", reason=reason, message=message, path=path, answered_so_before=passed_over, **more
        )
