"""Checks the schedule of a cron: five fields as Kubernetes reads them, and whether it ever comes.

Pure text. It must not compute when the next run is.
"""

from __future__ import annotations

import re
from collections.abc import Collection

from mcd.appyaml.record import record
from mcd.appyaml.resolve.timezones import ABBREVIATIONS, ZONES
from mcd.appyaml.text.words import nearest
from mcd.errors import echo

MACROS = ("@hourly", "@daily", "@midnight", "@weekly", "@monthly", "@yearly", "@annually")
_FIELDS = (("minute", 0, 59), ("hour", 0, 23), ("day", 1, 31), ("month", 1, 12), ("weekday", 0, 6))
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_DAYS = ("sun", "mon", "tue", "wed", "thu", "fri", "sat")
_LONG_MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
_LENGTHS = (31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31)
_QUARTZ = re.compile(r"[LW#]")
_WORDS = re.compile(r"[A-Za-z]{3}(-[A-Za-z]{3})?(/\d+)?", re.ASCII)
_PART = re.compile(r"(\*|[a-z0-9]+)(?:-([a-z0-9]+))?(?:/(\d{1,4}))?", re.ASCII)


@record
class Schedule:
    """The answer: `error` is (what, what to do) or None."""

    error: tuple[str, str] | None = None
    both_days: bool = False


class _Refused(Exception):
    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.answer = (message, hint)


def check_schedule(text: str) -> Schedule:
    """Whether Kubernetes takes it and it comes at least once in four years."""
    try:
        return _check(text)
    except _Refused as refused:
        return Schedule(error=refused.answer)


def _check(text: str) -> Schedule:
    if text.startswith("@"):
        if text in MACROS:
            return Schedule()
        for macro in ("@every", "@reboot"):
            if text.startswith(macro):
                raise _Refused(f"{macro} is not supported.", "Use five fields.")
        near = nearest(text, MACROS)
        hint = f'Did you mean "{near}"?' if near else f"Use one of {', '.join(MACROS)}."
        raise _Refused(f'there is no "{echo(text)}".', hint)
    if text.startswith(("TZ=", "CRON_TZ=")):
        raise _Refused(f"a {text.partition('=')[0]}= prefix is not supported.", "Use timezone.")
    fields = text.split()
    if len(fields) == 6:
        raise _Refused("6 fields: seconds are not supported.", "Write minute hour day month weekday.")
    if len(fields) != 5:
        raise _Refused(f"{len(fields)} fields.", "Write minute hour day month weekday.")
    values = [_field(word, *spec) for word, spec in zip(fields, _FIELDS, strict=True)]
    days, months = values[2], values[3]
    day_free, weekday_free = _free(fields[2]), _free(fields[4])
    if weekday_free and not any(min(days) <= _LENGTHS[month - 1] for month in months):
        month = min(months)
        raise _Refused("never comes.", f"{_LONG_MONTHS[month - 1]} has no day {min(days)}.")
    return Schedule(both_days=not day_free and not weekday_free)


def _free(text: str) -> bool:
    """Whether a day field says "any" to Kubernetes; `*/2` does not, so that day or weekday fires."""
    return any(part in ("*", "?", "*/1") for part in text.split(","))


def _field(text: str, name: str, low: int, high: int) -> Collection[int]:
    if "," not in text:
        return _part(text, name, low, high)
    return {number for part in text.split(",") for number in _part(part, name, low, high)}


def _part(part: str, name: str, low: int, high: int) -> range:
    if part == "*" or (part == "?" and name in ("day", "weekday")):
        return range(low, high + 1)
    if _QUARTZ.search(part) and not _WORDS.fullmatch(part):
        raise _Refused("L, W and # are not supported.", "Use numbers.")
    found = _PART.fullmatch(part.lower())
    if not found:
        raise _Refused(f'"{echo(part)}" is no {name}.', f"Use {low} to {high}, *, lists, ranges and steps.")
    first, last, step = found[1], found[2], found[3]
    if first == "*":
        if last:
            raise _Refused(f'"{echo(part)}" is no {name}.', f"Use {low} to {high}, *, lists, ranges and steps.")
        begin, end = low, high
    else:
        begin = _number(first, name, low, high)
        end = _number(last, name, low, high) if last else (high if step else begin)
    if begin > end:
        # Over midnight or the end of the week, which is what most people mean who write this.
        raise _Refused(f"{echo(part)} runs backwards.", f"Write {_range(begin, high)},{_range(low, end)}.")
    if step is not None and int(step) == 0:
        raise _Refused("a step of 0 never moves.", "Use 1 or more.")
    return range(begin, end + 1, int(step or 1))


def _range(begin: int, end: int) -> str:
    return str(begin) if begin == end else f"{begin}-{end}"


def _number(word: str, name: str, low: int, high: int) -> int:
    words = {"month": _MONTHS, "weekday": _DAYS}.get(name, ())
    if word in words:
        return words.index(word) + low
    if not word.isdecimal() or len(word) > 4:
        raise _Refused(f'"{echo(word)}" is no {name}.', f"Use {low} to {high}.")
    number = int(word)
    if name == "weekday" and number == 7:
        raise _Refused("weekday 7 does not exist here.", "Sunday is 0.")
    if not low <= number <= high:
        raise _Refused(f"{number} is no {name}.", f"Use {low} to {high}.")
    return number


def check_timezone(name: str) -> tuple[str, str] | None:
    """What is wrong with a time zone, and what to do; nothing when it is one."""
    if name in ZONES:
        return None
    if places := ABBREVIATIONS.get(name.upper()):
        if len(places) > 1:
            return f'"{echo(name)}" is ambiguous.', f"Write {', '.join(places[:-1])} or {places[-1]}."
        return f'there is no time zone "{echo(name)}".', f"Write {places[0]}."
    if name[-1:].isdigit():
        return f'"{echo(name)}" is an offset and no time zone.', "Use an IANA name such as Asia/Shanghai."
    near = nearest(name, ZONES)
    hint = f'Did you mean "{near}"?' if near else "Use an IANA name such as Asia/Shanghai."
    return f'there is no time zone "{echo(name)}".', hint
