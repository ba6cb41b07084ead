"""The fuzzer itself: a slice of it, that it finds what is planted, and that it forgets nothing.

The slice is small; `make fuzz` is the campaign.
"""

from __future__ import annotations

import random
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mcd.appyaml.compiler import Compiled
from mcd.appyaml.schema.app import App
from mcd.appyaml.schema.component import Component
from mcd.appyaml.schema.fields import keys_of
from mcd.errors import Problem, Severity
from tests.rig import judge
from tests.rig.campaign import REACH, holds
from tests.rig.inputs import WAYS, made
from tests.rig.judge import judged
from tests.rig.platforms import platforms
from tests.rig.tally import Tally, keep, load, together

ROOT = Path(__file__).parents[2]
FILE = b"appname: shop\ncomponents: {web: {type: web}}\n"


def fuzz(*words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "tests.rig", "fuzz", "appyaml", *words], cwd=ROOT, capture_output=True, text=True,
        check=False, timeout=200,
    )  # fmt: skip


def test_a_slice_of_the_campaign_finds_nothing(tmp_path: Path) -> None:
    """Twenty seconds, or so many inputs, guided by the branches that they reach."""
    done = fuzz("--inputs", "4000", "--seconds", "20", "--state", str(tmp_path), "--seed", "11")
    tally = load(tmp_path / "all" / "tally.json")
    assert tally.found == {}, done.stdout
    assert tally.inputs > 300
    assert tally.edges > 1000, (tmp_path / "all" / "log.txt").read_text()[-2000:]
    assert tally.p99 < 0.020
    assert tally.slowest <= 1.0
    assert tally.share >= REACH
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_campaign_goes_on_where_it_was_and_shards_add_up(tmp_path: Path) -> None:
    for words in (("--inputs", "40"), ("--inputs", "60", "--resume"), ("--inputs", "50", "--shard", "2/3")):
        assert fuzz(*words, "--seconds", "100", "--state", str(tmp_path)).returncode in (0, 1)
    assert load(tmp_path / "all" / "tally.json").inputs == 60
    assert load(tmp_path / "2-of-3" / "tally.json").inputs == 50
    assert together([load(file) for file in tmp_path.glob("*/tally.json")]).inputs == 110
    assert "110 inputs" in fuzz("--report", "--state", str(tmp_path)).stdout


def _raising(*_: object) -> Any:
    raise ValueError("planted")


def _spoiled(spoil: Callable[[dict[str, Any]], object]) -> Callable[..., Compiled]:
    """A compiler that makes one of its objects wrong."""
    right = judge.compile_app

    def compiled(*given: Any) -> Compiled:
        found = right(*given)
        spoil(next(obj for obj in found.objects if obj["kind"] == "Deployment"))
        return found

    return compiled


