"""Durations, CPU and bytes: read from text, compared as numbers, written in one canonical way.

Pure numbers and text. It must not know problems, places or keys.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal
from fractions import Fraction
from typing import Final

_DURATION = re.compile(r"(?:(\d{1,9})d)?(?:(\d{1,9})h)?(?:(\d{1,9})m)?(?:(\d{1,9})s)?")
_SECONDS = {"d": 86_400, "h": 3_600, "m": 60, "s": 1}
_MILLIS = re.compile(r"(\d{1,9})ms")
_CPU = re.compile(r"(\d{1,9}(?:\.\d{1,9})?)(m?)")
_BYTES = re.compile(r"(\d{1,18}(?:\.\d{1,9})?)([KMGTP]i|[kMGTP])")

MI, GI, TI = 2**20, 2**30, 2**40
BINARY: Final = (("Pi", 2**50), ("Ti", TI), ("Gi", GI), ("Mi", MI), ("Ki", 2**10))
DECIMAL: Final = (("P", 10**15), ("T", 10**12), ("G", 10**9), ("M", 10**6), ("k", 10**3))
_FACTOR = dict(BINARY + DECIMAL)


@dataclass(frozen=True, slots=True, order=True)
class Bytes:
    """A number of bytes that remembers the family of its unit (Mi or M), so that it is written in the same."""

    count: int
    binary: bool = True

    def __str__(self) -> str:
        for unit, factor in BINARY if self.binary else DECIMAL:
            if self.count >= factor and self.count % factor == 0:
                return f"{self.count // factor}{unit}"
        return str(self.count)

    def half(self) -> Bytes:
        return Bytes(self.count // 2, self.binary)


def read_bytes(text: str) -> Bytes | None:
    """`512Mi`, `1.5Gi`, `2G`; nothing for another form or a fraction of a byte."""
    found = _BYTES.fullmatch(text)
    if not found:
        return None
    number, unit = found[1], found[2]
    if number.isdecimal():
        return Bytes(int(number) * _FACTOR[unit], unit[-1] == "i")
    count = Fraction(number) * _FACTOR[unit]
    return Bytes(int(count), found[2].endswith("i")) if count.denominator == 1 else None


def read_cpu(text: str) -> int | None:
    """Thousandths of a core: `2`, `0.5`, `500m`; nothing for another form or less than a thousandth."""
    found = _CPU.fullmatch(text)
    if not found:
        return None
    if found[1].isdecimal():
        return int(found[1]) * (1 if found[2] else 1000)
    millis = Fraction(found[1]) * (1 if found[2] else 1000)
    return int(millis) if millis.denominator == 1 else None


def cpu_text(millis: int) -> str:
    """Whole cores, or thousandths with an `m`."""
    return str(millis // 1000) if millis % 1000 == 0 else f"{millis}m"


def read_duration(text: str, *, millis: bool = False) -> Decimal | None:
    """Seconds: `90s`, `10m`, `1h30m`, `7d`; with `millis` also `500ms`."""
    if millis:
        found = _MILLIS.fullmatch(text)
        if found:
            return Decimal(found[1]) / 1000
    if text[:-1].isdecimal() and text[-1] in _SECONDS and len(text) <= 10 and text.isascii():
        return Decimal(int(text[:-1]) * _SECONDS[text[-1]])  # as nearly all are: one number and one unit
    found = _DURATION.fullmatch(text)
    if not found or not text:
        return None
    days, hours, minutes, seconds = (int(part or 0) for part in found.groups())
    return Decimal(((days * 24 + hours) * 60 + minutes) * 60 + seconds)


def duration_text(seconds: int | Decimal) -> str:
    """`90` → `1m30s`, the way a duration is written in app.yaml; `0.3` → `300ms`."""
    if seconds != int(seconds):
        return f"{int(seconds * 1000)}ms"
    seconds, text = int(seconds), ""
    for unit, size in _SECONDS.items():
        if seconds >= size:
            text += f"{seconds // size}{unit}"
            seconds %= size
    return text or "0s"


def number_text(number: Decimal) -> str:
    """A number in plain digits, without zeros that say nothing: `0.30` → `0.3`."""
    text = f"{number:f}"
    return text.rstrip("0").rstrip(".") if "." in text else text
