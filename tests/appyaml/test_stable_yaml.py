"""The YAML that we print is read as the same texts by a YAML 1.1 reader and by our YAML 1.2 reader."""

from __future__ import annotations

import json
from typing import Any

import pytest
import ruamel.yaml
import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from mcd.appyaml.text.nodes import Items, Map, Node, Scalar
from mcd.appyaml.text.problems import Report
from mcd.appyaml.text.reader import read
from mcd.objects import to_json, to_yaml
from tests.appyaml.everything import accepted

TRAPS = [
    "y", "n", "yes", "No", "on", "OFF", "true", "null", "~", "", "1_000", "0b1", "0o7", "07", "0x1F", "1e3", ".5", "5.",
    "1:20", "22:22:22", "2026-11-22", "2026-11-22T10:00:00Z", "<<", "=", "-", "- a", "? a", ": a", "a: b", "a #b", "#a",
    "...", "---", "--- a", "a:", "*a", "&a", "!a", "|", ">", "%a", "@a", "`a`", "'a'", '"a"', "[a]", "{a}",
    ",", " a", "a ", "a\nb", "a\n", "a\n\n", "\n", " a\nb", "a\n b\n", "\ta", "a\tb",
    "\x85", "\u2028", "\ufeff", "\x7f",
    "\x00", "é", "这是", ".inf", "-.INF", ".nan", "1.2.3", "1.10", "-1", "+1", "6e23", "1E5", "-0o7",
    "12345678e901", ":$(PORT)",
    "a,b", "-_", "+__", "._",
    "a]b", "\U0001f600",
]  # fmt: skip
TEXTS = (
    st.sampled_from(TRAPS)
    | st.text(st.characters(exclude_categories=["Cs"]), max_size=20)
    | st.from_regex(r"[-+0-9._:eExXobTtZ ~ynofNULtrue=<>#'\"\n]{0,12}", fullmatch=True)
)
TREES = st.recursive(
    TEXTS, lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4), max_leaves=12
)


def texts_of(node: Node) -> Any:
    """What a YAML 1.2 reader that takes every scalar as text sees."""
    if isinstance(node, Map):
        return {key: texts_of(value) for key, (_, value) in node.entries.items()}
    if isinstance(node, Items):
        return [texts_of(item) for item in node.items]
    assert isinstance(node, Scalar)
    # A plain scalar that is no text for YAML 1.2 would be read as something else.
    assert not node.null
    return node.text


@pytest.mark.parametrize(
    "mark", ["\u061c", "\u200b", "\u200e", "\u200f", "\u202a", "\u202e", "\u2060", "\u2066", "\u2069"]
)
def test_what_cannot_be_seen_or_turns_a_text_is_written_as_an_escape(mark: str) -> None:
    for text in (mark, f"user{mark}txt.exe", f"two\nlines{mark}\n", f"'{mark}"):
        written = to_yaml([{"a": text, f"k{mark}": [text]}])
        assert mark not in written
        assert f"\\u{ord(mark):04x}" in written
        both_readers_agree([text])
        assert mark not in to_json({"a": text})
        assert json.loads(to_json({"a": text})) == {"a": text}


def both_readers_agree(tree: Any) -> None:
    written = to_yaml([{"tree": tree}])
    assert yaml.safe_load(written) == {"tree": tree}, written
    report = Report("out.yaml")
    node = read(written, report)
    assert report.found == []
    assert node is not None
    assert texts_of(node) == {"tree": tree}, written


@pytest.mark.parametrize("text", TRAPS)
def test_a_text_that_looks_like_something_else_stays_text(text: str) -> None:
    both_readers_agree(text)
    both_readers_agree({text: [text, {"a": text}]})


@settings(max_examples=400, deadline=None)
@given(TREES)
def test_any_texts_survive_both_readers(tree: Any) -> None:
    both_readers_agree(tree)


def test_only_what_must_be_quoted_is_quoted() -> None:
    written = to_yaml(
        [{"a": "8080", "b": 8080, "c": "true", "d": True, "e": "x y", "f": "it's", "g": None, "h": {}, "i": []}]
    )
    assert written == "a: '8080'\nb: 8080\nc: 'true'\nd: true\ne: x y\nf: it's\ng: null\nh: {}\ni: []\n"


