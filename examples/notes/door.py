"""Stands in front of the page: every request comes here first (`entry: true`) and is passed on over loopback.

A sidecar with an image of its own. It shows that it was there by a header, and shuts out what no page asks for.
"""

import os
import signal
import threading
import urllib.error
import urllib.request
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

UPSTREAM = "http://127.0.0.1:8080"
LIMIT = 64 * 1024


class Door(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.passed_on(None)

    def do_POST(self) -> None:
        length = self.headers.get("Content-Length", "")
        if not length.isdigit() or int(length) > LIMIT:
            self.answer(413, b"too large\n", "text/plain")
            return
        self.passed_on(self.rfile.read(int(length)))

    def passed_on(self, body: bytes | None) -> None:
        if self.path.startswith("/."):
            self.answer(403, b"the door is shut\n", "text/plain")
            return
        try:
            with urllib.request.urlopen(urllib.request.Request(UPSTREAM + self.path, body), timeout=10) as said:
                self.answer(said.status, said.read(), said.headers.get_content_type())
        except urllib.error.HTTPError as error:
            with error:
                self.answer(error.code, error.read(), error.headers.get_content_type())
        except OSError:
            self.answer(502, b"the page does not answer\n", "text/plain")

    def answer(self, status: int, body: bytes, kind: str) -> None:
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.send_header("X-Door", f"open, version {os.environ['MCD_VERSION']}")
        self.end_headers()
        self.wfile.write(body)


server = ThreadingHTTPServer(("", 9000), Door)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(poll_interval=0.1)
