"""Brings a cluster up, step by step, and waits until it can be used. Whatever runs already is left as it is.

Every wait has a deadline and says what it waited for. It must not stop anything that it did not decide to restart.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

from scripts.cluster import (
    binaries,
    controlplane,
    credentials,
    definitions,
    down,
    edge,
    layout,
    node,
    packages,
    places,
    ports,
    processes,
    rights,
    simulated,
    state,
    storage,
)
from scripts.cluster.api import Api, kubectl, traefik
from scripts.cluster.layout import Cluster
from scripts.cluster.problems import ClusterProblem
from scripts.cluster.processes import Component
from scripts.cluster.progress import Line, spoken

_NAME = re.compile(r"[a-z]([a-z0-9-]{0,28}[a-z0-9])?")
_NODES = ("real", "sim")


@dataclass
class _Run:
    """One `up`: what it was given, and what it started so far."""

    cluster: Cluster
    line: Line
    api: Api
    remembered: state.State
    waiting: list[Component] = field(default_factory=list)
    started: list[str] = field(default_factory=list)

    def start(self, component: Component | None) -> None:
        """Start it and go on; wait_all waits."""
        if component is None:
            return
        if processes.start(self.cluster.home, component):
            self.started.append(component.name)
        self.waiting.append(component)

    def wait(self, component: Component | None) -> None:
        if component is not None:
            self.start(component)
            self.waiting.remove(component)
            processes.wait_ready(self.cluster.home, component)

    def wait_all(self) -> None:
        for component in self.waiting:
            processes.wait_ready(self.cluster.home, component)
        self.waiting.clear()


def up(home: Path, name: str, wanted_node: str, line: Line) -> None:
    """Bring the cluster `name` of `home` up. `wanted_node`: real, sim, or "" for what is remembered or possible.

    Raises:
        ClusterProblem: one line on what is missing or did not come.
    """
    began = time.monotonic()
    _check(name, wanted_node)
    _check_home(home)
    with state.locked(home, line):
        remembered = state.load(home)
        mode = wanted_node or remembered.node or ("real" if packages.may_be_real() else "sim")
        if remembered.node and remembered.node != mode and name == layout.FIRST:
            line.say(f"changing the node from {remembered.node} to {mode}: stopping what runs")
            down.stop_everything(home, remembered, line)
        run = _prepared(home, name, mode, line, remembered)
        _first_processes(run)
        _second_processes(run)
        took = spoken(time.monotonic() - began)
        if run.started:
            line.say(f"cluster {name} is ready after {took} (node: {run.cluster.node}; started {len(run.started)})")
        else:
            line.say(f"cluster {name} is ready; everything was running already ({took})")


def _check(name: str, wanted_node: str) -> None:
    if sys.platform != "linux":
        raise ClusterProblem("the local cluster runs on Linux only. Set MCD_KUBECONFIG to use another cluster.")
    if _NAME.fullmatch(name) is None:
        raise ClusterProblem(f"--name: {name!r} is not a cluster name. Use up to 30 of a-z, 0-9 and -, a letter first.")
    if wanted_node not in ("", *_NODES):
        raise ClusterProblem(f"MCD_NODE: there is no {wanted_node!r}. Use real or sim.")
    if wanted_node == "real" and os.geteuid() != 0:
        raise ClusterProblem("MCD_NODE=real needs root (network, mounts, cgroups). Become root, or use MCD_NODE=sim.")


def _check_home(home: Path) -> None:
    """A home is forgotten by name, so it must not be a folder that a person has something in."""
    others = down.foreign(home)
    if others and not (home / "state.json").exists():
        raise ClusterProblem(
            f"MCD_CLUSTER_HOME: {home} is not empty ({', '.join(others[:3])}). Name a folder that is the cluster's own."
        )


def _prepared(home: Path, name: str, mode: str, line: Line, remembered: state.State) -> _Run:
    """Programs, ports and files: everything before the first process."""
    real = mode == "real" and name == layout.FIRST
    _check_room(home, real)
    if real:
        node.claim(home)
    packages.ensure(real, line)
    kubectl()
    if name == layout.FIRST:
        traefik()
    binaries.build(tuple(each.name for each in binaries.PROGRAMS) if real else binaries.SIMULATED, line)
    definitions.ensure(line)
    _choose_ports(home, name, mode, remembered)
    cluster = Cluster(home, name, mode if name == layout.FIRST else "sim", remembered.ports)
    controlplane.prepare(cluster)
    return _Run(cluster, line, Api(cluster.folder, cluster.port("api")), remembered)


def _check_room(home: Path, real: bool) -> None:
    needed = 3 * 1024**3 if real else 512 * 1024**2
    free = shutil.disk_usage(home).free
    if free < needed:
        raise ClusterProblem(
            f"{home}: {free / 1024**2:.0f} MiB are free, this cluster needs {needed / 1024**2:.0f} MiB. "
            "Free some room, or set MCD_CLUSTER_HOME to another disk."
        )


def _choose_ports(home: Path, name: str, mode: str, remembered: state.State) -> None:
    wanted = [*layout.SHARED_PORTS, *layout.ports_of(name, mode)]
    live = processes.live_owners(home)
    for use in wanted:
        if use in remembered.ports and layout.owner_of(use) in live:
            continue  # our own process listens there
        others = {port for other, port in remembered.ports.items() if other != use}
        remembered.ports[use] = ports.chosen(use, remembered.ports.get(use), others)
    if name == layout.FIRST:
        remembered.node = mode
    if name not in remembered.clusters:
        remembered.clusters.append(name)
    state.save(home, remembered)


def _first_processes(run: _Run) -> None:
    """etcd, registry, API server; beside them the real node's containerd, which needs none of these."""
    cluster = run.cluster
    run.start(edge.registry(cluster.home, cluster.ports))
    run.wait(controlplane.etcd(cluster.home, cluster.ports))
    server = controlplane.api_server(cluster, run.api)
    run.start(server)
    if cluster.real:
        node.raise_bridge()
        node.name_host()
        node.prepare(cluster)
        run.wait(node.containerd(cluster))
        node.import_pause(cluster.home)
    run.wait(server)


