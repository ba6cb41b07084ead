"""The state file of one home: node mode, ports, names of the clusters, and what was applied to them.

It is written whole and atomically. It must not hold a secret, nor say whether something runs: processes.py does.
"""

from __future__ import annotations

import fcntl
import json
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from scripts.cluster.problems import ClusterProblem
from scripts.cluster.progress import Line, spoken

_FORMAT = 1
# The longest that anybody waits for another `up`: a first one may build for 45 minutes.
_LOCK_SECONDS = 3600.0


@dataclass
class State:
    """What is remembered between two runs. `ports`: use → number; `applied`: what → hash of its content."""

    node: str = ""
    clusters: list[str] = field(default_factory=list)
    ports: dict[str, int] = field(default_factory=dict)
    applied: dict[str, str] = field(default_factory=dict)


def load(home: Path) -> State:
    """The state of `home`; an empty one where there is none.

    Raises:
        ClusterProblem: the file is not ours or is damaged.
    """
    file = home / "state.json"
    try:
        read: Any = json.loads(file.read_text())
    except FileNotFoundError:
        return State()
    except (ValueError, OSError) as error:
        raise ClusterProblem(f"{file}: cannot be read ({error}). Delete it, or forget the cluster (reset).") from error
    if not isinstance(read, dict) or read.get("format") != _FORMAT:
        raise ClusterProblem(f"{file}: not a state file of this version. Forget the cluster (reset) and start again.")
    try:
        return State(
            node=str(read["node"]),
            clusters=[str(each) for each in read["clusters"]],
            ports={str(name): int(port) for name, port in read["ports"].items()},
            applied={str(name): str(value) for name, value in read["applied"].items()},
        )
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise ClusterProblem(f"{file}: damaged ({error}). Forget the cluster (reset) and start again.") from error


def save(home: Path, state: State) -> None:
    """Write the state, whole or not at all."""
    content = {
        "format": _FORMAT,
        "node": state.node,
        "clusters": state.clusters,
        "ports": state.ports,
        "applied": state.applied,
    }
    write(home / "state.json", json.dumps(content, indent=2, sort_keys=True) + "\n")


def write(file: Path, text: str, mode: int = 0o600) -> bool:
    """Write `text` atomically, readable by its owner only; says whether the content changed.

    Raises:
        ClusterProblem: the disk is full, or the folder may not be written.
    """
    try:
        if file.is_file() and file.read_text() == text:
            return False
        file.parent.mkdir(parents=True, exist_ok=True)
        temporary = file.with_name(f".{file.name}.{os.getpid()}")
        with os.fdopen(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w") as opened:
            opened.write(text)
        temporary.replace(file)
    except OSError as error:
        raise ClusterProblem(f"{file}: cannot be written: {error.strerror}. Make room or mend the rights.") from error
    return True


@contextmanager
def locked(home: Path, line: Line) -> Iterator[None]:
    """Only one `up`, `down` or `reset` of a home at a time; the kernel drops the lock of a killed one."""
    try:
        home.mkdir(parents=True, exist_ok=True)
        file = (home / "lock").open("w")
    except OSError as error:
        raise ClusterProblem(f"{home}: cannot be used: {error.strerror}. Set MCD_CLUSTER_HOME.") from error
    with file:
        started = time.monotonic()
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                waited = time.monotonic() - started
                if waited > _LOCK_SECONDS:
                    raise ClusterProblem(f"{home}: another command has held it for {spoken(waited)}.") from None
                line.show(f"waiting for another command on {home} ({spoken(waited)} so far)")
                time.sleep(0.2)
        yield
