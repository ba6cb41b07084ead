"""How a canary Rollout moves requests (app-yaml 3.16): steps, testers by header and cookie, what must stay good.

It must not compare two steps (resolve/rollout.py), nor know how a gateway matches.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from mcd.appyaml.record import record, replace
from mcd.appyaml.schema import patterns
from mcd.appyaml.schema.defaults import DAY
from mcd.appyaml.schema.fields import BAD, Json, Kind, Read, either, items, key, mapping, model, refused_shape
from mcd.appyaml.schema.values import choice, integer
from mcd.appyaml.text import scalars
from mcd.appyaml.text.nodes import TOP, Map, Node, Path, Place, Scalar
from mcd.appyaml.text.problems import Report
from mcd.appyaml.text.units import duration_text
from mcd.errors import echo

APPROVE = "approve"
DEFAULT_PAUSE = 600
"""Seconds between two steps, where nobody wrote it."""

MOST_HEADERS = 15
"""A route takes 16 headers in one match, and one of them is the cookie."""

_LONGEST_NAME, _LONGEST_VALUE = 100, 200
_NOT_IN_NAMES = frozenset(' "(),/:;<=>?@[\\]{}')
_NOT_IN_COOKIES = frozenset(' ",;\\')


# ── steps ────────────────────────────────────────────────────────────────────────────────────────────────────────


def _read_pause(report: Report, node: Node, path: Path) -> Any:
    """Seconds, or `approve`."""
    if type(node) is not Scalar:
        return refused_shape(report, node, path, "a duration or approve")
    if node.text == APPROVE:
        return APPROVE
    seconds = scalars.duration(node, 1, 30 * DAY)
    if isinstance(seconds, scalars.Wrong):
        report.refuse(seconds.code, node.place, path, seconds.message, seconds.hint)
        return BAD
    return int(seconds)


PAUSE = either(
    "duration or approve",
    _read_pause,
    [{"type": "string", "pattern": r"^(approve|(\d+[dhms])+)$"}],
    written=lambda pause: pause if pause == APPROVE else duration_text(pause),
)


@record
class Step:
    """One item of `canary.steps`."""

    weight: int = key(
        integer(0, 100),
        "Per cent of the requests that go to the new version; 0: testers only.",
        required="Use 0 to 100.",
        limits="0 to 100, more than in the step before",
        effect="HTTPRoute weights; replicas of the canary Deployment",
        example="10",
    )
    pause: int | str | None = key(
        PAUSE,
        "How long to wait and watch before the next step; approve: until a person says so.",
        default=f"{duration_text(DEFAULT_PAUSE)}; none at 100",
        effect="read by the controllers",
        example="30m",
    )
    number: int = 0
    """Its place in the list as written."""


def _read_step(report: Report, node: Node, path: Path) -> Any:
    step = _STEP.read(report, node, path)
    return step if step is BAD else replace(step, number=path[-1])


_STEP = model(Step)
STEP = either("mapping", _read_step, [_STEP.json()], Step)


DEFAULT_STEPS = (Step(weight=5, pause=DEFAULT_PAUSE), Step(weight=30, pause=DEFAULT_PAUSE), Step(weight=100))


# ── testers ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _is_text(value: str, longest: int) -> bool:
    """Some characters that a header takes."""
    return 0 < len(value) <= longest and value.isascii() and value.isprintable()


def _check_header(report: Report, place: Place, path: Path, name: str) -> bool:
    if name.lower() == "cookie":
        report.refuse("name.reserved", place, path, "the Cookie header is matched by canary.cookie.", "Use that.")
        return False
    return _check_token(report, place, path, name)


def _check_token(report: Report, place: Place, path: Path, name: str) -> bool:
    if not _is_text(name, _LONGEST_NAME) or not _NOT_IN_NAMES.isdisjoint(name):
        what = "header" if "header" in path else "cookie"
        hint = "Use letters, digits and -, without blanks."
        report.refuse("name.invalid", place, path, f'"{echo(name)}" is not a name of a {what}.', hint)
        return False
    return True


def _read_header_value(report: Report, node: Node, path: Path) -> Any:
    if type(node) is not Scalar:
        return refused_shape(report, node, path, "text")
    if _is_text(node.text, _LONGEST_VALUE) and node.text == node.text.strip():
        return node.text
    message = f'"{echo(node.text)}" is not a value of a header.'
    report.refuse("value.format", node.place, path, message, f"Use at most {_LONGEST_VALUE} ASCII characters.")
    return BAD


def _read_cookie_value(report: Report, node: Node, path: Path) -> Any:
    if type(node) is not Scalar:
        return refused_shape(report, node, path, "text")
    if _is_text(node.text, _LONGEST_VALUE) and _NOT_IN_COOKIES.isdisjoint(node.text):
        return node.text
    message = f'"{echo(node.text)}" is not a value of a cookie.'
    hint = f'Use at most {_LONGEST_VALUE} ASCII characters, no blanks, no " , ; and \\.'
    report.refuse("value.format", node.place, path, message, hint)
    return BAD


_HEADER_VALUES = either("text", _read_header_value, [{"type": "string", "pattern": "^[!-~]([ -~]{0,198}[!-~])?$"}])
_COOKIE_VALUES = either("text", _read_cookie_value, [{"type": "string", "pattern": r"^[!#-+\--:<-\[\]-~]{1,200}$"}])
_HEADERS = mapping(_HEADER_VALUES, name=_check_header, most=MOST_HEADERS, nouns="headers")
_COOKIES = mapping(_COOKIE_VALUES, name=_check_token, most=1, nouns="cookies")


def _read_header(report: Report, node: Node, path: Path) -> Any:
    """`X-Canary`, or `{X-Canary: insider}`: name → value, None for any."""
    if type(node) is Scalar:
        return {node.text: None} if _check_header(report, node.place, path, node.text) else BAD
    if type(node) is not Map:
        return refused_shape(report, node, path, "a name or a mapping")
    _refuse_twice(report, node, path)
    return _HEADERS.read(report, node, path)


def _refuse_twice(report: Report, node: Map, path: Path) -> None:
    """A header is the same in capital and small letters."""
    seen: dict[str, str] = {}
    for name, (place, _) in node.entries.items():
        first = seen.setdefault(name.lower(), name)
        if first != name:
            message = f'"{echo(name)}" and "{echo(first)}" are the same header.'
            report.refuse("exclusive", place, (*path, name), message, "Keep one.")


def _read_cookie(report: Report, node: Node, path: Path) -> Any:
    """`canary`, or `{canary: insider}`: name → value, None for any."""
    if type(node) is Scalar:
        return {node.text: None} if _check_token(report, node.place, path, node.text) else BAD
    if type(node) is not Map:
        return refused_shape(report, node, path, "a name or a mapping")
    return _COOKIES.read(report, node, path)


def _name_or(values: Kind, check: Callable[..., bool]) -> list[Json]:
    return [{"type": "string", **patterns.names(check)["propertyNames"]}, values.json()]


HEADER = either("text or mapping", _read_header, _name_or(_HEADERS, _check_header), inner=_HEADER_VALUES)
COOKIE = either("text or mapping", _read_cookie, _name_or(_COOKIES, _check_token), inner=_COOKIE_VALUES)


# ── what must stay good ──────────────────────────────────────────────────────────────────────────────────────────


def _limit(value_of: Callable[[str], Decimal | None], example: str) -> Read:
    """`< 1%` as 1, `< 300ms` as 0.3."""

    def read(report: Report, node: Node, path: Path) -> Any:
        if type(node) is not Scalar:
            return refused_shape(report, node, path, "a limit")
        value = value_of(node.text[1:].strip()) if node.text.startswith("<") else None
        if value is None:
            message = f'"{echo(node.text)}" is not a limit.'
            report.refuse("value.format", node.place, path, message, f'Write it like "{example}".')
            return BAD
        return value

    return read


def _per_cent(text: str) -> Decimal | None:
    share = scalars.number(Scalar(text.removesuffix("%"), "", TOP), Decimal("0.001"), Decimal(100))
    return None if isinstance(share, scalars.Wrong) or not text.endswith("%") else share


def _seconds(text: str) -> Decimal | None:
    seconds = scalars.duration(Scalar(text, "", TOP), Decimal("0.001"), 3600, millis=True)
    return None if isinstance(seconds, scalars.Wrong) else seconds


_SHARE_JSON = [{"type": "string", "pattern": r"^<\s*(?![0.]*%)\d{1,3}(?:\.\d{1,9})?%\s*$"}]
_TIME_JSON = [{"type": "string", "pattern": r"^<\s*\d[0-9dhms]*[dhms]\s*$"}]
ERROR_RATE = either("limit in per cent", _limit(_per_cent, "< 1%"), _SHARE_JSON, written=lambda share: f'"< {share}%"')
LATENCY = either("limit as a duration", _limit(_seconds, "< 300ms"), _TIME_JSON)


@record
class Check:
    """`canary.check`: what must stay good while a step waits."""

    error_rate: Decimal = key(
        ERROR_RATE,
        "The share of requests that the new version answers with 5xx.",
        value=Decimal(5),
        limits="more than 0, at most 100",
        effect="read by the controllers",
        example='"< 1%"',
    )
    p95: Decimal | None = key(
        LATENCY,
        "Latency that 95 of 100 requests to the new version keep.",
        default="none",
        limits="1ms to 1h",
        effect="read by the controllers",
        example='"< 300ms"',
    )
    on_fail: str = key(
        choice(("rollback", "pause")),
        "rollback: the old version gets everything back; pause: a person decides.",
        value="rollback",
        effect="read by the controllers",
        example="pause",
    )


@record
class Canary:
    """`rollout.canary`: requests go to the new version in steps."""

    steps: tuple[Step, ...] = key(
        items(STEP, most=20),
        "How many requests, and how long to wait. A last step of 100 is added if missing.",
        value=DEFAULT_STEPS,
        limits="20 steps, weights must rise",
        effect="HTTPRoute weights",
        example="[{weight: 10, pause: 30m}, {weight: 50, pause: approve}]",
    )
    header: Mapping[str, str | None] = key(
        HEADER,
        "Requests with it go to the new version: a name (any value), or names with their values (all of them).",
        value=dict,
        limits=f"{MOST_HEADERS} headers, not Cookie",
        effect="HTTPRoute header match",
        example="{X-Canary: insider}",
    )
    cookie: Mapping[str, str | None] = key(
        COOKIE,
        "Requests with it go to the new version: a name (any value), or a name with its value.",
        value=dict,
        limits="one cookie",
        effect="HTTPRoute match of the Cookie header",
        example="canary",
    )
    match: str = key(
        choice(("any", "all")),
        "any: header or cookie; all: header and cookie.",
        value="any",
        effect="one match or two",
        example="all",
    )
    check: Check = key(
        model(Check),
        "What must stay good while a step waits.",
        value=Check,
        effect="read by the controllers",
        example='{error_rate: "< 1%", p95: "< 300ms"}',
    )
