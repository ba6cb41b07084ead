"""Problems in the formats that people and their CI read: text, JSON, GitHub, GitLab, SARIF.

Pure: problems in, text out. It must not decide what is a problem.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from typing import Any

from mcd.errors import Problem, Severity

PRINTED = 100
"""So many problems of a file are printed in text; the rest is counted."""


def counted(problems: Mapping[str, Sequence[Problem]]) -> tuple[int, int]:
    """Errors and warnings of all files."""
    everything = [p for found in problems.values() for p in found]
    errors = sum(p.severity is Severity.ERROR for p in everything)
    return errors, len(everything) - errors


def as_text(problems: Mapping[str, Sequence[Problem]]) -> str:
    """One line each; nothing if all is well."""
    lines: list[str] = []
    for found in problems.values():
        lines += [str(p) for p in found[:PRINTED]]
        if len(found) > PRINTED:
            lines.append(f"… and {len(found) - PRINTED} more problems.")
    return "".join(f"{line}\n" for line in lines)


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
        where = f"file={_property(problem.file)},line={problem.line},col={problem.column},title={problem.code}"
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
    report = []
    for problem in (p for found in problems.values() for p in found):
        said = _said(problem)
        print_of = f"{problem.file}:{problem.line}:{problem.column}:{problem.code}:{said}"
        report.append(
            {
                "description": said,
                "check_name": problem.code,
                "fingerprint": hashlib.sha256(print_of.encode()).hexdigest(),
                "severity": "major" if problem.severity is Severity.ERROR else "minor",
                "location": {"path": problem.file, "lines": {"begin": problem.line}},
            }
        )
    return _dump(report)


def as_sarif(problems: Mapping[str, Sequence[Problem]]) -> str:
    """SARIF 2.1.0."""
    everything = [p for found in problems.values() for p in found]
    rules = [{"id": code} for code in sorted({p.code for p in everything})]
    results = [
        {
            "ruleId": p.code,
            "level": p.severity.value,
            "message": {"text": _said(p)},
            "locations": [
                {
                    "physicalLocation": {
                        "artifactLocation": {"uri": p.file},
                        "region": {"startLine": p.line, "startColumn": p.column},
                    }
                }
            ],
        }
        for p in everything
    ]
    run = {"tool": {"driver": {"name": "mcd", "rules": rules}}, "results": results}
    return _dump({"$schema": "https://json.schemastore.org/sarif-2.1.0.json", "version": "2.1.0", "runs": [run]})


def _dump(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False, indent=2) + "\n"


FORMATS = {"text": as_text, "json": as_json, "github": as_github, "gitlab": as_gitlab, "sarif": as_sarif}
