"""The bound and kubectl, run as processes of their own on the same API servers, as the same user, with the same bytes.

It must not know what MCD does.
"""

from __future__ import annotations

import json
import resource
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from bench.bound import SSA
from bench.servers import Servers
from scripts.cluster.api import kubectl

IN_FLIGHT = (4, 8, 16, 32)


@dataclass(frozen=True)
class Sent:
    """So many requests in so many seconds; `cpu` are the client's own processor seconds, `servers` those of the API
    servers and etcd. `each` cluster's seconds."""

    requests: int
    seconds: float
    cpu: float
    servers: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    in_flight: int = 0
    each: tuple[float, ...] = ()

    @property
    def rate(self) -> float:
        return self.requests / self.seconds


def bound(
    servers: Servers, files: Mapping[str, Path], in_flight: int, query: str = SSA, *, method: str = "PATCH",
    user: str = "mcd",
) -> Sent:  # fmt: skip
    """The requests of each cluster's file. Raises RuntimeError when one was refused."""
    targets = [servers.target(name, file, user) for name, file in files.items()]
    job = {"targets": targets, "in_flight": in_flight, "query": query, "method": method}
    spent = servers.spent()
    done = subprocess.run(
        [sys.executable, "-m", "bench.bound"], input=json.dumps(job), capture_output=True, text=True, check=False,
        timeout=1200,
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"the bound failed: {done.stderr.strip()[-500:]}")
    told = json.loads(done.stdout)
    return Sent(
        told["requests"], told["seconds"], told["cpu"], servers.spent().since(spent).both, told["p50_ms"],
        told["p99_ms"], in_flight, tuple(told["each"]),
    )  # fmt: skip


def kubectl_list(servers: Servers, name: str, requests: Path) -> Sent:
    """`kubectl apply --server-side` of one List of the bodies of a file of requests. Raises RuntimeError."""
    bodies = [line.partition(b"\t")[2] for line in requests.read_bytes().splitlines()]
    file = requests.with_suffix(".json")
    file.write_bytes(b'{"apiVersion":"v1","kind":"List","items":[' + b",".join(bodies) + b"]}")
    argv: Sequence[str] = (
        kubectl(), "--kubeconfig", str(servers.planes.kubeconfig(name)), "apply", "--server-side",
        "--field-manager=mcd", "-f", str(file),
    )  # fmt: skip
    spent = servers.spent()
    before, began = resource.getrusage(resource.RUSAGE_CHILDREN), time.monotonic()
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=1200)
    seconds, after = time.monotonic() - began, resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode != 0:
        raise RuntimeError(f"kubectl failed: {done.stderr.strip()[-500:]}")
    cpu = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    return Sent(len(bodies), seconds, cpu, servers.spent().since(spent).both)
