"""Times functions and processes against each other in turns, and says how sure the ratio is.

Processor time, because another program on the machine costs waiting and not that. It must not know what it measures.
"""

from __future__ import annotations

import itertools
import math
import os
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

Work = Callable[[], object]


@dataclass(frozen=True)
class Ratio:
    """The median of the turns' ratios, and the range in which it lies with 95 % confidence."""

    median: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.median:.2f} ({self.low:.2f} to {self.high:.2f})"


@dataclass(frozen=True)
class Paired:
    """Seconds of one call, by turn: ours, and the bound as the mean of before and after."""

    ours: tuple[float, ...]
    bound: tuple[float, ...]
    drift: float
    """How far the bound of the last third of the turns is from that of the first third: 0.1 is 10 %."""

    @property
    def ratio(self) -> Ratio:
        return ratio_of([a / b for a, b in zip(self.ours, self.bound, strict=True)])


def ratio_of(found: Sequence[float]) -> Ratio:
    """The median with the range that order statistics give: no shape of the noise is assumed."""
    ordered = sorted(found)
    count = len(ordered)
    reach = round(0.98 * math.sqrt(count))  # 1.96 / 2: a binomial around its middle
    low, high = max(0, count // 2 - reach), min(count - 1, count // 2 + reach)
    return Ratio(statistics.median(ordered), ordered[low], ordered[high])


def slope_of(points: Sequence[tuple[float, float]]) -> Ratio:
    """How much the second grows for one of the first: the median of the slopes of all pairs, with the range in which it
    lies with 95 % confidence (Theil, Sen). It supposes that what is measured does not remember what it was before: for
    memory, which does, the range is too narrow rather than too wide. Raises ValueError with fewer than five points."""
    count = len(points)
    if count < 5:
        raise ValueError(f"a slope needs five points at the least, and there are {count}")
    slopes = sorted((y2 - y1) / (x2 - x1) for (x1, y1), (x2, y2) in itertools.combinations(points, 2))
    reach = 1.96 * math.sqrt(count * (count - 1) * (2 * count + 5) / 18)
    low = max(0, round((len(slopes) - reach) / 2))
    return Ratio(statistics.median(slopes), slopes[low], slopes[-1 - low])


def on_one_core() -> int:
    """Keeps this process on one processor; which one."""
    core = max(os.sched_getaffinity(0))
    os.sched_setaffinity(0, {core})
    return core


def _once(work: Work, calls: int) -> float:
    began = time.process_time()
    for _ in range(calls):
        work()
    return (time.process_time() - began) / calls


def _calls_for(work: Work, seconds: float) -> int:
    work()
    return max(1, int(seconds / max(_once(work, 5), 1e-7)))


def paired(ours: Work, bound: Work, *, turns: int, seconds: float) -> Paired:
    """So many turns of bound, ours, bound; each part takes about so many seconds."""
    our_calls, bound_calls = _calls_for(ours, seconds), _calls_for(bound, seconds / 2)
    mine, theirs = [], []
    for _ in range(turns):
        before = _once(bound, bound_calls)
        mine.append(_once(ours, our_calls))
        theirs.append((before + _once(bound, bound_calls)) / 2)
    third = max(1, turns // 3)
    drift = abs(statistics.median(theirs[-third:]) / statistics.median(theirs[:third]) - 1)
    return Paired(tuple(mine), tuple(theirs), drift)


def calls(work: Work) -> int:
    """How many functions one call of it calls, Python's and C's: the same on every machine, busy or not. The first
    hundred are not counted, because a class that is made often gets a function of its own."""
    for _ in range(100):
        work()
    found = 0

    def count(_frame: object, event: str, _argument: object) -> None:
        nonlocal found
        found += event in ("call", "c_call")

    sys.setprofile(count)
    try:
        work()
    finally:
        sys.setprofile(None)
    return found


def process_seconds(argv: Sequence[str], cwd: Path) -> tuple[float, bytes]:
    """Processor seconds of one whole process, and what it wrote. Raises RuntimeError with its stderr if it fails."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(argv, cwd=cwd, capture_output=True, check=False, timeout=600)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise RuntimeError(f"{argv[0]} exited with {done.returncode}: {done.stderr.decode(errors='replace').strip()}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime, done.stdout


def resident() -> int:
    """Bytes of this process in memory."""
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")
