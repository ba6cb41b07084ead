"""How the command speaks: data to stdout as a table, JSON, YAML or names, everything else as lines to stderr, and the
exit code of each refusal. It must not know a server, a noun or where the data came from.
"""

from __future__ import annotations

import json
import os
import re
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, TextIO

from rich.cells import cell_len

from mcd.errors import Code, McdError, as_lines, echo

Item = Mapping[str, Any]

SCHEMA = "mcd/v1"
"""Stands first in every JSON and YAML answer, so that a script can tell when the shape changes."""

EXIT: Mapping[Code, int] = {
    Code.INVALID: 2,
    Code.TOO_LARGE: 2,
    Code.NOT_FOUND: 3,
    Code.UNAUTHENTICATED: 4,
    Code.FORBIDDEN: 4,
    Code.CONFLICT: 5,
    Code.PRECONDITION: 5,
    Code.RATE_LIMITED: 6,
    Code.UNAVAILABLE: 6,
    Code.INTERNAL: 1,
}
"""The exit code of each refusal. 2, wrong usage, is typer's own; docs/reference/command.md has the whole list."""

FAILED = 1
"""What was asked for was tried and did not succeed."""
TIMED_OUT = 124
"""`--wait` ran out of time."""
INTERRUPTED = 130
"""Ctrl-C."""


class Form(StrEnum):
    """How data is written to stdout."""

    TABLE = "table"
    WIDE = "wide"
    JSON = "json"
    YAML = "yaml"
    NAME = "name"


@dataclass(frozen=True, slots=True)
class Column:
    """One column of a table, or one line of a single thing. `wide` columns are shown with `-o wide` only."""

    title: str
    text: Callable[[Item], str]
    wide: bool = False


# --- data: stdout ---------------------------------------------------------------------------------------------------


def show_list(
    items: Sequence[Item],
    columns: Sequence[Column],
    form: Form,
    name: Callable[[Item], str],
    *,
    none: str = "nothing to show.",
) -> None:
    """Writes a list. JSON and YAML carry the server's answer whole; a table without rows says `none` on stderr."""
    if form in (Form.JSON, Form.YAML):
        show_data({"items": [dict(item) for item in items]}, form)
    elif form is Form.NAME:
        for item in items:
            print(plain(name(item)))
    elif not items:
        note(none)
    else:
        chosen = [c for c in columns if form is Form.WIDE or not c.wide]
        rows = [[c.text(item) for c in chosen] for item in items]
        print_table([c.title for c in chosen], rows)


def show_one(item: Item, columns: Sequence[Column], form: Form, name: Callable[[Item], str]) -> None:
    """Writes one thing: `title: text` lines, empty ones left out, or the server's answer whole."""
    if form in (Form.JSON, Form.YAML):
        show_data(item, form)
    elif form is Form.NAME:
        print(plain(name(item)))
    else:
        lines = [(c.title, c.text(item)) for c in columns if form is Form.WIDE or not c.wide]
        width = max((len(title) for title, text in lines if text), default=0)
        for title, text in lines:
            if text:
                print(f"{title + ':':<{width + 1}} {paint(plain(text))}")


def show_data(item: Item, form: Form) -> None:
    """Writes a mapping as JSON or YAML."""
    sys.stdout.write(data_text(item, form))


def data_text(item: Item, form: Form) -> str:
    """A mapping as JSON or YAML, with the version of its shape first."""
    whole = {"schema": SCHEMA, **item}
    if form is Form.YAML:
        import yaml

        return str(yaml.safe_dump(whole, sort_keys=False, allow_unicode=True, default_flow_style=False))
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


def print_table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> None:
    """Columns two blanks apart, never cut and never wrapped, so that `grep` and `awk` see whole lines. Chinese
    characters count as two cells."""
    body = [[plain(cell) for cell in row] for row in rows]
    widths = [max([cell_len(title), *(cell_len(row[i]) for row in body)]) for i, title in enumerate(titles)]
    print(_line([t.upper() for t in titles], widths, painted=False))
    for row in body:
        print(_line(row, widths, painted=True))


def _line(cells: Sequence[str], widths: Sequence[int], *, painted: bool) -> str:
    padded = [
        (paint(cell) if painted else cell) + " " * (width - cell_len(cell))
        for cell, width in zip(cells, widths, strict=True)
    ]
    return "  ".join(padded).rstrip()


# --- everything else: stderr ----------------------------------------------------------------------------------------


def note(text: str) -> None:
    """A line for the person, not for a program."""
    print(plain(text), file=sys.stderr, flush=True)


