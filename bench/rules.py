"""What makes a run void: a machine that did something else too, a bound that moved. Times by the clock are told all the
same, marked, and claimed by nobody.

Counts of requests and comparisons with what was rendered hold on any machine. It must not measure.
"""

from __future__ import annotations

from collections.abc import Sequence

QUIET, QUIET_OF_MANY = 0.5, 1.0
"""Load at the start, at the most; with twenty idle API servers up."""
MANY = 20
DRIFT = 0.10
"""How far the bound may move within a turn."""


def void(load: float, drift: float = 0.0, *, clusters: int = 1) -> tuple[str, ...]:
    """Why times by the clock say nothing. `load` at the start of the run, `drift` a share; nothing: they count."""
    found = []
    quiet = QUIET_OF_MANY if clusters >= MANY else QUIET
    if load > quiet:
        found.append(f"load {load:.1f} at the start, {quiet:.1f} is the most")
    if drift > DRIFT:
        found.append(f"the bound moved by {drift:.0%}, {DRIFT:.0%} is the most")
    return tuple(found)


def told(found: Sequence[str]) -> str:
    """A paragraph for the table; empty where the run counts."""
    return f"\n\n**Void by the clock**: {'; '.join(found)}." if found else ""
