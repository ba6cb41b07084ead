"""Makes the base images that are missing: from the cache when they were ever made here, else from packages.

Each finished image is kept as a tar in the cache before the next begins, so that a killed run goes on where it was. It
must not make an image twice, and must not leave a half-written file under a final name.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import fcntl
import os
import shutil
import sys
import time
from collections.abc import Iterator
from pathlib import Path

from mcd.build import machine
from mcd.build.buildah import Buildah
from mcd.build.builder import BuildRequest
from mcd.build.process import Place, run
from mcd.errors import Code, McdError
from scripts.bases.recipes import DEBIAN, NODE, SUITE, Recipe, recipes
from scripts.cluster.places import cache
from scripts.cluster.progress import Line, remaining, spoken

_STEP_SECONDS = 1200.0
_SOURCES = Path("/etc/apt/sources.list.d/debian.sources")
_NOT_IN_AN_IMAGE = ("/usr/share/man/*", "/usr/share/locale/*", "/usr/share/doc/*", "/usr/share/info/*")


class Kitchen:
    """Makes bases for one registry. `folder` is the cache; everything unfinished lies in `folder/work`."""

    def __init__(self, registry: str, folder: Path, line: Line) -> None:
        self._folder = folder
        self._work = folder / "work"
        self._line = line
        self._machine = machine.read(os.environ)
        self.builder = Buildah(self._work / "layers", registry, self._machine)

    async def make(self, wanted: tuple[Recipe, ...]) -> None:
        """Makes what the registry lacks, with one line of progress for all of it."""
        missing = [one for one in wanted if not await self.builder.exists(self._image(one))]
        later = [one for one in missing if not self._tar(one).exists()]
        for one in missing:
            if one in later:
                later.remove(one)
                await self._shown(one, sum(other.usual for other in later))
            await self._serve(one)
            await self._copy(f"docker://{self._image(one)}", f"docker://{self.builder.bases()[one.name]}:latest")
            self._line.say(f"base image {one.name} is in the registry")
        shutil.rmtree(self._work, ignore_errors=True)

    async def _serve(self, one: Recipe) -> None:
        """Pushes a base from the cache. A tar that cannot be read is made anew the next time."""
        try:
            await self._copy(f"oci-archive:{self._tar(one)}", f"docker://{self._image(one)}")
        except McdError:
            if not await self.builder.exists(self._image(one)):
                self._tar(one).unlink(missing_ok=True)
            raise

    async def _shown(self, one: Recipe, later: float) -> None:
        began = time.monotonic()
        task = asyncio.create_task(self._cook(one))
        while not task.done():
            elapsed = time.monotonic() - began
            left = spoken(remaining(one.usual, elapsed, later, 1.0))
            self._line.show(
                f"making base image {one.name}: {spoken(elapsed)} so far, about {left} left for all of them"
            )
            await asyncio.wait([task], timeout=1.0)
        await task

    async def _cook(self, one: Recipe) -> None:
        """Builds one base into the registry, then into the cache."""
        context = self._work / one.name
        shutil.rmtree(context, ignore_errors=True)
        shutil.copytree(one.folder, context)
        if one.name == "debian12":
            await self._debian(context)
        elif one.name == "node24":
            await self._node(context)
        elif one.name == "static":
            shutil.copy(_program("busybox", "busybox-static"), context / "busybox")
        said: list[str] = []

        async def keep(line: str) -> None:
            said.append(line)

        image = self._image(one)
        repository, _, tag = image.rpartition(":")
        request = BuildRequest(context, "Dockerfile", repository, tag, timeout=_STEP_SECONDS)
        await self.builder.build(request, keep)
        half = self._tar(one).with_suffix(".half")
        half.unlink(missing_ok=True)
        await self._copy(f"docker://{image}", f"oci-archive:{half}")
        half.rename(self._tar(one))
        for old in self._folder.glob(f"{one.name}-????????????.tar"):
            if old != self._tar(one):
                old.unlink(missing_ok=True)
        shutil.rmtree(context, ignore_errors=True)

    async def _debian(self, context: Path) -> None:
        _program("mmdebstrap", "mmdebstrap")
        options = [f"--dpkgopt=path-exclude={path}" for path in _NOT_IN_AN_IMAGE]
        options += ["--dpkgopt=path-include=/usr/share/doc/*/copyright", f"--include={','.join(DEBIAN)}"]
        await self._run(
            [
                # Its mounts are in a namespace of their own: a killed run leaves none in the machine.
                "setpriv", "--pdeathsig", "KILL",
                "unshare", "--mount", "--pid", "--fork", "--kill-child=KILL", "--mount-proc",
                "mmdebstrap", "--variant=minbase", "--mode=root", *options,
                SUITE, str(context / "root.tar"), *_sources(),
            ],
            context,
        )  # fmt: skip

    async def _node(self, context: Path) -> None:
        await self._run([sys.executable, "-m", "pip", "download", "--quiet", "--no-deps", "--dest", ".", NODE], context)
        wheel = next(context.glob("*.whl"))
        await self._run([sys.executable, "-m", "zipfile", "-e", wheel.name, "."], context)
        wheel.unlink()

    async def _copy(self, source: str, target: str) -> None:
        flags = ["--src-tls-verify=false", "--dest-tls-verify=false"] if "127.0.0.1" in source + target else []
        await self._run(["skopeo", "copy", "--quiet", *flags, source, target], self._folder)

    async def _run(self, command: list[str], folder: Path) -> None:
        # The whole environment: pip and mmdebstrap are this machine's, with this machine's settings.
        variables = {**os.environ, "TMPDIR": str(self._work)}
        ended = await run(command, Place(variables, folder, asyncio.get_running_loop().time() + _STEP_SECONDS))
        if ended.code != 0:
            name = next(word for word in command if word in ("mmdebstrap", "pip", "zipfile", "skopeo"))
            said = " / ".join(ended.tail[-3:])
            raise McdError(Code.UNAVAILABLE, f"{name} ended with {ended.code}: {said}", "Mend that and start again.")

    def _image(self, one: Recipe) -> str:
        return f"{self.builder.bases()[one.name]}:{one.digest}"

    def _tar(self, one: Recipe) -> Path:
        return self._folder / f"{one.name}-{one.digest}.tar"


def _sources() -> list[str]:
    """The machine's own package sources, where they are Debian 12's and hold no password; else mmdebstrap's."""
    with contextlib.suppress(OSError):
        text = _SOURCES.read_text("utf-8")
        if SUITE in text and machine.without_password(text) == text:
            return [str(_SOURCES)]
    return []


