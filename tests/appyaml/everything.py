"""Every case folder, ours and those of the page, as what the command makes of it: for tests that concern them all.

`python -m tests.appyaml.everything` prints all of it, so that two processes can be compared. It must not judge.
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import typer
import yaml
from typer.testing import CliRunner

from mcd.cli import local
from tests.appyaml.cases_on_disk import CONTEXT_OF_THE_PAGE, Case, all_cases

PAGE_CASES = Path(__file__).parent / "page" / "cases"
COMMIT = "3f2c1a9d5e8b7c6a4f0e1d2c3b4a59687f6e5d4c"
Object = dict[str, Any]

_app = typer.Typer()
for _command in local.COMMANDS:
    _app.command()(_command)


@dataclass(frozen=True)
class Done:
    """A case and what came of it. `where` is `cases` or `page`; `kubernetes` is empty where the case does not say;
    `objects` is empty for a refused one."""

    where: str
    name: str
    kubernetes: str
    security: str
    objects: tuple[Object, ...]
    yaml: str
    problems: str

    def __str__(self) -> str:
        return f"{self.where}/{self.name}"


def _said(context: Path) -> dict[str, Any]:
    if not context.exists():
        return {}
    found = yaml.safe_load(context.read_bytes())
    return found if isinstance(found, dict) else {}


def _facts(context: Path) -> tuple[str, str]:
    """The version of Kubernetes (as 1.33) and the security of the product line that a context names."""
    said = _said(context)
    cluster, line = said.get("cluster") or {}, said.get("product_line") or {}
    version = re.match(r"v?(\d+\.\d+)", str(cluster.get("kubernetes") or ""))
    return version[1] if version else "", str(line.get("security") or "restricted")


def _ours(case: Case) -> Done:
    context = CONTEXT_OF_THE_PAGE if "--page-context" in case.arguments else case.folder / "context.yaml"
    return Done("cases", case.name, *_facts(context), tuple(case.objects()), case.rendered(), case.problems())


def _of_the_page(folder: Path) -> Done:
    words = (folder / "args.txt").read_bytes().decode().split() if (folder / "args.txt").exists() else []
    context = ["--context", "context.yaml"] if (folder / "context.yaml").exists() else []
    here = Path.cwd()
    with tempfile.TemporaryDirectory() as work:
        shutil.copytree(folder, work, dirs_exist_ok=True)
        if (folder / "make.py").exists():
            made = subprocess.run(
                [sys.executable, str(folder / "make.py")], capture_output=True, check=True, timeout=60
            )
            (Path(work) / "app.yaml").write_bytes(made.stdout)
        os.chdir(work)
        try:
            words = ["render", "--commit", COMMIT, *words, *context]
            as_yaml, as_json = (
                CliRunner().invoke(_app, [*words, "-o", form], catch_exceptions=False) for form in ("yaml", "json")
            )
        finally:
            os.chdir(here)
    objects = json.loads(as_json.stdout)["objects"] if as_json.exit_code == 0 else []
    facts = _facts(folder / "context.yaml")
    return Done("page", folder.name, *facts, tuple(objects), as_yaml.stdout, as_yaml.stderr)


@cache
def everything() -> tuple[Done, ...]:
    """Made once in a process."""
    return (*(_ours(case) for case in all_cases()), *(_of_the_page(f) for f in sorted(PAGE_CASES.iterdir())))


def accepted() -> tuple[Done, ...]:
    return tuple(done for done in everything() if done.objects)


def lines() -> Iterator[str]:
    """All of it as text."""
    for done in everything():
        yield f"# {done}\n{done.yaml}{done.problems}"


if __name__ == "__main__":
    sys.stdout.buffer.write("".join(lines()).encode())
