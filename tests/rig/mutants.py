"""Whether the cases would notice: 300 small mistakes, drawn by a fixed seed, are put into parse, resolve and render.

mutmut makes the mistakes and runs the tests of tests/appyaml that reach each; this draws, bounds, goes on where it was,
and writes what survived beside why. It works in a copy of the last commit, and must not change the work tree.
"""

from __future__ import annotations

import argparse
import json
import random
import shutil
import subprocess
import sys
import tarfile
import time
from collections import Counter
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path

ROOT = Path(__file__).parents[2]
STATE = ROOT / ".local" / "mutants"
PAGE = Path(__file__).with_name("survivors.md")
WHY = Path(__file__).with_name("survivors.txt")
MUTATED = ("mcd/appyaml/parse.py", "mcd/appyaml/resolve/*", "mcd/appyaml/render/*")
LEFT_OUT = ("test_server.py", "test_stable.py", "test_alert_rules.py", "test_editor.py", "test_language_server.py")
"""Tests that start other programs: they would take an hour and notice nothing that the cases do not."""
TIMED = "stalls or at_once or little_time or multiply_one_another"
"""Words of the tests that take the time: with the mistakes beside the code, it is several times as slow."""
ENOUGH = 0.90
_CONFIG = """
[tool.mutmut]
source_paths = ["mcd"]
only_mutate = {mutated}
also_copy = ["scripts", "bench", "docs", "examples", "charts", "migrations", "Makefile", "README.md", "requirements"]
pytest_add_cli_args = ["-q", "-x", "-p", "no:xdist", "-k", "not ({timed})"]
pytest_add_cli_args_test_selection = {tests}
timeout_multiplier = 5.0
timeout_constant = 10.0
track_dependencies = false
use_git_change_detection = false
"""


@dataclass(frozen=True)
class Outcome:
    """What became of one mistake: killed, survived, or what mutmut says of it besides."""

    name: str
    word: str


def run(given: argparse.Namespace) -> int:
    """0: enough was noticed; 1: not; 2: it could not be done."""
    folder: Path = given.state or STATE
    if not given.resume or not (folder / "drawn.json").exists():
        _prepare(folder)
        known = _all_names(folder, given.seconds)
        if not known:
            print(f"mutmut made nothing: see {folder / 'log.txt'}", file=sys.stderr)
            return 2
        drawn = random.Random(given.seed).sample(known, min(given.count, len(known)))
        (folder / "drawn.json").write_text(json.dumps({"of": len(known), "seed": given.seed, "names": sorted(drawn)}))
    drawn_file = json.loads((folder / "drawn.json").read_text())
    names: list[str] = drawn_file["names"]
    end = time.monotonic() + given.seconds
    while (left := [n for n in names if _results(folder).get(n) is None]) and time.monotonic() < end:
        # A few at a time, so that little is lost when the bound comes.
        _mutmut(folder, ["run", "--max-children", str(given.children), *left[:75]], end - time.monotonic())
        if all(_results(folder).get(name) is None for name in left[:75]):
            print(f"mutmut ran none of {len(left[:75])}: see {folder / 'log.txt'}", file=sys.stderr)
            return 2
    found = [Outcome(name, _word(_results(folder).get(name))) for name in names]
    return _told(folder, found, drawn_file)


def _prepare(folder: Path) -> None:
    """A copy of the last commit, with mutmut's settings."""
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    done = subprocess.run(["git", "archive", "HEAD"], cwd=ROOT, capture_output=True, check=True, timeout=60)
    with tarfile.open(fileobj=BytesIO(done.stdout)) as archive:
        archive.extractall(folder / "tree", filter="data")
    commit = subprocess.run(["git", "rev-parse", "--short=12", "HEAD"], cwd=ROOT, capture_output=True, check=True)
    (folder / "commit").write_text(commit.stdout.decode().strip())
    tests = sorted((folder / "tree" / "tests" / "appyaml").glob("test_*.py"))
    chosen = [str(file.relative_to(folder / "tree")) for file in tests if file.name not in LEFT_OUT]
    settings = _CONFIG.format(mutated=json.dumps(list(MUTATED)), tests=json.dumps(chosen), timed=TIMED)
    project = folder / "tree" / "pyproject.toml"
    project.write_text(project.read_text() + settings)


