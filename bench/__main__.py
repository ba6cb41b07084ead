"""`python -m bench COMMAND [--turns 21] [--page] [--out bench/results]`: measures, prints, keeps the result.

Exit code 1 when a target is missed, so that a gate can ask; 2 when nothing could be measured, or the machine was not
quiet enough for what was measured by the clock (the table says so).
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from functools import partial
from pathlib import Path

from bench import (
    api,
    bulk,
    change,
    coldstart,
    data,
    during,
    engine_commands,
    memory,
    meter,
    noop,
    report,
    rules,
    scrape,
    tables,
)
from bench import compile as compiling


def _say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


def _compile(given: argparse.Namespace) -> int:
    kubectl = "" if given.no_peer else shutil.which("kubectl", path=str(Path(sys.executable).parent)) or ""
    kubectl = kubectl or ("" if given.no_peer else shutil.which("kubectl") or "")
    if not kubectl and not given.no_peer:
        _say("kubectl is not here, and kustomize is measured with it. Run make venv, or give --no-peer.")
        return 2
    core = meter.on_one_core()
    facts = report.machine()
    try:
        found = compiling.run(
            turns=given.turns, seconds=given.seconds, compiles=given.compiles, kubectl=kubectl, say=_say
        )
    except (ValueError, RuntimeError) as wrong:
        _say(str(wrong))
        return 2
    facts |= found.facts() | {"core": core}
    table = report.compile_table(found)
    print(table)
    _say(f"kept in {report.keep(facts, 'compile', given.out)}")
    if given.page:
        report.write_page("compile", table, facts)
    drift = max(c.drift for c in found.costs)
    if drift > 0.1:
        _say(f"the bound itself moved by {drift:.0%} during the run: the machine was not quiet. Run it again.")
    return 0 if found.ok else 1


def _scrape(given: argparse.Namespace) -> int:
    meter.on_one_core()
    found = scrape.run(given.data or data.kept(), apps=given.apps, turns=given.turns, seconds=given.seconds)
    return _told("scrape", tables.scrape_table(found), found.facts(), given)


def _asked(target: api.Target, given: argparse.Namespace) -> int:
    folder = given.data or data.kept()
    found = api.run(target, folder, apps=given.apps, turns=given.turns, seconds=given.seconds)
    return _told(given.command, tables.asked_table(found), found.facts(), given)


def _told(name: str, table: str, facts: dict[str, object], given: argparse.Namespace) -> int:
    void = facts.get("void") or ()
    assert isinstance(void, tuple)
    table += rules.told(void)
    print(table)
    whole = report.machine() | facts
    _say(f"kept in {report.keep(whole, name, given.out)}")
    if given.page:
        report.write_page(name, table, whole)
    return 2 if void else 0 if facts["ok"] else 1


def _server_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Those that need a data set."""
    for name, said, turns, seconds, run in (
        ("scrape", "P15: /metrics at the full data set, beside bare text", 21, 0.2, _scrape),
        ("api", "P12: an authenticated GET, beside a bare FastAPI route", 11, 2.0, partial(_asked, api.API)),
        ("portal", "P11: a page of the list of Apps, beside a naive list", 11, 2.0, partial(_asked, api.PORTAL)),
    ):
        one = commands.add_parser(name, help=said)
        one.add_argument("--apps", type=int, default=data.APPS, help=f"Apps of the data set (default {data.APPS})")
        one.add_argument("--data", type=Path, help="folder of the data set; it is made once (default: in the cache)")
        one.add_argument("--turns", type=int, default=turns, help=f"turns of bound, ours, bound (default {turns})")
        one.add_argument("--seconds", type=float, default=seconds, help=f"seconds of each part (default {seconds})")
        _kept(one)
        one.set_defaults(run=run)


_WHERE = {"where": f"{os.cpu_count()} cores of"}
"""API servers, etcd and client have all of them."""


def _bulk(given: argparse.Namespace) -> int:
    found = bulk.run(given.apps, given.turns, _say)
    return _told("bulk", bulk.table(found), found.facts() | _WHERE, given)


def _during(given: argparse.Namespace) -> int:
    found = during.run(given.apps, _say)
    return _told("during", during.table(found), found.facts() | _WHERE, given)


def _noop(given: argparse.Namespace) -> int:
    found = noop.run(given.apps, given.turns, _say)
    return _told("noop", noop.table(found), found.facts() | _WHERE, given)


def _change(given: argparse.Namespace) -> int:
    found = change.run(given.apps, _say)
    return _told("change", change.table(found), found.facts() | _WHERE, given)


def _coldstart(given: argparse.Namespace) -> int:
    found = coldstart.run(given.apps, given.clusters, given.turns, _say)
    return _told("coldstart", coldstart.table(found), found.facts() | _WHERE, given)


def _memory(given: argparse.Namespace) -> int:
    found = memory.run(given.apps, given.minutes, _say)
    return _told("memory", memory.table(found), found.facts() | _WHERE, given)


def _engine_commands(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Those that start API servers."""
    for name, said, apps, turns, run in (
        ("bulk", "P3: many Apps at once on one cluster, beside the bound and kubectl", 1000, 5, _bulk),
        ("during", "P11 and P12 while Apps roll out, and what a write of the store takes", 1000, 1, _during),
        ("noop", "P5: Apps at rest are looked at again; turns are resyncs", 1490, 6, _noop),
        ("change", "P6: the requests of one change", 20, 1, _change),
        ("memory", "P10: memory of the controllers, and what an object adds", 1490, 1, _memory),
        ("coldstart", "P9: from the start of the process to a verdict on every App", 1490, 5, _coldstart),
    ):
        one = commands.add_parser(name, help=said)
        one.add_argument("--apps", type=int, default=apps, help=f"Apps of six objects (default {apps})")
        one.add_argument("--turns", type=int, default=turns, help=f"turns (default {turns})")
        one.add_argument("--clusters", type=int, default=1, help="API servers, for coldstart (default 1)")
        one.add_argument("--minutes", type=float, default=60.0, help="of churn, for memory (default 60)")
        _kept(one)
        one.set_defaults(run=run)


def _kept(one: argparse.ArgumentParser) -> None:
    one.add_argument("--page", action="store_true", help="write the table into docs/benchmarks.md")
    one.add_argument("--out", type=Path, default=Path(__file__).parent / "results", help="folder of the results")


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m bench", description="What MCD costs, as ratios.")
    commands = parser.add_subparsers(dest="command", required=True)
    one = commands.add_parser("compile", help="P8: app.yaml to objects, beside PyYAML and kustomize")
    one.add_argument("--turns", type=int, default=21, help="turns of bound, ours, bound (default 21)")
    one.add_argument("--seconds", type=float, default=0.2, help="processor seconds of each part (default 0.2)")
    one.add_argument("--compiles", type=int, default=20_000, help="compiles of the memory test (default 20000)")
    one.add_argument("--no-peer", action="store_true", help="leave kustomize out")
    _kept(one)
    one.set_defaults(run=_compile)
    _server_commands(commands)
    _engine_commands(commands)
    engine_commands.add(commands, _kept, _say, _told)
    given = parser.parse_args()
    answer: int = given.run(given)
    return answer


if __name__ == "__main__":
    sys.exit(main())
