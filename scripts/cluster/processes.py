"""Starts, recognises and stops the cluster's processes, each by a pid file that also holds its start time and the boot.

A pid that the kernel has given to somebody else in the meantime is never taken for ours, and never signalled. It must
not know what the processes are for.
"""

from __future__ import annotations

import hashlib
import os
import re
import signal
import subprocess
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from scripts.cluster.problems import ClusterProblem

_LOG_LIMIT_BYTES = 64 * 1024**2
_STACK = re.compile(r"\t|goroutine \d+ \[|[\w./*()-]+\(.*\)$|created by ")


@dataclass(frozen=True)
class Component:
    """One process of the cluster. `ready` returns "" or what is still missing; `files` are read by it at its start."""

    name: str
    command: tuple[str, ...]
    ready: Callable[[], str]
    environment: Mapping[str, str] = field(default_factory=dict)
    files: tuple[Path, ...] = ()
    ready_seconds: float = 60.0
    stop_seconds: float = 10.0

    def fingerprint(self) -> str:
        """A hash of everything that makes a restart necessary when it changes."""
        digest = hashlib.sha256(repr((self.command, sorted(self.environment.items()))).encode())
        for file in self.files:
            digest.update(file.read_bytes() if file.is_file() else b"")
        return digest.hexdigest()[:16]


@dataclass(frozen=True)
class Identity:
    """A process that cannot be confused: pid, start time in clock ticks since boot, boot id, fingerprint."""

    pid: int
    started: int
    boot: str
    fingerprint: str = ""


