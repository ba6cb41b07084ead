"""`mcd why` against the real application: the sentence, the evidence, the step, and the exit code."""

from __future__ import annotations

from typing import Any

import pytest

from mcd.cli.output import Form
from mcd.cli.remote.why import show
from tests.cli.conftest import TWO, Mcd, Platform, data


def test_an_app_that_is_well_says_so_and_ends_with_0(dora: Mcd, platform: Platform) -> None:
    platform.deployed("whole", TWO)
    told = dora("why", "whole")
    assert (told.code, told.err) == (0, "")
    assert told.out.splitlines()[0] == "whole: all is well."
    assert "web: healthy: 1 of 1 ready." in told.out
    assert dora("why", "whole", "--language", "zh").out.splitlines()[0] == "whole：一切正常。"
    found: Any = data(dora("why", "whole", "web", "-o", "json"))
    assert [item["component"] for item in found["items"]] == ["web"]
    assert dora("why", "whole/web", "-o", "name").out == "web/ready\n"


def test_an_app_with_problems_says_the_sentence_and_the_step_and_ends_with_1(dora: Mcd, platform: Platform) -> None:
    platform.deployed("broken", TWO)
    text = "appname: broken\ncomponents:\n  web: {type: web, image: 'x:1', port: 99999}\n"
    platform.inside(lambda: platform.world.push(text, "broken"))
    with platform.hurry():
        platform.until(lambda: "app.yaml has problems" in dora("why", "broken").out)
    told = dora("why", "broken")
    assert told.code == 1
    assert "app: failed (of Release 2, which does not run; Release 1 does): app.yaml has problems: " in told.out
    assert "  next: Mend app.yaml, commit and push again." in told.out
    assert "web: healthy: 1 of 1 ready." in told.out, "what runs is said too"


def test_wrong_words_are_one_line(dora: Mcd, platform: Platform) -> None:
    platform.deployed("words", TWO)
    for words, code in (
        (("why", "words", "--language", "fr"), 2),
        (("why", "words/web", "api"), 2),
        (("why", "words", "ghost"), 3),
        (("why", "nothing-of-that-name"), 3),
    ):
        told = dora(*words)
        assert (told.code, told.out, told.err.count("\n")) == (code, "", 1), words


ITEM: dict[str, Any] = {
    "component": "web", "well": False, "state": "failed", "why": "devices-busy", "reason": "Unschedulable",
    "sentence": "no node takes the pod: \x1b[31mred", "beside": ["Not ready in 9 s."], "step": "Wait.",
    "patch": "components:\n  web:\n    gpu: 1", "evidence": ["one\x07", "two"], "nodes": [], "release": 1, "rollout": 1,
    "live": True, "since": "2026-05-03T10:00:00Z",
}  # fmt: skip


def test_everything_is_shown_and_no_control_character_reaches_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    show({"app": "shop", "well": False, "language": "en", "items": [ITEM]}, Form.TABLE)
    told = capsys.readouterr().out
    assert "\x1b" not in told
    assert "\x07" not in told
    lines = told.splitlines()
    assert lines[0].startswith("web: failed: no node takes the pod: ")
    assert lines[1] == "  Not ready in 9 s."
    assert lines[2].startswith("  Unschedulable (devices-busy), ")
    assert "  next: Wait." in lines
    assert lines[-4:] == ["  app.yaml:", "    components:", "      web:", "        gpu: 1"]


def test_nodes_are_a_table_without_the_columns_that_nobody_has(capsys: pytest.CaptureFixture[str]) -> None:
    node = {"node": "t4-1", "model": "T4", "devices": "0 / 4", "memory": "", "why": "is cordoned"}
    show({"app": "shop", "well": False, "language": "zh", "items": [{**ITEM, "nodes": [node]}]}, Form.TABLE)
    told = capsys.readouterr().out
    assert "NODE" in told.upper()
    assert "MEMORY" not in told
    assert "t4-1" in told
    assert "| one" not in told
    assert "  下一步：Wait." in told
