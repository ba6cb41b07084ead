"""How long `mcd` takes to start, as a ratio of importing its libraries alone, measured side by side in one run.

    .venv/bin/python scripts/bench_startup.py [--rounds 15] [--limit 1.5]

Each command is a whole process against a server that refuses or answers at once, so that only our own share differs
from the baseline: a process that imports the very modules of other people that the command loads. What the command
loads of Python's own library beside them counts as ours. The two take turns, each first in every other one.

Processor time is judged, by the median of the turns' ratios; elapsed time is printed beside it, because only there a
command that waits would show. With two other programs on two cores the ratio of processor time of one and the same
command stays within 0.04, that of elapsed time wanders from 1.0 to 1.8. Exit code 1 when one is over the limit.
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Sequence
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import NamedTuple

APP = {
    "name": "shop", "product_line": "demo", "repository": "mcd:shop", "path": "app.yaml", "branch": "main",
    "created_at": "2026-11-22T10:00:00Z", "deleting": False, "git_url": None, "live": None,
}  # fmt: skip
ANSWERS = {
    "/api/v1/apps": {"items": [APP] * 20, "next_cursor": None},
    "/api/v1/apps/shop/status": {
        "app": APP, "rollout": None, "release": None, "components": [], "problems": [], "next_step": "",
    },
}  # fmt: skip
APP_YAML = "appname: shop\ncomponents:\n  web:\n    type: web\n    image: registry.example.com/shop:1\n    port: 8080\n"

CASES: dict[str, list[str]] = {
    "mcd status shop": ["status", "shop"],
    "mcd app list": ["app", "list"],
    "mcd validate": ["validate"],
}

LIBRARIES = """
import sys
from mcd.cli.main import run
code = run(sys.argv[1:])
third = [
    name for name, module in list(sys.modules.items())
    if "site-packages" in (getattr(module, "__file__", None) or "") and not name.startswith(("mcd", "_distutils_hack"))
]
print("\\n".join(third), file=sys.stderr)
sys.exit(code)
"""
"""Runs a command and tells which modules of other people it loaded, in their order. Some libraries load half of
themselves only when they are used (pydantic, typer), so that `import pydantic` alone would be no fair baseline."""


class Answering(BaseHTTPRequestHandler):
    """Answers at once with fixed JSON."""

    def do_GET(self) -> None:
        body = json.dumps(ANSWERS.get(self.path.split("?")[0], {})).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        pass


class Took(NamedTuple):
    """Seconds of one process: of the processor, and on the clock."""

    processor: float
    elapsed: float


Turns = list[tuple[Took, Took]]
"""The command and its libraries alone, turn by turn."""


def _processor() -> float:
    """Seconds that the children that ended have used."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def took(argv: Sequence[str], env: dict[str, str], cwd: Path) -> Took:
    """One whole process. Raises RuntimeError with its stderr when it failed."""
    used, began = _processor(), time.perf_counter()
    done = subprocess.run(argv, env=env, cwd=cwd, capture_output=True, text=True, timeout=60, check=False)
    answer = Took(_processor() - used, time.perf_counter() - began)
    if done.returncode != 0:
        raise RuntimeError(f"{' '.join(argv)} exited with {done.returncode}: {done.stderr.strip()}")
    return answer


def loaded(argv: Sequence[str], env: dict[str, str], cwd: Path) -> list[str]:
    """The modules of other people that a command loads."""
    words = [sys.executable, "-c", LIBRARIES, *argv]
    done = subprocess.run(words, env=env, cwd=cwd, capture_output=True, text=True, timeout=60, check=True)
    return [line for line in done.stderr.splitlines() if line.replace(".", "").replace("_", "").isalnum()]


def turns(command: Sequence[str], libraries: Sequence[str], rounds: int, env: dict[str, str], cwd: Path) -> Turns:
    """So many turns, after one that fills the disk cache and writes our bytecode."""
    found = []
    for turn in range(rounds + 1):
        if turn % 2:
            ours, theirs = took(command, env, cwd), took(libraries, env, cwd)
        else:
            theirs, ours = took(libraries, env, cwd), took(command, env, cwd)
        found.append((ours, theirs))
    return found[1:]


def medians(pairs: Sequence[tuple[float, float]]) -> tuple[float, float, float]:
    """Of the command, of its libraries (seconds), and of their ratios in each turn."""
    ours, theirs = (statistics.median(side) for side in zip(*pairs, strict=True))
    return ours, theirs, statistics.median(a / b for a, b in pairs)


def measure(rounds: int, names: Sequence[str]) -> dict[str, Turns]:
    """Case → its turns."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / "app.yaml").write_text(APP_YAML)
            # No PYTHON… either: pip wrote the bytecode of the libraries, so ours may be written too.
            env = {k: v for k, v in os.environ.items() if not k.startswith(("MCD_", "PYTHON"))}
            env |= {
                "MCD_SERVER": f"http://127.0.0.1:{server.server_port}", "MCD_TOKEN": "t", "MCD_CONFIG_HOME": folder,
            }  # fmt: skip
            found = {}
            for name in names:
                command = [sys.executable, "-m", "mcd", *CASES[name]]
                libraries = [sys.executable, "-c", f"import {', '.join(loaded(CASES[name], env, Path(folder)))}"]
                found[name] = turns(command, libraries, rounds, env, Path(folder))
            return found
    finally:
        server.shutdown()
        server.server_close()


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--limit", type=float, default=1.5)
    parser.add_argument("--only", choices=list(CASES), action="append")
    args = parser.parse_args()
    worst = 0.0
    print(f"{'command':<18} {'command':>9} {'libraries':>10} {'ratio':>6}")
    for name, found in measure(args.rounds, args.only or list(CASES)).items():
        ours, theirs, ratio = medians([(a.processor, b.processor) for a, b in found])
        worst = max(worst, ratio)
        line = f"{name:<18} {ours * 1000:>6.0f} ms {theirs * 1000:>7.0f} ms {ratio:>6.2f}"
        ours, theirs, ratio = medians([(a.elapsed, b.elapsed) for a, b in found])
        print(f"{line}  (elapsed {ours * 1000:.0f} ms, {theirs * 1000:.0f} ms, {ratio:.2f})")
    return 1 if worst > args.limit else 0


if __name__ == "__main__":
    sys.exit(main())
