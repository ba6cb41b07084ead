"""What a refusal of app.yaml adds of the place it was meant for: the models that its pools have.

Pure. The compiler's own words stay as they are (app-yaml 3.22); it must not tell of pools of other lines.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

from mcd.errors import Problem
from mcd.model import NodePool


def with_models(problems: Iterable[Problem], pools: Sequence[NodePool], line: str) -> tuple[Problem, ...]:
    """The problems; a device that is nowhere is told with those that are. `line` is the product line's name."""
    return tuple(_with_models(problem, pools, line) for problem in problems)


def _with_models(problem: Problem, pools: Sequence[NodePool], line: str) -> Problem:
    if problem.code != "capacity.gpu" or ": no " not in problem.hint:
        return problem
    mine = [pool for pool in pools if pool.dedicated_to in (None, line)]
    models = sorted({f"{device.model} ({pool.name})" for pool in mine for device in pool.devices})
    there = f"There is: {', '.join(models)}." if models else "No pool has devices."
    return replace(problem, hint=f"{problem.hint} {there} `mcd node-pool list` says more.")
