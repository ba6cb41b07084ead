"""The builder's store of layers on disk: which driver it uses, who may use it when, what is cleaned and forgotten.

Builds share the store under a shared lock, cleaning needs the exclusive one, so that nothing is taken away from a
build that runs, in this process or another. It must not know what a build is about.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import json
import os
import secrets
import shutil
import time
from collections.abc import AsyncIterator, Callable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from mcd.build.process import Ended, Place, run
from mcd.errors import Code, McdError
from mcd.model import Reason

DRIVERS = ("overlay", "vfs")
"""In the order in which they are tried. vfs copies every layer whole, and works everywhere."""
_LOCK_SECONDS = 0.1
_COLLECT_SECONDS = 3600.0
_COMMAND_SECONDS = 120.0
"""For one cleaning command; a full store of vfs layers takes a while to delete."""


@dataclass(frozen=True, slots=True)
class Keep:
    """What is kept of old layers: images younger than `seconds`, and everything only while the store is smaller than
    `size` (bytes). What is forgotten costs the next build of it its cache, nothing more."""

    seconds: float = 7 * 86400.0
    size: int = 20 * 1024**3


@dataclass
class Storage:
    """One store below `root`. `variables` is the environment of buildah; `clock` answers seconds since 1970."""

    root: Path
    variables: Mapping[str, str]
    keep: Keep = field(default_factory=Keep)
    clock: Callable[[], float] = time.time
    drivers: tuple[str, ...] = DRIVERS
    _driver: str = ""

    def command(self, *words: str) -> list[str]:
        """A buildah command on this store."""
        assert self._driver, "the store is opened before it is used"
        return ["buildah", *self._options(self._driver), *words]

    def _options(self, driver: str) -> list[str]:
        return [
            "--storage-driver", driver,
            "--root", str(self.root / driver), "--runroot", str(self.root / f"{driver}-run"),
        ]  # fmt: skip

    @contextlib.asynccontextmanager
    async def use(self, deadline: float) -> AsyncIterator[Path]:
        """A folder for one build, which is gone afterwards; the store is this build's and other builds' until then.

        `deadline` is of the loop's clock: TimeoutError when the store is not free by then. Raises
        McdError(unavailable) when no driver works.
        """
        self._make_folders()
        await self._open()
        await self._tidy()
        with _lock(self.root / "lock") as lock:
            while not _try(lock, fcntl.LOCK_SH):
                if asyncio.get_running_loop().time() > deadline:
                    raise TimeoutError
                await asyncio.sleep(_LOCK_SECONDS)
            scratch = self.root / "running" / secrets.token_hex(8)
            scratch.mkdir(mode=0o700)
            try:
                yield scratch
            finally:
                shutil.rmtree(scratch, ignore_errors=True)

    def _make_folders(self) -> None:
        try:
            for folder in (self.root, self.root / "running"):
                folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        except OSError as error:
            raise McdError(
                Code.UNAVAILABLE,
                f"the builder cannot write its folder ({error.strerror}).",
                "Check MCD_DATA and its disk.",
            ) from error

    async def _open(self) -> None:
        """Takes the first driver that works here; the choice is made once per process."""
        if self._driver:
            return
        ended = Ended(0, ())
        for driver in self.drivers:
            ended = await self._run(["buildah", *self._options(driver), "info"])
            if ended.code == 0:
                self._driver = driver
                return
        said = ended.tail[-1] if ended.tail else "no reason was given"
        raise McdError(
            Code.UNAVAILABLE,
            f"buildah cannot open its store: {said}",
            "See docs/how-to/build.md.",
            reason=Reason.BUILD_UNAVAILABLE,
        )

    async def _tidy(self) -> None:
        """Takes away what a killed build left, and now and then what is old. Only when nobody builds."""
        with _lock(self.root / "lock") as lock:
            if not _try(lock, fcntl.LOCK_EX):
                return
            left = list((self.root / "running").iterdir())
            if left:
                await self._run(self.command("rm", "--all"))
            for folder in left:
                shutil.rmtree(folder, ignore_errors=True)
            if self._due():
                await self.collect()

    def _due(self) -> bool:
        marker = self.root / "collected"
        if not marker.exists():
            marker.touch()
            return False
        return self.clock() - marker.stat().st_mtime > _COLLECT_SECONDS

    async def collect(self) -> None:
        """Forgets old images; everything, when the store is still too large. The caller holds the exclusive lock."""
        now = self.clock()
        os.utime(self.root / "collected", (now, now))
        old = [name for name, created in await self.images() if now - created > self.keep.seconds]
        if old:
            await self._run(self.command("rmi", "--force", *old))
        if await self.size() > self.keep.size:
            await self._run(self.command("rmi", "--all", "--force"))

    async def images(self) -> list[tuple[str, float]]:
        """Every image in the store, also those without a name: its id, and when it was made (seconds since 1970)."""
        lines: list[str] = []
        await self._run(self.command("images", "--all", "--json"), lines)
        try:
            return [(str(image["id"]), float(image["created"])) for image in json.loads("\n".join(lines)) or []]
        except (ValueError, KeyError, TypeError):
            return []

    async def size(self) -> int:
        """Bytes on disk. Counted by a child process: a store holds many thousand files."""
        lines: list[str] = []
        await self._run(["du", "--summarize", "--block-size=1", str(self.root / self._driver)], lines)
        first = lines[-1].split()[0] if lines else ""
        return int(first) if first.isdigit() else 0

    async def _run(self, command: list[str], lines: list[str] | None = None) -> Ended:
        async def keep(line: str) -> None:
            if lines is not None:
                lines.append(line)

        deadline = asyncio.get_running_loop().time() + _COMMAND_SECONDS
        return await run(command, Place(self.variables, self.root, deadline), keep)


@contextlib.contextmanager
def _lock(file: Path) -> Iterator[int]:
    """An open lock file; closing it gives the lock back, also when the process is killed."""
    descriptor = os.open(file, os.O_RDONLY | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        yield descriptor
    finally:
        os.close(descriptor)


def _try(descriptor: int, kind: int) -> bool:
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
