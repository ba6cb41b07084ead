"""What the real node leaves on the machine outside its home, because its programs know no other place for it.

Only what was not there before the node's start is taken away, path by path, and a folder only when nothing else is in
it. It must not touch what another containerd, kubelet or CNI made, nor anything while the node still runs.
"""

from __future__ import annotations

import contextlib
import json
import os
import socket
import stat
from collections.abc import Iterator
from pathlib import Path

from scripts.cluster import processes, state

NETWORK = "mcd"
"""The CNI network of the node's pods."""
_CGROUPS = Path("/sys/fs/cgroup")
_CONTAINERD = Path("/run/containerd")
_KUBELET = Path("/var/lib/kubelet")
_CNI = Path("/var/lib/cni")
_LOGS = Path("/var/log/containers")
_KUBELET_FILES = ("device-plugins/kubelet.sock", "device-plugins/kubelet_internal_checkpoint")


def note(home: Path) -> None:
    """Remember which of the places are not there yet: the node that starts now is what makes them."""
    made, boot = _made(home), processes.boot()
    for place in _places():
        if not place.exists():
            made[str(place)] = boot
    state.write(_file(home), json.dumps(made, indent=1, sort_keys=True) + "\n")


def remove(home: Path) -> list[str]:
    """Take away what the stopped node made and answer what stays of it, because it is used or not all ours."""
    _unlink_logs(home)
    made = [Path(place) for place in _made(home)]
    for place in made:
        if place == _CONTAINERD:
            _remove_containerd()
        elif place == _KUBELET:
            _remove_kubelet()
        elif place == _CNI:
            _remove_cni()
        elif place.name == "kubepods":
            _remove_cgroup(place)
        _remove_empty(place)
    _file(home).unlink(missing_ok=True)
    return [str(place) for place in made if place.exists()]


def _file(home: Path) -> Path:
    return home / "node" / "made.json"


def _made(home: Path) -> dict[str, str]:
    """Place → the boot in which it was missing. What lies in memory is forgotten by a reboot, and whatever is there
    then was made by somebody else."""
    try:
        read = json.loads(_file(home).read_text())
    except (OSError, ValueError):
        return {}
    known = {str(place) for place in _places()}
    memory = (str(_CGROUPS), str(_CONTAINERD))
    boot = processes.boot()
    return {
        place: str(when)
        for place, when in (read.items() if isinstance(read, dict) else ())
        if place in known and (when == boot or not place.startswith(memory))
    }


def _places() -> tuple[Path, ...]:
    """Everything outside the home that the node's programs make, by exact path."""
    with contextlib.suppress(OSError):
        trees = [_CGROUPS, *(each for each in sorted(_CGROUPS.iterdir()) if each.is_dir() and not each.is_symlink())]
        # Version 1 has a tree for each controller; each tree, as the one of version 2, has this file at its top.
        found = [tree / "kubepods" for tree in trees if (tree / "cgroup.procs").exists()]
        return (_CONTAINERD, _KUBELET, _CNI, _LOGS, *found)
    return (_CONTAINERD, _KUBELET, _CNI, _LOGS)


def _remove_containerd() -> None:
    """The sockets of shims that were killed. One that somebody listens to is another containerd's."""
    for entry in _entries(_CONTAINERD / "s"):
        if stat.S_ISSOCK(entry.lstat().st_mode) and not _answers(entry):
            entry.unlink(missing_ok=True)
    _remove_empty(_CONTAINERD / "s")


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX) as client:
        client.settimeout(1.0)
        try:
            client.connect(str(path))
        except (ConnectionRefusedError, FileNotFoundError):
            return False
        except OSError:
            return True
    return True


def _remove_kubelet() -> None:
    for name in _KUBELET_FILES:
        with contextlib.suppress(OSError):
            (_KUBELET / name).unlink(missing_ok=True)
    _remove_empty(_KUBELET / "device-plugins")


def _remove_cni() -> None:
    """What CNI remembers of pods that were killed."""
    for entry in _entries(_CNI / "results"):
        with contextlib.suppress(OSError, ValueError, AttributeError):
            if json.loads(entry.read_text()).get("networkName") in (NETWORK, "cni-loopback"):
                entry.unlink()
    _remove_empty(_CNI / "results")


def _remove_cgroup(tree: Path) -> None:
    """A cgroup with a process in it cannot be removed, so nothing that runs is ever touched."""
    for folder, _, _ in os.walk(tree, topdown=False):
        _remove_empty(Path(folder))


def _unlink_logs(home: Path) -> None:
    """The kubelet links each container's log here; ours are those that point into the home."""
    logs = home / "node" / "pod-logs"
    for entry in _entries(_LOGS):
        if entry.is_symlink() and entry.readlink().is_relative_to(logs):
            entry.unlink(missing_ok=True)


def _entries(folder: Path) -> Iterator[Path]:
    with contextlib.suppress(OSError):
        yield from sorted(folder.iterdir())


def _remove_empty(folder: Path) -> None:
    with contextlib.suppress(OSError):
        folder.rmdir()
