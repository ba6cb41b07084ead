"""Problems in the formats that people and their CI read: text, JSON, GitHub, GitLab, SARIF.

Pure: problems in, text out. It must not decide what is a problem.
"""

from __future__ import annotations

import hashlib
import json
import posixpath
from collections.abc import Iterator, Mapping, Sequence
from typing import Any
from urllib.parse import quote

from mcd import __version__
from mcd.errors import Problem, Severity, as_lines


def counted(problems: Mapping[str, Sequence[Problem]]) -> tuple[int, int]:
    """Errors and warnings of all files."""
    everything = [p for found in problems.values() for p in found]
    errors = sum(p.severity is Severity.ERROR for p in everything)
    return errors, len(everything) - errors


def as_text(problems: Mapping[str, Sequence[Problem]]) -> str:
    """One line each; nothing if all is well."""
    return "".join(f"{line}\n" for found in problems.values() for line in as_lines(found))


def as_dict(problem: Problem) -> dict[str, Any]:
    """One problem with the names of app-yaml 8.1."""
    return {
        "code": problem.code,
        "severity": problem.severity.value,
        "file": problem.file,
        "line": problem.line,
        "column": problem.column,
        "field": problem.field,
        "message": problem.message,
        "hint": problem.hint,
    }


def as_json(problems: Mapping[str, Sequence[Problem]]) -> str:
    files = [
        {
            "file": file,
            "ok": not any(p.severity is Severity.ERROR for p in found),
            "problems": [as_dict(p) for p in found],
        }
        for file, found in problems.items()
    ]
    errors, warnings = counted(problems)
    return _dump({"files": files, "errors": errors, "warnings": warnings})


def as_github(problems: Mapping[str, Sequence[Problem]]) -> str:
    """Workflow commands: an annotation at each line."""
    lines = []
    for problem in (p for found in problems.values() for p in found):
        where = f"file={_property(_path(problem.file))},line={problem.line},col={problem.column},title={problem.code}"
        lines.append(f"::{problem.severity.value} {where}::{_data(_said(problem))}\n")
    return "".join(lines)


def _said(problem: Problem) -> str:
    """What stands behind the place: path, what, what to do."""
    field = f"{problem.field}: " if problem.field else ""
    return f"{field}{problem.message} {problem.hint}".rstrip()


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def as_gitlab(problems: Mapping[str, Sequence[Problem]]) -> str:
    """GitLab's code quality report."""
    report = [
        {
            "description": _said(problem),
            "check_name": problem.code,
            "fingerprint": fingerprint,
            "severity": "major" if problem.severity is Severity.ERROR else "minor",
            "location": {"path": _path(problem.file), "lines": {"begin": problem.line}},
        }
        for problem, fingerprint in _fingerprints(problems)
    ]
    return _dump(report)


def _path(file: str) -> str:
    """A path as reports want it: relative ones without `./`."""
    return posixpath.normpath(file)


def _fingerprints(problems: Mapping[str, Sequence[Problem]]) -> Iterator[tuple[Problem, str]]:
    """Each problem with what it is known by from one report to the next: the same when it only moves to another line,
    and of no two in one report."""
    seen: dict[str, int] = {}
    for problem in (p for found in problems.values() for p in found):
        words = "\0".join((_path(problem.file), problem.code, problem.field, _said(problem)))
        number = seen[words] = seen.get(words, 0) + 1
        yield problem, hashlib.sha256(f"{words}\0{number}".encode()).hexdigest()


COLUMNS = "unicodeCodePoints"
"""Columns count characters, not UTF-16 units."""


def as_sarif(problems: Mapping[str, Sequence[Problem]]) -> str:
    """SARIF 2.1.0, with what GitHub's code scanning reads of it."""
    codes = sorted({p.code for found in problems.values() for p in found})
    results = [
        {
            "ruleId": p.code,
            "ruleIndex": codes.index(p.code),
            "level": p.severity.value,
            "message": {"text": _said(p)},
            "locations": [_location(p)],
            "partialFingerprints": {"mcdProblem/v1": fingerprint},
        }
        for p, fingerprint in _fingerprints(problems)
    ]
    driver = {
        "name": "mcd",
        "version": __version__,
        "informationUri": HELP.partition("#")[0],
        "rules": [_rule(code) for code in codes],
    }
    run = {"tool": {"driver": driver}, "columnKind": COLUMNS, "results": results}
    return _dump({"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]})


def _location(problem: Problem) -> dict[str, Any]:
    place: dict[str, Any] = {
        "physicalLocation": {
            "artifactLocation": {"uri": _uri(problem.file)},
            "region": {"startLine": problem.line, "startColumn": problem.column},
        }
    }
    if problem.field:
        place["logicalLocations"] = [{"fullyQualifiedName": problem.field}]
    return place


def _uri(file: str) -> str:
    path = quote(_path(file))
    return f"file://{path}" if path.startswith("/") else path


HELP = "https://mcd.internal/docs/reference/app-yaml-problems#{code}"
"""The page of cause and cure (docs/reference/app-yaml-problems.md)."""


def _rule(code: str) -> dict[str, Any]:
    from mcd.appyaml.text.codes import CODES, WARNINGS

    cause, cure = CODES[code]
    return {
        "id": code,
        "shortDescription": {"text": cause},
        "help": {"text": cure},
        "helpUri": HELP.format(code=code),
        "defaultConfiguration": {"level": "warning" if code in WARNINGS else "error"},
    }


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


FORMATS = {"text": as_text, "json": as_json, "github": as_github, "gitlab": as_gitlab, "sarif": as_sarif}
