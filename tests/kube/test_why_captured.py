"""Every captured state is told as it was: state, sentence, step, lines of app.yaml and nodes, in both languages."""

from __future__ import annotations

import re

import pytest

from mcd.model.why import Language, Why
from tests.capture.expected import cases, path_of, text_of, words
from tests.capture.judge import FOLDER, component_health, explanation, from_yaml, read
from tests.capture.platform import PROVOKED
from tests.capture.states import STATES

CASES = cases()


@pytest.mark.parametrize("case", CASES)
def test_a_captured_state_is_told_in_both_languages(case: str) -> None:
    """`python -m tests.capture --words` writes anew what is compared here."""
    found = text_of(read(case))
    assert from_yaml(found) == from_yaml(path_of(case).read_text(encoding="utf-8"))


@pytest.mark.parametrize("case", CASES)
def test_a_captured_state_is_the_one_that_was_provoked(case: str) -> None:
    found = read(case)
    told = words(found)
    assert told["why"] == found["state"]
    assert told["why"] in (case, *(s.why.value for s in STATES if s.case == case))
    assert re.search(r"[\u4e00-\u9fff]", told["zh"]["sentence"]), "the Chinese sentence is in English"
    assert not re.search(r"(?<![\w/])\?(?![\w=])", told["en"]["sentence"] + told["en"]["step"]), (
        "a parameter is missing"
    )
    assert (told["en"]["step"] == "") == (told["zh"]["step"] == "")


@pytest.mark.parametrize("case", CASES)
def test_every_face_begins_with_the_same_sentence(case: str) -> None:
    """What a push, the status and the events say is the message that was written down."""
    found = read(case)
    sentence = explanation(found, Language.EN).sentence
    assert sentence in component_health(found).message


@pytest.mark.parametrize("case", CASES)
def test_a_capture_says_where_it_is_from_and_has_no_trace_of_the_machine(case: str) -> None:
    text = (FOLDER / case / "objects.yaml").read_text(encoding="utf-8")
    found = read(case)
    assert re.match(r"# Captured by `make capture` from .*, Kubernetes v1\.\d+\.\d+, \d{4}-\d\d-\d\d\.\n", text)
    assert found["source"] in ("real", "simulated")
    assert not re.search(r"/(?:tmp|root|work|home)/", text)
    assert len(text) < 40_000


def test_a_condition_that_nobody_could_tell_in_chinese_is_no_case() -> None:
    """What is stored knows what it says: a case of before would test rows that nobody writes any more."""
    found = read("foreign-object")
    plain = {"reason": found["condition"]["reason"], "message": found["condition"]["message"]}
    with pytest.raises(ValueError, match="capture it again"):
        component_health({**found, "condition": plain})


def test_every_state_that_can_be_provoked_was_captured() -> None:
    provoked = {state.case for state in STATES} | {why.value for why in PROVOKED}
    assert provoked == set(CASES)
    assert {read(case)["state"] for case in CASES} <= {why.value for why in Why}


def test_each_was_told_within_10_seconds_of_the_cluster_knowing_it() -> None:
    """As it was measured when it was captured, from the newest time in the objects themselves."""
    slow = {case: read(case)["seconds"] for case in CASES if read(case)["seconds"] > 10}
    assert not slow