def _second_processes(run: _Run) -> None:
    """Everything that needs the API server, in parallel with the custom resource definitions."""
    cluster = run.cluster
    served = _Definitions(run)
    storage.forget_older(run.api)
    _apply(run, "base", _base_objects(cluster))
    run.start(controlplane.controller_manager(cluster))
    run.start(controlplane.scheduler(cluster))
    run.start(controlplane.kwok(cluster))
    run.start(storage.provisioner(cluster))
    if cluster.real:
        run.start(node.kubelet(cluster))
        run.start(node.kube_proxy(cluster))
        run.start(edge.coredns(cluster))
        run.start(edge.metrics_server(cluster))
        _apply(run, "metrics", edge.metrics_manifest(cluster))
    served.wait()
    if cluster.first:
        run.start(edge.gateway(cluster))
        _apply(run, "gateway", edge.gateway_manifest(cluster))
    run.wait_all()
    processes.wait_until("the nodes", lambda: _nodes_missing(run), 60)
    processes.wait_until("the controller manager", lambda: _account_missing(run.api), 60)
    if cluster.first:
        processes.wait_until("the gateway", lambda: edge.gateway_programmed(run.api), 30)
    state.save(cluster.home, run.remembered)


def _base_objects(cluster: Cluster) -> str:
    nodes = "".join(f"---\n{json.dumps(each)}\n" for each in simulated.node_objects(cluster.real))
    texts = [(places.MANIFESTS / "rbac.yaml").read_text(), rights.manifest(), nodes, storage.manifest()]
    return "\n---\n".join(texts)


def _apply(run: _Run, what: str, text: str) -> None:
    """Apply when the text is new, and after each start of a process: what was changed by hand is put right."""
    key, digest = f"{run.cluster.name}/{what}", hashlib.sha256(text.encode()).hexdigest()
    if run.remembered.applied.get(key) == digest and not run.started:
        return
    run.api.apply(text, what)
    run.remembered.applied[key] = digest


class _Definitions:
    """The custom resource definitions, applied by a kubectl that runs beside the other steps."""

    def __init__(self, run: _Run) -> None:
        self._run = run
        self._key = f"{run.cluster.name}/definitions"
        self._process: subprocess.Popen[bytes] | None = None
        if run.remembered.applied.get(self._key) == definitions.version():
            return
        run.line.say("applying the resource definitions of Gateway API, KEDA, Prometheus operator and cert-manager")
        command = [kubectl(), "--kubeconfig", str(credentials.kubeconfig(run.cluster.folder, "admin")), "apply"]
        command += ["--server-side", "--force-conflicts", "--field-manager=mcd-local-cluster"]
        command += ["-f", str(definitions.file())]
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 - lives as long as the process, in wait()
        self._process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=self._errors)

    def wait(self) -> None:
        if self._process is None:
            return
        try:
            code = self._process.wait(timeout=180)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
            raise ClusterProblem("the resource definitions were not applied after 180 s.") from None
        with self._errors:
            self._errors.seek(0)
            said = self._errors.read().decode(errors="replace").splitlines()
        if code != 0:
            raise ClusterProblem("the API server refused some resource definitions:", tuple(said[-5:]))
        text, get = definitions.file().read_text(), self._run.api.get
        processes.wait_until("the resource definitions", lambda: definitions.unserved(get, text), 60)
        self._run.remembered.applied[self._key] = definitions.version()


def _nodes_missing(run: _Run) -> str:
    status, answer = run.api.get("/api/v1/nodes")
    if status != 200:
        return f"the API server answers {status}"
    ready = {
        each["metadata"]["name"]
        for each in answer["items"]
        for condition in each.get("status", {}).get("conditions", ())
        if condition["type"] == "Ready" and condition["status"] == "True"
    }
    wanted = {name for pool in simulated.pools(run.cluster.real) for name in pool.nodes}
    missing = sorted(wanted - ready)
    return f"not ready: {', '.join(missing)}" if missing else ""


def _account_missing(api: Api) -> str:
    """Pods cannot be made before the controller manager has given the namespace its ServiceAccount."""
    status, _ = api.get("/api/v1/namespaces/default/serviceaccounts/default")
    return "" if status == 200 else "namespace default has no ServiceAccount yet"
