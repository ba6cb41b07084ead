"""What a person can look up is what the code says."""

from __future__ import annotations

import pytest

from mcd.observability import metrics
from scripts import reference


@pytest.mark.parametrize("name", list(reference.PAGES))
def test_a_generated_page_is_what_the_code_says(name: str) -> None:
    page = (reference.FOLDER / name).read_text(encoding="utf-8")
    assert page == reference.PAGES[name](), "run: make docs"


def test_every_metric_is_set_somewhere() -> None:
    """A metric that nothing sets is a promise that is not kept."""
    package = reference.FOLDER.parent.parent / "mcd"
    code = "\n".join(p.read_text(encoding="utf-8") for p in package.rglob("*.py") if p.name != "metrics.py")
    names = [name for name, made in vars(metrics).items() if hasattr(made, "_documentation")]
    assert names
    assert [name for name in names if f"metrics.{name}" not in code] == []
