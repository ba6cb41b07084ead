"""The first `make up` says what it does: it was silent for three minutes while pip worked."""

from __future__ import annotations

from pathlib import Path

from scripts.installing import told

ROOT = Path(__file__).parents[2]


def test_fetching_and_unpacking_are_a_handful_of_lines() -> None:
    pip = [line for n in range(10) for line in (f"Collecting a{n}==1.0 (from -r x)", "  Downloading a.whl (1 kB)")]
    assert list(told([*pip, "Installing collected packages: a0, a1"], 10)) == [
        "    fetched 3 of 10", "    fetched 6 of 10", "    fetched 9 of 10", "    fetched 10 of 10",
        "    unpacking 10, which says nothing for a minute or two",
    ]  # fmt: skip


def test_a_pip_that_fails_ends_make_though_its_words_go_through_a_pipe() -> None:
    recipe = (ROOT / "Makefile").read_text()
    assert "set -o pipefail; $(BIN)/python -m pip install" in recipe
