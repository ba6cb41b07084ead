"""docs/reference/app-yaml-cases.md: every key, effect, code and combination of app.yaml is proven by a case."""

from __future__ import annotations

import re

import pytest

from mcd.appyaml.schema import document
from mcd.appyaml.text.codes import CODES
from scripts import app_yaml_cases, app_yaml_effects
from scripts.app_yaml_combinations import COMBINATIONS, Combination
from tests.appyaml.evidence import Evidence, everything, steps_of

ROOT = app_yaml_cases.PAGE.parents[2]
ACCEPTED = [case for case in everything() if case.accepted]


def test_no_cell_is_empty() -> None:
    assert app_yaml_cases.open_cells(app_yaml_cases.page()) == []


def test_every_key_that_can_be_explained_has_its_row() -> None:
    places = {".".join(place).replace(".[N]", "[N]") for row in app_yaml_cases.rows() for place in row.places}
    assert {entry.where for entry in document.entries()} - places == set()


def test_every_code_and_every_combination_has_its_row() -> None:
    page = app_yaml_cases.page()
    assert [code for code in CODES if f"\n| `{code}` | " not in page] == []
    assert len(COMBINATIONS) >= 56
    assert [each for each in COMBINATIONS if f"\n| `{each.example}` | `{each.code}` | " not in page] == []


@pytest.mark.parametrize("case", ACCEPTED, ids=lambda case: case.name)
def test_a_file_that_is_written_again_says_the_same(case: Evidence) -> None:
    """Else the effect of a key could be that of writing the file again."""
    assert app_yaml_effects.seen_without(case, lambda place: False) == ""


def test_an_effect_is_that_of_the_key_that_is_taken_away() -> None:
    (hello,) = [case for case in everything() if case.name == "minimal-web" and case.of_the_page]
    seen = app_yaml_effects.seen_without
    assert seen(hello, lambda place: place == ("components", "web", "port")) == ""  # 8080 is the default
    assert seen(hello, lambda place: place == ("appname",)) == "objects"


def test_what_no_object_shows_names_a_test_or_a_case_that_is_there() -> None:
    known = {row.name for row in app_yaml_cases.rows()}
    assert app_yaml_effects.ELSEWHERE.keys() <= known
    for said in app_yaml_effects.ELSEWHERE.values():
        for path in re.findall(r"`([^`]+)`", said):
            assert (ROOT / path).exists(), path


def test_a_place_is_that_of_the_nearest_known_key() -> None:
    at = app_yaml_cases.row_at
    for field, name in (
        ('files["/etc/a.b"].mode', "components.NAME.files.NAME.mode"),
        ("components.web.domains[1].host", "components.NAME.domains[N].host"),
        ("components.web.resources.gpu.model[0]", "components.NAME.resources.gpu.model"),
        ("env.A", "env"),
    ):
        row = at(steps_of(field))
        assert row is not None
        assert row.name == name
    assert at(steps_of("env.A"), exactly=True) is None
    assert at(steps_of("nothing.like.this")) is None


def test_a_combination_is_found_by_its_whole_message_alone() -> None:
    row = Combination("components.*.domains[N]", "exclusive", "", r".+ is listed twice\. Remove one\.")
    assert row.fits("components.web.domains[1]")
    assert not row.fits("components.web.domains[1].tls")
    assert not row.fits("components.web.ports")
