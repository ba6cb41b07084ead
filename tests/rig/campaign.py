"""A campaign of fuzzing: so many inputs, in one shard or several, today and tomorrow, and what it found.

It starts the worker, watches it, takes it up again when it dies, and adds up. It must not import the compiler: the
worker does, instrumented.
"""

from __future__ import annotations

import argparse
import re
import shutil
import subprocess
import sys
import time
from pathlib import Path

from tests.rig.inputs import made
from tests.rig.judge import judged
from tests.rig.platforms import platform_of, platforms
from tests.rig.tally import Tally, keep, load, together
from tests.schemas.strict import VERSIONS

ROOT = Path(__file__).parents[2]
STATE = ROOT / ".local" / "fuzz" / "appyaml"
REACH, P99, SLOWEST = 0.30, 0.020, 1.0
INTERRUPTED = 72
"""What libFuzzer ends with when somebody stops it: no input has done that."""
DEATHS = 5
"""So many times a worker may die before the campaign gives up."""
_COVERED = re.compile(r"cov: (\d+) ft: (\d+)")


def run(given: argparse.Namespace) -> int:
    """0: nothing is wrong; 1: something is; 2: it could not be done."""
    if given.replay:
        return _replay(given.replay)
    number, _, count = given.shard.partition("/")
    state: Path = given.state or STATE
    if given.report or given.settle:
        for file in sorted(state.glob("*/tally.json")) if given.settle else ():
            _settle(file.parent)
        return _report(state)
    folder = state / (f"{number}-of-{count}" if count != "1" else "all")
    if not given.resume:
        shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True, exist_ok=True)
    _settle(folder)
    before = load(folder / "tally.json")
    wanted = given.inputs - before.inputs if given.resume else given.inputs
    if wanted <= 0:
        _say(f"{before.inputs:,} inputs are done already")
        return _report(state)
    end = time.monotonic() + given.seconds
    deaths = 0
    while (left := wanted + before.inputs - load(folder / "tally.json").inputs) > 0 and time.monotonic() < end:
        seed = given.seed * 1000 + int(number) + deaths * 100 + before.inputs % 97
        code = _work(folder, left, max(1.0, end - time.monotonic()), seed)
        _covered(folder)
        if code == INTERRUPTED:
            _say("interrupted: --resume goes on")
            return 2
        if code != 0:
            deaths += 1
            _mourn(folder, code)
            if deaths >= DEATHS:
                _say(f"the worker died {deaths} times: see {folder / 'log.txt'}")
                return 2
    return _report(state)


def _work(folder: Path, inputs: int, seconds: float, seed: int) -> int:
    """One worker to its end; its exit code."""
    with (folder / "log.txt").open("ab") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.rig.worker", str(folder), "--inputs", str(inputs), "--seconds", str(seconds),
             "--seed", str(seed)], cwd=ROOT, stdout=log, stderr=log,
        )  # fmt: skip
    try:
        shown = time.monotonic()
        while True:
            try:
                return process.wait(timeout=min(30.0, seconds + 120))
            except subprocess.TimeoutExpired:
                if time.monotonic() - shown >= 30:
                    shown = time.monotonic()
                    _say(_line(load(folder / "tally.json")))
    finally:
        if process.poll() is None:
            process.terminate()
            process.wait(timeout=30)


def _covered(folder: Path) -> None:
    """What libFuzzer said last of the branches that were reached."""
    found = _COVERED.findall((folder / "log.txt").read_text(errors="replace"))
    if found:
        tally = load(folder / "tally.json")
        tally.edges, tally.features = max(int(e) for e, _ in found), max(int(f) for _, f in found)
        tally.save(folder / "tally.json")


def _mourn(folder: Path, code: int) -> None:
    """A worker was killed by an input: that input is a finding."""
    tally = load(folder / "tally.json")
    for file in folder.glob("died-*"):
        one = made(file.read_bytes())
        what = _death(code)
        tally.note(what, str(keep(one, what, folder / "found")))
        file.unlink()
    tally.save(folder / "tally.json")


