"""The cases of app-yaml 9, written from the page alone by people who had not seen the code.

Nothing rewrites what they expect. Where the compiler does otherwise, deviations.txt says in which cases, in what, and
which ADR decided it; every other difference fails, and so does a deviation that is none any more.
"""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
import typer
import yaml
from typer.testing import CliRunner, Result

from mcd.cli import local
from tests.appyaml.cases_on_disk import COMMIT

CASES = Path(__file__).parent / "page" / "cases"
ADRS = Path(__file__).parents[2] / "docs" / "adr"


@dataclass(frozen=True)
class Deviation:
    """`case` and `difference` are globs; `why` names the ADR."""

    case: str
    difference: str
    why: str

    def covers(self, case: str, difference: str) -> bool:
        return fnmatchcase(case, self.case) and fnmatchcase(difference, self.difference)


DEVIATIONS = [
    Deviation(*(part.strip() for part in line.split("|")))
    for line in (CASES.parent / "deviations.txt").read_text().splitlines()
    if line and not line.startswith("#")
]

_OPEN = re.compile(r"[*…]")
"""What a case writes where the page leaves the rest of a message open."""

app = typer.Typer()
for command in local.COMMANDS:
    app.command()(command)


def run(case: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Result:
    """`mcd render -o json` beside the case's own files."""
    shutil.copytree(case, folder, dirs_exist_ok=True)
    if (case / "make.py").exists():
        made = subprocess.run([sys.executable, str(case / "make.py")], capture_output=True, check=True, timeout=60)
        (folder / "app.yaml").write_bytes(made.stdout)
    words = ["render", "--commit", COMMIT, "-o", "json"]
    if (case / "args.txt").exists():
        words += (case / "args.txt").read_text().split()
    if (case / "context.yaml").exists():
        words += ["--context", "context.yaml"]
    monkeypatch.chdir(folder)
    return CliRunner().invoke(app, words, catch_exceptions=False)


def differences(case: Path, result: Result) -> list[str]:
    """Every way in which the answer is not the one of the page; empty is right."""
    wrong = _problems(case, result.stderr)
    if not (case / "objects.txt").exists():
        return wrong if result.exit_code == 1 else [*wrong, f"exit code {result.exit_code}, not 1"]
    if result.exit_code != 0:
        return [*wrong, f"exit code {result.exit_code}, not 0"]
    answer = json.loads(result.stdout)
    found = {f"{o['kind']}/{o['metadata']['name']}": o for o in answer["objects"]}
    wanted = [line for line in (case / "objects.txt").read_text().splitlines() if line]
    if list(found) != wanted:
        wrong.append(f"objects {list(found)}\n    not {wanted}")
    expected = case / "expected.yaml"
    for obj in yaml.safe_load_all(expected.read_text()) if expected.exists() else ():
        if obj:
            name = f"{obj['kind']}/{obj['metadata']['name']}"
            wrong += list(_unlike(obj, found.get(name), name))
    if (case / "secrets.json").exists():
        wanted_secrets = json.loads((case / "secrets.json").read_text())
        for secret in (*wanted_secrets, *answer["secrets"]):
            secret["keys"].sort()  # the page gives them no order (why.md: "compare as sets")
        wrong += _unlike(wanted_secrets, answer["secrets"], "secrets")
    return wrong


def _problems(case: Path, stderr: str) -> list[str]:
    file = case / "problems.txt"
    wanted = file.read_text().splitlines() if file.exists() else []
    found = [line for line in stderr.splitlines() if line.strip()]
    same = len(wanted) == len(found) and all(_fits(a, b) for a, b in zip(wanted, found, strict=True))
    if same:
        return []
    missing = [f"- {line}" for line in wanted if not any(_fits(line, other) for other in found)]
    extra = [f"+ {line}" for line in found if not any(_fits(other, line) for other in wanted)]
    return ["\n".join(["problems:", *missing, *extra, *([] if missing or extra else ["in another order"])])]


def _fits(wanted: str, found: str) -> bool:
    """An open message is bound by its beginning."""
    left = _OPEN.split(wanted, maxsplit=1)
    if len(left) > 1 and (wanted.rstrip().endswith("*") or "…" in wanted):
        return found.startswith(left[0])
    return wanted == found


def _unlike(wanted: Any, found: Any, path: str) -> list[str]:
    """Where two documents differ, one line each."""
    if isinstance(wanted, dict) and isinstance(found, dict):
        lines = []
        for key in sorted({*wanted, *found}):
            if key not in found:
                lines.append(f"{path}.{key}: missing, wanted {wanted[key]!r}")
            elif key not in wanted:
                lines.append(f"{path}.{key}: too much, {found[key]!r}")
            else:
                lines += _unlike(wanted[key], found[key], f"{path}.{key}")
        return lines
    if isinstance(wanted, list) and isinstance(found, list) and len(wanted) == len(found):
        return [
            line
            for number, pair in enumerate(zip(wanted, found, strict=True))
            for line in _unlike(*pair, f"{path}[{number}]")
        ]
    return [] if wanted == found and type(wanted) is type(found) else [f"{path}: {found!r}, wanted {wanted!r}"]


@pytest.mark.parametrize("case", sorted(CASES.iterdir()), ids=lambda folder: folder.name)
def test_the_page_decides(case: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = differences(case, run(case, tmp_path, monkeypatch))
    decided = [one for one in DEVIATIONS if fnmatchcase(case.name, one.case)]
    assert not [line for line in wrong if not any(one.covers(case.name, line) for one in decided)]
    for one in decided:
        assert any(one.covers(case.name, line) for line in wrong), f"{case.name} does not need: {one.difference}"


def test_every_deviation_names_a_decision() -> None:
    names = {folder.name for folder in CASES.iterdir()}
    for one in DEVIATIONS:
        assert any(fnmatchcase(name, one.case) for name in names), one.case
        number = re.search(r"ADR (\d+)", one.why)
        assert number is not None, one.why
        assert list(ADRS.glob(f"{int(number[1]):04d}-*.md")), one.why
