"""A page in another language has what is typed and shown word for word, so that one acceptance is good for all."""

from __future__ import annotations

import re

import pytest

from mcd.api.portal.manual.library import ENDINGS
from tests.docs.typing import DOCS

TRANSLATED = [path for ending in ENDINGS.values() for path in sorted(DOCS.rglob(f"*{ending}"))]


@pytest.mark.parametrize("path", TRANSLATED, ids=lambda path: str(path.relative_to(DOCS)))
def test_a_translation_types_and_shows_the_same(path: object) -> None:
    text = path.read_text("utf-8")  # type: ignore[attr-defined]
    name, ending = str(path), next(ending for ending in ENDINGS.values() if str(path).endswith(ending))
    english = DOCS.joinpath(name.removesuffix(ending) + ".md").read_text("utf-8")

    def fences(page: str) -> list[str]:
        return re.findall(r"^```.*?^```$", page, re.M | re.S)

    def links(page: str) -> list[str]:
        return re.findall(r"\]\(([^)]+)\)", page)

    assert fences(text) == fences(english)
    assert links(text) == links(english)


def test_the_first_pages_are_there_in_chinese() -> None:
    assert {path.name for path in TRANSLATED} >= {"README.zh.md", "quick-start.zh.md"}
