"""Decides what a scalar is in a field: the YAML 1.2 core schema and the field decide, never the parser.

Each function answers with a value or with a `Wrong`: code, what, what to do. It must not know places or paths.
"""

from __future__ import annotations

import re
from decimal import Decimal

from mcd.appyaml.record import record
from mcd.appyaml.text.nodes import Scalar
from mcd.appyaml.text.units import Bytes, cpu_text, duration_text, read_bytes, read_cpu, read_duration
from mcd.errors import echo


@record
class Wrong:
    """Why a scalar does not fit."""

    code: str
    message: str
    hint: str = ""


_WHOLE = re.compile(r"\d+", re.ASCII)
_SIGNED = re.compile(r"([-+])(\d+)", re.ASCII)
_BASED = re.compile(r"0([xob])([0-9a-fA-F]+)")
_BASES = {"x": 16, "o": 8, "b": 2}
_DECIMAL = re.compile(r"[-+]?(\d[\d_]*)?(\.[\d_]*)?([eE][-+]?\d{1,3})?", re.ASCII)
_LONGEST = 18
_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})


_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]")


def controlled(text: str) -> Wrong | None:
    """A text with a control character that is neither a tab nor the end of a line: no variable and no argument of a
    program can hold a NUL, and a terminal obeys the others."""
    if text.isprintable() or not (found := _CONTROL.search(text)):
        return None
    return Wrong("value.format", f"a control character (U+{ord(found[0]):04X}).", "Remove it.")


def limits_text(low: int, high: int) -> str:
    return f"Use {low} to {high}."


def integer(node: Scalar, low: int, high: int, *, port: bool = False) -> int | Wrong:
    """A whole number in decimal digits, plain or quoted, from `low` to `high`."""
    text = node.text
    if not _WHOLE.fullmatch(text):
        return _no_whole(text, low, high)
    if len(text) > 1 and text[0] == "0" and not node.style:
        return _octal(text)
    number = int(text) if len(text) <= _LONGEST else high + 1
    if number < low or number > high:
        what = "is not a port." if port else "is out of range."
        return Wrong("value.range", f"{echo(text)} {what}", limits_text(low, high))
    return number


def _octal(text: str) -> Wrong:
    digits = text.lstrip("0") or "0"
    elsewhere = "text" if set(digits) & {"8", "9"} else str(int(digits[:_LONGEST], 8))
    shown = echo(digits)
    return Wrong("value.number", f"{echo(text)} is {shown} here and {elsewhere} elsewhere.", f"Write {shown}.")


def _no_whole(text: str, low: int, high: int) -> Wrong:
    based = _BASED.fullmatch(text)
    if based and len(text) <= _LONGEST:
        try:
            number = int(based[2], _BASES[based[1]])
        except ValueError:
            return Wrong("value.number", f"{echo(text)} is not a number.", limits_text(low, high))
        return Wrong("value.number", f"{text} is not a decimal number.", f"Write {number}.")
    signed = _SIGNED.fullmatch(text)
    if signed and signed[1] == "-":
        return Wrong("value.range", f"{echo(text)} is out of range.", limits_text(low, high))
    found = _DECIMAL.fullmatch(text)
    if found and found[1] and len(text) <= _LONGEST:
        value = Decimal(text.replace("_", "").rstrip("."))
        # "8.0" is a slip, "1.10" may be a version: only the first has one right number.
        near = value == value.to_integral_value() and abs(value) < 10**_LONGEST
        hint = f"Write {int(value)}." if near else "Use a whole number."
        return Wrong("value.number", f"{text} is not a whole number.", hint)
    return Wrong("value.number", f"{echo(text)} is not a number.", limits_text(low, high))


_NUMBER = re.compile(r"\d{1,18}(?:\.\d{1,9})?", re.ASCII)
_ELSEWHERE = re.compile(r"[-+]?(?:\d+\.?\d*|\.\d+)(?:[eE][-+]?\d{1,3})?", re.ASCII)


