"""What `mcd init` knows of four languages: by which files they are found, and a Dockerfile that runs them.

`FROM mcd/NAME` is one of the platform's own base images: it is there at every site, with internet or without.

Pure but for reading the folder's own manifest. It must not write, run or ask anything.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any


class Language(StrEnum):
    """The languages of `mcd init`."""

    GO = "go"
    NODE = "node"
    PYTHON = "python"
    STATIC = "static"


FOUND_BY: Mapping[Language, tuple[str, ...]] = {
    Language.GO: ("go.mod",),
    Language.NODE: ("package.json",),
    Language.PYTHON: ("requirements.txt", "pyproject.toml", "*.py"),
    Language.STATIC: ("index.html", "public/index.html"),
}
"""Files that name a language, the surest first."""

NODE_PROGRAMS = ("server.js", "index.js", "app.js", "main.js")
"""What node starts without a package.json, as the builder does without a Dockerfile. Each but the first may as well be
the script of a page."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """A Dockerfile, and a first program for a folder that has none."""

    dockerfile: str
    program: Mapping[str, str] = field(default_factory=dict)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8-sig", errors="replace")
    except OSError:
        return ""


# --- python ---------------------------------------------------------------------------------------------------------

_PYTHON_PROGRAM = '''\
"""A first web program: answers every GET with one line."""

import os
import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        body = b"Hello from MCD\\n"
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
ThreadingHTTPServer(("", int(os.environ.get("PORT", "8080"))), Page).serve_forever()
'''


def python(folder: Path, port: int) -> Recipe:
    """pip with requirements.txt or pyproject.toml; gunicorn, uvicorn or flask when the program needs them."""
    wants = (_text(folder / "requirements.txt") + _text(folder / "pyproject.toml")).lower()
    lines = ["FROM mcd/python3.11", "WORKDIR /app", "ENV PYTHONUNBUFFERED=1"]
    if (folder / "requirements.txt").is_file():
        lines += [
            "COPY requirements.txt .",
            "RUN python3 -m pip install --no-cache-dir -r requirements.txt",
            "COPY . .",
        ]
    elif re.search(r"^\[(project|build-system|tool\.poetry)\]", _text(folder / "pyproject.toml"), re.MULTILINE):
        lines += ["COPY . .", "RUN python3 -m pip install --no-cache-dir ."]
    else:
        lines += ["COPY . ."]
    module = next((m for m in ("main", "app", "server", "wsgi", "asgi") if (folder / f"{m}.py").is_file()), "")
    everywhere = "0.0.0.0"  # noqa: S104 - in a container, where the Service and the probes reach it
    django = next((p.parent.name for p in sorted(folder.glob("*/wsgi.py"))), "")
    program: dict[str, str] = {}
    if django and "gunicorn" in wants:
        command = ["gunicorn", "--bind", f"{everywhere}:{port}", f"{django}.wsgi"]
    elif module and "uvicorn" in wants:
        command = ["uvicorn", f"{module}:app", "--host", everywhere, "--port", str(port)]
    elif module and "gunicorn" in wants:
        command = ["gunicorn", "--bind", f"{everywhere}:{port}", f"{module}:app"]
    elif module and "flask" in wants:
        command = ["flask", "--app", module, "run", "--host", everywhere, "--port", str(port)]
    elif (folder / "manage.py").is_file():
        command = ["python3", "manage.py", "runserver", "--noreload", f"{everywhere}:{port}"]
    elif module:
        command = ["python3", f"{module}.py"]
    else:
        scripts = sorted(p.name for p in folder.glob("*.py") if p.name not in ("setup.py", "conftest.py"))
        command = ["python3", scripts[0] if len(scripts) == 1 else "main.py"]
        if not scripts:
            program["main.py"] = _PYTHON_PROGRAM
    return Recipe(_finished(lines, command), program)


# --- node -----------------------------------------------------------------------------------------------------------

_NODE_PROGRAM = """\
// A first web program: answers every request with one line.
const http = require("node:http");

const server = http.createServer((request, response) => {
  response.writeHead(200, { "Content-Type": "text/plain; charset=utf-8" });
  response.end("Hello from MCD\\n");
});

