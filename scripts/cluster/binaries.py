"""Builds the cluster's programs once with Go and keeps them in the cache, `<cache>/<tool>-<version>/<program>`.

A program appears in the cache under its name only when it is whole, so that an interrupted build is simply continued;
two builds never run side by side. It must not install anything outside the cache and Go's own caches.
"""

from __future__ import annotations

import ctypes
import fcntl
import os
import re
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from scripts.cluster import places
from scripts.cluster.problems import ClusterProblem
from scripts.cluster.progress import Line, remaining, spoken

# What Go's module and build caches grow by, per program, on the average of all nine.
_ROOM_BYTES = 1300 * 1024**2
_PR_SET_PDEATHSIG = 1
_SCRATCH = ".go"
# Where Go's own instructions put it; it is often not on the PATH of a service or of root.
_USUAL_GO = Path("/usr/local/go/bin/go")
_NO_NETWORK = re.compile(
    "dial tcp|no such host|i/o timeout|TLS handshake|connection refused|proxyconnect|module lookup disabled"
)


@dataclass(frozen=True)
class Program:
    """One program: the folder under modules/ whose go.mod pins it, its Go package, and how long it usually builds."""

    name: str
    tool: str
    package: str
    usual_seconds: int


# In the order of use: a simulated cluster can start before the last ones are there. Seconds as seen on 2 cores.
PROGRAMS = (
    Program("etcd", "etcd", "go.etcd.io/etcd/server/v3", 50),
    Program("kube-apiserver", "kubernetes", "k8s.io/kubernetes/cmd/kube-apiserver", 280),
    Program("kube-controller-manager", "kubernetes", "k8s.io/kubernetes/cmd/kube-controller-manager", 100),
    Program("kube-scheduler", "kubernetes", "k8s.io/kubernetes/cmd/kube-scheduler", 15),
    Program("kwok", "kwok", "sigs.k8s.io/kwok/cmd/kwok", 85),
    Program("kubelet", "kubernetes", "k8s.io/kubernetes/cmd/kubelet", 35),
    Program("kube-proxy", "kubernetes", "k8s.io/kubernetes/cmd/kube-proxy", 15),
    Program("coredns", "coredns", "github.com/coredns/coredns", 110),
    Program("metrics-server", "metrics-server", "sigs.k8s.io/metrics-server/cmd/metrics-server", 140),
)
SIMULATED = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kwok")

_MODULES = {
    "etcd": "go.etcd.io/etcd/server/v3",
    "kubernetes": "k8s.io/kubernetes",
    "kwok": "sigs.k8s.io/kwok",
    "coredns": "github.com/coredns/coredns",
    "metrics-server": "sigs.k8s.io/metrics-server",
}


def version(tool: str) -> str:
    """The version that the tool's go.mod pins, such as `v1.37.2`."""
    text = (places.MODULES / tool / "go.mod").read_text()
    found = re.search(rf"^(?:require)?\s+{re.escape(_MODULES[tool])} (v\S+)", text, re.MULTILINE)
    if found is None:
        raise ClusterProblem(f"{places.MODULES / tool / 'go.mod'} does not require {_MODULES[tool]}: restore the file.")
    return found.group(1)


def path(name: str) -> Path:
    """Where the program lies in the cache, built or not."""
    program = next(each for each in PROGRAMS if each.name == name)
    return places.cache() / f"{program.tool}-{version(program.tool)}" / name


def missing(names: tuple[str, ...]) -> tuple[Program, ...]:
    """The programs that are not in the cache yet, in the order in which they are built."""
    return tuple(each for each in PROGRAMS if each.name in names and not path(each.name).is_file())


def build(names: tuple[str, ...], line: Line) -> None:
    """Build what is missing of `names`.

    Raises:
        ClusterProblem: no Go, no room on the disk, no network, or a compiler error.
    """
    wanted = missing(names)
    if not wanted:
        return
    go = _go(wanted)
    _check_room(len(wanted))
    done_usual, done_seconds = 0.0, 0.0
    for position, program in enumerate(wanted):
        with _locked(program, line):
            if path(program.name).is_file():
                continue
            later = float(sum(each.usual_seconds for each in wanted[position + 1 :]))
            # Before the first program is done nothing is known about this machine's pace.
            pace = max(0.25, done_seconds / done_usual) if done_usual else 1.0
            took = _build_one(go, program, line, (f"{position + 1} of {len(wanted)}", later, pace))
            done_usual += program.usual_seconds
            done_seconds += took


def _build_one(go: str, program: Program, line: Line, plan: tuple[str, float, float]) -> float:
    """Build one program and return the seconds it took. `plan`: its place in the list, later usual seconds, pace."""
    place, later, pace = plan
    folder = places.MODULES / program.tool
    target = path(program.name)
    started = time.monotonic()
    title = f"building {program.name} {version(program.tool)} ({place})"

    def tell(step: str) -> None:
        elapsed = time.monotonic() - started
        left = remaining(program.usual_seconds, elapsed, later, pace)
        line.show(
            f"{title}: {step}, {spoken(elapsed)} so far, usually {spoken(program.usual_seconds)}; "
            f"about {spoken(left)} left for everything"
        )

    line.say(f"{title}: usually {spoken(program.usual_seconds)}")
    _run_go(go, ["mod", "download"], folder, lambda count: tell("downloading modules"), "download its modules")
    temporary = target.with_name(f".{program.name}.{os.getpid()}")
    arguments = ["build", "-p", "2", "-v", "-mod=readonly", "-trimpath", "-ldflags", _linker_flags(program)]
    try:
        _run_go(
            go,
            [*arguments, "-o", str(temporary), program.package],
            folder,
            lambda count: tell(f"{count} packages compiled"),
            "build it",
        )
        with temporary.open("rb") as file:
            os.fsync(file.fileno())
        temporary.rename(target)
    finally:
        temporary.unlink(missing_ok=True)
    took = time.monotonic() - started
    line.say(f"built {program.name} {version(program.tool)} in {spoken(took)}")
    return took