def say_error(error: McdError) -> None:
    """The problems of a file as `file:line:column: …`, then the refusal: `mcd: what. what to do.`"""
    in_files = [p for p in error.problems if p.line]
    for line in as_lines(in_files):
        print(plain(line), file=sys.stderr)
    if not in_files and len(error.problems) > 1:  # of a request; a single one is in the message
        for problem in error.problems:
            print(plain(f"{problem.field}: {problem.message} {problem.hint}".rstrip()), file=sys.stderr)
    hint = error.hint
    if not hint and error.retry_after:
        hint = f"Try again in {error.retry_after:.0f} s."
    where = f"{error.place}: " if error.place else ""
    message = " ".join(f"{where}{error.message} {hint}".split())
    print(f"mcd: {plain(message)}", file=sys.stderr, flush=True)


class Progress:
    """Lines on stderr about something that takes long. On a terminal the last line tells the seconds and is rewritten;
    elsewhere only changes are written, one line each. Quiet: nothing."""

    def __init__(self, quiet: bool = False, stream: TextIO | None = None) -> None:
        self._stream = stream or sys.stderr
        self._quiet = quiet
        self._live = not quiet and self._stream.isatty() and os.environ.get("TERM") != "dumb"
        self._open = False

    def line(self, text: str) -> None:
        """Something that stays on the screen."""
        if self._quiet:
            return
        self._clear()
        print(paint(plain(text), self._stream), file=self._stream, flush=True)

    def tick(self, text: str) -> None:
        """What is waited for just now. Shown on a terminal only."""
        if self._live:
            self._clear()
            self._stream.write(plain(text)[:120])
            self._stream.flush()
            self._open = True

    def end(self) -> None:
        """Leaves the cursor on an empty line."""
        self._clear()

    def _clear(self) -> None:
        if self._open:
            self._stream.write("\r\x1b[K")
            self._open = False


# --- text -----------------------------------------------------------------------------------------------------------


def plain(text: str) -> str:
    """Text from a server or a file as it may reach a terminal: no control characters, no bidirectional marks."""
    return echo(text, limit=1_000_000)


def log_text(text: str) -> str:
    """A line of a program's log. Colours are kept on a terminal; everything else that moves the cursor is escaped. A
    file or a pipe gets the bytes as they were."""
    if not sys.stdout.isatty():
        return text
    parts = text.replace("\t", "    ").split("\x1b[")
    shown = [plain(parts[0])]
    for part in parts[1:]:
        codes, sgr, rest = part.partition("m")
        if sgr and all(c.isdigit() or c == ";" for c in codes):
            shown.append(f"\x1b[{codes}m{plain(rest)}" if coloured(sys.stdout) else plain(rest))
        else:
            shown.append(plain("\x1b[" + part))
    return "".join(shown) + ("\x1b[0m" if len(parts) > 1 and coloured(sys.stdout) else "")


_COLOURS = {
    "ready": 32, "healthy": 32, "ok": 32, "created": 32, "running": 32,
    "progressing": 33, "deleting": 33, "configured": 33, "held": 33, "waiting": 33, "warning": 33,
    "stalled": 31, "failed": 31, "problem": 31, "deleted": 31,
    "unknown": 33, "superseded": 2, "stopped": 2, "unchanged": 2,
}  # fmt: skip


def coloured(stream: TextIO) -> bool:
    """Whether this stream takes colours: a terminal, and nobody said NO_COLOR (no-color.org)."""
    return stream.isatty() and not os.environ.get("NO_COLOR") and os.environ.get("TERM") != "dumb"


def paint(text: str, stream: TextIO | None = None) -> str:
    """The text in the colour of its first word, if that is a state and the stream takes colours."""
    if not coloured(stream or sys.stdout):
        return text
    words = text.split(maxsplit=1)
    code = _COLOURS.get(words[0].rstrip(":,").lower()) if words else None
    return f"\x1b[{code}m{text}\x1b[0m" if code else text


def age(since: str | None, now: datetime | None = None) -> str:
    """How long ago an RFC 3339 time was, in its two largest units at most: `45s`, `3m`, `2h10m`, `5d`."""
    if not since:
        return ""
    try:
        then = datetime.fromisoformat(since)
    except ValueError:
        return since
    if then.tzinfo is None:
        then = then.replace(tzinfo=UTC)
    seconds = max(0, int(((now or datetime.now(UTC)) - then).total_seconds()))
    if seconds < 120:
        return f"{seconds}s"
    minutes, hours, days = seconds // 60, seconds // 3600, seconds // 86400
    if minutes < 120:
        return f"{minutes}m"
    if hours < 24:
        return f"{hours}h{minutes % 60}m" if minutes % 60 and hours < 10 else f"{hours}h"
    return f"{days}d"


def lasting(since: str | None, now: datetime | None = None) -> str:
    """For how long something is so: `for 45 s`, `for 2 h 10 m`. Nothing when nobody says since when."""
    return "for " + re.sub(r"(\d+)([a-z])(?=\d|$)", r"\1 \2 ", age(since, now)).rstrip() if since else ""
