"""Takes a cluster down: pods first, then processes by pid, then mounts and network. `reset` also forgets the data.

It must not leave a process or a mount of ours behind, nor touch one that is not ours.
"""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

from scripts.cluster import controlplane, layout, mounts, node, postgres, processes, state, traces
from scripts.cluster.api import Api
from scripts.cluster.problems import ClusterProblem
from scripts.cluster.progress import Line, spoken

# Long enough for a program that ends on SIGTERM, short enough for a person who waits.
_POD_GRACE_SECONDS = 3
_POD_DEADLINE_SECONDS = 40.0

# What `up` and `postgres up` write into a home. Whatever else lies there is somebody else's.
MADE = ("clusters", "etcd", "logs", "node", "postgres", "registry", "registry.yaml", "run", "state.json", "lock")

# The reverse of the order in which they were started.
_ORDER = (
    "kube-controller-manager",
    "kube-scheduler",
    "storage",
    "traefik",
    "metrics-server",
    "coredns",
    "kube-proxy",
    "kubelet",
    "containerd",
    "kwok",
    "kube-apiserver",
)


def down(home: Path, name: str, line: Line) -> None:
    """Stop one cluster, or with an empty name everything of `home`."""
    began = time.monotonic()
    with state.locked(home, line):
        remembered = _remembered(home)
        if name:
            _stop_cluster(home, name, remembered, line)
            if processes.live_owners(home) <= {"etcd", "registry"}:
                _stop_shared(home)
        else:
            stop_everything(home, remembered, line)
        line.say(f"stopped after {spoken(time.monotonic() - began)}; the data is kept in {home}")


def reset(home: Path, name: str, line: Line) -> None:
    """Stop and forget one cluster, or with an empty name everything of `home`."""
    with state.locked(home, line):
        remembered = _remembered(home)
        if name:
            _forget_cluster(home, name, remembered, line)
            return
        stop_everything(home, remembered, line)
        # Of a node that ended with the machine: nobody has claimed it since.
        _remove_traces(home, line)
        for each in home.iterdir():
            if _is_ours(each.name) and each.name != "lock":
                _remove(each)
        line.say(f"forgot everything in {home}")
        if others := foreign(home):
            line.say(f"{', '.join(others)} in it stays: that is not the cluster's")


def foreign(home: Path) -> list[str]:
    """What lies in a home and is not of the cluster's making."""
    return sorted(each.name for each in home.iterdir() if not _is_ours(each.name)) if home.is_dir() else []


def _is_ours(name: str) -> bool:
    # With a dot before and a number after: half a file, left by a process that was killed while it wrote.
    half = name.removeprefix(".").rpartition(".")
    return name in MADE or (name.startswith(".") and half[0] in MADE and half[2].isdigit())


def stop_everything(home: Path, remembered: state.State, line: Line) -> None:
    """Stop all clusters of the home, and what they share."""
    live = processes.live_owners(home)
    named = {each.partition("/")[0] for each in live if "/" in each}
    for name in sorted(named | set(remembered.clusters), key=lambda each: each == layout.FIRST):
        _stop_cluster(home, name, remembered, line)
    if node.claimed_by() == home:
        # Everything was killed, or the state was lost: shims and mounts are found without it.
        _clean_machine(home, line)
    _stop_shared(home)


def _remembered(home: Path) -> state.State:
    # Stopping must work even with a damaged state file: the pids are in files of their own.
    try:
        return state.load(home)
    except ClusterProblem:
        return state.State()


def _stop_shared(home: Path) -> None:
    postgres.stop(home)
    for name in ("registry", "etcd"):
        processes.stop(home, name, 15)
    for name in processes.live_owners(home):
        processes.stop(home, name)


def _stop_cluster(home: Path, name: str, remembered: state.State, line: Line) -> None:
    live = processes.live_owners(home)
    # Without them nothing makes a new pod for one that is deleted.
    for program in ("kube-controller-manager", "kube-scheduler"):
        processes.stop(home, f"{name}/{program}")
    has_node = name == layout.FIRST and node.claimed_by() == home
    if has_node and f"{name}/kubelet" in live and f"{name}/kube-apiserver" in live:
        _stop_pods(Api(home / "clusters" / name, remembered.ports.get(f"{name}/api", 0)), line)
    for program in _ORDER:
        if program == "containerd" and has_node:
            _kill_containers(home)
        processes.stop(home, f"{name}/{program}", 8 if program == "kube-apiserver" else 10)
    if has_node:
        _clean_machine(home, line)


