"""`python -m tests.acceptance`: tries every promise and every refusal, one after the other, and prints the table.

It goes on after a miss; any miss or skip makes the exit code 1. It must not judge: that is done by the checks.
"""

from __future__ import annotations

import argparse
import contextlib
import signal
import sys
import time
from pathlib import Path

from tests.acceptance import stage
from tests.acceptance.groups import GROUPS
from tests.acceptance.rows import Check, Miss, Row, Verdict, as_text, carried_out, failed, write
from tests.acceptance.world import World

OUT = stage.CHECKOUT / "out"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.acceptance", description=__doc__)
    parser.add_argument("--only", metavar="NAME", action="append", help="only this group, or this check (GROUP.CHECK…)")
    parser.add_argument("--list", action="store_true", help="list the checks and end")
    parser.add_argument("--keep", action="store_true", help="leave the stage standing at the end")
    parser.add_argument("--here", action="store_true", help="the cluster that runs here, not a fresh clone")
    parser.add_argument("--out", type=Path, default=OUT, help="folder of acceptance.md and acceptance.json")
    arguments = parser.parse_args()
    chosen = _chosen(arguments.only or [])
    if not chosen:
        print("no check has that name; --list shows them", file=sys.stderr)
        return 2
    if arguments.list:
        for check in chosen:
            print(f"{check.id:<34} {check.expected}")
        return 0
    # A shell starts what runs in the background deaf to Ctrl-C, and every git that is left here would be deaf too.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    began = time.monotonic()
    rows: list[Row] = []
    try:
        with stage.here(arguments.keep) if arguments.here else stage.fresh(arguments.keep) as world:
            for check in chosen:
                rows.append(_row(check, world))
                print(as_text(rows[-1]), flush=True)
                write(rows, arguments.out)
    except Miss as miss:
        # Without a stage there is nothing to try: that is a miss of the first promise.
        rows.append(Row("stage", "make up", "a stage for all checks", str(miss), Verdict.MISS, 0.0))
        print(as_text(rows[-1]))
        write(rows, arguments.out)
    except KeyboardInterrupt:
        print("\nacceptance: interrupted; what was made is taken away", file=sys.stderr)
        return 130
    bad = failed(rows)
    minutes = (time.monotonic() - began) / 60
    print(f"\n{len(rows) - len(bad)} of {len(rows)} as expected, in {minutes:.1f} min; {arguments.out}/acceptance.md")
    for row in bad:
        print(f"{row.verdict.value} {row.id}: {row.seen}")
    return 1 if bad else 0


def _chosen(names: list[str]) -> list[Check]:
    checks = [check for group in GROUPS for check in group]
    return [c for c in checks if not names or any(c.id == n or c.id.startswith(f"{n}.") for n in names)]


def _row(check: Check, world: World) -> Row:
    skipped = ""
    if check.needs_clone and world.server is not None:
        skipped = "not tried: the stage is a developer's cluster (--here)"
    if check.needs_node and not world.real:
        skipped = "not tried: pods do not truly run here (MCD_NODE=sim)"
    if skipped:
        return Row(check.id, check.typed, check.expected, skipped, Verdict.SKIP, 0.0)
    with contextlib.redirect_stderr(sys.stdout):
        return carried_out(check, world)


if __name__ == "__main__":
    sys.exit(main())
