"""P15 in small: every series there can be, and none for an App; the text costs no more than twice the bare one."""

from __future__ import annotations

from pathlib import Path

import pytest

from bench import report, scrape, tables


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> scrape.Result:
    return scrape.run(tmp_path_factory.mktemp("scrape"), apps=60, turns=5, seconds=0.05)


def test_no_series_is_of_an_app_and_all_of_them_are_few_enough(found: scrape.Result) -> None:
    assert found.apps == 60
    assert found.series == found.series_of_few
    assert 5_000 < found.series <= scrape.MOST_SERIES


def test_the_text_costs_no_more_than_twice_the_bare_one(found: scrape.Result) -> None:
    assert found.text.low <= scrape.TARGET


def test_bare_writes_what_prometheus_reads() -> None:
    flat = [("a_total", {"x": "1", "y": "2"}, 3.0), ("b", {"x": "1"}, 0.5)]
    assert scrape.flat_of(scrape.bare(flat)) == flat


def test_the_table_goes_to_its_place(found: scrape.Result, tmp_path: Path) -> None:
    page = tmp_path / "page.md"
    page.write_text(report.PAGE.read_text("utf-8"))
    report.write_page("scrape", tables.scrape_table(found), report.machine() | found.facts(), page)
    assert f"{found.series:,} series" in page.read_text("utf-8")