server.listen(Number(process.env.PORT || 8080));
process.on("SIGTERM", () => server.close(() => process.exit(0)));
"""


def node(folder: Path, port: int) -> Recipe:
    """npm with the lock file when there is one; the build script is run, the start script starts it."""
    try:
        package: Any = json.loads(_text(folder / "package.json") or "{}")
    except ValueError:
        package = {}
    package = package if isinstance(package, dict) else {}
    scripts = package.get("scripts") if isinstance(package.get("scripts"), dict) else {}
    install = "ci" if (folder / "package-lock.json").is_file() else "install"
    lines = [
        "FROM mcd/node24",
        "WORKDIR /app",
        "ENV NODE_ENV=production HOME=/tmp",
    ]
    if (folder / "package.json").is_file():
        lines.append("COPY package*.json ./")
        if "build" in scripts:
            lines += [
                f"RUN npm {install} --include=dev",
                "COPY . .",
                "RUN npm run build && npm prune --omit=dev",
            ]
        else:
            lines += [f"RUN npm {install} --omit=dev", "COPY . ."]
    else:
        lines.append("COPY . .")
    start = scripts.get("start")
    plain = re.fullmatch(r"node\s+([\w./-]+)", start.strip()) if isinstance(start, str) else None
    named = package.get("main") if isinstance(package.get("main"), str) else ""
    there = [f for f in (named, *NODE_PROGRAMS) if f and (folder / f).is_file()]
    program: dict[str, str] = {}
    if plain:
        command = ["node", plain[1]]
    elif start:
        command = ["npm", "start"]
    elif there:
        command = ["node", there[0]]
    else:
        command, program["server.js"] = ["node", "server.js"], _NODE_PROGRAM
        if not (folder / "package.json").is_file():
            program["package.json"] = '{\n  "private": true,\n  "scripts": { "start": "node server.js" }\n}\n'
    return Recipe(_finished(lines, command), program)


# --- go -------------------------------------------------------------------------------------------------------------

_GO_PROGRAM = """\
// A first web program: answers every request with one line.
package main

import (
	"fmt"
	"log"
	"net/http"
	"os"
)

func main() {
	port := os.Getenv("PORT")
	if port == "" {
		port = "8080"
	}
	http.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprintln(w, "Hello from MCD")
	})
	log.Fatal(http.ListenAndServe(":"+port, nil))
}
"""


def go(folder: Path, port: int) -> Recipe:
    """A static binary in an empty image, with the certificates of the builder's."""
    asked = re.search(r"^go\s+(\d+\.\d+)", _text(folder / "go.mod"), re.MULTILINE)
    mains = sorted(p.parent.relative_to(folder).as_posix() for p in folder.glob("cmd/*/main.go"))
    package = "." if (folder / "main.go").is_file() or not mains else f"./{mains[0]}"
    program = {}
    if not (folder / "go.mod").is_file():
        program = {"go.mod": "module app\n\ngo 1.22\n", "main.go": _GO_PROGRAM}
    lines = [
        "# No image of the platform has Go, so this one comes from outside. Where that is out of reach, compile before",
        "# the push and keep only the second stage, with a COPY of your own binary.",
        f"FROM golang:{asked[1] if asked else '1.22'} AS build",
        "WORKDIR /src",
        "COPY go.* ./",
        "RUN go mod download",
        "COPY . .",
        f"RUN CGO_ENABLED=0 go build -trimpath -o /out/app {package}",
        "",
        "FROM scratch",
        "COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/",
        "COPY --from=build /out/app /app",
    ]
    return Recipe(_finished(lines, ["/app"]), program)


# --- static ---------------------------------------------------------------------------------------------------------

_PAGE = """\
<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>Hello</title>
<p>Hello from MCD</p>
</html>
"""


def static(folder: Path, port: int) -> Recipe:
    """The folder (or its `public`) behind a web server that needs no root."""
    public = (folder / "public" / "index.html").is_file() and not (folder / "index.html").is_file()
    pages = "public" if public else "."
    program = {} if public or (folder / "index.html").is_file() else {"index.html": _PAGE}
    return Recipe(f"FROM mcd/static\nENV PORT={port}\nCOPY {pages} /www\n", program)


def _finished(lines: list[str], command: list[str]) -> str:
    return "\n".join([*lines, f"CMD {json.dumps(command)}"]) + "\n"


RECIPES: Mapping[Language, Callable[[Path, int], Recipe]] = {
    Language.GO: go,
    Language.NODE: node,
    Language.PYTHON: python,
    Language.STATIC: static,
}
