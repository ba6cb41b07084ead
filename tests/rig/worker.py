"""The process that fuzzes: libFuzzer drives, guided by the branches of the compiler that an input reaches.

Started by campaign.py, which also takes note when it dies. It must not decide when a campaign is done, and must import
nothing of the compiler before it is instrumented.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import atheris

EVERY = 500
"""Inputs between two times that the tally is written."""


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("folder", type=Path)
    parser.add_argument("--inputs", type=int, required=True)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--seed", type=int, required=True)
    given = parser.parse_args()
    with atheris.instrument_imports(include=["mcd.appyaml"]):
        from tests.rig import inputs, judge, tally
        from tests.rig.platforms import Platform
        from tests.schemas.strict import VERSIONS

        inputs.made(b"")  # whatever is loaded late is loaded now, and counted against no input
    file = given.folder / "tally.json"
    kept = tally.load(file)
    target, end = kept.inputs + given.inputs, time.monotonic() + given.seconds
    versions: dict[int, str] = dict(enumerate(VERSIONS))

    def done() -> None:
        kept.save(file)
        sys.stdout.flush()
        os._exit(0)  # libFuzzer has no other end

    def clean(verdict: judge.Verdict, folder: Path) -> judge.Verdict:
        """What it takes without the counting of branches, which makes a loop several times as slow."""
        words = [sys.executable, "-m", "tests.rig", "fuzz", "appyaml", "--replay", str(folder)]
        said = subprocess.run(words, capture_output=True, text=True, check=False, timeout=60).stdout
        shutil.rmtree(folder)
        seconds = float(said.rpartition("seconds: ")[2] or verdict.seconds)
        wrong = tuple(line for line in verdict.wrong if line != judge.SLOW)
        return replace(verdict, seconds=seconds, wrong=(*wrong, judge.SLOW) if seconds > judge.SLOWEST else wrong)

    def one(data: bytes) -> None:
        made: inputs.Input = inputs.made(data)
        platform: Platform = made.platform
        verdict = judge.judged(made.text, platform, versions[kept.inputs % len(versions)])
        if verdict.seconds > judge.SLOWEST / 4:
            verdict = clean(verdict, tally.keep(made, "late", given.folder / "late"))
        kept.add(made, verdict)
        for what in verdict.wrong:
            kept.note(what, str(tally.keep(made, what, given.folder / "found")))
        if kept.inputs % EVERY == 0 or kept.inputs >= target or time.monotonic() > end:
            kept.save(file)
            if kept.inputs >= target or time.monotonic() > end:
                done()

    corpus = given.folder / "corpus"
    corpus.mkdir(parents=True, exist_ok=True)
    how = [f"-seed={given.seed}", "-max_len=700", "-len_control=0", "-timeout=30", "-rss_limit_mb=2048"]
    how += [f"-artifact_prefix={given.folder}/died-", str(corpus)]
    atheris.Setup(["fuzz", *how], one)
    atheris.Fuzz()


if __name__ == "__main__":
    main()