def _stop_pods(api: Api, line: Line) -> None:
    """Delete the pods of the real node and wait until its kubelet has stopped them."""
    query = f"/api/v1/pods?fieldSelector=spec.nodeName={layout.REAL_NODE}"

    def running() -> list[dict[str, str]]:
        status, answer = api.get(query)
        if status != 200:
            return []
        ended = ("Succeeded", "Failed")
        return [each["metadata"] for each in answer["items"] if each.get("status", {}).get("phase") not in ended]

    pods = running()
    if not pods:
        return
    line.say(f"stopping {len(pods)} pods on {layout.REAL_NODE}")
    for pod in pods:
        path = f"/api/v1/namespaces/{pod['namespace']}/pods/{pod['name']}"
        api.send("DELETE", path, {"gracePeriodSeconds": _POD_GRACE_SECONDS, "preconditions": {"uid": pod["uid"]}})
    try:
        processes.wait_until(
            "stopping pods", lambda: ", ".join(each["name"] for each in running()), _POD_DEADLINE_SECONDS
        )
    except ClusterProblem as problem:
        line.say(f"{problem}; they are killed")


def _kill_containers(home: Path) -> None:
    """Kill what the pods' deadline left, and the shims of containerd, which are nobody's children."""
    shims = [pid for pid in _pids() if _is_shim(pid, str(node.socket(home)))]
    doomed = {pid for shim in shims for pid in (shim, *_descendants(shim))}
    for pid in doomed:
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            continue


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdigit()]


def _is_shim(pid: int, socket: str) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").split("\0")
    except OSError:
        return False
    return Path(words[0]).name.startswith("containerd-shim") and socket in words


def _descendants(pid: int) -> list[int]:
    try:
        lists = [(task / "children").read_text() for task in Path(f"/proc/{pid}/task").iterdir()]
    except OSError:
        return []
    children = [int(child) for each in lists for child in each.split()]
    return [each for child in children for each in (child, *_descendants(child))]


def _clean_machine(home: Path, line: Line) -> None:
    """Unmount, and take bridge, host name, packet rules and whatever else the node made away."""
    _kill_containers(home)
    short = node.runtime(home)
    left = mounts.release(home / "node", short)
    if left:
        raise ClusterProblem(f"{left[0]} is still mounted. Unmount it and run down again.")
    shutil.rmtree(short, ignore_errors=True)
    # Pods' state is the API server's affair; what the kubelet kept of it is stale after a stop.
    subprocess.run(["ip", "link", "delete", layout.BRIDGE], capture_output=True, check=False)
    for family in ("ip", "ip6"):
        subprocess.run(["nft", "delete", "table", family, "kube-proxy"], capture_output=True, check=False)
    node.unname_host()
    _remove_traces(home, line)
    node.release()


def _remove_traces(home: Path, line: Line) -> None:
    left = traces.remove(home)
    if left:
        line.say(f"these stay, because something else uses them: {', '.join(left)}")


def _forget_cluster(home: Path, name: str, remembered: state.State, line: Line) -> None:
    if name not in remembered.clusters:
        raise ClusterProblem(
            f"there is no cluster {name!r} in {home}. Known: {', '.join(remembered.clusters) or 'none'}."
        )
    _stop_cluster(home, name, remembered, line)
    etcd = controlplane.etcd(home, remembered.ports)
    was_running = processes.running(home, "etcd") is not None
    processes.start(home, etcd)
    processes.wait_ready(home, etcd)
    failed = controlplane.forget(remembered.ports, name)
    if not was_running:
        processes.stop(home, "etcd")
    if failed:
        raise ClusterProblem(f"etcd could not forget {name}: {failed}")
    _remove(home / "clusters" / name)
    remembered.clusters.remove(name)
    own = f"{name}/"
    remembered.ports = {key: port for key, port in remembered.ports.items() if not key.startswith(own)}
    remembered.applied = {key: digest for key, digest in remembered.applied.items() if not key.startswith(own)}
    state.save(home, remembered)
    line.say(f"forgot cluster {name}")


def _remove(path: Path) -> None:
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