def _linker_flags(program: Program) -> str:
    """Without a stamped version clients see v0.0.0."""
    pinned = version(program.tool)
    stamps: dict[str, str] = {}
    if program.tool == "kwok":
        stamps = {"sigs.k8s.io/kwok/pkg/consts.Version": pinned}
    if program.tool in ("kubernetes", "metrics-server"):
        major, minor, _ = pinned.removeprefix("v").split(".", 2)
        # metrics-server says its version with a copy of the same package in client-go.
        package = "k8s.io/component-base/version" if program.tool == "kubernetes" else "k8s.io/client-go/pkg/version"
        values = {"gitVersion": pinned, "gitMajor": major, "gitMinor": minor}
        stamps = {f"{package}.{name}": value for name, value in values.items()}
    return " ".join(["-s -w", *(f"-X {name}={value}" for name, value in stamps.items())])


def _run_go(go: str, arguments: list[str], folder: Path, tell: Callable[[int], None], purpose: str) -> None:
    """Run Go and call `tell` with the number of output lines about twice a second."""
    environment = {**os.environ, "CGO_ENABLED": "0", "GOWORK": "off", "GOTOOLCHAIN": "local"}
    # Go's working folder of a killed build stays behind: here the next one finds it and takes it away.
    scratch = places.cache() / f"{folder.name}-{version(folder.name)}" / _SCRATCH
    scratch.mkdir(exist_ok=True)
    environment["GOTMPDIR"] = str(scratch)
    log = scratch / "output"

    def said() -> list[str]:
        return log.read_text(errors="replace").splitlines()

    with log.open("wb") as output:
        process = subprocess.Popen(
            [go, *arguments],
            cwd=folder,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=output,
            preexec_fn=_die_with_parent,
        )
    try:
        while True:
            try:
                code = process.wait(timeout=0.5)
                break
            except subprocess.TimeoutExpired:
                tell(len(said()))
    except BaseException:
        process.kill()
        process.wait()
        raise
    if code != 0:
        raise ClusterProblem(_explained(folder.name, purpose, said()), tuple(said()[-5:]))


def _explained(tool: str, purpose: str, output: list[str]) -> str:
    text = "\n".join(output[-20:])
    if "no space left on device" in text:
        return f"{tool}: could not {purpose}: the disk is full. Free some room and run it again."
    if _NO_NETWORK.search(text):
        return (
            f"{tool}: could not {purpose}: no network, or no Go module proxy. "
            "Connect, or set GOPROXY, and run it again: it goes on where it stopped."
        )
    return f"{tool}: Go could not {purpose}; its last lines follow."


def _die_with_parent() -> None:
    # A build whose parent was killed with -9 must not go on beside the next one.
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    os.nice(5)


def _go(wanted: tuple[Program, ...]) -> str:
    go = shutil.which("go") or (str(_USUAL_GO) if _USUAL_GO.is_file() else "")
    names = ", ".join(each.name for each in wanted)
    if not go:
        raise ClusterProblem(
            f"no Go on the PATH, and not in the cache {places.cache()}: {names}. "
            "Install Go, or copy the cache from a machine that has it."
        )
    needed = max(_go_needed(tool) for tool in {each.tool for each in wanted})
    environment = {**os.environ, "GOTOOLCHAIN": "local"}
    answer = subprocess.run(
        [go, "env", "GOVERSION"],
        capture_output=True,
        text=True,
        check=False,
        env=environment,
    )
    found = _numbers(answer.stdout)
    if found < needed:
        raise ClusterProblem(
            f"Go {'.'.join(map(str, needed))} or newer is needed to build {names}; "
            f"{go} is {answer.stdout.strip() or 'broken'}. Install a newer Go."
        )
    return go


def _go_needed(tool: str) -> tuple[int, ...]:
    found = re.search(r"^go (\S+)$", (places.MODULES / tool / "go.mod").read_text(), re.MULTILINE)
    return _numbers(found.group(1) if found else "")


def _numbers(text: str) -> tuple[int, ...]:
    found = re.search(r"(\d+)\.(\d+)(?:\.(\d+))?", text)
    return tuple(int(each or 0) for each in found.groups()) if found else (0, 0, 0)


def _check_room(programs: int) -> None:
    needed = programs * _ROOM_BYTES
    for folder in sorted({places.cache(), Path.home()}):
        folder.mkdir(parents=True, exist_ok=True)
        free = shutil.disk_usage(folder).free
        if free < needed:
            raise ClusterProblem(
                f"{folder}: {free / 1024**3:.1f} GiB are free, building {programs} programs needs "
                f"{needed / 1024**3:.1f} GiB. Free some room."
            )


@contextmanager
def _locked(program: Program, line: Line) -> Iterator[None]:
    """Hold the tool's lock; the kernel drops it when this process ends, however it ends."""
    folder = path(program.name).parent
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / ".lock").open("w") as file:
        started = time.monotonic()
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                waited = spoken(time.monotonic() - started)
                line.show(f"waiting for another process that builds {program.tool} ({waited} so far)")
                time.sleep(0.5)
        # What a killed build left half written; nobody else can be writing here now.
        for left in folder.glob(f".{program.name}.*"):
            left.unlink(missing_ok=True)
        shutil.rmtree(folder / _SCRATCH, ignore_errors=True)
        try:
            yield
        finally:
            shutil.rmtree(folder / _SCRATCH, ignore_errors=True)
