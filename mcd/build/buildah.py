"""Builds images on this machine with buildah (chroot isolation) and pushes them to the platform's registry.

Each build is a child process in namespaces of its own, with a deadline, without the machine's devices. It is for people
who may push here, not for strangers: a build sees the machine's network. Nothing here knows an App, git or a cluster.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import shutil
import sys
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mcd.build import dockerfile, images
from mcd.build.builder import BuildRequest, LogSink
from mcd.build.images import Sources
from mcd.build.inputs import COMMIT
from mcd.build.machine import Machine
from mcd.build.output import Failure, explain, silent
from mcd.build.process import Ended, Place, run
from mcd.build.storage import DRIVERS, Keep, Storage
from mcd.errors import Code, McdError, echo
from mcd.model import Reason
from mcd.observability import metrics

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")
_ARGUMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_LOOPBACK = ("127.", "localhost", "[::1]")
_CONNECT_SECONDS = 5.0
_INSPECT_SECONDS = 30.0
_AGAIN_SECONDS = 5.0
_GIB = 1024**3
# What root in a chroot needs to leave it, or to end the build from inside.
_DROPPED = ("CAP_SYS_CHROOT", "CAP_KILL", "CAP_MKNOD", "CAP_NET_RAW")


@dataclass(frozen=True, slots=True)
class BuildLimits:
    """`image`: bytes of the resulting image, unpacked. `free`: bytes of disk that stay free, or a build is not begun
    and not gone on with. `parallel`: builds at one time in this process; others wait."""

    image: int = 4 * _GIB
    free: int = 2 * _GIB
    parallel: int = 2


@dataclass(frozen=True, slots=True)
class Plan:
    """A request that was read and found good."""

    file: str
    text: str
    stages: tuple[dockerfile.Stage, ...]
    fetched: Mapping[str, int]
    arguments: Mapping[str, str]


@dataclass
class Buildah:
    """A Builder. `root` is its folder (layers, files of running builds), `registry` the platform's (host:port),
    `others` registries that a FROM may name as well, `authfile` the credentials for them in Docker's format."""

    root: Path
    registry: str
    machine: Machine = field(default_factory=Machine)
    others: frozenset[str] = frozenset()
    authfile: Path | None = None
    limits: BuildLimits = field(default_factory=BuildLimits)
    keep: Keep = field(default_factory=Keep)
    drivers: tuple[str, ...] = DRIVERS

    def __post_init__(self) -> None:
        self.root = self.root.absolute()
        self._sources = Sources(self.registry, self.others)
        self._storage = Storage(self.root, self._variables(self.root), self.keep, drivers=self.drivers)
        self._places = asyncio.Semaphore(self.limits.parallel)
        self._version: tuple[int, ...] = ()

    def bases(self) -> Mapping[str, str]:
        """Our base images: name (also the runtime) → reference. For the script that makes them (scripts/bases)."""
        return {name: self._sources.base(name) for name in images.BASES}

    async def exists(self, image: str) -> bool:
        """Whether its registry still has `image`. Raises McdError(unavailable) when the registry does not answer."""
        _need("skopeo")
        command = ["skopeo", "inspect", "--raw", *self._tls(image), *self._auth(), f"docker://{image}"]
        self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
        try:
            ended = await run(command, self._place(self.root, _INSPECT_SECONDS))
        except TimeoutError:
            raise _no_answer(image) from None
        said = "\n".join(ended.tail)
        if ended.code == 0:
            return True
        if "manifest unknown" in said or "name unknown" in said or "not found" in said:
            return False
        raise _no_answer(image)

    async def build(self, request: BuildRequest, log: LogSink) -> str:
        """Builds and pushes; answers `repository@sha256:…`. See `Builder`."""
        self._check_programs()
        plan = self._plan(request, heredocs=await self._knows_heredocs())
        async with self._places:
            deadline = asyncio.get_running_loop().time() + request.timeout
            await self._check_registry(request.repository)
            self._check_disk()
            steps: list[tuple[str, float]] = []
            try:
                async with self._storage.use(deadline) as scratch:
                    return await self._build(request, plan, _Job(scratch, deadline, log, steps))
            except TimeoutError:
                at = f" at {echo(steps[-1][0], 120)}" if steps else ""
                raise McdError(
                    Code.TOO_LARGE, f"the build took longer than {request.timeout:.0f} s and was stopped{at}.",
                    "Make it faster, or ask for a longer limit.", reason=Reason.BUILD_FAILED,
                ) from None  # fmt: skip

    async def _build(self, request: BuildRequest, plan: Plan, job: _Job) -> str:
        place = Place(self._variables(job.scratch), job.scratch, job.deadline)
        command = [*self._jail(job.scratch), *self._storage.command(*self._bud(request, plan, job.scratch))]
        ended = await run(command, place, job.line, self._check_disk)
        if ended.code != 0 and silent(ended.tail) and job.seconds_in_step() < _AGAIN_SECONDS:
            # buildah ends with the program and does not always hand on what it said last: on a busy machine a quick
            # failure can come out wordless. The layers before it are kept, so asking once more costs that step only.
            ended = await run(command, place, job.line, self._check_disk)
        if ended.code != 0:
            raise explain(Failure(ended.code, ended.tail, plan.file, plan.stages, plan.fetched, self.registry))
        image = _first_line(job.scratch / "image")
        await self._check_size(image, place)
        return await self._push(request, image, place)

    # --- before -----------------------------------------------------------------------------------------------------

    def _plan(self, request: BuildRequest, *, heredocs: bool) -> Plan:
        name = request.dockerfile or ("default Dockerfile" if request.dockerfile_text else "Dockerfile")
        text = request.dockerfile_text or _read_inside(request.context, name)
        arguments = dict(request.args) | ({COMMIT: request.commit} if request.commit else {})
        for key, value in arguments.items():
            if _ARGUMENT.fullmatch(key) is None or "\0" in value:
                raise McdError(Code.INVALID, f'"{echo(key, 40)}" is no build argument.', "Use letters, digits and _.")
        found = dockerfile.stages(dockerfile.read(text, name, heredocs=heredocs), arguments, name)
        dockerfile.stage_of(found, request.target, name)
        fetched: dict[str, int] = {}
        replacements: dict[tuple[int, int, str], str] = {}
        for use in dockerfile.uses(found):
            reference = self._sources.resolve(use, name)
            fetched[reference] = use.line
            replacements[use.at.line, use.at.last, use.written] = reference
        return Plan(name, dockerfile.rewritten(text, replacements), found, fetched, arguments)

    def _check_programs(self) -> None:
        for program in ("buildah", "skopeo"):
            _need(program)
        if os.geteuid() == 0:
            for program in ("setpriv", "unshare"):
                _need(program, package="util-linux")

    async def _knows_heredocs(self) -> bool:
        if not self._version:
            self.root.mkdir(mode=0o700, parents=True, exist_ok=True)
            ended = await run(["buildah", "--version"], self._place(self.root, _INSPECT_SECONDS))
            numbers = re.search(r"version (\d+)\.(\d+)", "\n".join(ended.tail))
            self._version = (int(numbers[1]), int(numbers[2])) if numbers else (0, 0)
        return self._version >= (1, 33)

    async def _check_registry(self, repository: str) -> None:
        """A build of ten minutes should not end with a registry that was never there."""
        host, _, port = repository.partition("/")[0].rpartition(":")
        host, number = (host, int(port)) if host and port.isdigit() else (repository.partition("/")[0], 443)
        try:
            async with asyncio.timeout(_CONNECT_SECONDS):
                _, writer = await asyncio.open_connection(host.strip("[]"), number)
        except (OSError, TimeoutError):
            raise _no_answer(repository) from None
        writer.close()
        with contextlib.suppress(OSError):
            await writer.wait_closed()

    def _check_disk(self) -> None:
        folder = self.root if self.root.exists() else self.root.parent
        free = shutil.disk_usage(folder).free if folder.exists() else self.limits.free
        if free < self.limits.free:
            raise McdError(
                Code.UNAVAILABLE,
                f"the builder's disk is almost full: {free / _GIB:.1f} GiB free, {self.limits.free / _GIB:.1f} needed.",
                "Free space there, then `mcd deploy`.",
            )

    # --- the commands -----------------------------------------------------------------------------------------------

    def _jail(self, scratch: Path) -> list[str]:
        """What stands before a build: it dies with this process, sees only its own processes, and no devices."""
        if os.geteuid() != 0:
            return []
        (scratch / "dev").mkdir(exist_ok=True)
        return [
            "setpriv", "--pdeathsig", "KILL",
            "unshare", "--pid", "--fork", "--kill-child=KILL", "--mount-proc", "--ipc",
            sys.executable, "-I", "-S", str(Path(__file__).with_name("jail.py")), str(scratch / "dev"),
        ]  # fmt: skip

    def _bud(self, request: BuildRequest, plan: Plan, scratch: Path) -> list[str]:
        (scratch / "Dockerfile").write_text(plan.text, "utf-8")
        (scratch / "registries.conf").write_text("unqualified-search-registries = []\n", "utf-8")
        words = [
            "--registries-conf", str(scratch / "registries.conf"), "bud", "--isolation", "chroot", "--network", "host",
            "--layers", "--force-rm", "--format", "oci", "--identity-label=false", "--iidfile", str(scratch / "image"),
            "--file", str(scratch / "Dockerfile"), *self._tls(self.registry), *self._auth(),
        ]  # fmt: skip
        for capability in _DROPPED:
            words += ["--cap-drop", capability]
        if any("@" in value for name, value in self.machine.variables.items() if "proxy" in name.lower()):
            words.append("--http-proxy=false")
        for source, target in self._mounts(scratch):
            words += ["--volume", f"{source}:{target}:ro"]
        for name, value in plan.arguments.items():
            words += ["--build-arg", f"{name}={value}"]
        if request.target:
            words += ["--target", request.target]
        return [*words, str(request.context.absolute())]

    def _mounts(self, scratch: Path) -> list[tuple[Path, str]]:
        """The machine's settings for package indexes: mounted, so that they end with the build and are in no layer."""
        found = [(self.machine.certificates, str(self.machine.certificates))] if self.machine.certificates else []
        for name, target, text in (
            ("pip.conf", "/etc/pip.conf", self.machine.pip_conf), ("npmrc", "/root/.npmrc", self.machine.npmrc),
        ):  # fmt: skip
            if text:
                (scratch / name).write_text(text, "utf-8")
                (scratch / name).chmod(0o644)
                found.append((scratch / name, target))
        return found

    async def _check_size(self, image: str, place: Place) -> None:
        ended = await run(
            self._storage.command("inspect", "--type", "image", "--format", "{{.Manifest}}", image), place
        )
        try:
            total = sum(int(layer["size"]) for layer in json.loads("".join(ended.tail))["layers"])
        except (ValueError, KeyError, TypeError):
            raise McdError(Code.INTERNAL, "buildah does not say how large the image is.", "Report this.") from None
        if total > self.limits.image:
            raise McdError(
                Code.TOO_LARGE,
                f"the image is {total / _GIB:.2f} GiB; {self.limits.image / _GIB:.2f} GiB is the limit.",
                "Leave out what the program does not need: .dockerignore, a last stage of its own.",
                reason=Reason.BUILD_FAILED,
            )

    async def _push(self, request: BuildRequest, image: str, place: Place) -> str:
        target = f"docker://{request.repository}:{request.tag}"
        words = ["push", "--digestfile", str(place.folder / "digest"), *self._tls(request.repository), *self._auth()]
        began, result = time.monotonic(), "failed"
        try:
            ended = await run(self._storage.command(*words, image, target), place)
            result = "pushed" if ended.code == 0 else "failed"
        finally:
            metrics.IMAGE_PUSH_SECONDS.labels(result).observe(time.monotonic() - began)
        if ended.code != 0:
            raise _push_failed(request.repository, ended)
        digest = _first_line(place.folder / "digest")
        if _DIGEST.fullmatch(digest) is None:
            raise McdError(Code.INTERNAL, "buildah pushed the image and gave no digest.", "Report this.")
        return f"{request.repository}@{digest}"

    def _tls(self, image: str) -> list[str]:
        """Loopback registries speak plain HTTP, all others must show a certificate."""
        return ["--tls-verify=false"] if image.startswith(_LOOPBACK) else []

    def _auth(self) -> list[str]:
        return ["--authfile", str(self.authfile)] if self.authfile else []

    def _variables(self, folder: Path) -> dict[str, str]:
        """The whole environment of a builder: nothing of ours, least of all our secrets."""
        path = os.defpath + ":/usr/local/sbin:/usr/sbin:/sbin"
        return {"PATH": path, "LANG": "C.UTF-8", **self.machine.variables, "HOME": str(folder), "TMPDIR": str(folder)}

    def _place(self, folder: Path, seconds: float) -> Place:
        return Place(self._variables(folder), folder, asyncio.get_running_loop().time() + seconds)