def identity(pid: int, fingerprint: str = "") -> Identity | None:
    """The identity of a live process; None when there is none, or only its remains (a zombie)."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return None
    # The command in parentheses may itself hold spaces and parentheses.
    rest = text[text.rindex(")") + 2 :].split()
    if rest[0] in ("Z", "X"):
        return None
    return Identity(pid, int(rest[19]), boot(), fingerprint)


def boot() -> str:
    """The id of this run of the kernel."""
    return Path("/proc/sys/kernel/random/boot_id").read_text().strip()


def pid_file(home: Path, name: str) -> Path:
    return home / "run" / f"{name.replace('/', '_')}.pid"


def log_file(home: Path, name: str) -> Path:
    return home / "logs" / f"{name.replace('/', '_')}.log"


def names(home: Path) -> list[str]:
    """Every component that has a pid file, running or not."""
    return sorted(file.name.removesuffix(".pid").replace("_", "/") for file in (home / "run").glob("*.pid"))


def live_owners(home: Path) -> set[str]:
    """The names of all components that run."""
    return {name for name in names(home) if running(home, name) is not None}


def running(home: Path, name: str) -> Identity | None:
    """The live process of a component. A pid file that names no live process of ours is removed."""
    file = pid_file(home, name)
    try:
        pid, started, boot, fingerprint = file.read_text().split()
        wanted = Identity(int(pid), int(started), boot, fingerprint)
    except FileNotFoundError:
        return None
    except ValueError:
        file.unlink(missing_ok=True)
        return None
    if identity(wanted.pid, fingerprint) == wanted:
        return wanted
    file.unlink(missing_ok=True)
    return None


def start(home: Path, component: Component) -> bool:
    """Start the component unless it runs as wanted; one with another command line or files is restarted.

    Returns whether it was started.
    """
    fingerprint = component.fingerprint()
    live = running(home, component.name)
    if live is not None and live.fingerprint == fingerprint:
        return False
    if live is not None:
        stop(home, component.name, component.stop_seconds)
    file, log = pid_file(home, component.name), log_file(home, component.name)
    for folder in (file.parent, log.parent):
        folder.mkdir(parents=True, exist_ok=True)
    if log.exists() and log.stat().st_size > _LOG_LIMIT_BYTES:
        log.replace(log.with_suffix(".log.1"))

    def leave_pid() -> None:
        # Written by the child before it becomes the program: there is no moment in which it runs unknown.
        mine = identity(os.getpid())
        assert mine is not None
        file.write_text(f"{mine.pid} {mine.started} {mine.boot} {fingerprint}\n")

    with log.open("ab") as output:
        try:
            process = subprocess.Popen(
                component.command,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=output,
                cwd=home,
                env={**_environment(), **component.environment},
                start_new_session=True,
                preexec_fn=leave_pid,
            )
        except (OSError, subprocess.SubprocessError) as error:
            raise ClusterProblem(f"{component.name}: cannot be started: {error}") from error
    # It outlives us on purpose, and stop() reaps it: Popen must not warn that it was left behind.
    process.returncode = 0
    return True


def _environment() -> dict[str, str]:
    # Nothing of a person's environment changes how the cluster behaves, or is seen in /proc.
    kept = ("PATH", "HOME", "LANG", "TMPDIR")
    return {name: os.environ[name] for name in kept if name in os.environ}


def stop(home: Path, name: str, seconds: float = 10.0, first: signal.Signals = signal.SIGTERM) -> bool:
    """Stop a component: `first`, and SIGKILL when it is still there after `seconds`. Says whether it was running."""
    live = running(home, name)
    if live is None:
        return False
    _signal(live, first)
    if not _gone(live, seconds):
        _signal(live, signal.SIGKILL)
        if not _gone(live, 10.0):
            raise ClusterProblem(f"{name}: process {live.pid} does not end even with SIGKILL. Look at it with ps.")
    pid_file(home, name).unlink(missing_ok=True)
    return True


def _signal(live: Identity, number: signal.Signals) -> None:
    # A pidfd pins the process: between the check and the signal the pid cannot become somebody else's.
    try:
        descriptor = os.pidfd_open(live.pid)
    except ProcessLookupError:
        return
    try:
        if identity(live.pid, live.fingerprint) == live:
            signal.pidfd_send_signal(descriptor, number)
    except ProcessLookupError:
        return
    finally:
        os.close(descriptor)


def _gone(live: Identity, seconds: float) -> bool:
    deadline = time.monotonic() + seconds
    while True:
        _reap(live.pid)
        if identity(live.pid, live.fingerprint) != live:
            return True
        if time.monotonic() > deadline:
            return False
        time.sleep(0.02)


def _reap(pid: int) -> None:
    try:
        os.waitpid(pid, os.WNOHANG)
    except ChildProcessError:
        pass  # started by an earlier command: its parent is init


def tail(home: Path, name: str, lines: int = 5) -> tuple[str, ...]:
    """The last telling lines of a component's log."""
    try:
        with log_file(home, name).open("rb") as file:
            file.seek(0, os.SEEK_END)
            file.seek(max(0, file.tell() - 16384))
            text = file.read().decode(errors="replace")
    except FileNotFoundError:
        return ()
    # What a program of Go says when it dies stands above its stack, which tells a person nothing.
    told = [each for each in text.splitlines() if each.strip() and not _STACK.match(each)]
    return tuple(each[:400] for each in told[-lines:])


def wait_ready(home: Path, component: Component) -> None:
    """Wait until the component is ready.

    Raises:
        ClusterProblem: it died or was not ready in time; the last lines of its log are in `detail`.
    """
    deadline = time.monotonic() + component.ready_seconds
    pause = 0.03
    while True:
        missing = component.ready()
        if not missing:
            return
        if running(home, component.name) is None:
            raise ClusterProblem(
                f"{component.name} ended while it was starting; the last lines of {log_file(home, component.name)}:",
                tail(home, component.name),
            )
        if time.monotonic() > deadline:
            raise ClusterProblem(
                f"{component.name} was not ready after {component.ready_seconds:.0f} s: {missing}. "
                f"The last lines of {log_file(home, component.name)}:",
                tail(home, component.name),
            )
        time.sleep(pause)
        pause = min(pause * 1.5, 0.3)


def wait_until(what: str, missing: Callable[[], str], seconds: float) -> None:
    """Wait for something that is no process's own readiness; `missing` returns "" when it is there.

    Raises:
        ClusterProblem: it was not there in time.
    """
    deadline = time.monotonic() + seconds
    while True:
        lacking = missing()
        if not lacking:
            return
        if time.monotonic() > deadline:
            raise ClusterProblem(f"{what}: not after {seconds:.0f} s: {lacking}")
        time.sleep(0.2)
