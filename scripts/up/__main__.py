"""`python -m scripts.up`: what `make up`, `make down`, `make reset` and `make status` run.

It must not do any of the work itself: each step is a module of its own.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
import time
from typing import Any

from mcd.cli import contexts
from scripts.cluster import mounts
from scripts.cluster import places as cluster_places
from scripts.cluster.problems import ClusterProblem
from scripts.up import first, server, shop, signed_in


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.up", description="A local Kubernetes with MCD and a shop.")
    parser.add_argument("--database", choices=("sqlite", "postgres"), default="sqlite")
    which = parser.add_mutually_exclusive_group()
    which.add_argument("--down", action="store_true", help="stop everything, keep the data")
    which.add_argument("--reset", action="store_true", help="stop everything, forget the data")
    which.add_argument("--status", action="store_true", help="what runs, and where")
    arguments = parser.parse_args()
    try:
        if arguments.down or arguments.reset:
            return _down(forget=arguments.reset)
        return _status() if arguments.status else _up(arguments.database)
    except ClusterProblem as problem:
        print(f"up: {problem}", file=sys.stderr)
        for line in problem.detail:
            print(f"    {line}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("\nup: interrupted. Run `make up` again to go on, or `make down` to stop what runs.", file=sys.stderr)
        return 130
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"up: {where}{error.strerror or error}", file=sys.stderr)
        return 1


def _up(database: str) -> int:
    began = time.monotonic()
    _say("cluster", "a real Kubernetes: what is missing is built once, what does not run is started")
    _run("scripts.cluster", "up")
    cluster = _cluster()
    if cluster.get("registry"):
        _say("images", "the platform's base images, made once")
        _run("scripts.bases", "--registry", cluster["registry"])
    _say("mcd", f"the server, on {database}")
    mine = server.planned(cluster, _database(database))
    server.start(mine)
    password = first.administrator(mine)
    token = signed_in.sign_in(mine.home, mine.url, first.ADMIN, password)
    _say("places", f"the cluster, its node pools and product line {first.LINE}")
    first.places(first.Api(mine, token), cluster)
    _say("shop", "git push of examples/shop to MCD")
    pushed = shop.push(mine.url, token, mine.home / "work")
    gateway, domain = cluster["gateway"]["port"], cluster["base_domain"]
    played = cluster["node"] == "sim"
    line = "(nothing answers there: its pods are simulated)" if played else shop.answers(gateway, domain)
    _say("ready", f"after {time.monotonic() - began:.0f} s{'' if pushed else '; examples/shop was live already'}")
    _tell(mine, f"http://{shop.APP}.{domain}:{gateway}/", line, password)
    if cluster["node"] == "real" and not cluster["policies_enforced"]:
        print("NetworkPolicies are not enforced here: pods of one product line reach those of another.\n")
    return 0


def _tell(mine: server.Server, url: str, line: str, password: str) -> None:
    print(f"\n  shop     {url}\n           {line}")
    print(f"  portal   {mine.url}/    (open it in a browser; git and the API are there too)")
    if password:
        print(f"  sign in  {first.ADMIN} / {password}    (shown once; .venv/bin/mcd is signed in)")
    print("\nNext:\n  .venv/bin/mcd status shop\n  .venv/bin/mcd logs shop -f\n  make down\n")


def _database(which: str) -> str:
    if which == "sqlite":
        return ""
    _run("scripts.cluster", "postgres", "up")
    return _answer("scripts.cluster", "postgres", "url").strip()


def _down(*, forget: bool) -> int:
    if server.stop():
        _say("mcd", "stopped")
    _run("scripts.cluster", "reset" if forget else "down")
    _run("scripts.cluster", "postgres", "reset" if forget else "down")
    if forget:
        _forget()
    return 0


def _forget() -> None:
    home = server.home()
    if (home / "port").is_file():
        if gone := signed_in.forget(home):
            _say("sign-in", f"context {gone} is removed")
        # The builder keeps its layers under a mount of their own.
        if left := mounts.release(home):
            raise ClusterProblem(f"{left[0]} is still mounted. Unmount it and run this again.")
        if others := server.forget():
            _say("mcd", f"stays, because `make up` did not make it: {', '.join(others)}")


def _status() -> int:
    """What runs, and where. 3 when not all of it does, which is no error for a person who asks: see the Makefile."""
    code = subprocess.run(
        [sys.executable, "-m", "scripts.cluster", "status"], check=False, cwd=cluster_places.CHECKOUT
    ).returncode
    if code not in (0, 3):
        return code
    home = server.home()
    live = server.processes.running(home, server.NAME)
    port = home / "port"
    if not port.is_file():
        print("mcd serve has no data here. Start everything: make up")
        return 3
    print(f"mcd serve {f'running  http://127.0.0.1:{port.read_text()}' if live else 'stopped'}")
    print(f"mcd data  {server.data()} (for mcd admin: export MCD_DATA={server.data()})")
    print(f"sign-in   context {signed_in.name(home)} of {contexts.config_home() / contexts.FILE}")
    if live and code == 0:
        return 0
    print("\nNot everything runs; the data is kept. Start it again: make up")
    return 3


def _cluster() -> dict[str, Any]:
    found: dict[str, Any] = json.loads(_answer("scripts.cluster", "status", "-o", "json"))
    return found


def _run(module: str, *words: str) -> None:
    ended = subprocess.run([sys.executable, "-m", module, *words], check=False, cwd=cluster_places.CHECKOUT)
    if ended.returncode == 130:
        raise KeyboardInterrupt
    if ended.returncode != 0:
        raise ClusterProblem(f"{module} {' '.join(words)} did not succeed; what it said stands above.")


def _answer(module: str, *words: str) -> str:
    command = [sys.executable, "-m", module, *words]
    ended = subprocess.run(command, capture_output=True, text=True, check=False, cwd=cluster_places.CHECKOUT)
    if ended.returncode not in (0, 3):
        raise ClusterProblem((ended.stderr.strip().splitlines() or [f"{module} failed"])[-1])
    return ended.stdout


def _say(what: str, text: str) -> None:
    colour = sys.stderr.isatty() and "NO_COLOR" not in os.environ
    name = f"\033[1m{what}\033[0m" if colour else what
    print(f"{name}: {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    sys.exit(main())
