"""A scaler at work on real pods: up under load, down after it, nobody takes its number back, and it can be taken away.

The load goes through the gateway like any other request.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import httpx

from tests.acceptance import apps, plans
from tests.acceptance.rows import Check, Miss, Seen
from tests.acceptance.world import World

APP = "acc-scale"
UP_SECONDS = 180.0
DOWN_SECONDS = 240.0
"""A minute of measurements, the cooldown, and one step of the autoscaler."""

_PROGRAM = '''"""Answers at once, but for /work, which takes a twentieth of a second of a processor."""

import os
import signal
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Page(BaseHTTPRequestHandler):
    def do_GET(self):
        until = time.thread_time() + (0.05 if self.path == "/work" else 0.0)
        while time.thread_time() < until:
            pass
        self.send_response(200)
        self.send_header("Content-Length", "3")
        self.end_headers()
        self.wfile.write(b"ok\\n")

    def log_request(self, code="-", size="-"):
        pass


server = ThreadingHTTPServer(("", int(os.environ["PORT"])), Page)
signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
server.serve_forever(poll_interval=0.1)
'''
_FILE = f"""appname: {APP}
components:
  web:
    type: web
    health: /healthz
    autoscale: {{min: 1, max: 3, cpu: 50, cooldown: 15s}}
    resources: {{cpu: 50m, memory: 64Mi}}
    limits: {{cpu: 200m}}
"""


def _folder(world: World) -> Path:
    folder: Path | None = world.kept.get("scale")
    if folder is None:
        dockerfile = 'FROM mcd/python3.11\nWORKDIR /app\nCOPY app.py ./\nUSER 10001\nCMD ["python", "app.py"]\n'
        folder = world.repository(APP, {"app.yaml": _FILE, "app.py": _PROGRAM, "Dockerfile": dockerfile})
        world.push(folder, APP).ok()
        world.ready(APP, 90)
        world.kept["scale"] = folder
    return folder


@contextlib.contextmanager
def _load(world: World) -> Iterator[None]:
    """Requests one after the other from four hands."""
    over = threading.Event()

    def ask() -> None:
        while not over.is_set():
            with contextlib.suppress(httpx.HTTPError):
                world.page(APP, "/work")
            over.wait(0.02)

    hands = [threading.Thread(target=ask, daemon=True) for _ in range(4)]
    for hand in hands:
        hand.start()
    try:
        yield
    finally:
        over.set()
        for hand in hands:
            hand.join(10)


def _replicas(world: World) -> int:
    return int(world.objects("deployment", APP)[0]["spec"]["replicas"])


def up_and_down(world: World) -> Seen:
    """1, then 3 under load, then 1 again: all by the cluster's autoscaler, none of it by MCD."""
    _folder(world)
    if _replicas(world) != 1:
        raise Miss(f"{_replicas(world)} pods before any load")
    mark, began = world.witness.mark(), time.monotonic()
    with _load(world):
        world.until(lambda: _replicas(world) >= 3 or None, UP_SECONDS, lambda: _why(world), pause=1.0)
        world.until(lambda: len(world.pods(APP, "web")) >= 3 or None, 60, lambda: str(world.pods(APP)), pause=1.0)
        world.ready(APP, 60)
        up = time.monotonic() - began
        told = world.mcd("status", APP).text
    began = time.monotonic()
    world.until(lambda: _replicas(world) == 1 or None, DOWN_SECONDS, lambda: _why(world), pause=2.0)
    written = world.witness.writes(mark, world.line, app=APP)
    if written or "3/3" not in told:
        raise Miss(f"MCD wrote {plans.told(written)}; mcd status said {' '.join(told.split())[:300]}")
    return Seen(f"1 to 3 real pods in {up:.0f} s (status: 3/3), back to 1 in {time.monotonic() - began:.0f} s", 0)


def _why(world: World) -> str:
    found = world.kubectl("describe", "hpa", "-n", world.line, f"{APP}-web").text
    return " ".join(found.split())[-500:]


def by_hand(world: World) -> Seen:
    """A person's number wins over the autoscaler until it is given back."""
    _folder(world)
    world.mcd("scale", APP, "web=2", "--wait", "--timeout", "90s").ok()
    scalers = [one["metadata"]["name"] for one in world.objects("hpa", APP)]
    if scalers or _replicas(world) != 2:
        raise Miss(f"autoscalers {scalers}, {_replicas(world)} replicas")
    world.mcd("scale", APP, "web=default", "--wait", "--timeout", "90s").ok()
    again = [one["metadata"]["name"] for one in world.objects("hpa", APP)]
    if again != [f"{APP}-web"] or _replicas(world) != 2:
        raise Miss(f"given back: autoscalers {again}, {_replicas(world)} replicas")
    return Seen(f"web=2: no autoscaler, 2 pods; web=default: {again[0]} is back and begins with the 2 that are there")


def to_keda(world: World) -> Seen:
    """Another trigger makes a ScaledObject of it: the autoscaler goes first, because KEDA refuses both at once."""
    folder = _folder(world)
    before = _replicas(world)
    apps.edit(folder, "app.yaml", "cpu: 50, cooldown", "rps: 20, cooldown")
    world.commit(folder, "by requests")
    mark = world.witness.mark()
    world.push(folder, APP).ok()
    order = [f"{fact.verb} {fact.resource}" for fact in world.witness.writes(mark, world.line, app=APP)]
    found = [one["metadata"]["name"] for one in world.objects("scaledobjects.keda.sh", APP)]
    if found != [f"{APP}-web"] or world.objects("hpa", APP) or _replicas(world) != before:
        raise Miss(f"ScaledObjects {found}, {_replicas(world)} replicas, {order}")
    return Seen(f"ScaledObject {found[0]}, no autoscaler, {before} pods as before; in order: {', '.join(order)}")


CHECKS = (
    Check("scale.up-down", "git push (autoscale: 1 to 3, cpu 50); requests from four hands; then none",
          "1, 3 and 1 real pods; no write by MCD", up_and_down, 700, needs_node=True),
    Check("scale.by-hand", "mcd scale acc-scale web=2; mcd scale acc-scale web=default",
          "2 pods and no autoscaler; then it is back and begins with 2", by_hand, 240, needs_node=True),
    Check("scale.keda", "git push with rps instead of cpu", "a ScaledObject instead of the autoscaler, the pods stay",
          to_keda, 120, needs_node=True),
)  # fmt: skip