@dataclass(frozen=True, slots=True)
class _Job:
    """One running build."""

    scratch: Path
    deadline: float
    log: LogSink
    steps: list[tuple[str, float]]
    """Each step that was begun, and when (of the loop's clock)."""

    async def line(self, text: str) -> None:
        if "STEP " in text[:20]:
            self.steps.append((text, asyncio.get_running_loop().time()))
        await self.log(text)

    def seconds_in_step(self) -> float:
        return asyncio.get_running_loop().time() - self.steps[-1][1] if self.steps else 0.0


def _read_inside(context: Path, name: str) -> str:
    """The Dockerfile's text. A link that leads out of the context is no file of it."""
    try:
        file = (context / name).resolve(strict=True)
        if not file.is_relative_to(context.resolve()) or not file.is_file():
            raise FileNotFoundError
        if file.stat().st_size > dockerfile.LIMIT:
            raise dockerfile.refused(
                name, 1, f"the file is over {dockerfile.LIMIT // 1024} KiB.", "Move scripts out of it."
            )
        return file.read_text("utf-8")
    except UnicodeDecodeError:
        raise dockerfile.refused(name, 1, "the file is not UTF-8.", "Save it as UTF-8.") from None
    except (OSError, ValueError, RuntimeError):
        raise McdError(
            Code.INVALID, f"there is no {echo(name)} in the build context.",
            "Add it, set build.dockerfile, or name a runtime in app.yaml.", reason=Reason.BUILD_FAILED,
        ) from None  # fmt: skip


def _need(program: str, package: str = "") -> None:
    if shutil.which(program) is None:
        raise McdError(
            Code.UNAVAILABLE, f"{program} is not installed on the builder, so nothing can be built here.",
            f"Install {package or program}, or use image: in app.yaml.", reason=Reason.BUILD_UNAVAILABLE,
        )  # fmt: skip


def _no_answer(image: str) -> McdError:
    host = echo(image.partition("/")[0])
    return McdError(
        Code.UNAVAILABLE, f"the registry {host} does not answer.", "Start it, or correct MCD_REGISTRY.",
        reason=Reason.BUILD_UNAVAILABLE,
    )  # fmt: skip


def _push_failed(repository: str, ended: Ended) -> McdError:
    said = next((line for line in reversed(ended.tail) if line.lower().startswith("error")), "")
    if "connection refused" in said or "no such host" in said:
        return _no_answer(repository)
    return McdError(
        Code.UNAVAILABLE, f"{echo(repository)} could not be pushed: {echo(said.partition(' ')[2], 300)}",
        "Check the registry's disk and its credentials.", reason=Reason.BUILD_UNAVAILABLE,
    )  # fmt: skip


def _first_line(file: Path) -> str:
    return file.read_text("ascii").strip() if file.exists() else ""
