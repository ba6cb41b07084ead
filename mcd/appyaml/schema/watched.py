"""What an alert watches (app-yaml 7.2): PromQL as it is, lines of the log, traced calls; and the text that people read.

All of it is read by somebody else in the end, so that what Prometheus or Loki would refuse is refused here. It must not
know a component.
"""

from __future__ import annotations

import re
from typing import Any

from mcd.appyaml.record import record
from mcd.appyaml.schema.comparison import LIMIT, Comparison
from mcd.appyaml.schema.fields import BAD, either, key, read_model, refused_shape
from mcd.appyaml.schema.values import text
from mcd.appyaml.text.nodes import Map, Node, Path, Scalar
from mcd.appyaml.text.problems import Report
from mcd.appyaml.text.quoted import quoted
from mcd.errors import echo

_LONGEST_EXPR = 4000
_DEEPEST = 50
"""So many brackets inside one another: the parser's time doubles with a few more, and nobody writes them."""

# Patterns and not compiled ones: only an App with alerts of its own pays for them, and `re` keeps what it compiled.

_MOMENT = r"(?ai)(?:\boffset\b|[\[:@])[\s+-]*((?:inf|nan)\b|[0-9.][\w.]*(?:(?<=e)[+-]\d+)?)"
"""A number that stands for a time."""

_TEXTS = r"(?s)\"(?:\\.|[^\"\\])*+\\?(?:\"|\Z)|'(?:\\.|[^'\\])*+\\?(?:'|\Z)|`[^`]*+(?:`|\Z)"
"""Texts, closed or not, so that no number in one is taken for a time."""

_FILLED = (
    r"(?a)\{\{-?\s*\$(?:value|labels\.[A-Za-z_]\w{0,99})"
    r"(?:\s*\|\s*humanize(?:1024|Duration|Percentage|Timestamp)?)?\s*-?\}\}"
)
"""What Prometheus fills in."""

_NOT_WATCHED = {
    "MatrixSelector": ("this is a range of values, and an alert watches one.", "Put rate() or the like around it."),
    "StringLiteral": ("this is a text, and an alert watches a number.", "Write an expression."),
}


def _wrong_promql(query: str) -> tuple[str, str] | None:
    """What Prometheus would say against an expression, and what to do."""
    import promql_parser  # a millisecond that only an App with an expression pays

    bare = re.sub(_TEXTS, '""', query)
    if _too_deep(bare):
        return f"more than {_DEEPEST} brackets stand inside one another.", "Write it flatter."
    if any(_no_time(found[1]) for found in re.finditer(_MOMENT, bare)):
        return "this is not PromQL: a time in it is too long.", "Correct it."
    try:
        parsed = promql_parser.parse(query)
    except ValueError as error:
        said = str(error).strip().splitlines() or ["it cannot be read"]
        return f"this is not PromQL: {echo(said[0])}.", "Correct it."
    except BaseException as error:  # the parser's own slips come as such
        if type(error).__name__ != "PanicException":
            raise
        return "this is not PromQL: it cannot be read.", "Correct it."
    return _NOT_WATCHED.get(type(parsed).__name__)


def _too_deep(query: str) -> bool:
    depth = 0
    for char in query:
        if char in "([{":
            depth += 1
            if depth > _DEEPEST:
                return True
        elif char in ")]}":
            depth -= 1
    return False


def _no_time(word: str) -> bool:
    """Whether a number of seconds is more than three hundred years, where the parser breaks down."""
    try:
        seconds = float(word)
    except ValueError:
        return word[:2].lower() == "0x" and len(word) > 10
    return not seconds < 10**10


def _read_expr(report: Report, node: Node, path: Path) -> Any:
    if type(node) is not Scalar:
        return refused_shape(report, node, path, "PromQL")
    if len(node.text) > _LONGEST_EXPR:
        report.refuse("value.range", node.place, path, f"{len(node.text)} characters.", f"Use at most {_LONGEST_EXPR}.")
        return BAD
    wrong = _wrong_promql(node.text)
    if wrong:
        report.refuse("alert.syntax", node.place, path, *wrong)
        return BAD
    return node.text.strip()


