"""What a text costs the processor, for texts whose cost must not grow with their square."""

from __future__ import annotations

import time
from collections.abc import Callable


def costs_under(seconds: float, do: Callable[[], object]) -> bool:
    """Whether `do` takes less of the processor's time, at least once in three: a single time may be the neighbours'
    of a busy machine, or that of a collection of all garbage. Raises what `do` raises."""
    return any(_took(do) < seconds for _ in range(3))


def _took(do: Callable[[], object]) -> float:
    began = time.process_time()
    do()
    return time.process_time() - began
