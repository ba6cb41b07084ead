"""`mcd explain`: every key and every code is documented, in words that the reader itself keeps to."""

from __future__ import annotations

import pytest

from mcd.appyaml.schema import document
from mcd.appyaml.schema.fields import BAD
from mcd.appyaml.text.codes import CODES
from mcd.appyaml.text.nodes import Map
from mcd.appyaml.text.problems import Report
from mcd.appyaml.text.reader import read
from tests.appyaml.evidence import PAGE

ENTRIES = document.entries()
EXPLAIN = PAGE / "cases" / "schema-explain"
EACH_ENTRY = pytest.mark.parametrize("entry", ENTRIES, ids=lambda entry: entry.where)


@EACH_ENTRY
def test_every_field_says_type_default_limits_meaning_effect_and_example(entry: document.Entry) -> None:
    known = entry.key
    assert len(known.meaning) > 2
    assert known.meaning.endswith(".")
    assert known.effect
    assert known.example
    lines = document.explain(entry).splitlines()
    for word in ("type", "default", "limits", "meaning", "effect", "example"):
        (line,) = [line for line in lines if line.split()[0] == word and line.startswith("  ")]
        assert line.strip() != word, word


@EACH_ENTRY
def test_an_example_is_what_the_reader_takes(entry: document.Entry) -> None:
    report = Report("app.yaml")
    word = entry.word.removesuffix("[N]")
    tree = read(f"{word}: {entry.key.example}\n", report)
    assert isinstance(tree, Map)
    value = entry.key.kind.read(report, tree.entries[word][1], (word,))
    assert [str(problem) for problem in report.found] == []
    assert value is not BAD


@pytest.mark.parametrize("field", (EXPLAIN / "fields.txt").read_text().split())
def test_the_page_explains_this_field(field: str) -> None:
    found = document.find(field)
    assert found
    assert all(entry.where.rpartition(".")[2].startswith(field.rpartition(".")[2]) for entry in found)


@pytest.mark.parametrize("line", (EXPLAIN / "unknown.txt").read_text().splitlines())
def test_an_unknown_field_is_suggested_the_word_of_the_page(line: str) -> None:
    field, near = line.split()
    assert document.find(field) == []
    assert document.suggestion(field) == near


def test_a_field_is_found_by_its_path_by_the_end_of_it_and_by_its_name() -> None:
    assert [e.where for e in document.find("components.web.health")] == ["components.NAME.health"]
    assert [e.where for e in document.find("resources.gpu")] == ["components.NAME.resources.gpu"]
    assert [e.where for e in document.find("gpu")] == ["components.NAME.resources.gpu"]
    assert [e.where for e in document.find("components.web.domains[1].host")] == ["components.NAME.domains[N].host"]
    assert {
        "components.NAME.resources.memory",
        "components.NAME.resources.gpu.memory",
        "components.NAME.limits.memory",
    } <= {e.where for e in document.find("memory")}
    assert document.find("memry") == []
    assert document.suggestion("memry") == "memory"


def test_a_mapping_names_the_keys_inside() -> None:
    (entry,) = document.find("components.web.limits")
    assert "\n  keys     cpu, memory, disk\n" in document.explain(entry)


def test_a_code_is_found_and_suggested() -> None:
    meaning = document.meaning_of("value.range")
    assert meaning == CODES["value.range"]
    assert document.meaning_of("value.rang") is None
    assert document.suggestion("value.rang") == "value.range"


def test_a_program_gets_the_same() -> None:
    entry = ENTRIES[0]
    answer = document.as_json([entry], "", None)
    assert answer["codes"] == []
    assert answer["fields"][0]["field"] == entry.where
    assert answer["fields"][0]["required"] is True
    (code,) = document.as_json([], "alias", CODES["alias"])["codes"]
    assert (code["code"], code["warning"], code["cure"]) == ("alias", True, CODES["alias"].cure)