@record
class Log:
    """What a line of the log has in it: a text, or an expression."""

    text: str
    expression: bool


def _read_log(report: Report, node: Node, path: Path) -> Any:
    """`text`, or `/expression/`."""
    if type(node) is not Scalar:
        return refused_shape(report, node, path, "a text or /an expression/")
    written = node.text
    expression = len(written) > 1 and written[0] == written[-1] == "/"
    found = Log(text=written[1:-1] if expression else written, expression=expression)
    if not found.text.strip() or len(found.text) > 500 or "\0" in found.text:
        message = f'"{echo(written)}" is no text to look for.'
        report.refuse("value.format", node.place, path, message, "Write 1 to 500 characters.")
        return BAD
    wrong = _wrong_expression(found.text) if expression else None
    if wrong:
        report.refuse("alert.syntax", node.place, path, *wrong)
        return BAD
    return found


def _wrong_expression(text: str) -> tuple[str, str] | None:
    """What Loki would say against an expression, and what to do."""
    from mcd.appyaml.text.re2 import lacking  # only an App that watches its log by an expression needs it

    if lacks := lacking(text):
        return f"Loki reads expressions of RE2, which has no {lacks[0]}.", f'Write it without "{echo(lacks[1])}".'
    if _wrong_promql("x{y=~" + quoted(text) + "}"):
        return f"Loki cannot read {echo(f'/{text}/')}.", "Write an expression of RE2, with brackets in pairs."
    return None


@record
class Trace:
    """`trace`: what is watched of the calls that were traced."""

    p95: Comparison | None = key(
        LIMIT,
        "Duration that 95 of 100 calls keep. One of p95 and error_rate.",
        default="none",
        effect="expr",
        example='"> 500ms"',
    )
    error_rate: Comparison | None = key(
        LIMIT, "Share of calls that failed.", default="none", effect="expr", example='"> 1%"'
    )
    operation: str | None = key(
        text(longest=200),
        "Only calls of this name.",
        default="all of the component",
        limits="200 characters",
        effect="expr",
        example='"GET /x"',
    )


def _read_trace(report: Report, node: Node, path: Path) -> Any:
    if type(node) is not Map:
        return refused_shape(report, node, path, 'a mapping like {p95: "> 500ms"}')
    trace = read_model(report, node, path, Trace)
    written = [word for word in node.entries if word in ("p95", "error_rate")]
    if len(written) != 1:
        code = "exclusive" if written else "schema.missing"
        place = node.entries[written[1]][0] if written else node.key or node.place
        where = (*path, written[1]) if written else path
        report.refuse(code, place, where, "write one of p95, error_rate.")
        return BAD
    # A limit that was refused is told already.
    return BAD if trace.p95 is None and trace.error_rate is None else trace


def _read_summary(report: Report, node: Node, path: Path) -> Any:
    if type(node) is not Scalar:
        return refused_shape(report, node, path, "text")
    if len(node.text) > 500:
        report.refuse("value.range", node.place, path, f"{len(node.text)} characters.", "Use at most 500.")
        return BAD
    if "{{" in node.text and node.text.count("{{") != len(re.findall(_FILLED, node.text)):
        # Prometheus expands it, and one text that it cannot read takes all rules of the App away.
        message = "Prometheus cannot fill this in."
        report.refuse("alert.syntax", node.place, path, message, "Write {{ $value }} or {{ $labels.NAME }}.")
        return BAD
    return node.text


EXPR = either("PromQL", _read_expr, [{"type": "string", "maxLength": _LONGEST_EXPR}])
LOG = either("text or /expression/", _read_log, [{"type": "string", "minLength": 1, "maxLength": 502}])
TRACE = either("mapping", _read_trace, [{"$ref": "#/$defs/Trace"}], Trace)
SUMMARY = either("text", _read_summary, [{"type": ["string", "number", "boolean"]}])
