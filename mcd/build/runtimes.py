"""Writes the Dockerfile that an App without one gets from its `runtime`.

Pure: the names of the files at the top of the build context in, text out. It must not read the files themselves.
"""

from __future__ import annotations

import json
from collections.abc import Collection

from mcd.build.images import SHORT, runtime_base
from mcd.errors import Code, McdError
from mcd.model import Reason

UID = 10001
"""The user that every pod of ours runs as (app-yaml 6.6)."""
_PYTHON_MAIN = ("app.py", "main.py", "server.py", "__main__.py")
_NODE_MAIN = ("server.js", "index.js", "app.js", "main.js")


def default_dockerfile(runtime: str, names: Collection[str], *, needs_command: bool = True) -> str:
    """The Dockerfile for `runtime` (`python`, `python3.11`, `node`, `static` …) and the `names` at the top of the
    context. The image starts the program that it finds; `needs_command=False` when every component of app.yaml has a
    command of its own. Raises McdError(invalid) when there is no such base or nothing to start."""
    base = runtime_base(runtime)
    family = base.rstrip("0123456789.")
    lines = {"python": _python, "node": _node, "static": _static}[family](names, needs_command)
    return "\n".join([f"FROM {SHORT}{base}", *lines, ""])


def _python(names: Collection[str], needs_command: bool) -> list[str]:
    main = _first(_PYTHON_MAIN, names, "python", needs_command)
    lines = ["WORKDIR /app"]
    if "requirements.txt" in names:
        # Alone and first, so that a changed program does not install its packages again.
        lines += ["COPY requirements.txt ./", "RUN pip install -r requirements.txt"]
    elif "pyproject.toml" in names:
        lines += ["COPY . .", "RUN pip install ."]
    return [*lines, "COPY . .", f"USER {UID}", *_start("python", main)]


def _node(names: Collection[str], needs_command: bool) -> list[str]:
    lines = ["ENV NODE_ENV=production", "WORKDIR /app"]
    if "package.json" not in names:
        main = _first(_NODE_MAIN, names, "node", needs_command)
        return [*lines, "COPY . .", f"USER {UID}", *_start("node", main)]
    locked = [name for name in ("package-lock.json", "npm-shrinkwrap.json") if name in names]
    install = "npm ci --omit=dev" if locked else "npm install --omit=dev"
    lines += [f"COPY {' '.join(['package.json', *locked])} ./", f"RUN {install} && npm cache clean --force"]
    return [*lines, "COPY . .", f"USER {UID}", *_start("npm", "start")]


def _static(names: Collection[str], needs_command: bool) -> list[str]:
    folder = next((name for name in ("public", "dist", "www") if name in names), ".")
    return [f"COPY {folder} /www", f"USER {UID}"]


def _start(program: str, argument: str) -> list[str]:
    return [f"CMD {json.dumps([program, argument])}"] if argument else []


def _first(wanted: tuple[str, ...], names: Collection[str], family: str, needed: bool) -> str:
    found = next((name for name in wanted if name in names), "")
    if needed and not found:
        raise McdError(
            Code.INVALID, f"runtime {family}: there is nothing to start ({', '.join(wanted)} are all missing).",
            "Name your program so, write command: on each component, or add a Dockerfile.", reason=Reason.BUILD_FAILED,
        )  # fmt: skip
    return found
