"""`python -m tests.rig fuzz appyaml [--inputs N] [--seed K] [--shard i/n] [--resume] [--replay FOLDER]`, `mutants`,
`crash`, `faults`, `handover`, `chaos`, `quiet`, `withheld`, `plants`."""

from __future__ import annotations

import argparse
import re
import signal
import sys
from pathlib import Path

from tests.rig import chaos, crash, faults, handover, part, plants, quiet, withheld

OTHERS = (
    ("crash", "kill -9 at every write and every commit, on a real API server", crash),
    ("faults", "each fault of the catalogue in create, update and delete", faults),
    ("handover", "a controller that slept must not write what another has decided", handover),
    ("chaos", "kill -9 of everything at random moments while many Apps roll out", chaos),
    ("quiet", "many Apps at rest: compared again and again, nothing written, next to nothing listed", quiet),
    ("withheld", "the one event that tells of an edit is lost, and the edit is healed all the same", withheld),
    ("plants", "bugs that are planted on purpose, and whether the rig finds them", plants),
    ("slice", "a fixed part of these four, for CI", part),
)
"""Command, what it is, the module that has its arguments and runs it."""


def _shard(text: str) -> str:
    found = re.fullmatch(r"([1-9]\d*)/([1-9]\d*)", text)
    if not found or int(found[1]) > int(found[2]):
        raise argparse.ArgumentTypeError("write it like 1/2")
    return text


def _ended(*_: object) -> None:
    sys.exit(143)


def main() -> int:
    # Whatever a campaign has started ends with it, however it is ended.
    signal.signal(signal.SIGTERM, _ended)
    parser = argparse.ArgumentParser(prog="python -m tests.rig", description="Campaigns against MCD.")
    commands = parser.add_subparsers(dest="command", required=True)
    fuzz = commands.add_parser("fuzz", help="inputs that nobody wrote, judged by what must always hold")
    fuzz.add_argument("what", choices=("appyaml",))
    fuzz.add_argument(
        "--inputs", type=int, default=1_000_000, help="how many in all (with --resume: with those before)"
    )
    fuzz.add_argument("--seconds", type=float, default=float("inf"), help="stop then, at the latest")
    fuzz.add_argument("--seed", type=int, default=7)
    fuzz.add_argument("--shard", type=_shard, default="1/1", help="i/n: one of n that run beside each other")
    fuzz.add_argument("--resume", action="store_true", help="go on with what the last run kept")
    fuzz.add_argument("--state", type=Path, help="folder of the tally, the corpus and the findings")
    fuzz.add_argument("--report", action="store_true", help="only say what was done so far, all shards together")
    fuzz.add_argument("--settle", action="store_true", help="judge every finding again, then report")
    fuzz.add_argument("--replay", type=Path, metavar="FOLDER", help="compile one finding again")
    mutants = commands.add_parser("mutants", help="small mistakes in the compiler, and whether its cases notice")
    mutants.add_argument("--count", type=int, default=300)
    mutants.add_argument("--seed", type=int, default=4)
    mutants.add_argument("--seconds", type=float, default=3 * 3600, help="stop then, at the latest")
    mutants.add_argument("--children", type=int, default=2, help="tests that run beside each other")
    mutants.add_argument("--resume", action="store_true", help="go on with what the last run drew")
    mutants.add_argument("--state", type=Path, help="folder of the copy and of the results")
    for name, told, one in OTHERS:
        one.arguments(commands.add_parser(name, help=told))
    given = parser.parse_args()
    for name, _, one in OTHERS:
        if given.command == name:
            return int(one.run(given))
    if given.command == "mutants":
        from tests.rig import mutants as mistakes

        return mistakes.run(given)
    from tests.rig import campaign

    return campaign.run(given)


if __name__ == "__main__":
    sys.exit(main())