def _mutmut(folder: Path, words: list[str], seconds: float) -> None:
    """One call, ended with the bound."""
    program = Path(sys.executable).parent / "mutmut"
    with (folder / "log.txt").open("ab") as log:
        process = subprocess.Popen([str(program), *words], cwd=folder / "tree", stdout=log, stderr=log)
        try:
            process.wait(timeout=max(1.0, seconds))
        except subprocess.TimeoutExpired:
            process.terminate()
            process.wait(timeout=60)


def _all_names(folder: Path, seconds: float) -> list[str]:
    """Every mistake that mutmut would make. It makes them, and learns which test reaches which function, before it
    notices that none is called like that."""
    _mutmut(folder, ["run", "there.is.none"], seconds)
    return sorted(_results(folder))


def _results(folder: Path) -> dict[str, int | None]:
    """Mistake → exit code of its tests, None before they ran."""
    found: dict[str, int | None] = {}
    for file in sorted((folder / "tree" / "mutants" / "mcd").rglob("*.meta")):
        found |= json.loads(file.read_text())["exit_code_by_key"]
    return found


_WORDS = {
    0: "survived",
    1: "killed",
    3: "killed",
    33: "no test",
    34: "skipped",
    36: "too slow",
    24: "too slow",
    -24: "too slow",
}


def _word(code: int | None) -> str:
    """Too slow is noticed: the tests did not come to their end."""
    if code is None:
        return "not run"
    return _WORDS.get(code, "killed" if code else "survived")


def _told(folder: Path, found: list[Outcome], drawn: dict[str, object]) -> int:
    """Prints the counts, and writes the page with every survivor."""
    counts = Counter(one.word for one in found)
    ran = len(found) - counts["not run"]
    noticed = counts["killed"] + counts["too slow"]
    share = noticed / ran if ran else 0.0
    commit = (folder / "commit").read_text()
    words = ", ".join(f"{count} {word}" for word, count in sorted(counts.items()))
    head = (
        f"{len(found)} of {drawn['of']:,} mistakes, drawn with seed {drawn['seed']}, at commit {commit}: {words}; "
        f"**{share:.1%} of {ran} noticed**."
    )
    print(head.replace("**", ""))
    survivors = [one.name for one in found if one.word in ("survived", "no test")]
    why = _explanations()
    unexplained = [name for name in survivors if name not in why]
    rows = [
        "# What the cases do not notice", "", "<!-- made by python -m tests.rig mutants; why: survivors.txt -->", "",
        head, "",
    ]  # fmt: skip
    for name in survivors:
        rows += [f"## {name}", "", why.get(name, "not explained yet"), "", "```diff", _shown(folder, name), "```", ""]
    PAGE.write_text("\n".join(rows))
    for name in unexplained:
        print(f"not explained: {name}")
    return 0 if ran == len(found) and share >= ENOUGH and not unexplained else 1


def _explanations() -> dict[str, str]:
    """`name: why`, a line each."""
    lines = WHY.read_text().splitlines() if WHY.exists() else []
    return {name: why for name, _, why in (line.partition(": ") for line in lines if line and line[0] != "#")}


def _shown(folder: Path, name: str) -> str:
    """The mistake as a diff."""
    program = Path(sys.executable).parent / "mutmut"
    done = subprocess.run(
        [str(program), "show", name], cwd=folder / "tree", capture_output=True, text=True, check=False, timeout=120
    )
    lines = done.stdout.splitlines()
    start = next((number for number, line in enumerate(lines) if line.startswith("@@")), 0)
    return "\n".join(line.rstrip() for line in lines[start + 1 :])