def _again(folder: Path) -> tuple[list[str], float, int]:
    """What is wrong with a finding now, the seconds that it takes, and how many problems it is told."""
    context = folder / "context.yaml"
    platform = platform_of(context.read_bytes()) if context.exists() else platforms()[0]
    text = (folder / "app.yaml").read_bytes()
    verdicts = [judged(text, platform, version) for version in VERSIONS]
    wrong = list(dict.fromkeys(line for verdict in verdicts for line in verdict.wrong))
    return wrong, min(verdict.seconds for verdict in verdicts), verdicts[0].problems


def _replay(folder: Path) -> int:
    wrong, seconds, told = _again(folder)
    print("\n".join(wrong) if wrong else f"nothing is wrong any more ({told} problems are told)")
    print(f"seconds: {seconds:.3f}")
    return 1 if wrong else 0


def _settle(folder: Path) -> None:
    """Tries every finding again, without the counting of branches that makes a loop several times as slow, before the
    campaign goes on or is reported: one that is mended is counted as such.

    Two workers on one tally can leave findings whose input is gone. A slow one of these is settled when nothing that
    was kept is slow; what was wrong otherwise stays.
    """
    tally = load(folder / "tally.json")
    tally.found.pop(_death(INTERRUPTED), None)  # older tallies count it
    judged_again = []
    for what, (count, place) in list(tally.found.items()):
        if Path(place).is_dir():
            wrong, seconds, _ = _again(Path(place))
            if not wrong:
                _is_mended(tally, what, count)
                judged_again.append(seconds)
                shutil.rmtree(place)
    lost = [what for what in tally.found if _is_slow(what) and not Path(tally.found[what][1]).is_dir()]
    if lost and (seconds := _slowest_of(folder)) <= SLOWEST:
        judged_again.append(seconds)
        for what in lost:
            _is_mended(tally, what, tally.found[what][0])
    if judged_again and not any(map(_is_slow, tally.found)):
        tally.slowest = min(tally.slowest, max(SLOWEST, *judged_again)) if tally.slowest > SLOWEST else tally.slowest
    if tally.inputs:
        tally.save(folder / "tally.json")


def _death(code: int) -> str:
    return f"death: the process ended with {code}"


def _is_slow(what: str) -> bool:
    return what.startswith("slow")


def _is_mended(tally: Tally, what: str, count: int) -> None:
    del tally.found[what]
    tally.mended[what] = tally.mended.get(what, 0) + count


def _slowest_of(folder: Path) -> float:
    """Seconds of the slowest input that was kept: what reached something new, and what a worker died of."""
    kept = [*folder.glob("died-*"), *(folder / "corpus").glob("*")]
    inputs = (made(file.read_bytes()) for file in kept)
    return max((judged(one.text, one.platform, VERSIONS[0]).seconds for one in inputs), default=float("inf"))


def _report(state: Path) -> int:
    """All shards together."""
    tallies = [load(file) for file in sorted(state.glob("*/tally.json"))]
    whole = together(tallies)
    print(table(whole))
    return 0 if holds(whole) else 1


def holds(tally: Tally) -> bool:
    """Whether every limit is kept."""
    good = not tally.found and tally.share >= REACH
    return good and tally.p99 < P99 and tally.slowest <= SLOWEST


def table(tally: Tally) -> str:
    """What a person reads."""
    rows = [_line(tally)]
    rows += [
        f"  {way:<9} {count:>10,} inputs, {reached / count:.0%} to render"
        for way, (count, reached) in sorted(tally.ways.items())
    ]
    rows += [f"mended: {what} ({count} times)" for what, count in sorted(tally.mended.items())]
    for what, (count, folder) in sorted(tally.found.items(), key=lambda item: -item[1][0]):
        rows.append(f"WRONG {count} times: {what}\n  python -m tests.rig fuzz appyaml --replay {folder}")
    return "\n".join(rows)


def _line(tally: Tally) -> str:
    mean = tally.seconds / tally.inputs * 1000 if tally.inputs else 0.0
    return (
        f"{tally.inputs:,} inputs, {tally.share:.0%} to render, {len(tally.found)} wrong, mean {mean:.2f} ms, "
        f"p99 {tally.p99 * 1000:.1f} ms, slowest {tally.slowest * 1000:.0f} ms, {tally.edges:,} branches, "
        f"{tally.features:,} features"
    )


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
