"""Starts and stops `mcd serve` beside the local cluster, with its data in the checkout.

It must not set anything up inside MCD: first.py does that through the API, as anybody would.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx

from scripts.cluster import places, ports, processes
from scripts.cluster.problems import ClusterProblem
from scripts.cluster.processes import Component

NAME = "mcd/serve"
WANTED_PORT = 7070
MADE = ("data", "logs", "run", "work", "admin", "context", "port")
"""Everything that is written into the folder. The port comes first and goes last: it is the sign that it is ours."""


@dataclass(frozen=True)
class Server:
    """One MCD: its folder, address and environment."""

    home: Path
    port: int
    environment: Mapping[str, str]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"


def home() -> Path:
    """The folder of MCD's data, log and pid file, beside the cluster's: .local/mcd for .local/cluster, and HOME-mcd for
    another MCD_CLUSTER_HOME, beside which a folder `mcd` may be anybody's, such as a checkout."""
    cluster = places.home()
    ours = cluster.name == "cluster" and cluster.parent.name == ".local"
    return cluster.with_name("mcd" if ours else f"{cluster.name}-mcd")


def data() -> Path:
    """The MCD_DATA of the server."""
    return home() / "data"


def forget() -> list[str]:
    """Removes what `make up` wrote into the folder, and the folder when nothing else is in it. Answers what is left."""
    folder = home()
    if not folder.is_dir():
        return []
    for name in MADE:
        path = folder / name
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    left = sorted(str(each) for each in folder.iterdir())
    if not left:
        folder.rmdir()
    return left


def planned(cluster: Mapping[str, Any], database: str) -> Server:
    """The server that belongs to a running cluster. Its port is kept from run to run."""
    folder = home()
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    others = sorted(each.name for each in folder.iterdir())
    if others and "port" not in others:
        raise ClusterProblem(
            f"{folder} is not empty ({', '.join(others[:3])}), and the data of MCD would go there. "
            "Move it away, or set MCD_CLUSTER_HOME to another place."
        )
    port = _port(folder)
    gateway = cluster.get("gateway") or {}
    environment = {
        "MCD_DATA": str(data()),
        "MCD_LISTEN": f"127.0.0.1:{port}",
        "MCD_PUBLIC_URL": f"http://127.0.0.1:{port}",
        "MCD_HOLDER": "local",
        "MCD_GATEWAY_PORT": str(gateway.get("port", 80)),
        **({"MCD_DATABASE_URL": database} if database else {}),
        **({"MCD_REGISTRY": cluster["registry"], "MCD_BUILDER": "buildah"} if cluster.get("registry") else {}),
    }
    return Server(folder, port, environment)


def _port(folder: Path) -> int:
    """The port of the last run; the first time 7070, or a free one when another program has that."""
    file = folder / "port"
    if file.is_file():
        return int(file.read_text())
    port = WANTED_PORT if ports.free(WANTED_PORT) else ports.chosen("mcd", None, set())
    file.write_text(str(port))
    return port


def start(server: Server) -> bool:
    """Migrates the database and starts the server unless it runs as wanted. Says whether it was started."""
    live = processes.running(server.home, NAME)
    if live is None and not ports.free(server.port):
        raise ClusterProblem(
            f"port {server.port} is taken by another program. "
            f"Stop it, or delete {server.home / 'port'} for another one."
        )
    command = (str(Path(sys.executable).with_name("mcd")), "serve")
    component = Component(
        NAME, command, lambda: _missing(server), server.environment, files=_sources(), ready_seconds=60, stop_seconds=15
    )
    if live is None or live.fingerprint != component.fingerprint():
        run(server, "admin", "migrate")
    started = processes.start(server.home, component)
    processes.wait_ready(server.home, component)
    return started


def _sources() -> tuple[Path, ...]:
    """The program itself: a server that runs older code than the checkout is restarted."""
    return tuple(sorted((places.CHECKOUT / "mcd").rglob("*.py")))


def _missing(server: Server) -> str:
    try:
        answer = httpx.get(f"{server.url}/readyz", timeout=2.0)
    except httpx.HTTPError as error:
        return type(error).__name__
    return "" if answer.status_code == 200 else f"/readyz answers {answer.status_code}"


def run(server: Server, *words: str, given: str = "") -> str:
    """Runs an `mcd` command with the server's own environment and answers what it printed."""
    command = [str(Path(sys.executable).with_name("mcd")), *words]
    mine = {name: value for name, value in os.environ.items() if not name.startswith("MCD_")}
    environment = {**mine, **server.environment}
    ended = subprocess.run(
        command, env=environment, input=given, capture_output=True, text=True, check=False, timeout=120
    )
    if ended.returncode != 0:
        said = ended.stderr.strip().splitlines() or ["it said nothing"]
        raise ClusterProblem(f"mcd {' '.join(words[:2])}: {said[-1]}")
    return ended.stdout


def stop() -> bool:
    return processes.stop(home(), NAME, seconds=15.0)
