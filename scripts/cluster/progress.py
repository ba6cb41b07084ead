"""Progress lines for long work: what is being done, for how long, and how long it will still take.

It must not decide anything, and it writes to stderr only: stdout is data.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import TextIO

# A line on a terminal is rewritten often; in a log a new line now and then is enough.
_TERMINAL_SECONDS = 1.0
_LOG_SECONDS = 20.0


def spoken(seconds: float) -> str:
    """Seconds as a person says them: `8s`, `1m20s`, `2h05m`."""
    whole = max(0, round(seconds))
    if whole < 60:
        return f"{whole}s"
    minutes, rest = divmod(whole, 60)
    if minutes < 60:
        return f"{minutes}m{rest:02d}s"
    return f"{minutes // 60}h{minutes % 60:02d}m"


def remaining(usual: float, elapsed: float, later: float, pace: float) -> float:
    """Seconds that are left: the rest of this step and the `later` steps, at the `pace` seen so far (1.0 = usual).

    A step that takes longer than usual is said to need a tenth of its usual time more, never nothing.
    """
    here = max(usual * pace - elapsed, usual * pace * 0.1)
    return here + later * pace


class Line:
    """One progress line, rewritten in place on a terminal and repeated now and then in a log."""

    def __init__(self, stream: TextIO | None = None, clock: Callable[[], float] = time.monotonic) -> None:
        self._stream = stream if stream is not None else sys.stderr
        self._clock = clock
        self._terminal = self._stream.isatty()
        self._shown_at: float | None = None
        self._open = False

    def say(self, text: str) -> None:
        """A line that stays."""
        if self._open:
            self._stream.write("\r\x1b[K")
            self._open = False
        self._stream.write(text + "\n")
        self._stream.flush()
        self._shown_at = self._clock()

    def show(self, text: str) -> None:
        """A line that the next one replaces; dropped when the last one is too young."""
        now = self._clock()
        pause = _TERMINAL_SECONDS if self._terminal else _LOG_SECONDS
        if self._shown_at is not None and now - self._shown_at < pause:
            return
        if not self._terminal:
            self.say(text)
            return
        self._stream.write("\r\x1b[K" + text)
        self._stream.flush()
        self._open = True
        self._shown_at = now
