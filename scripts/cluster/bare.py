"""API servers and nothing else: one etcd and so many kube-apiservers on it, for the benchmarks and for the rig.

No controller manager, no scheduler, no nodes: what is written stays as it was written. It must not share a home with
`up`, and whoever starts it stops it.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import signal
import subprocess
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path

from scripts.cluster import binaries, controlplane, credentials, definitions, places, ports, processes, rights
from scripts.cluster.api import Api, kubectl
from scripts.cluster.layout import Cluster
from scripts.cluster.problems import ClusterProblem
from scripts.cluster.processes import Component
from scripts.cluster.progress import Line

PROGRAMS = ("etcd", "kube-apiserver")
RENDERED = ("gateway.networking.k8s.io", "monitoring.coreos.com")
"""The groups of which an ordinary App has objects."""


@dataclass(frozen=True)
class Bare:
    """What runs. Every API server has all users of `credentials.USERS`; `mcd` has the rights of the chart in the whole
    cluster, `admin` has all."""

    home: Path
    clusters: tuple[Cluster, ...]

    def kubeconfig(self, name: str, user: str = "mcd") -> Path:
        return credentials.kubeconfig(self.named(name).folder, user)

    def server(self, name: str) -> str:
        return f"https://127.0.0.1:{self.named(name).port('api')}"

    def authority(self, name: str) -> Path:
        """The certificate of the API server's authority, as a PEM file."""
        return self.named(name).folder / "ca.crt"

    def token(self, name: str, user: str = "mcd") -> str:
        whole = next(each.name for each in credentials.USERS if each.short == user)
        return credentials.token(self.named(name).folder, whole)

    def audit_log(self, name: str) -> Path:
        return self.named(name).audit_log

    def pid(self, name: str) -> int:
        """Of the API server of a cluster, or of `etcd`. Raises ClusterProblem when it does not run."""
        live = processes.running(self.home, name if name == "etcd" else self.named(name).component("kube-apiserver"))
        if live is None:
            raise ClusterProblem(f"{name}: does not run. Look at {self.home / 'logs'}.")
        return live.pid

    def named(self, name: str) -> Cluster:
        return next(each for each in self.clusters if each.name == name)


def lacking() -> str:
    """Why there can be none here, "" when there can be."""
    missing = [each.name for each in binaries.missing(PROGRAMS)]
    if not definitions.file().is_file():
        missing.append("resource definitions")
    return f"not in the cache: {', '.join(missing)}. Run `make servers`" if missing else ""


@contextlib.contextmanager
def bare(
    home: Path, names: Sequence[str], *, audit: bool = True, groups: Sequence[str] = (), flags: Sequence[str] = ()
) -> Iterator[Bare]:
    """Starts them in an empty folder, waits until all are ready, and takes all of it away at the end. `audit`: whether
    they write an audit log, each line before the request is answered. `groups`: of which API groups definitions are
    applied, none given: of all. `flags`: more of them for the API servers.

    Raises:
        ClusterProblem: a program is missing, or one did not come up.
    """
    if said := lacking():
        raise ClusterProblem(said)
    if home.exists() and any(home.iterdir()):
        raise ClusterProblem(f"{home}: is not empty. Name a folder that is its own.")
    started: list[str] = []
    try:
        more = ("--audit-log-mode=blocking-strict",) if audit else ()
        yield _up(home, tuple(names), (*more, *flags), tuple(groups), started)
    finally:
        for name in reversed(started):
            # What they hold is forgotten anyway, and a polite end takes a minute of shutting down.
            processes.stop(home, name, 8.0, signal.SIGKILL)
        shutil.rmtree(home, ignore_errors=True)


def _up(
    home: Path, names: tuple[str, ...], flags: tuple[str, ...], groups: tuple[str, ...], started: list[str]
) -> Bare:
    chosen: dict[str, int] = {}
    for use in ("etcd", "etcd-peer", *(f"{name}/api" for name in names), *(f"{name}/kwok" for name in names)):
        chosen[use] = ports.chosen(use, None, set(chosen.values()))
    made = Bare(home, tuple(Cluster(home, name, "sim", chosen) for name in names))
    etcd = controlplane.etcd(home, chosen)
    home.mkdir(parents=True, exist_ok=True)
    _start(home, etcd, started)
    processes.wait_ready(home, etcd)
    servers: list[Component] = []
    audit = any(flag.startswith("--audit-") for flag in flags)
    for cluster in made.clusters:
        controlplane.prepare(cluster)
        server = controlplane.api_server(cluster, Api(cluster.folder, cluster.port("api")))
        command = [word for word in server.command if audit or not word.startswith("--audit-")]
        # Its own controllers of admission wait for what only a controller manager makes.
        command += ["--disable-admission-plugins=ServiceAccount", *flags]
        servers.append(replace(server, command=tuple(command), ready_seconds=240.0))
        _start(home, servers[-1], started)
    for server in servers:
        processes.wait_ready(home, server)
    text = _wanted(groups)
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda cluster: _fill(cluster, text), made.clusters))
    return made


def _start(home: Path, component: Component, started: list[str]) -> None:
    started.append(component.name)
    processes.start(home, component)


def _wanted(groups: tuple[str, ...]) -> str:
    """The definitions of these groups, of all when none is named."""
    parts = re.split(r"^---\n", definitions.ensure(Line()), flags=re.MULTILINE)
    found = re.compile(r"^  group: (\S+)$", re.MULTILINE)
    kept = [p for p in parts if (name := found.search(p)) and (not groups or name[1].strip('"') in groups)]
    return "---\n".join(kept)


def _fill(cluster: Cluster, text: str) -> None:
    """Rights and definitions."""
    api = Api(cluster.folder, cluster.port("api"))
    api.apply((places.MANIFESTS / "rbac.yaml").read_text() + "\n---\n" + rights.manifest(), "rights")
    command = [kubectl(), "--kubeconfig", str(credentials.kubeconfig(cluster.folder, "admin")), "apply"]
    command += ["--server-side", "--force-conflicts", "--field-manager=mcd-local-cluster", "-f", "-"]
    done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=300)
    if done.returncode != 0:
        raise ClusterProblem("the API server refused some definitions:", tuple(done.stderr.splitlines()[-5:]))
    processes.wait_until("the resource definitions", lambda: definitions.unserved(api.get, text), 120)
