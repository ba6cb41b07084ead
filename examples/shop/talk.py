"""How the programs of the shop talk: a small JSON server that ends well, and a small client with a time limit."""

import json
import os
import signal
import threading
import urllib.request
from collections.abc import Callable
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

Answer = tuple[int, str, bytes]
"""Status, content type, body."""
Route = Callable[[Any], Answer]
"""Takes the JSON that was sent (None for a GET)."""
LIMIT = 64 * 1024


def ask(url: str, body: Any = None, timeout: float = 3.0) -> Any:
    """GET, or POST when there is a body; answers the JSON. Raises OSError when that fails or takes too long."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data, {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=timeout) as answer:
        try:
            return json.load(answer)
        except ValueError as error:
            raise OSError(f"{url} did not answer JSON") from error


def as_json(value: Any, status: int = 200) -> Answer:
    return status, "application/json", json.dumps(value).encode() + b"\n"


def say(**words: Any) -> None:
    """One line of log that a program can read too."""
    print(json.dumps(words), flush=True)


def serve(routes: dict[str, Route]) -> None:
    """Serves `routes` ("GET /path" → function) on $PORT until SIGTERM; requests under way are finished."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.answer(None)

        def do_POST(self) -> None:
            length = self.headers.get("Content-Length", "")
            try:
                body = json.loads(self.rfile.read(int(length))) if length.isdigit() and int(length) <= LIMIT else None
            except ValueError:
                body = None
            self.answer(body)

        def answer(self, body: Any) -> None:
            route = routes.get(f"{self.command} {self.path}")
            status, kind, content = route(body) if route else as_json({"error": "not found"}, 404)
            self.send_response(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        def log_request(self, code: Any = "-", size: Any = "-") -> None:
            if self.path not in ("/ready", "/live"):
                say(request=f"{self.command} {self.path}", status=int(code))

    server = ThreadingHTTPServer(("", int(os.environ["PORT"])), Handler)
    server.daemon_threads = False
    # shutdown() waits for the loop, so it must not be called from within it.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    say(listening=server.server_port)
    server.serve_forever(poll_interval=0.1)
    server.server_close()
    say(ended="SIGTERM")
