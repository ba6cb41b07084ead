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
    process: float = 0.0
    """The client's processor seconds with its start and its imports."""

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
    spent, before = servers.spent(), _of_children()
    done = subprocess.run(
        [sys.executable, "-m", "bench.bound"], input=json.dumps(job), capture_output=True, text=True, check=False,
        timeout=1200,
    )  # fmt: skip
    if done.returncode != 0:
        raise RuntimeError(f"the bound failed: {done.stderr.strip()[-500:]}")
    told = json.loads(done.stdout)
    return Sent(
        told["requests"], told["seconds"], told["cpu"], servers.spent().since(spent).both, told["p50_ms"],
        told["p99_ms"], in_flight, tuple(told["each"]), _of_children() - before,
    )  # fmt: skip


def _of_children() -> float:
    """Processor seconds of the processes that were waited for."""
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


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
    before, began = _of_children(), time.monotonic()
    done = subprocess.run(argv, capture_output=True, text=True, check=False, timeout=1200)
    seconds, cpu = time.monotonic() - began, _of_children() - before
    if done.returncode != 0:
        raise RuntimeError(f"kubectl failed: {done.stderr.strip()[-500:]}")
    return Sent(len(bodies), seconds, cpu, servers.spent().since(spent).both)


def kustomized(servers: Servers, name: str, requests: Path) -> float:
    """`kubectl kustomize | kubectl apply --server-side` of the bodies of a file of requests, as a shell runs it for one
    App; seconds by the clock. Raises RuntimeError."""
    folder = requests.with_suffix(".kustomize")
    folder.mkdir()
    bodies = [line.partition(b"\t")[2] for line in requests.read_bytes().splitlines()]
    (folder / "objects.yaml").write_bytes(b"\n---\n".join(bodies) + b"\n")
    (folder / "kustomization.yaml").write_text("resources: [objects.yaml]\n")
    apply = ("apply", "--server-side", "--field-manager=mcd", "-f", "-")
    began = time.monotonic()
    with subprocess.Popen((kubectl(), "kustomize", str(folder)), stdout=subprocess.PIPE) as made:
        done = subprocess.run(
            (kubectl(), "--kubeconfig", str(servers.planes.kubeconfig(name)), *apply), stdin=made.stdout,
            capture_output=True, text=True, check=False, timeout=120,
        )  # fmt: skip
    seconds = time.monotonic() - began
    if done.returncode != 0 or made.returncode != 0:
        raise RuntimeError(f"kubectl failed: {done.stderr.strip()[-500:]}")
    return seconds