def _program(name: str, package: str) -> str:
    found = shutil.which(name)
    if found is None:
        raise McdError(Code.UNAVAILABLE, f"{name} is not installed.", f"Install {package}, then start again.")
    return found


@contextlib.contextmanager
def _alone(folder: Path, line: Line) -> Iterator[None]:
    """Only one process makes bases at a time; another waits, then finds them made."""
    with (folder / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            line.say("another process makes the base images; waiting for it")
            fcntl.flock(lock, fcntl.LOCK_EX)
        shutil.rmtree(folder / "work", ignore_errors=True)
        (folder / "work").mkdir()
        yield


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m scripts.bases", description="Makes MCD's base images.")
    parser.add_argument("--registry", required=True, help="host:port of the registry to push to")
    parser.add_argument("--only", action="append", default=[], help="a base to make (with its parent); all without it")
    given = parser.parse_args()
    every = recipes()
    unknown = sorted(set(given.only) - {one.name for one in every})
    if unknown:
        parser.error(f"there is no base {unknown[0]}; there are {', '.join(one.name for one in every)}")
    names = set(given.only) | {one.parent for one in every if one.name in given.only}
    wanted = tuple(one for one in every if not names or one.name in names)
    line = Line()
    folder = cache() / "bases"
    folder.mkdir(parents=True, exist_ok=True)
    try:
        with _alone(folder, line):
            asyncio.run(Kitchen(given.registry, folder, line).make(wanted))
    except McdError as error:
        line.say(f"base images: {error}")
        return 1
    except TimeoutError:
        line.say(f"base images: no end after {spoken(_STEP_SECONDS)}. Check the network, then start again.")
        return 1
    except KeyboardInterrupt:
        line.say("base images: stopped. Start again to go on.")
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
