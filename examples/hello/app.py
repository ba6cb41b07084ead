"""Says hello over HTTP on $PORT, and ends within a moment of SIGTERM."""

import os
import signal
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

GREETING = "Hello from MCD"


class Page(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        found = {"/": f"{GREETING}\n", "/healthz": "ok\n"}.get(self.path)
        body = (found or "not found\n").encode()
        self.send_response(200 if found else 404)
        self.send_header("Content-Type", "text/plain; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


server = ThreadingHTTPServer(("", int(os.environ["PORT"])), Page)
# shutdown() waits for the loop, so it must not be called from within it.
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
print(f"listening on {server.server_port}", flush=True)
server.serve_forever(poll_interval=0.1)