def test_keys_stand_in_the_fixed_order_and_long_lines_are_not_folded() -> None:
    long = "word " * 60 + "end"
    written = to_yaml(
        [
            {
                "spec": {"b": [{"z": 1, "name": "x"}], "a": long},
                "metadata": {"labels": {}, "name": "one"},
                "kind": "K",
                "apiVersion": "v1",
            }
        ]
    )
    assert written == (
        "apiVersion: v1\nkind: K\nmetadata:\n  name: one\n  labels: {}\nspec:\n"
        f"  a: {long}\n  b:\n  - name: x\n    z: 1\n"
    )


def test_a_shared_part_is_written_twice_and_never_as_an_anchor() -> None:
    shared = {"a": "b"}
    assert to_yaml([{"p": shared, "q": shared}, {"z": shared}]) == "p:\n  a: b\nq:\n  a: b\n---\nz:\n  a: b\n"


def test_a_text_of_several_lines_is_a_literal_block() -> None:
    assert to_yaml([{"a": "one\n  two\n", "b": ["x\ny"]}]) == "a: |\n  one\n    two\nb:\n- |-\n  x\n  y\n"


@pytest.mark.parametrize(
    "word",
    [
        "y",
        "Y",
        "n",
        "N",
        "yes",
        "on",
        "OFF",
        "True",
        "NULL",
        "~",
        "<<",
        "=",
        "6e23",
        "1E400",
        "0o7",
        "+0o7",
        "-0x1f",
        "0b1",
        "0o17",
        "017",
        "0x1F",
        "1_000",
        "1e3",
        "12345678e901",
        "1.",
        ".5",
        "-.5",
        "+1",
        "1:20",
        "22:22:22",
        "1:20.5",
        ".inf",
        ".NaN",
        "2026-11-22",
    ],
)
def test_a_word_that_any_reader_takes_for_no_text_is_quoted(word: str) -> None:
    """PyYAML reads y and 1e3 as text, other readers of YAML 1.1 and 1.2 do not."""
    assert to_yaml([{"a": word}]) == f"a: '{word}'\n"


@pytest.mark.parametrize("word", ["1.2.3", "3f2c1a9d5e8b", "a-b", "25%", "10.0.0.0/16", "500m", "yesterday", ":x"])
def test_a_word_that_no_reader_misreads_is_plain(word: str) -> None:
    assert to_yaml([{"a": word}]) == f"a: {word}\n"


NUMBERS = st.from_regex(
    r"[-+]?(0[xXoObB]?)?[0-9a-fA-F_]{0,6}(\.[0-9_]{0,3})?([eE][-+]?[0-9]{1,3})?(:[0-9]{1,2}){0,2}", fullmatch=True
)


def as_read(document: str, version: str) -> Any:
    """What a reader of other people makes of it that follows YAML 1.1 or YAML 1.2 to the letter."""
    reader = ruamel.yaml.YAML(typ="safe", pure=True)
    reader.version = version
    return reader.load(document)


@settings(max_examples=60, deadline=None)
@given(st.lists(NUMBERS | st.sampled_from(TRAPS), min_size=1, max_size=20))
@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_a_number_in_any_notation_is_a_text_to_readers_of_both_versions(version: str, texts: list[str]) -> None:
    assert as_read(to_yaml([{"all": texts}]), version) == {"all": texts}


def _texts_in(value: Any) -> set[str]:
    if isinstance(value, str):
        return {value}
    if isinstance(value, dict):
        return {text for key, item in value.items() for text in (key, *_texts_in(item))}
    return {text for item in value for text in _texts_in(item)} if isinstance(value, list | tuple) else set()


@pytest.mark.parametrize("version", ["1.1", "1.2"])
def test_every_text_of_every_case_is_a_text_to_readers_of_both_versions(version: str) -> None:
    texts = sorted({text for done in accepted() for text in _texts_in(list(done.objects))})
    assert as_read(to_yaml([{"all": texts}]), version) == {"all": texts}
    assert len(texts) > 500


def test_what_every_case_prints_is_read_as_the_objects_that_were_made() -> None:
    for done in accepted():
        assert list(yaml.load_all(done.yaml, Loader=yaml.CSafeLoader)) == list(done.objects), str(done)
