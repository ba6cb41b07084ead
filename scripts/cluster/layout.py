"""One home and its clusters as values: folders, ports, addresses. Every other module is handed one of these.

It must not touch the disk or the network.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

FIRST = "local"
"""The cluster that has the real node, the gateway, DNS and metrics; all others have simulated nodes only."""

BRIDGE = "mcd0"
BRIDGE_ADDRESS = "10.88.0.1"
POD_RANGE = "10.88.0.0/24"
SERVICE_RANGE = "10.96.0.0/16"
SIMULATED_POD_RANGE = "10.200.0.0/16"
REAL_NODE = "real-1"
BASE_DOMAIN = "apps.localhost"
GATEWAY_NAMESPACE = "mcd-gateway"


@dataclass(frozen=True)
class Cluster:
    """One Kubernetes: its own API server, controller manager, scheduler and kwok, on the home's one etcd."""

    home: Path
    name: str
    node: str
    ports: dict[str, int]

    @property
    def folder(self) -> Path:
        return self.home / "clusters" / self.name

    @property
    def first(self) -> bool:
        return self.name == FIRST

    @property
    def real(self) -> bool:
        return self.first and self.node == "real"

    def port(self, use: str) -> int:
        """A port of this cluster, such as `api`."""
        return self.ports[f"{self.name}/{use}"]

    def component(self, program: str) -> str:
        """The name of one of its processes, as `logs` and `status` say it."""
        return f"{self.name}/{program}"

    @property
    def audit_log(self) -> Path:
        return self.folder / "audit.log"


def ports_of(name: str, node: str) -> tuple[str, ...]:
    """The ports that a cluster needs, as named in the state file."""
    own = [f"{name}/api", f"{name}/kwok"]
    if name == FIRST:
        own += ["gateway", "gateway-ping"]
        if node == "real":
            own += [f"{name}/{use}" for use in _REAL_USES]
    return tuple(own)


_REAL_USES = ("metrics", "kubelet", "kubelet-healthz", "kube-proxy-healthz", "coredns-health")
SHARED_PORTS = ("etcd", "etcd-peer", "registry")

_OWNERS = {
    "api": "kube-apiserver",
    "kwok": "kwok",
    "metrics": "metrics-server",
    "kubelet": "kubelet",
    "kubelet-healthz": "kubelet",
    "kube-proxy-healthz": "kube-proxy",
    "coredns-health": "coredns",
}
_SHARED_OWNERS = {
    "etcd": "etcd",
    "etcd-peer": "etcd",
    "registry": "registry",
    "gateway": f"{FIRST}/traefik",
    "gateway-ping": f"{FIRST}/traefik",
}


def owner_of(use: str) -> str:
    """The component that listens on a port, by the port's name in the state file."""
    if use in _SHARED_OWNERS:
        return _SHARED_OWNERS[use]
    cluster, _, short = use.partition("/")
    return f"{cluster}/{_OWNERS[short]}"
