"""What can go wrong, in one closed list of codes, and how it is said: what, where, what to do, in one line.

Every room raises `McdError`; three small tables elsewhere turn its code into an HTTP status, an exit code or a
reconcile outcome. This module must not know HTTP, the command line or the loop.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum


class Code(StrEnum):
    """The kind of a refusal. The values are part of the API and never reused."""

    INVALID = "invalid"
    """The input is wrong. The same input will be refused again."""
    UNAUTHENTICATED = "unauthenticated"
    """Nobody is signed in, or the credential is not accepted."""
    FORBIDDEN = "forbidden"
    """The thing is visible to the person, but this act on it is not theirs."""
    NOT_FOUND = "not_found"
    """It does not exist, or the person may not see it: the two are told apart by nobody."""
    CONFLICT = "conflict"
    """Somebody or something else holds what was asked for."""
    PRECONDITION = "precondition"
    """The thing changed since it was read. Read it again, then decide again."""
    TOO_LARGE = "too_large"
    """The input is over a stated limit."""
    RATE_LIMITED = "rate_limited"
    """Too many requests. Try again after `retry_after` seconds."""
    UNAVAILABLE = "unavailable"
    """Something that we need does not answer now. The same request may succeed later."""
    INTERNAL = "internal"
    """A bug in MCD."""


class Severity(StrEnum):
    """How bad a Problem is. A warning never stops a deploy."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is wrong with a file. `code` is one of app-yaml 2.4; line and column start at 1 and count
    characters; `field` is the dotted path, empty for a problem of the YAML reader; `message` is the what, `hint` the
    what to do."""

    code: str
    severity: Severity
    file: str
    line: int
    column: int
    field: str
    message: str
    hint: str = ""

    def __str__(self) -> str:
        """`path:line:column: dotted.path: what. what to do.`, with `warning: ` before the path for a warning."""
        words = [f"{self.file}:{self.line}:{self.column}:"]
        if self.severity is Severity.WARNING:
            words.append("warning:")
        if self.field:
            words.append(f"{self.field}:")
        words.append(f"{self.message} {self.hint}".rstrip())
        return " ".join(words)


def in_order(problems: Iterable[Problem]) -> tuple[Problem, ...]:
    """Each problem once, in the order of file, line, column, code, text."""
    return tuple(sorted(set(problems), key=lambda p: (p.file, p.line, p.column, p.code, p.field, p.message)))


PRINTED = 100
"""As many problems of one file are printed; the rest is counted."""


def as_lines(problems: Sequence[Problem]) -> list[str]:
    """The problems of one file as a person reads them, the same bytes wherever they are told."""
    lines = [str(problem) for problem in problems[:PRINTED]]
    return [*lines, f"… and {len(problems) - PRINTED} more problems."] if len(problems) > PRINTED else lines


def has_errors(problems: Iterable[Problem]) -> bool:
    return any(p.severity is Severity.ERROR for p in problems)


class McdError(Exception):
    """The one exception of the program. `message` says what and where, `hint` what to do, both as plain sentences.

    `reason` is a CamelCase word that a program may switch on (empty when the code says enough); `problems` are the
    problems of a file, all at once; `retry_after` is in seconds. `place` is where on MCD's own machines it happened (a
    file, a host): for its log and for the commands that run there, never a part of the text.
    """

    def __init__(
        self,
        code: Code,
        message: str,
        hint: str = "",
        *,
        reason: str = "",
        problems: Sequence[Problem] = (),
        retry_after: float | None = None,
        place: str = "",
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.reason = reason
        self.problems = tuple(problems)
        self.retry_after = retry_after
        self.place = place

    def __str__(self) -> str:
        return f"{self.message} {self.hint}".rstrip()


def not_found(noun: str, name: str) -> McdError:
    """The one answer for a thing that is absent and for a thing that the person may not see."""
    return McdError(Code.NOT_FOUND, f'there is no {noun} "{echo(name)}" that you can see.', "Check the name.")


_ECHO_LIMIT = 80


def echo(text: str, limit: int = _ECHO_LIMIT) -> str:
    """Input as it may stand in a message: cut to `limit` characters, everything that is not printable escaped, so that
    neither a control character nor a bidirectional mark reaches a terminal or a page."""
    cut = text if len(text) <= limit else text[: limit - 1] + "…"
    if cut.isprintable():
        return cut
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in cut)
