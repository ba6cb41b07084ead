"""docs/how-to/operate.md names metrics that are there, and leads to the alerts instead of copying them."""

from __future__ import annotations

import re
from pathlib import Path

from mcd.observability import metrics

FOLDER = Path(__file__).resolve().parents[2] / "docs" / "how-to"
PAGE = (FOLDER / "operate.md").read_text(encoding="utf-8")


def test_every_metric_that_the_page_names_is_there() -> None:
    assert set(re.findall(r"\bmcd_[a-z_]+", PAGE)) <= set(metrics.FAMILIES)


def test_every_page_that_it_links_to_is_there() -> None:
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", PAGE):
        assert (FOLDER / link).is_file(), link


def test_the_files_that_it_names_are_there() -> None:
    for file in re.findall(r"`(charts/[^`]+)`", PAGE):
        assert (FOLDER.parents[1] / file).is_file(), file
