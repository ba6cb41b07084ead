"""What a person can look up is what the code says."""

from __future__ import annotations

import pytest

from scripts import reference


@pytest.mark.parametrize("name", list(reference.PAGES))
def test_a_generated_page_is_what_the_code_says(name: str) -> None:
    page = (reference.FOLDER / name).read_text(encoding="utf-8")
    assert page == reference.PAGES[name](), "run: make docs"
