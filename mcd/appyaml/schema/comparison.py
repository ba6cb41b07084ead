"""Comparisons as people write them in alerts (app-yaml 7.2): `cpu > 80% and p95 >= 300ms`, text → values.

It must not know the PromQL of a metric, nor which component has it.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Any

from mcd.appyaml.record import record
from mcd.appyaml.schema.fields import BAD, either, refused_shape
from mcd.appyaml.text.nodes import Node, Path, Scalar
from mcd.appyaml.text.problems import Report
from mcd.appyaml.text.words import suggest
from mcd.errors import echo

METRICS = {
    "cpu": "%", "memory": "%", "restarts": "", "ready": "", "rps": "", "error_rate": "%", "p50": "s", "p95": "s",
    "p99": "s", "gpu_util": "%", "gpu_memory": "%", "permdir": "%",
}  # fmt: skip
"""Metric → its unit: per cent, seconds (also ms), or a plain number."""

OPERATORS = (">", ">=", "<", "<=")
_LONGEST = 500
_ONE = r"(?a)\s*([A-Za-z_]\w*)\s*([<>=!~]{1,2})\s*([0-9.]+)([A-Za-z%]*)\s*"
_NUMBER = r"\d{1,15}(?:\.\d{1,9})?"
# Patterns and not compiled ones: only an App with such alerts pays for them, and `re` keeps what it compiled.
_EXAMPLE = "Write it like cpu > 80% and p95 >= 300ms."


@record
class Comparison:
    """One metric and the number that it is compared with: per cent, seconds, or as it is."""

    metric: str
    operator: str
    number: Decimal


class _Refused(Exception):
    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.answer = (message, hint)


def read_when(report: Report, node: Node, path: Path) -> Any:
    """`METRIC OP NUMBER[UNIT] {and …}` as a tuple of comparisons."""
    if type(node) is not Scalar:
        return refused_shape(report, node, path, "a comparison like cpu > 80%")
    try:
        return _comparisons(node.text)
    except _Refused as refused:
        report.refuse("alert.syntax", node.place, path, *refused.answer)
        return BAD


def read_limit(report: Report, node: Node, path: Path) -> Any:
    """`> 500ms` of the metric that the key names, as one comparison."""
    if type(node) is not Scalar:
        return refused_shape(report, node, path, "a limit like > 500ms")
    metric = str(path[-1])
    try:
        found = _comparisons(f"{metric} {node.text}")
        if len(found) > 1:
            raise _Refused(f'"{echo(node.text)}" is more than a limit.', f'Write it like "{_limit_of(metric)}".')
    except _Refused as refused:
        report.refuse("alert.syntax", node.place, path, *refused.answer)
        return BAD
    return found[0]


def _limit_of(metric: str) -> str:
    return {"%": "> 1%", "s": "> 500ms"}.get(METRICS[metric], "> 100")


def _comparisons(text: str) -> tuple[Comparison, ...]:
    if len(text) > _LONGEST:
        raise _Refused(f"{len(text)} characters.", f"Use at most {_LONGEST}.")
    found = []
    rest = text
    while True:
        part = re.match(_ONE, rest)
        if not part:
            raise _Refused(f'"{echo(rest.strip())}" is not a comparison.', _EXAMPLE)
        found.append(_comparison(*part.groups()))
        rest = rest[part.end() :]
        if not rest:
            return tuple(found)
        word, *behind = rest.split(None, 1)
        if word != "and":
            raise _Refused(f'"{echo(word)}" does not join comparisons.', "Use and, or write two alerts.")
        if not behind:
            raise _Refused('nothing follows "and".', "Write a comparison there, or remove it.")
        rest = behind[0]


def _comparison(metric: str, operator: str, number: str, unit: str) -> Comparison:
    if metric not in METRICS:
        raise _Refused(f'"{echo(metric)}" is not a metric.', suggest(metric, METRICS))
    if operator not in OPERATORS:
        raise _Refused(f'"{operator}" is not an operator here.', f"Use one of {' '.join(OPERATORS)}.")
    if not re.fullmatch(_NUMBER, number, re.ASCII):
        raise _Refused(f'"{echo(number)}" is not a number.', _EXAMPLE)
    value = Decimal(number)
    wanted = METRICS[metric]
    if wanted == "s":
        if not unit:
            # Whoever writes "p95 > 300" means milliseconds as often as seconds, and would never hear of the other.
            raise _Refused(f"{number} has no unit.", f"Write {number}ms or {number}s.")
        if unit not in ("s", "ms"):
            raise _Refused(f'{metric} has no unit "{echo(unit)}".', f"Write {number}ms or {number}s.")
        value = value / 1000 if unit == "ms" else value
    elif unit not in ("", wanted):
        raise _Refused(f'{metric} has no unit "{echo(unit)}".', f"Write {number}{wanted}.")
    return Comparison(metric=metric, operator=operator, number=value)


WHEN = either("comparisons", read_when, [{"type": "string", "maxLength": _LONGEST}])
LIMIT = either("limit", read_limit, [{"type": "string", "pattern": r"^\s*[<>]=?\s*[0-9.]+(%|ms|s)?\s*$"}])
