"""Collects the Problems of one file while it is read, so that all of them are told at once.

It knows how a Problem is written down, and must not decide what is one.
"""

from __future__ import annotations

from collections.abc import Iterable

from mcd.appyaml.text.nodes import Node, Path, Place, dotted, place_of
from mcd.errors import Problem, Severity, echo, in_order

_STEP = 256
"""A path names a key, so one that is too long by a little is not cut; input in a message is (`echo`)."""


class Report:
    """The problems of one file, in the order found. `file` is the path as the person gave it."""

    __slots__ = ("errors", "file", "found")

    def __init__(self, file: str) -> None:
        self.file = file
        self.found: list[Problem] = []
        self.errors = 0

    def refuse(self, code: str, place: Place, path: Path, message: str, hint: str = "") -> None:
        """Adds an error at a place."""
        self.errors += 1
        self._add(code, Severity.ERROR, place, path, message, hint)

    def warn(self, code: str, place: Place, path: Path, message: str, hint: str = "") -> None:
        """Adds a warning at a place."""
        self._add(code, Severity.WARNING, place, path, message, hint)

    def _add(self, code: str, severity: Severity, place: Place, path: Path, message: str, hint: str) -> None:
        where = dotted(tuple(echo(step, _STEP) if isinstance(step, str) else step for step in path))
        self.found.append(Problem(code, severity, self.file, place[0], place[1], where, message, hint))


def all_of(*groups: Iterable[Problem]) -> tuple[Problem, ...]:
    """The problems of a file, each once and in order: what a group tells, a later one does not tell again of the same
    place, by whichever path it came there. Of a value that could not be read nothing else is told."""
    found: list[Problem] = []
    told: set[tuple[str, int, int, str, str]] = set()
    for group in groups:
        new = [p for p in group if (p.file, p.line, p.column, p.code, p.message) not in told]
        told.update((p.file, p.line, p.column, p.code, p.message) for p in new)
        found += new
    unread = {(p.line, p.column) for p in found if p.code == "yaml.syntax"}
    if unread:
        found = [p for p in found if p.code == "yaml.syntax" or (p.line, p.column) not in unread]
    return in_order(found)


class Findings:
    """A Report over a tree: a problem is named by its path alone and finds its place itself."""

    __slots__ = ("report", "root")

    def __init__(self, report: Report, root: Node) -> None:
        self.report = report
        self.root = root

    def refuse(self, code: str, path: Path, message: str, hint: str = "", *, key: bool = False) -> None:
        """An error at the value that `path` names, or at its key."""
        self.report.refuse(code, place_of(self.root, path, key=key), path, message, hint)

    def warn(self, code: str, path: Path, message: str, hint: str = "", *, key: bool = False) -> None:
        """A warning at the value that `path` names, or at its key."""
        self.report.warn(code, place_of(self.root, path, key=key), path, message, hint)