def number(node: Scalar, low: Decimal, high: Decimal) -> Decimal | Wrong:
    """A number in decimal digits with or without a fraction, plain or quoted, from `low` to `high`."""
    text = node.text
    if not _NUMBER.fullmatch(text):
        plain = text.replace("_", "")
        value = Decimal(plain) if _ELSEWHERE.fullmatch(plain) and len(text) <= _LONGEST else None
        if value is None:
            return Wrong("value.number", f"{echo(text)} is not a number.", f"Use {low} to {high}.")
        if not low <= value <= high:
            return Wrong("value.range", f"{echo(text)} is out of range.", f"Use {low} to {high}.")
        return Wrong("value.number", f"{text} is not in plain digits.", f"Write {value:f}.")
    if len(text) > 1 and text[0] == "0" and text.isdecimal() and not node.style:
        return _octal(text)
    value = Decimal(text)
    if value < low or value > high:
        return Wrong("value.range", f"{echo(text)} is out of range.", f"Use {low} to {high}.")
    return value


def boolean(node: Scalar) -> bool | Wrong:
    """Plain `true` or `false`."""
    text = node.text
    if not node.style:
        if text in _TRUE:
            return True
        if text in _FALSE:
            return False
        return Wrong("schema.type", f'"{echo(text)}" is text.', "Write true or false.")
    if text in _TRUE or text in _FALSE:
        word = text.lower()
        return Wrong("schema.type", f'"{text}" is in quotes, so it is text.', f"Write {word} without quotes.")
    return Wrong("schema.type", f'"{echo(text)}" is text.', "Write true or false.")


def duration(node: Scalar, low: int | Decimal, high: int, *, millis: bool = False) -> Decimal | Wrong:
    """Seconds, from `low` to `high` seconds."""
    text = node.text
    seconds = read_duration(text, millis=millis)
    if seconds is None:
        if _WHOLE.fullmatch(text):
            unit = "ms" if millis else "s"
            return Wrong("value.unit", f"{echo(text)} has no unit.", f"Write {echo(text)}{unit}.")
        return Wrong("value.unit", f'"{echo(text)}" is not a duration.', "Write it like 90s, 10m, 2h, 7d or 1h30m.")
    if seconds < low or seconds > high:
        hint = f"Use {duration_text(low)} to {duration_text(high)}."
        return Wrong("value.range", f"{echo(text)} is out of range.", hint)
    return seconds


def cpu(node: Scalar, low: int, high: int) -> int | Wrong:
    """Thousandths of a core."""
    text = node.text
    millis = read_cpu(text)
    if millis is None:
        return Wrong(
            "value.unit", f'"{echo(text)}" is not an amount of CPU.', "Write cores (2, 0.5) or thousandths (500m)."
        )
    if millis < low or millis > high:
        hint = f"Use {cpu_text(low)} to {cpu_text(high)}."
        return Wrong("value.range", f"{echo(text)} is out of range.", hint)
    return millis


_LONG_UNIT = re.compile(r"(\d{1,9}(?:\.\d{1,3})?)\s*([kKMGTP])(i?)[bB]", re.ASCII)
_THOUSANDTHS = re.compile(r"\d{1,15}m", re.ASCII)


def amount(node: Scalar, low: Bytes, high: Bytes, *, long_units: bool = False) -> Bytes | Wrong:
    """Bytes. `long_units` also takes GB, for the nominal size of a device."""
    text = node.text
    size = read_bytes(text)
    if size is None and long_units and (found := _LONG_UNIT.fullmatch(text)):
        size = read_bytes(f"{found[1]}{found[2]}i")
    if size is None:
        return _no_bytes(text)
    if size.count < low.count or size.count > high.count:
        return Wrong("value.range", f"{echo(text)} is out of range.", f"Use {low} to {high}.")
    return size


def _no_bytes(text: str) -> Wrong:
    if _THOUSANDTHS.fullmatch(text):
        number = int(text[:-1])
        size = "half a byte" if number == 512 else f"{Decimal(number) / 1000:f} bytes"
        return Wrong("value.unit", f"{text} is {size}: m means thousandths.", f"Write {number}Mi.")
    if found := _LONG_UNIT.fullmatch(text):
        short = found[2].upper().replace("K", "k")
        return Wrong("value.unit", f"{text}:", f"write {found[1]}{short} or {found[1]}{short.upper()}i.")
    if _WHOLE.fullmatch(text):
        number = int(text[:_LONGEST])
        near = f"{max(1, round(number / 2**20))}Mi" if number >= 2**20 else f"{echo(text)}Mi"
        return Wrong("value.unit", f"{echo(text)} has no unit.", f"Write {near}.")
    return Wrong("value.unit", f'"{echo(text)}" is not a size.', "Write it like 512Mi, 1.5Gi or 2G.")
