"""The commands that start API servers and take what `python -m bench` gives to all of them: sizes, turns, places.

It must not measure.
"""

from __future__ import annotations

import argparse
import os
from collections.abc import Callable

from bench import away, commit, drift, fairness, fleet

WHERE = {"where": f"{os.cpu_count()} cores of"}
"""API servers, etcd and client have all of them."""
Told = Callable[[str, str, dict[str, object], argparse.Namespace], int]
Say = Callable[[str], None]
Measured = tuple[str, dict[str, object]]
"""The table and the facts of a run."""


def _fleet(given: argparse.Namespace, say: Say) -> Measured:
    found = fleet.run(given.apps, given.clusters, given.turns, say)
    return fleet.table(found), found.facts()


def _away(given: argparse.Namespace, say: Say) -> Measured:
    found = away.run(given.apps, given.clusters, given.turns, given.seconds, say)
    return away.table(found), found.facts()


def _commit(given: argparse.Namespace, say: Say) -> Measured:
    found = commit.run(given.turns, say)
    return commit.table(found), found.facts()


def _drift(given: argparse.Namespace, say: Say) -> Measured:
    found = drift.run(given.apps, say)
    return drift.table(found), found.facts()


def _fairness(given: argparse.Namespace, say: Say) -> Measured:
    found = fairness.run(given.apps, given.turns, say)
    return fairness.table(found), found.facts()


def add(
    commands: argparse._SubParsersAction[argparse.ArgumentParser], kept: Callable[[argparse.ArgumentParser], None],
    say: Say, told: Told,
) -> None:  # fmt: skip
    """`kept` adds what every command has, `told` prints and keeps what a run found."""
    for name, said, apps, clusters, turns, run in (
        ("fleet", "P4: many Apps at once on many clusters, beside the bound", 1490, 20, 3, _fleet),
        ("away", "what a cluster that hangs, is dead or flaps costs the others; turns are pairs", 100, 20, 20, _away),
        ("commit", "P1: from a push to its objects, beside kustomize | apply; turns are Apps", 1, 1, 40, _commit),
        ("drift", "P7: edits by hand are seen and taken back, beside a bare watch client", 100, 1, 1, _drift),
        ("fairness", "P14: one line's changes while another gets many Apps; turns are changes", 1000, 1, 40, _fairness),
    ):
        one = commands.add_parser(name, help=said)
        one.add_argument("--apps", type=int, default=apps, help=f"Apps of six objects (default {apps})")
        one.add_argument("--clusters", type=int, default=clusters, help=f"API servers (default {clusters})")
        one.add_argument("--turns", type=int, default=turns, help=f"turns (default {turns})")
        one.add_argument(
            "--seconds", type=float, default=5.0, help="seconds of changes of each run of away (default 5)"
        )
        kept(one)
        one.set_defaults(run=_command(name, run, say, told))


def _command(
    name: str, run: Callable[[argparse.Namespace, Say], Measured], say: Say, told: Told
) -> Callable[[argparse.Namespace], int]:
    def command(given: argparse.Namespace) -> int:
        table, facts = run(given, say)
        return told(name, table, facts | WHERE, given)

    return command
