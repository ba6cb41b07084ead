"""`python -m tests.capture`: provokes every state on the local cluster and writes what was seen to tests/captured/why.

It starts the cluster if it does not run, and then stops it again. A state that does not come is named, and the exit
code is 1; what was captured of it before stays.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from scripts.cluster import credentials, places, state
from scripts.cluster.api import Api
from scripts.cluster.layout import FIRST, Cluster
from scripts.cluster.node import claimed_by
from tests.capture import platform, take
from tests.capture.expected import write_all
from tests.capture.registry import registry
from tests.capture.states import STATES, State


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.capture", description=__doc__)
    parser.add_argument("--only", metavar="STATE", action="append", default=[], help="only this one; can be repeated")
    parser.add_argument("--keep", action="store_true", help="leave what was provoked, and the cluster, as they are")
    parser.add_argument("--list", action="store_true", help="list the states and end")
    parser.add_argument("--words", action="store_true", help="only write told.yaml anew, from what was captured before")
    arguments = parser.parse_args()
    if arguments.words:
        write_all()
        return 0
    chosen = [s for s in STATES if not arguments.only or s.case in arguments.only or s.why.value in arguments.only]
    if arguments.list:
        print("\n".join([*(s.case for s in STATES), *(why.value for why in platform.PROVOKED)]))
        return 0
    home = places.home()
    simulated = os.environ.get("MCD_NODE") == "sim"
    if not simulated and (owner := claimed_by()) is not None and owner != home:
        say("the real node belongs to another cluster on this machine. Stop that one first, or wait.")
        return 1
    ran = _cluster("status", "-o", "json")["running"]
    if not ran:
        _cluster("up")
    try:
        missed = _captured(home, chosen, frozenset(arguments.only), keep=arguments.keep)
    finally:
        if not ran and not arguments.keep:
            _cluster("down")
    write_all()
    return 1 if missed else 0


def _captured(home: Path, chosen: Sequence[State], only: frozenset[str], *, keep: bool) -> list[str]:
    cluster = Cluster(home, FIRST, state.load(home).node, state.load(home).ports)
    if cluster.node != "real":
        chosen = [s for s in chosen if s.source == "simulated"]
        say("there is no real node here: only states of simulated nodes are captured")
    api = Api(cluster.folder, cluster.port("api"))
    _, version = api.get("/version")
    with registry() as address:
        paths = {str(home): "/var/lib/mcd-cluster", f"127.0.0.1:{cluster.port('api')}": "127.0.0.1:6443"}
        kubeconfig = credentials.kubeconfig(cluster.folder, "admin")
        stage = take.Stage(api, kubeconfig, version["gitVersion"], address, paths)
        try:
            missed = asyncio.run(platform.conditions(stage, say, only))
            take.provoke(stage, chosen)
            with ThreadPoolExecutor(1) as beside:
                begun = beside.submit(take.begin, stage, chosen)
                missed += [s.case for s in take.take(stage, chosen, say)]
                begun.result()
            return missed
        finally:
            if not keep:
                platform.clean_up(stage)
                take.clean_up(stage, chosen)


def _cluster(*words: str) -> Any:
    """A command of the local cluster; the answer of `-o json`."""
    out = subprocess.PIPE if "json" in words else None
    ended = subprocess.run([sys.executable, "-m", "scripts.cluster", *words], stdout=out, check=False, text=True)
    if out is None and ended.returncode:
        raise SystemExit(f"capture: the cluster does not {words[0]}")
    return json.loads(ended.stdout) if out is not None else None


def say(text: str) -> None:
    print(f"capture: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
