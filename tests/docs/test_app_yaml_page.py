"""docs/reference/app-yaml.md: its examples are good, what it shows as wrong is refused so, who cites it finds it."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from mcd.appyaml.schema.document import entries
from scripts.app_yaml_page import PAGE

ROOT = PAGE.parent.parent.parent
TEXT = PAGE.read_text(encoding="utf-8")
EXAMPLES = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
WRONG = re.findall(r"^```yaml wrong\n(.*?)^```\n\n```text\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
SECTIONS = set(re.findall(r"^##+ (\d+(?:\.\d+)?)\.? ", TEXT, re.MULTILINE))
CODE = re.compile(r"(?:yaml|schema|value|name|path|secret|env|ref|template|capacity|cluster|cron|alert|shell)\.[a-z_]+")
CITED = re.compile(r"app-yaml(?:\.md)? ((?:\d+(?:\.\d+)?(?:, | and | to )?)+)")
"""Sections in a comment, as `app-yaml 6.7, 6.10`."""


def files(*folders: str) -> list[Path]:
    """Everything that people read in these folders."""
    kinds = {".py", ".md", ".yaml", ".toml"}
    found = [p for f in folders for p in (ROOT / f).rglob("*") if p.suffix in kinds and "cases" not in p.parts]
    return sorted(p for p in found if "__pycache__" not in p.parts)


def validate(folder: Path, text: str) -> subprocess.CompletedProcess[str]:
    (folder / "app.yaml").write_text(text, encoding="utf-8")
    words = [sys.executable, "-m", "mcd", "validate", "app.yaml"]
    return subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False, timeout=60)


@pytest.mark.parametrize("number", range(len(EXAMPLES)))
def test_an_example_has_no_problem(number: int, tmp_path: Path) -> None:
    done = validate(tmp_path, EXAMPLES[number])
    assert done.returncode == 0, done.stdout


@pytest.mark.parametrize("number", range(len(WRONG)))
def test_what_is_shown_as_wrong_is_refused_in_these_words(number: int, tmp_path: Path) -> None:
    text, said = WRONG[number]
    done = validate(tmp_path, text)
    assert (done.returncode, done.stdout) == (1, said)


def test_there_are_examples() -> None:
    assert len(EXAMPLES) >= 7
    assert WRONG


def test_every_field_that_may_be_written_has_its_row() -> None:
    missing = [e.where for e in entries() if f"| `{e.where.rpartition('.')[2]}` |" not in TEXT]
    assert missing == []


def test_every_code_of_a_problem_is_listed_and_comes_up() -> None:
    listed = TEXT[TEXT.index("### 2.4") : TEXT.index("## 3.")]
    used = {
        node.value
        for path in files("mcd/appyaml")
        if path.suffix == ".py"
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and CODE.fullmatch(node.value)
    }
    assert {code for code in used if f"`{code}`" not in listed} == set()
    assert {code for code in re.findall(r"`([a-z]+\.[a-z_]+)`", listed) if CODE.fullmatch(code)} <= used


def test_a_section_that_is_cited_is_there() -> None:
    lost = {
        f"{path.relative_to(ROOT)}: {number}"
        for path in files("mcd", "tests", "scripts", "docs")
        for cited in CITED.findall(path.read_text(encoding="utf-8"))
        for number in re.findall(r"\d+(?:\.\d+)?", cited)
        if number not in SECTIONS
    }
    assert lost == set()


def test_no_page_is_cited_that_is_not_in_the_repository() -> None:
    """The pages that this was planned with are not here; what is true of them stands where it is needed."""
    planned = re.compile(r"(?<![\w-])(?:design|stack|features|reliability|performance|style|cluster|review)\.md")
    lost = {
        f"{path.relative_to(ROOT)}: {name}"
        for path in files("mcd", "tests", "scripts", "docs", "migrations", "examples")
        if path != Path(__file__)
        for name in planned.findall(path.read_text(encoding="utf-8"))
    }
    assert lost == set()
