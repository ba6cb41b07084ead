"""The command as a person meets it: a process with arguments, an environment, three streams, an exit code."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest


@dataclass(frozen=True)
class Ran:
    """What one call did."""

    code: int
    out: str
    err: str


Mcd = Callable[..., Ran]


@pytest.fixture
def mcd(tmp_path: Path) -> Mcd:
    """Runs `mcd` as a process in an empty folder with an empty configuration of its own."""
    work = tmp_path / "work"
    work.mkdir()

    def call(*argv: str, stdin: str = "", env: dict[str, str] | None = None, cwd: Path | None = None) -> Ran:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("MCD_")}
        clean |= {"MCD_CONFIG_HOME": str(tmp_path / "config"), "NO_COLOR": "1", **(env or {})}
        done = subprocess.run(
            [sys.executable, "-m", "mcd", *argv],
            input=stdin, capture_output=True, text=True, cwd=cwd or work, env=clean, timeout=60, check=False,
        )  # fmt: skip
        assert "Traceback" not in done.stderr, done.stderr
        return Ran(done.returncode, done.stdout, done.stderr)

    return call


@dataclass
class Played:
    """A server that answers with what a test put into it, and keeps what it was asked."""

    url: str = ""
    answers: dict[str, tuple[int, dict[str, str], bytes]] = field(default_factory=dict)
    asked: list[tuple[str, dict[str, str], bytes]] = field(default_factory=list)


@pytest.fixture
def stub_server() -> Iterator[Played]:
    """Plays a server that is not MCD, or one that misbehaves: what the real one never does cannot be asked of it."""
    played = Played()

    class Answering(BaseHTTPRequestHandler):
        def answer(self) -> None:
            length = int(self.headers.get("Content-Length") or 0)
            path = self.path.split("?")[0]
            played.asked.append((f"{self.command} {self.path}", dict(self.headers), self.rfile.read(length)))
            status, headers, body = played.answers.get(path, (404, {"Content-Type": "text/html"}, b"<h1>nothing"))
            self.send_response(status)
            for key, value in headers.items():
                self.send_header(key, value)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_PUT = do_PATCH = do_DELETE = answer  # noqa: N815

        def log_message(self, format: str, *args: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Answering)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    played.url = f"http://127.0.0.1:{server.server_port}"
    yield played
    server.shutdown()
    server.server_close()
    thread.join(5)
