"""The API servers that the engine is measured on, one etcd and nothing else: what they were asked, what they cost, and
what lives in them, read with the rights of an admin.

MCD, the bound and the peers are one user, with the rights of the chart. It must not write but what a kubelet would.
"""

from __future__ import annotations

import contextlib
import json
import os
import ssl
import urllib.request
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prometheus_client.parser import text_string_to_metric_families

from scripts.cluster.bare import RENDERED, Bare, bare

_TICK = os.sysconf("SC_CLK_TCK")
OURS = frozenset({
    "serviceaccounts", "networkpolicies", "services", "deployments", "httproutes", "prometheusrules", "configmaps",
    "secrets", "namespaces", "resourcequotas", "limitranges", "roles", "rolebindings", "poddisruptionbudgets",
    "horizontalpodautoscalers", "persistentvolumeclaims", "statefulsets", "cronjobs", "jobs", "pods", "replicasets",
    "podmonitors",
})  # fmt: skip
"""What a request of MCD is about. API servers ask themselves for other things."""
PATHS = {
    "ServiceAccount": "/api/v1/{}serviceaccounts",
    "Service": "/api/v1/{}services",
    "ConfigMap": "/api/v1/{}configmaps",
    "NetworkPolicy": "/apis/networking.k8s.io/v1/{}networkpolicies",
    "Deployment": "/apis/apps/v1/{}deployments",
    "HTTPRoute": "/apis/gateway.networking.k8s.io/v1/{}httproutes",
    "PrometheusRule": "/apis/monitoring.coreos.com/v1/{}prometheusrules",
}
"""The kinds of the data set, each with its collection; {} is a namespace with what stands around it."""


def cpu_of(pid: int) -> float:
    """Seconds of processor time of a process, and of its children that live or were waited for."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    own = sum(int(fields[place]) for place in (11, 12, 13, 14)) / _TICK
    return own + sum(cpu_of(child) for child in children(pid))


def children(pid: int) -> list[int]:
    found: list[int] = []
    with contextlib.suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += [int(child) for child in (task / "children").read_text().split()]
    return found


def resident(pid: int) -> int:
    """Bytes of memory of one process."""
    pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


@dataclass(frozen=True)
class Spent:
    """Processor seconds: of all API servers, and of etcd."""

    servers: float
    etcd: float

    @property
    def both(self) -> float:
        return self.servers + self.etcd

    def since(self, before: Spent) -> Spent:
        return Spent(self.servers - before.servers, self.etcd - before.etcd)


@dataclass(frozen=True)
class Servers:
    """`load` is that of the machine before any of them was started."""

    planes: Bare
    load: float = 0.0

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(cluster.name for cluster in self.planes.clusters)

    def target(self, name: str, file: Path, user: str = "mcd") -> dict[str, str]:
        """A target of a job of bench.bound."""
        return {
            "server": self.planes.server(name), "ca": str(self.planes.authority(name)),
            "token": self.planes.token(name, user), "file": str(file),
        }  # fmt: skip

    def spent(self) -> Spent:
        return Spent(sum(cpu_of(self.planes.pid(name)) for name in self.names), cpu_of(self.planes.pid("etcd")))

    def memory(self) -> int:
        """Bytes, etcd's with them."""
        return sum(resident(self.planes.pid(name)) for name in (*self.names, "etcd"))

    def asked(self) -> dict[str, int]:
        """Requests about what is ours that all API servers have answered, by verb. A watch counts when it ends."""
        found: dict[str, int] = {}
        for name in self.names:
            for family in text_string_to_metric_families(self.get(name, "/metrics").decode()):
                if family.name != "apiserver_request":
                    continue
                for sample in family.samples:
                    if sample.name == "apiserver_request_total" and sample.labels["resource"] in OURS:
                        verb = sample.labels["verb"]
                        found[verb] = found.get(verb, 0) + int(sample.value)
        return found

    def live(self, name: str, kind: str, selector: str = "") -> list[dict[str, Any]]:
        """An independent list of a kind: not by MCD's client, and read from etcd."""
        where = PATHS[kind].format("") + (f"?labelSelector={selector}" if selector else "")
        items: list[dict[str, Any]] = json.loads(self.get(name, where))["items"]
        return items

    def get(self, name: str, path: str) -> bytes:
        request = urllib.request.Request(self.planes.server(name) + path)
        request.add_header("Authorization", f"Bearer {self.planes.token(name, 'admin')}")
        tls = ssl.create_default_context(cafile=str(self.planes.authority(name)))
        with urllib.request.urlopen(request, timeout=120, context=tls) as answer:
            body: bytes = answer.read()
        return body


def between(before: Mapping[str, int], after: Mapping[str, int]) -> dict[str, int]:
    """How many requests came in between, by verb; a verb without one is left out."""
    return {verb: count - before.get(verb, 0) for verb, count in after.items() if count != before.get(verb, 0)}


def without_watches(asked: Mapping[str, int]) -> int:
    return sum(count for verb, count in asked.items() if verb not in ("WATCH", "WATCHLIST"))


@contextlib.contextmanager
def up(home: Path, count: int) -> Iterator[Servers]:
    """Starts an etcd and `count` API servers c00, c01 …; stopped and forgotten at the end. Raises ClusterProblem."""
    load = os.getloadavg()[0]
    with bare(home, [f"c{number:02}" for number in range(count)], audit=False, groups=RENDERED) as planes:
        yield Servers(planes, load)
