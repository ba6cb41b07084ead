"""docs/reference/why.md: every state of the enum is there, with its case, or with why it has none."""

from __future__ import annotations

from mcd.model.why import Why
from scripts import reference
from scripts.why_page import UNPROVOKED, page
from tests.capture.expected import cases
from tests.capture.judge import read


def test_every_state_has_a_captured_case_or_a_reason_why_not() -> None:
    captured = {read(name)["state"] for name in cases()}
    assert captured | {why.value for why in UNPROVOKED} == {why.value for why in Why}
    assert not captured & {why.value for why in UNPROVOKED}, "it was captured: take it out of the list"


def test_no_line_of_a_cluster_breaks_the_table() -> None:
    for line in page().splitlines():
        if line.startswith("| `"):
            assert line.replace("\\|", "").count("|") in (5, 6), line
            assert "<script" not in line


def test_the_page_is_generated_with_the_others() -> None:
    assert "why.md" in reference.PAGES
