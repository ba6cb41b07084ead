"""The Kinds of one value: a text, a word of a list, a number, a switch, a duration, an amount.

Each says how a scalar is read and what an editor checks of it. It must not know any key of app.yaml.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from mcd.appyaml.schema import patterns
from mcd.appyaml.schema.fields import BAD, Json, Kind, Read, refused_shape
from mcd.appyaml.text import scalars
from mcd.appyaml.text.nodes import Node, Path, Scalar
from mcd.appyaml.text.problems import Report
from mcd.appyaml.text.units import Bytes, cpu_text, duration_text
from mcd.appyaml.text.words import nearest
from mcd.errors import echo


def _scalar(convert: Callable[[Scalar], Any], wanted: str) -> Read:
    def read(report: Report, node: Node, path: Path) -> Any:
        if type(node) is not Scalar:
            return refused_shape(report, node, path, wanted)
        value = convert(node)
        if type(value) is scalars.Wrong:
            report.refuse(value.code, node.place, path, value.message, value.hint)
            return BAD
        return value

    return read


def text(
    name: str = "text",
    *,
    longest: int = 0,
    shape: re.Pattern[str] | None = None,
    hint: str = "",
    what: str = "",
    code: str = "value.format",
    controls: bool = False,
) -> Kind:
    """Text: the source text of any scalar. `shape` must match all of it, else `"x" is not {what}. {hint}`. Without one
    it has no control characters, unless `controls`."""

    def convert(node: Scalar) -> Any:
        value = node.text
        if longest and len(value) > longest:
            return scalars.Wrong("value.range", f"{len(value)} characters.", f"Use at most {longest}.")
        if shape is not None and not shape.fullmatch(value):
            return scalars.Wrong(code, f'"{echo(value)}" is not {what or name}.', hint)
        if shape is None and not controls and (wrong := scalars.controlled(value)):
            return wrong
        return value

    def json() -> Json:
        # A plain 1.10 or true is text here, and a number or a boolean to an editor.
        longer = {"maxLength": longest} if longest else {}
        if shape is None:
            seen = {} if controls else {"pattern": patterns.TEXT}
            return {"type": ["string", "number", "boolean"], **seen, **longer}
        number = any(shape.fullmatch(text) for text in ("4090", "8.0"))
        types = ["string", *(["number"] if number else []), *(["boolean"] if shape.fullmatch("true") else [])]
        return {"type": types if len(types) > 1 else "string", "pattern": f"^(?:{shape.pattern})$", **longer}

    return Kind(name, _scalar(convert, "text"), json, limits=f"{longest:,} characters" if longest else "")


def choice(words: tuple[str, ...], *, aliases: Mapping[str, str] | None = None) -> Kind:
    """One of a few words. `aliases` are those of other systems, each with ours."""

    def read(report: Report, node: Node, path: Path) -> Any:
        if type(node) is not Scalar:
            return refused_shape(report, node, path, "one of " + ", ".join(words))
        word = node.text
        if aliases and word in aliases:
            real = aliases[word]
            report.warn("alias", node.place, path, f'"{word}" is called "{real}" here.')
            word = real
        if word in words:
            return word
        near = nearest(word, words)
        hint = f'Did you mean "{near}"?' if near else f"Use one of {', '.join(words)}."
        report.refuse("value.choice", node.place, path, f'there is no "{echo(word)}".', hint)
        return BAD

    return Kind(" | ".join(words), read, lambda: {"enum": list(words)})


def integer(low: int, high: int, *, port: bool = False) -> Kind:
    """A whole number, plain or quoted."""
    name = "port number" if port else "integer"

    def json() -> Json:
        return {
            "anyOf": [
                {"type": "integer", "minimum": low, "maximum": high},
                {"type": "string", "pattern": patterns.whole(low, high)},
            ]
        }

    read = _scalar(lambda n: scalars.integer(n, low, high, port=port), "a whole number")
    return Kind(name, read, json, limits=f"{low} to {high}")


BOOLEAN = Kind("boolean", _scalar(scalars.boolean, "true or false"), lambda: {"type": "boolean"})


def duration(low: int | Decimal, high: int, *, millis: bool = False) -> Kind:
    """Whole seconds (a Decimal with `millis`)."""

    def convert(node: Scalar) -> Any:
        value = scalars.duration(node, low, high, millis=millis)
        return value if millis or type(value) is scalars.Wrong else int(value)  # type: ignore[arg-type]

    return Kind(
        "duration",
        _scalar(convert, "a duration like 30s"),
        lambda: {"type": "string", "pattern": patterns.duration(low, high, millis=millis)},
        written=duration_text,
        limits=f"{duration_text(low)} to {duration_text(high)}",
    )


def cpu(low: int = 10, high: int = 256_000) -> Kind:
    """Thousandths of a core."""
    read = _scalar(lambda n: scalars.cpu(n, low, high), "cores")
    limits = f"{cpu_text(low)} to {cpu_text(high)}"

    def json() -> Json:
        written = {"type": "string", "pattern": patterns.cpu(low, high)}
        return {"anyOf": [{"type": "number", "minimum": low / 1000, "maximum": high / 1000}, written]}

    return Kind("CPU", read, json, written=cpu_text, limits=limits)


def amount(low: Bytes, high: Bytes, *, long_units: bool = False) -> Kind:
    """Bytes with their unit."""
    convert = _scalar(lambda n: scalars.amount(n, low, high, long_units=long_units), "a size like 512Mi")
    return Kind(
        "bytes",
        convert,
        lambda: {"type": "string", "pattern": patterns.size(long_units=long_units)},
        limits=f"{low} to {high}",
    )
