"""A registry that answers as registries do that do not give an image: not there, refused, never, for another processor.

The kubelet and containerd that ask are real; only the answers are played. It must not serve an image.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

NAME = "registry.test:5000"
"""What it is called in what is kept."""

_INDEX = json.dumps({
    "schemaVersion": 2, "mediaType": "application/vnd.oci.image.index.v1+json",
    "manifests": [{
        "mediaType": "application/vnd.oci.image.manifest.v1+json", "digest": f"sha256:{'0' * 64}", "size": 2,
        "platform": {"architecture": "s390x", "os": "linux"},
    }],
}).encode()  # fmt: skip


class _Answers(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    ended: threading.Event

    def do_GET(self) -> None:
        if self.path == "/v2/":
            self._say(200, b"{}")
        elif "/private/" in self.path:
            self._say(401, _error("UNAUTHORIZED", "authentication required"), {"WWW-Authenticate": 'Basic realm="r"'})
        elif "/slow/" in self.path:
            self.ended.wait(600)
        elif "/other/" in self.path:
            self._say(200, _INDEX, {"Content-Type": "application/vnd.oci.image.index.v1+json"})
        else:
            self._say(404, _error("MANIFEST_UNKNOWN", "manifest unknown"))

    do_HEAD = do_GET  # noqa: N815

    def _say(self, status: int, body: bytes, headers: dict[str, str] | None = None) -> None:
        self.send_response(status)
        for name, value in {"Content-Type": "application/json", **(headers or {})}.items():
            self.send_header(name, value)
        self.send_header("Docker-Distribution-Api-Version", "registry/2.0")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:
        """Nobody reads what it was asked."""


def _error(code: str, message: str) -> bytes:
    return json.dumps({"errors": [{"code": code, "message": message}]}).encode()


@contextmanager
def registry() -> Iterator[str]:
    """`127.0.0.1:PORT` of it."""
    ended = threading.Event()
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Answers", (_Answers,), {"ended": ended}))
    server.daemon_threads = True
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        ended.set()
        server.shutdown()
        server.server_close()
        thread.join(10)
