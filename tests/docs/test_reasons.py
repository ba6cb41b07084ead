"""Every word that a program may switch on has its line in the docs, and every line in the docs can come up."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from functools import cache

import pytest

from mcd.model import Reason
from mcd.objects import OLDEST_MINOR
from scripts import reference

PACKAGE = reference.FOLDER.parent.parent / "mcd"
TREES = {
    path.relative_to(PACKAGE).as_posix(): ast.parse(path.read_text(encoding="utf-8"))
    for path in sorted(PACKAGE.rglob("*.py"))
}


@cache
def emitted() -> set[str]:
    """Members of Reason that some code hands on; one that is only compared with, or looked up by, is not."""
    return {
        node.attr
        for name, tree in TREES.items()
        if name != "model/outcomes.py"
        for node in _handed_on(tree)
        if isinstance(node, ast.Attribute)
        and isinstance(node.value, ast.Name | ast.Attribute)
        and _is_reason(node.value)
    }


def _is_reason(node: ast.expr) -> bool:
    return (node.id if isinstance(node, ast.Name) else node.attr if isinstance(node, ast.Attribute) else "") == "Reason"


def _handed_on(node: ast.AST) -> Iterator[ast.AST]:
    yield node
    for field, value in ast.iter_fields(node):
        if isinstance(node, ast.Compare | ast.Set) or (isinstance(node, ast.Dict) and field == "keys"):
            continue
        for child in value if isinstance(value, list) else [value]:
            if isinstance(child, ast.AST):
                yield from _handed_on(child)


def words_of_errors() -> dict[str, str]:
    """Reasons of refusals that are written as text → the file."""
    return {
        str(keyword.value.value): name
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        for keyword in node.keywords
        if keyword.arg == "reason" and isinstance(keyword.value, ast.Constant) and _is_word(keyword.value.value)
    }


def _is_word(value: object) -> bool:
    """`reason=` also names a label of a metric, with a sentence about it."""
    return isinstance(value, str) and re.fullmatch(r"[A-Z]\w+", value) is not None


def listed(page: str) -> set[str]:
    return set(re.findall(r"^\| `([A-Z]\w+)` \|", (reference.FOLDER / page).read_text(encoding="utf-8"), re.MULTILINE))


@pytest.mark.parametrize("reason", list(Reason))
def test_a_reason_comes_up_and_is_explained(reason: Reason) -> None:
    assert reason.name in emitted(), "nothing ever says it: take it out"
    assert reason.value in listed("reasons.md")


def test_the_page_explains_nothing_else() -> None:
    assert listed("reasons.md") == {reason.value for reason in Reason}


def test_a_reason_of_a_noun_is_never_written_as_text() -> None:
    raw = {word: file for word, file in words_of_errors().items() if word in {reason.value for reason in Reason}}
    assert raw == {}, "use the enum"


def test_every_other_word_of_a_refusal_is_explained() -> None:
    assert {word: file for word, file in words_of_errors().items() if word not in listed("problems.md")} == {}


def test_every_word_that_is_explained_comes_up() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    assert [word for word in listed("problems.md") if f'"{word}"' not in code] == []


def test_the_oldest_kubernetes_is_one_number_and_the_one_that_the_docs_say() -> None:
    numbers = {
        name
        for name, tree in TREES.items()
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and node.value == OLDEST_MINOR
    }
    # The other one is the days of February.
    assert numbers == {"objects.py", "appyaml/resolve/schedules.py"}
    assert f"older than 1.{OLDEST_MINOR}." in reference.documented(Reason)["VERSION_TOO_OLD"]
