"""A real etcd and a real API server for the tests of this room: two plain processes, ready in seconds.

Started once per run on free ports of 127.0.0.1, with a folder of their own, and stopped by pid. Where the binaries are
not built, the tests that need them say so.
"""

from __future__ import annotations

import base64
import os
import shutil
import socket
import ssl
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

CACHE = Path(os.environ.get("MCD_CACHE", Path.home() / ".cache" / "mcd"))
READY_WITHIN = 60.0
"""Seconds for the API server to be ready on a busy machine; alone it takes about 6."""


def binary(name: str) -> Path | None:
    found = sorted(CACHE.glob(f"*/{name}"))
    return found[-1] if found else None


@dataclass(frozen=True)
class ApiServer:
    """`admin`, `person` may do everything; `weak` nothing."""

    url: str
    ca: str
    folder: Path

    def kubeconfig(self, user: str = "admin", token: str = "") -> str:
        ca = base64.b64encode(self.ca.encode()).decode()
        return (
            "apiVersion: v1\nkind: Config\ncurrent-context: t\n"
            f"contexts: [{{name: t, context: {{cluster: t, user: t}}}}]\n"
            f"clusters: [{{name: t, cluster: {{server: {self.url}, certificate-authority-data: {ca}}}}}]\n"
            f"users: [{{name: t, user: {{token: {token or user + '-token'}}}}}]\n"
        )


def free_port() -> int:
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return int(s.getsockname()[1])


@contextmanager
def running_or_skip() -> Iterator[ApiServer]:
    """For fixtures: skips with a reason where the servers are not built."""
    if binary("kube-apiserver") is None or binary("etcd") is None:
        pytest.skip("etcd and kube-apiserver are not built yet: make servers")
    with running() as server:
        yield server


@contextmanager
def running(extra: tuple[str, ...] = ()) -> Iterator[ApiServer]:
    etcd, apiserver = binary("etcd"), binary("kube-apiserver")
    assert etcd is not None
    assert apiserver is not None
    folder = Path(tempfile.mkdtemp(prefix="mcd-test-kube-"))
    client, peer, port = free_port(), free_port(), free_port()
    key = folder / "sa.key"
    subprocess.run(["openssl", "genrsa", "-out", str(key), "2048"], check=True, capture_output=True)
    tokens = folder / "tokens.csv"
    tokens.write_text(
        "admin-token,admin,admin,system:masters\nperson-token,person,person,system:masters\nweak-token,weak,weak,\n"
    )
    started = [
        _start(folder, "etcd", [
            str(etcd), "--data-dir", str(folder / "etcd"), "--listen-client-urls", f"http://127.0.0.1:{client}",
            "--advertise-client-urls", f"http://127.0.0.1:{client}", "--listen-peer-urls", f"http://127.0.0.1:{peer}",
            "--initial-advertise-peer-urls", f"http://127.0.0.1:{peer}",
            "--initial-cluster", f"default=http://127.0.0.1:{peer}", "--unsafe-no-fsync",
        ]),
        _start(folder, "apiserver", [
            str(apiserver), f"--etcd-servers=http://127.0.0.1:{client}", f"--cert-dir={folder / 'certs'}",
            f"--secure-port={port}", "--bind-address=127.0.0.1", "--advertise-address=127.0.0.1",
            f"--service-account-key-file={key}", f"--service-account-signing-key-file={key}",
            "--service-account-issuer=https://kubernetes.default.svc", f"--token-auth-file={tokens}",
            "--authorization-mode=RBAC", "--service-cluster-ip-range=10.96.0.0/16",
            "--endpoint-reconciler-type=none", "--disable-admission-plugins=ServiceAccount", *extra,
        ]),
    ]  # fmt: skip
    try:
        url = f"https://127.0.0.1:{port}"
        certificate = folder / "certs" / "apiserver.crt"
        _wait_ready(url, certificate, started)
        yield ApiServer(url, certificate.read_text(), folder)
    finally:
        for process in reversed(started):
            # Killed, not asked: an API server waits 20 s for its watches to end, and its data is thrown away.
            process.kill()
        for process in reversed(started):
            process.wait(timeout=10)
        shutil.rmtree(folder, ignore_errors=True)


def _start(folder: Path, name: str, command: list[str]) -> subprocess.Popen[bytes]:
    with (folder / f"{name}.log").open("wb") as log:
        return subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)


def _wait_ready(url: str, certificate: Path, started: list[subprocess.Popen[bytes]]) -> None:
    end = time.monotonic() + READY_WITHIN
    said = "nothing"
    while time.monotonic() < end:
        if any(p.poll() is not None for p in started):
            raise RuntimeError("a test server ended at once")
        if certificate.exists():
            try:
                request = urllib.request.Request(f"{url}/readyz", headers={"Authorization": "Bearer admin-token"})
                context = ssl.create_default_context(cafile=str(certificate))
                with urllib.request.urlopen(request, context=context, timeout=5):
                    return
            except (OSError, urllib.error.URLError) as error:
                said = str(error)
        time.sleep(0.1)
    raise RuntimeError(f"the test API server was not ready within {READY_WITHIN:g} s: {said}")
