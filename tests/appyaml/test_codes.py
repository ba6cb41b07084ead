"""The table of codes, the compiler and the cases agree: each code is explained, comes up, and is proven by a case."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

import mcd.appyaml
from mcd.appyaml.text.codes import CODES, WARNINGS
from mcd.errors import Severity
from tests.appyaml.evidence import everything

SOURCES = [p for p in Path(mcd.appyaml.__file__).parent.rglob("*.py") if p.name != "codes.py"]
DOTTED = re.compile(
    r"(?:yaml|schema|value|name|path|file|secret|env|ref|template|capacity|cluster|cron|alert|shell)\.[a-z_]+"
)


OF_THE_PAGE = {
    "alias", "env.shadows", "secret.name", "health.none", "image.moving_tag", "cluster.degraded", "cron.both_days",
    "settings.override", "environment.unmatched", "product_line.differs", "pool.gpu_unused", "gpu.unchecked",
    "app_dep.absent",
}  # fmt: skip
"""The warnings that the specification lists (2.4)."""


def test_a_warning_that_the_page_does_not_list_has_an_adr() -> None:
    assert set(WARNINGS) == OF_THE_PAGE | {"env.literal", "oauth.open"}, "docs/adr/0020-more-than-the-page-asks.md"


def used() -> set[str]:
    """Every text of the compiler that is, or looks like, a code."""
    texts = {
        node.value
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    return {text for text in texts if text in CODES or DOTTED.fullmatch(text)}


def test_every_code_that_the_compiler_says_is_in_the_table() -> None:
    assert used() - CODES.keys() == set()
    assert {p.code for case in everything() for p in case.compiled.problems} - CODES.keys() == set()


def test_no_code_of_the_table_is_unused() -> None:
    assert CODES.keys() - used() == set()


@pytest.mark.parametrize("code", list(CODES))
def test_a_code_is_proven_by_a_case(code: str) -> None:
    assert any(p.code == code for case in everything() for p in case.compiled.problems)


def test_only_warnings_stop_nothing() -> None:
    for case in everything():
        for problem in case.compiled.problems:
            assert (problem.severity is Severity.WARNING) == (problem.code in WARNINGS), str(problem)


@pytest.mark.parametrize("code", list(CODES))
def test_a_code_has_a_cause_and_a_cure_in_whole_sentences(code: str) -> None:
    for text in CODES[code]:
        assert text[0].isupper() or text[0] in "`{"
        assert text.endswith((".", "]"))