def _pod(obj: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = obj["spec"]["template"]["spec"]
    return found


PLANTS: dict[str, tuple[Callable[[dict[str, Any]], object], str]] = {
    "a field that Kubernetes does not know": (lambda o: _pod(o).update(tolerate=[]), "schema"),
    "a name that is none": (lambda o: o["metadata"].update(name="A_b"), "a name that is none"),
    "a label that is too long": (lambda o: o["metadata"]["labels"].update(x="a" * 64), "label x"),
    "a variable twice": (lambda o: _pod(o)["containers"][0]["env"].append({"name": "PORT", "value": "1"}), "two var"),
    "a mount without its volume": (
        lambda o: _pod(o)["containers"][0].update(volumeMounts=[{"name": "x", "mountPath": "/x"}]), "the volume x",
    ),
    "a port name of a number": (lambda o: _pod(o)["containers"][0]["ports"][0].update(name="80"), "port name"),
}  # fmt: skip


@pytest.mark.parametrize("name", PLANTS)
def test_a_planted_mistake_in_an_object_is_a_finding(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spoil, words = PLANTS[name]
    assert judged(FILE, platforms()[0], "1.33").wrong == ()
    monkeypatch.setattr(judge, "compile_app", _spoiled(spoil))
    assert any(words in line for line in judged(FILE, platforms()[0], "1.33").wrong)


def test_an_exception_is_a_finding_with_its_place_and_its_folder_can_be_replayed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judge, "compile_app", _raising)
    one = made(b"\x05\x80")
    wrong = judged(one.text, one.platform, "1.33").wrong
    assert wrong[0].startswith("uncaught ValueError")
    folder = keep(one, wrong[0], tmp_path)
    assert (folder / "app.yaml").read_bytes() == one.text
    assert "--replay" in (folder / "found.txt").read_text()
    said = fuzz("--replay", str(folder))
    assert said.returncode == 0, said.stdout
    assert "nothing is wrong any more" in said.stdout


def test_a_finding_that_is_mended_is_counted_as_such_when_the_campaign_goes_on(tmp_path: Path) -> None:
    one = made(b"\x05\x80")
    tally = Tally(inputs=10, reached=5, slowest=3.0, times=[10, *[0] * 400])
    for what in ("slow: more than 1 s", "uncaught ValueError in a.py b"):
        tally.note(what, str(keep(one, what, tmp_path / "all" / "found")))
    tally.save(tmp_path / "all" / "tally.json")
    fuzz("--inputs", "11", "--resume", "--state", str(tmp_path))
    after = load(tmp_path / "all" / "tally.json")
    assert after.found == {}
    assert set(after.mended) == {"slow: more than 1 s", "uncaught ValueError in a.py b"}
    assert after.slowest <= 1.0


def test_a_slow_finding_whose_input_is_gone_is_settled_by_what_was_kept(tmp_path: Path) -> None:
    tally = Tally(inputs=10, reached=5, slowest=3.0, times=[10, *[0] * 400])
    for what in ("slow: 2.52 s", "uncaught ValueError in a.py b"):
        tally.note(what, str(tmp_path / "all" / "found" / "gone"))
    folder = tmp_path / "all"
    (folder / "corpus").mkdir(parents=True)
    tally.save(folder / "tally.json")
    assert fuzz("--settle", "--state", str(tmp_path)).returncode == 1
    assert set(load(folder / "tally.json").found) == set(tally.found), "nothing was kept that could tell"
    (folder / "corpus" / "a").write_bytes(b"\x05\x80")
    assert fuzz("--settle", "--state", str(tmp_path)).returncode == 1
    after = load(folder / "tally.json")
    assert (set(after.found), after.mended) == ({"uncaught ValueError in a.py b"}, {"slow: 2.52 s": 1})
    assert after.slowest <= 1.0


@pytest.mark.parametrize(
    ("problem", "words"),
    [
        (Problem("new.code", Severity.ERROR, "app.yaml", 1, 1, "", "it is wrong.", "Mend it."), "not in the list"),
        (Problem("yaml.limit", Severity.ERROR, "app.yaml", 0, 1, "", "it is wrong.", "Mend it."), "before the first"),
        (Problem("yaml.limit", Severity.ERROR, "app.yaml", 1, 1, "", "it is\x1b[2J wrong.", ""), "a terminal may obey"),
        (Problem("yaml.limit", Severity.ERROR, "app.yaml", 1, 1, "", "a" * 4000 + ".", ""), "4,0"),
    ],
)
def test_a_problem_that_no_person_should_read_is_a_finding(
    problem: Problem, words: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(judge, "compile_app", lambda *_: Compiled((), (), (problem,), None))
    wrong = judged(FILE, platforms()[0], "1.33").wrong
    assert any(words.replace("4,0", "a message of") in line for line in wrong), wrong


def test_a_campaign_with_a_finding_or_out_of_its_limits_does_not_hold() -> None:
    good = Tally(inputs=100, reached=50, slowest=0.01, times=[100, *[0] * 400])
    assert holds(good)
    assert not holds(Tally(inputs=100, reached=29, times=[100, *[0] * 400]))
    assert not holds(Tally(inputs=100, reached=50, slowest=1.1, times=[100, *[0] * 400]))
    assert not holds(Tally(inputs=100, reached=50, times=[*[0] * 100, 100, *[0] * 300]))
    assert not holds(Tally(inputs=100, reached=50, times=[100, *[0] * 400], found={"x": [1, ""]}))


def test_every_key_of_the_schema_is_tried() -> None:
    """A key that is added tomorrow is in the fuzzer's files tomorrow."""
    source = random.Random(3)
    seen = "\n".join(made(bytes([7]) + source.randbytes(250)).text.decode("utf-8", "replace") for _ in range(4000))
    words = {word for model in (App, Component) for word, key in keys_of(model).items()}
    assert {word for word in words if f"{word}:" not in seen} == set()


def test_the_same_bytes_are_the_same_input_and_every_way_is_taken() -> None:
    source = random.Random(5)
    tries = [source.randbytes(100) for _ in range(300)]
    assert [made(data).text for data in tries] == [made(data).text for data in tries]
    assert {made(data).way for data in tries} == {way for _, way, _ in WAYS}
    assert sum(share for share, _, _ in WAYS) == 100
