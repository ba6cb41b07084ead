"""Serves on all addresses until SIGTERM, and ends within a moment of it."""

import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Answering(BaseHTTPRequestHandler):
    """A handler whose `get` and `post` answer with a status, a body and a type."""

    def do_GET(self) -> None:
        self.get()

    def do_POST(self) -> None:
        self.post()

    def get(self) -> None:
        self.answer(404, "not found\n")

    def post(self) -> None:
        self.answer(405, "nothing is taken here\n")

    def answer(self, status: int, body: str, kind: str = "text/plain") -> None:
        content = body.encode()
        self.send_response(status)
        self.send_header("Content-Type", f"{kind}; charset=utf-8")
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)


def serve(port: int, handler: type[BaseHTTPRequestHandler]) -> None:
    server = ThreadingHTTPServer(("", port), handler)
    # shutdown() waits for the loop, so it must not be called from within it.
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"listening on {port}", flush=True)
    server.serve_forever(poll_interval=0.1)
