"""`python -m scripts.cluster`: the local cluster from the command line.

stdout is data, stderr is progress. It must not do any of the work itself.
"""

from __future__ import annotations

import argparse
import json
import os
import sys
from pathlib import Path

from scripts.cluster import binaries, definitions, layout, packages, places, processes, report
from scripts.cluster.problems import ClusterProblem
from scripts.cluster.progress import Line

_NOT_RUNNING = 3


def main() -> int:
    arguments = _parser().parse_args()
    try:
        return _run(arguments)
    except ClusterProblem as problem:
        print(f"cluster: {problem}", file=sys.stderr)
        for line in problem.detail:
            print(f"    {line}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(
            "\ncluster: interrupted. Run it again to go on, or `down` to stop what runs.",
            file=sys.stderr,
        )
        return 130
    except BrokenPipeError:
        return 0
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"cluster: {where}{error.strerror or error}", file=sys.stderr)
        return 1


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m scripts.cluster", description="The local cluster.")
    commands = parser.add_subparsers(dest="command", required=True)

    def add(name: str, text: str) -> argparse.ArgumentParser:
        return commands.add_parser(name, help=text, description=text)

    up = add("up", "build what is missing, start what does not run, wait until it is ready")
    up.add_argument("--name", default=layout.FIRST, help="another cluster on the same etcd, with simulated nodes only")
    up.add_argument("--node", default=os.environ.get("MCD_NODE", ""), help="real or sim (MCD_NODE)")
    for name, text in (("down", "stop it and keep the data"), ("reset", "stop it and forget the data")):
        add(name, text).add_argument("--name", default="", help="this cluster only")
    status = add("status", "what runs, and how to reach it")
    status.add_argument("-o", "--output", choices=("table", "json"), default="table")
    logs = add("logs", "the log of one component")
    logs.add_argument("component", help="as `status` names it; kube-apiserver is local/kube-apiserver")
    logs.add_argument("-f", "--follow", action="store_true")
    add("env", "shell lines that set KUBECONFIG and the like").add_argument("--name", default=layout.FIRST)
    build = add("build", "install packages and build the programs, start nothing")
    build.add_argument("--node", default=os.environ.get("MCD_NODE", ""), help="real or sim (MCD_NODE)")
    postgres = add("postgres", "a PostgreSQL for development and tests")
    postgres.add_argument("action", choices=("up", "down", "url", "reset"))
    return parser


def _run(arguments: argparse.Namespace) -> int:
    home, line = places.home(), Line()
    given = os.environ.get("MCD_KUBECONFIG", "")
    if arguments.command == "postgres":
        from scripts.cluster import postgres

        return postgres.command(home, arguments.action, line)
    if arguments.command == "build":
        real = arguments.node == "real" or (not arguments.node and packages.may_be_real())
        packages.ensure(real, line)
        names = tuple(each.name for each in binaries.PROGRAMS) if real else binaries.SIMULATED
        binaries.build(names, line)
        definitions.ensure(line)
        return 0
    if arguments.command == "up":
        return _up(home, arguments, given, line)
    if arguments.command in ("down", "reset"):
        from scripts.cluster import down

        (down.down if arguments.command == "down" else down.reset)(home, arguments.name, line)
        return 0
    if arguments.command == "logs":
        return _logs(home, arguments.component, arguments.follow)
    return _show(home, arguments, given)


def _up(home: Path, arguments: argparse.Namespace, given: str, line: Line) -> int:
    if given:
        line.say(report.table(report.given(_checked(given))))
        return 0
    # Its certificates need a library that only the environment of `make venv` has.
    try:
        from scripts.cluster import up
    except ModuleNotFoundError as error:
        raise ClusterProblem(
            f"the Python package {error.name} is missing. Run `make venv` and use its Python."
        ) from error
    up.up(home, arguments.name, arguments.node, line)
    return 0


def _checked(given: str) -> str:
    path = Path(given).expanduser()
    if not path.is_file():
        raise ClusterProblem(f"MCD_KUBECONFIG: there is no file {path}. Correct it, or unset it for a local cluster.")
    return given


def _show(home: Path, arguments: argparse.Namespace, given: str) -> int:
    found = report.given(_checked(given)) if given else report.status(home)
    if arguments.command == "env":
        if arguments.name not in found["clusters"]:
            raise ClusterProblem(f"there is no cluster {arguments.name!r} in {home}. Start it with up --name.")
        print(report.environment(found, arguments.name))
        return 0
    print(json.dumps(found, indent=2) if arguments.output == "json" else report.table(found))
    return 0 if found["running"] else _NOT_RUNNING


def _logs(home: Path, component: str, follow: bool) -> int:
    known = sorted(file.stem.replace("_", "/") for file in (home / "logs").glob("*.log"))
    for name in (component, f"{layout.FIRST}/{component}"):
        if name in known:
            file = processes.log_file(home, name)
            os.execvp("tail", ["tail", "-n", "200", *(["-F"] if follow else []), str(file)])
    raise ClusterProblem(f"there is no log of {component!r}. Known: {', '.join(known) or 'none yet'}.")


if __name__ == "__main__":
    sys.exit(main())
