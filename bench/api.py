"""P12: an authenticated GET of one App, with authorize and database, beside a bare FastAPI route; one worker each. And
P11: a page of the portal's list of Apps beside a naive list of all.

Both are asked by the same client from another process, in turns; what counts is processor time of the server for each
request, because another program on the machine costs waiting and not that. Ours also while another process commits
something before each request: what was kept is worth nothing then. It must not change what it measures.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
from prometheus_client.parser import text_string_to_metric_families

from bench import data, load, meter

_TICK = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Server:
    name: str
    pid: int
    port: int

    @property
    def cpu(self) -> float:
        """Seconds of processor time, of all its threads."""
        fields = Path(f"/proc/{self.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / _TICK


@dataclass(frozen=True)
class Target:
    metric: str
    path: str
    """Of the question; `{app}` is one App of the data set."""
    bound: str
    """What is measured beside it, as bench/served.py calls it."""
    bound_path: str
    share: float
    """Our requests for each second of processor time, as a share of the bound's."""
    p99: float
    """Seconds."""
    admin: bool = False


API = Target("P12", "/api/v1/apps/{app}", "bare", "/api/v1/apps/{app}", 0.5, 0.010)
PORTAL = Target("P11", "/apps", "naive", "/apps", 20.0, 0.020, admin=True)


@dataclass(frozen=True)
class Result:
    target: Target
    apps: int
    share: meter.Ratio
    share_writing: meter.Ratio
    """With a commit of another process before each request."""
    ours_us: float
    writing_us: float
    bound_us: float
    """Microseconds of processor time for a request."""
    ours_rate: float
    bound_rate: float
    """Requests a second as the client saw them."""
    p99: float
    """Seconds at half of `ours_rate`, from when a request was due."""
    asked_of_clusters: float
    """Requests to clusters that the whole run cost."""

    @property
    def ok(self) -> bool:
        fast = self.share.median >= self.target.share and self.p99 <= self.target.p99
        return fast and self.asked_of_clusters == 0

    def facts(self) -> dict[str, object]:
        t = self.target
        return {
            "metric": t.metric, "apps": self.apps, "ok": self.ok, "path": t.path, "target": t.share,
            "ours": {"us": self.ours_us, "req_s": self.ours_rate, "p99_ms": self.p99 * 1e3},
            "writing": {"us": self.writing_us, "ratio": self.share_writing.median},
            "bound": {"name": t.bound, "us": self.bound_us, "req_s": self.bound_rate},
            "ratio": {"bound": self.share.median}, "guard": {"p99_ms": t.p99 * 1e3},
            "requests": {"clusters": self.asked_of_clusters},
        }  # fmt: skip


@contextlib.contextmanager
def served(name: str, folder: Path) -> Iterator[Server]:
    """A server in a process of its own, stopped at the end."""
    command = [sys.executable, "-m", "bench.served", name, str(folder)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, start_new_session=True) as process:
        try:
            assert process.stdout is not None
            yield Server(name, process.pid, int(process.stdout.readline()))
        finally:
            process.terminate()


def request(path: str, place: data.Installation, *, admin: bool) -> bytes:
    token = place.admin_token if admin else place.token
    return (
        f"GET {path.format(app=place.app)} HTTP/1.1\r\nHost: 127.0.0.1\r\nAccept: */*\r\n"
        f"Authorization: Bearer {token}\r\n\r\n"
    ).encode()


def run(target: Target, folder: Path, *, apps: int = data.APPS, turns: int = 11, seconds: float = 2.0) -> Result:
    """Each turn: bound, ours, bound. Makes the data set under `folder`, or takes the one that is there."""
    place = asyncio.run(data.installation(folder / "many", apps, max(10, apps // 14), data.CLUSTERS))
    asked = request(target.path, place, admin=target.admin)
    simple = request(target.bound_path, place, admin=target.admin)
    with served(target.bound, place.folder) as bound, served("mcd", place.folder) as ours:
        shares, written, mine, changing, theirs = [], [], [], [], []
        for turn in range(turns + 1):
            before = _spent(bound, simple, seconds)
            here = _spent(ours, asked, seconds)
            with _committing(place.folder) as commit:
                moved = _spent(ours, asked, seconds, commit)
            after = _spent(bound, simple, seconds)
            if turn == 0:
                continue  # Connections, caches and compiled statements are made in it.
            shares.append((before[0] + after[0]) / 2 / here[0])
            written.append((before[0] + after[0]) / 2 / moved[0])
            mine.append(here)
            changing.append(moved)
            theirs += [before, after]
        rate = max(found for _, found in mine)
        half = asyncio.run(load.paced(ours.port, asked, rate / 2, seconds * 3))
        clusters = _asked_of_clusters(ours)
    at_rest, moving, bounds = (_middle([cost for cost, _ in part]) * 1e6 for part in (mine, changing, theirs))
    return Result(
        target, apps, meter.ratio_of(shares), meter.ratio_of(written), at_rest, moving, bounds, rate,
        max(found for _, found in theirs), half.quantile(0.99), clusters,
    )  # fmt: skip


def _asked_of_clusters(server: Server) -> float:
    text = httpx.get(f"http://127.0.0.1:{server.port}/metrics", timeout=30).text
    families = text_string_to_metric_families(text)
    return sum(s.value for f in families for s in f.samples if s.name == "mcd_kube_request_seconds_count")


@contextlib.contextmanager
def _committing(folder: Path) -> Iterator[Callable[[], object]]:
    """What commits something that no answer tells of."""
    connection = sqlite3.connect(folder / "mcd.db", isolation_level=None, timeout=10)
    try:
        # Nothing here has to survive a power cut, and the disk is not measured.
        connection.execute("PRAGMA synchronous = OFF")
        yield lambda: connection.execute("UPDATE event_counter SET last = last + 1")
    finally:
        connection.close()


def _spent(
    server: Server, asked: bytes, seconds: float, before: Callable[[], object] = lambda: None
) -> tuple[float, float]:
    """Seconds of processor time for a request, and requests a second."""
    began = server.cpu
    found = asyncio.run(load.closed(server.port, asked, seconds, before=before))
    return (server.cpu - began) / found.requests, found.rate


def _middle(found: list[float]) -> float:
    return sorted(found)[len(found) // 2]
