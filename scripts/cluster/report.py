"""What runs, where, and how to reach it: as a table for people, as JSON for programs, as lines for a shell.

It must not change anything, except for removing pid files of processes that are gone.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Any

from scripts.cluster import binaries, credentials, definitions, layout, packages, processes, simulated, state, storage
from scripts.cluster.layout import Cluster
from scripts.cluster.progress import spoken

FORMAT = 1
_POLICIES = "policies  kept, but NOT enforced: every pod reaches every other, of other product lines too"


def status(home: Path) -> dict[str, Any]:
    """Everything that MCD and tests need to know."""
    remembered = state.load(home)
    wanted = _wanted(remembered)
    live = {name: processes.running(home, name) for name in sorted({*wanted, *processes.names(home)})}
    return {
        "format": FORMAT,
        "given": False,
        "home": str(home),
        "node": remembered.node,
        "running": bool(remembered.clusters) and all(live[name] is not None for name in wanted),
        "base_domain": layout.BASE_DOMAIN,
        "policies_enforced": False,
        "gateway": _gateway(remembered),
        "registry": f"127.0.0.1:{remembered.ports['registry']}" if live.get("registry") else None,
        "clusters": {name: _cluster(home, name, remembered) for name in remembered.clusters},
        "versions": {
            tool: binaries.version(tool) for tool in ("kubernetes", "etcd", "kwok", "coredns", "metrics-server")
        }
        | {source.module: source.version for source in definitions.SOURCES},
        "processes": [_process(home, name, found) for name, found in live.items()],
    }


def given(kubeconfig: str) -> dict[str, Any]:
    """The same shape for a person's own cluster (MCD_KUBECONFIG): nothing of it is ours to start or stop."""
    path = str(Path(kubeconfig).expanduser().absolute())
    cluster: dict[str, Any] = {
        "kubeconfigs": {"admin": path, "mcd": path},
        "audit_log": None,
        "dns_cidrs": [],
        "node_pools": [],
    }
    return {
        "format": FORMAT,
        "given": True,
        "home": None,
        "node": "given",
        "running": True,
        "base_domain": os.environ.get("MCD_BASE_DOMAIN") or None,
        # Nobody asked that cluster.
        "policies_enforced": None,
        "gateway": None,
        "registry": None,
        "clusters": {layout.FIRST: cluster},
        "versions": {},
        "processes": [],
    }


def _wanted(remembered: state.State) -> list[str]:
    """The components that run when all is well."""
    if not remembered.clusters:
        return []
    names = ["etcd", *(["registry"] if packages.program("docker-registry") else [])]
    for cluster in remembered.clusters:
        programs = ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok", "storage"]
        if cluster == layout.FIRST:
            programs.append("traefik")
            if remembered.node == "real":
                programs += ["containerd", "kubelet", "kube-proxy", "coredns", "metrics-server"]
        names += [f"{cluster}/{program}" for program in programs]
    return names


def _gateway(remembered: state.State) -> dict[str, Any] | None:
    port = remembered.ports.get("gateway")
    if port is None:
        return None
    return {"name": "mcd", "namespace": layout.GATEWAY_NAMESPACE, "address": "127.0.0.1", "port": port}


def _cluster(home: Path, name: str, remembered: state.State) -> dict[str, Any]:
    cluster = Cluster(home, name, remembered.node if name == layout.FIRST else "sim", remembered.ports)
    handed_out = [user.short for user in credentials.USERS if user.handed_out]
    return {
        "server": f"https://127.0.0.1:{cluster.port('api')}",
        "node": cluster.node,
        "kubernetes": binaries.version("kubernetes"),
        "kubeconfigs": {short: str(credentials.kubeconfig(cluster.folder, short)) for short in handed_out},
        "audit_log": str(cluster.audit_log),
        "dns_cidrs": [f"{layout.BRIDGE_ADDRESS}/32"] if cluster.real else [],
        "pod_cidrs": [layout.POD_RANGE, layout.SIMULATED_POD_RANGE] if cluster.real else [layout.SIMULATED_POD_RANGE],
        "service_cidrs": [layout.SERVICE_RANGE],
        "storage": storage.facts(),
        "node_pools": [simulated.described(pool) for pool in simulated.pools(cluster.real)],
    }


def _process(home: Path, name: str, live: processes.Identity | None) -> dict[str, Any]:
    return {
        "name": name,
        "pid": live.pid if live is not None else None,
        "seconds": round(_age(live)) if live is not None else None,
        "log": str(processes.log_file(home, name)),
    }


def _age(live: processes.Identity) -> float:
    return time.clock_gettime(time.CLOCK_BOOTTIME) - live.started / os.sysconf("SC_CLK_TCK")


def table(found: dict[str, Any]) -> str:
    """The status for a person."""
    if found["given"]:
        kubeconfig = found["clusters"][layout.FIRST]["kubeconfigs"]["admin"]
        return f"MCD_KUBECONFIG is set: {kubeconfig} is used, and no local cluster."
    if not found["clusters"]:
        return f"there is no cluster in {found['home']}. Start one: python -m scripts.cluster up"
    rows = [("component", "pid", "up for", "log")]
    for each in found["processes"]:
        up_for = spoken(each["seconds"]) if each["pid"] else "STOPPED"
        rows.append((each["name"], str(each["pid"] or "-"), up_for, Path(each["log"]).name))
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    lines = ["  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip() for row in rows]
    lines += ["", f"home      {found['home']} (logs in logs/)", f"node      {found['node']}"]
    if found["node"] == "real" and not found["policies_enforced"]:
        lines.append(_POLICIES)
    gateway = found["gateway"]
    if gateway:
        lines.append(f"gateway   http://NAME.{found['base_domain']}:{gateway['port']}")
    lines.append(f"registry  {found['registry'] or 'none (docker-registry is not installed or not running)'}")
    for name, cluster in found["clusters"].items():
        lines.append(f"{name:<9} {cluster['server']}  kubeconfig {cluster['kubeconfigs']['admin']}")
    return "\n".join(lines)


def environment(found: dict[str, Any], name: str) -> str:
    """Lines for `eval "$(python -m scripts.cluster env)"`."""
    cluster = found["clusters"][name]
    pairs = {"KUBECONFIG": cluster["kubeconfigs"]["admin"], "MCD_AUDIT_LOG": cluster["audit_log"] or ""}
    if found["gateway"]:
        pairs["MCD_GATEWAY"] = f"127.0.0.1:{found['gateway']['port']}"
    if found["registry"]:
        pairs["MCD_REGISTRY"] = found["registry"]
    return "\n".join(f"export {key}='{value}'" for key, value in pairs.items())
