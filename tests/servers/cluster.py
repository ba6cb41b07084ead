"""A local Kubernetes of its own for tests: real control plane, simulated nodes, or the real node with MCD_NODE=real.

It is started through scripts/cluster in a home of its own, so that a developer's cluster is never disturbed, and
forgotten when the block ends. It must not be started once per test: take it in a fixture of module scope. The tests of
one file are run by one worker, in their order.
"""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from scripts.cluster import api, binaries, credentials, definitions, node

_CHECKOUT = Path(__file__).resolve().parents[2]
# A first `up` may build for a while; with the programs in the cache it takes 15 seconds.
_UP_SECONDS = 300.0


@dataclass(frozen=True)
class LocalCluster:
    """A running cluster. `status` is what `python -m scripts.cluster status -o json` prints."""

    home: Path
    name: str
    status: dict[str, Any]

    @property
    def described(self) -> dict[str, Any]:
        """This cluster's part of the status: server, kubeconfigs, audit_log, node_pools …"""
        found: dict[str, Any] = self.status["clusters"][self.name]
        return found

    @property
    def server(self) -> str:
        return str(self.described["server"])

    @property
    def real_node(self) -> bool:
        return bool(self.described["node"] == "real")

    def kubeconfig(self, user: str = "mcd") -> Path:
        """The kubeconfig of a user: admin, mcd, mcd-a, mcd-b, mcd-chart, person, other, nobody."""
        return Path(self.described["kubeconfigs"][user])

    def token(self, user: str = "mcd") -> str:
        name = next(each.name for each in credentials.USERS if each.short == user)
        return credentials.token(self.home / "clusters" / self.name, name)

    @property
    def authority(self) -> Path:
        """The certificate of the API server's authority, as a PEM file."""
        return self.home / "clusters" / self.name / "ca.crt"

    @property
    def gateway_port(self) -> int:
        return int(self.status["gateway"]["port"])

    def audit(self, offset: int = 0) -> list[dict[str, Any]]:
        """The audit log's events from a byte offset on; take `audit_size()` first to see only what a test caused."""
        with Path(self.described["audit_log"]).open("rb") as file:
            file.seek(offset)
            return [json.loads(line) for line in file if line.endswith(b"\n")]

    def audit_size(self) -> int:
        return Path(self.described["audit_log"]).stat().st_size

    def kubectl(self, *arguments: str, user: str = "admin", given: str | None = None) -> str:
        """Run kubectl, the referee, and return its output; its last line is the error."""
        done = subprocess.run(
            [api.kubectl(), "--kubeconfig", str(self.kubeconfig(user)), *arguments],
            input=given,
            capture_output=True,
            text=True,
            check=False,
            timeout=60,
        )
        if done.returncode != 0:
            raise AssertionError(f"kubectl {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def another(self, name: str) -> LocalCluster:
        """Another cluster beside this one, on the same etcd, with simulated nodes only."""
        _command(self.home, "up", "--name", name)
        return LocalCluster(self.home, name, _status(self.home))

    def control(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run `python -m scripts.cluster …` on this home and do not mind how it ends."""
        return run(self.home, *arguments)


def run(home: Path, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """`python -m scripts.cluster …` with a home and environment of the test's choice."""
    # What a person has set for their own cluster is not for ours.
    kept = {
        key: value
        for key, value in os.environ.items()
        if key not in ("MCD_KUBECONFIG", "MCD_GATEWAY_PORT", "MCD_REGISTRY_PORT", "MCD_NODE")
    }
    return subprocess.run(
        [sys.executable, "-m", "scripts.cluster", *arguments],
        cwd=_CHECKOUT,
        env={**kept, "MCD_CLUSTER_HOME": str(home), **environment},
        capture_output=True,
        text=True,
        check=False,
        timeout=_UP_SECONDS,
    )


def _command(home: Path, *arguments: str, **environment: str) -> str:
    done = run(home, *arguments, **environment)
    if done.returncode != 0:
        raise AssertionError(f"scripts.cluster {' '.join(arguments)}: {done.stderr}")
    return done.stdout


def _status(home: Path) -> dict[str, Any]:
    status: dict[str, Any] = json.loads(_command(home, "status", "-o", "json"))
    return status


def _lacking() -> str:
    """Why there can be no cluster here, "" when there can be one."""
    missing = [each.name for each in binaries.missing(binaries.SIMULATED)]
    if not definitions.file().is_file():
        missing.append("resource definitions")
    return f"not in the cache: {', '.join(missing)}. Run `make servers`" if missing else ""


@contextlib.contextmanager
def local_cluster(node_kind: str = "") -> Iterator[LocalCluster]:
    """Start a cluster in a home of its own. `node_kind`: real or sim, "" for what MCD_NODE says, else sim.

    Skips with a reason where its programs are not built, unless MCD_REQUIRE=all says that nothing may be skipped: then
    they are built.
    """
    lacking = _lacking()
    if lacking and os.environ.get("MCD_REQUIRE") != "all":
        pytest.skip(f"no local cluster: {lacking}")
    # Short and in the system's folder: the path of a Unix socket has at most 107 bytes.
    home = Path(tempfile.mkdtemp(prefix="mcd-cluster-", dir="/tmp"))
    try:
        _command(home, "up", MCD_NODE=node_kind or os.environ.get("MCD_NODE", "sim"))
        yield LocalCluster(home, "local", _status(home))
    finally:
        _command(home, "reset")
        (home / "lock").unlink(missing_ok=True)
        home.rmdir()


_IN_USE = Path(tempfile.gettempdir()) / "mcd-tests-real-node.lock"
"""Shared by all workers that use the real node, so that whoever started it does not take it away from them."""


@contextlib.contextmanager
def real_cluster() -> Iterator[LocalCluster]:
    """A cluster with the machine's one real node: the developer's own when it runs, else one that is started here.

    Tests keep to namespaces of their own in it, and delete them. Skips with a reason where there can be no real node,
    unless MCD_REQUIRE=all.
    """
    with _IN_USE.open("a") as used:
        fcntl.flock(used, fcntl.LOCK_SH)
        owner = node.claimed_by()
        if owner is not None:
            # Whatever of it had died comes back; what runs is left as it is.
            _command(owner, "up")
            yield LocalCluster(owner, "local", _status(owner))
            return
        if os.geteuid() != 0 and os.environ.get("MCD_REQUIRE") != "all":
            pytest.skip("no real node: this is not root, and none runs here")
        with local_cluster("real") as started:
            yield started
            # Another worker may be in the middle of its own tests there.
            fcntl.flock(used, fcntl.LOCK_EX)
