"""Debian's packages for the real node and the registry: installs what is missing, as root, once.

It must not touch the system's package sources, nor the services that a package brings: the cluster starts its own.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

from scripts.cluster.problems import ClusterProblem
from scripts.cluster.progress import Line

# A program of each package, and the package. The CNI plugins are not on the PATH.
_REAL_NODE = {
    "containerd": "containerd",
    "runc": "runc",
    "/usr/lib/cni/bridge": "containernetworking-plugins",
    "nft": "nftables",
    "conntrack": "conntrack",
    "ip": "iproute2",
    "busybox": "busybox-static",
}
_BUILD = {
    "docker-registry": "docker-registry",
    "buildah": "buildah",
    "crun": "crun",
    "skopeo": "skopeo",
    "mmdebstrap": "mmdebstrap",
}


def program(name: str) -> str | None:
    """Where a program is; system folders are searched even when they are not on a person's PATH."""
    return shutil.which(name) or shutil.which(name, path="/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin")


def _missing(wanted: dict[str, str]) -> list[str]:
    return sorted({package for name, package in wanted.items() if program(name) is None})


def ensure(real: bool, line: Line) -> None:
    """Install what is missing, when this is root on a Debian; the registry and the builder are optional without root.

    Raises:
        ClusterProblem: the real node is wanted and one of its programs is missing and cannot be installed.
    """
    wanted = {**_REAL_NODE, **_BUILD} if real else _BUILD
    missing = _missing(wanted)
    if not missing:
        return
    apt = program("apt-get")
    if os.geteuid() == 0 and apt is not None:
        line.say(f"installing system packages: {' '.join(missing)} (usually 1m)")
        _install(apt, missing)
    needed = _missing(_REAL_NODE) if real else []
    if needed:
        raise ClusterProblem(
            f"missing for the real node: {', '.join(needed)}. Install these Debian packages, or use MCD_NODE=sim."
        )


def _install(apt: str, missing: list[str]) -> None:
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    command = [apt, "install", "-y", "-qq", "--no-install-recommends", *missing]
    # The first try saves the update where the lists are fresh.
    for attempt in (command, [apt, "update", "-qq"], command):
        done = subprocess.run(
            attempt, env=environment, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, timeout=900
        )
        if done.returncode == 0 and attempt is command:
            return
    raise ClusterProblem(
        f"apt-get could not install {' '.join(missing)}. Check the network and the package sources:",
        tuple(done.stderr.strip().splitlines()[-3:]),
    )


def may_be_real() -> bool:
    """Whether a real node is the default here: root, with containerd installed or apt-get to install it."""
    if os.geteuid() != 0:
        return False
    return program("containerd") is not None or (
        program("apt-get") is not None and Path("/etc/debian_version").exists()
    )
