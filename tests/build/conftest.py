"""A registry with a base image in it, and a builder, for the contract of Builder."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from mcd.build.buildah import Buildah
from mcd.build.builder import BuildRequest
from mcd.build.machine import Machine
from scripts.cluster import mounts
from tests.servers.registry import registry, required

MACHINE = Machine(
    pip_conf="[global]\nindex-url = https://index.example.invalid/not-in-any-layer/simple\n",
    npmrc="registry=https://packages.example.invalid/not-in-any-layer/\n",
    variables={"PATH": os.environ["PATH"]},
)
BUSYBOX = """FROM scratch
COPY busybox /bin/busybox
RUN ["/bin/busybox", "--install", "-s", "/bin"]
"""


@pytest.fixture(scope="module")
def registry_host() -> Iterator[str]:
    required("buildah", "skopeo", "setpriv", "unshare")
    with registry() as host:
        yield host


@pytest.fixture(autouse=True)
def _no_mount_stays(tmp_path: Path) -> Iterator[None]:
    yield
    assert mounts.release(tmp_path) == []


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """One store of layers for a whole module, as in life."""
    folder = tmp_path_factory.mktemp("builder")
    yield folder
    # buildah keeps its layers under a mount of their own, which would outlive the test and the folder.
    assert mounts.release(folder) == []
    shutil.rmtree(folder)


class Workshop:
    """A builder with a log, and folders to build from."""

    def __init__(self, root: Path, host: str, folder: Path) -> None:
        self.builder = Buildah(root, host, MACHINE)
        self.host = host
        self.log: list[str] = []
        self._folder = folder
        self._count = 0

    def request(self, text: str, files: dict[str, str] | None = None, **more: object) -> BuildRequest:
        self._count += 1
        context = self._folder / str(self._count)
        context.mkdir()
        for name, content in {"Dockerfile": text, **(files or {})}.items():
            (context / name).parent.mkdir(parents=True, exist_ok=True)
            (context / name).write_text(content)
        defaults: dict[str, object] = {"repository": f"{self.host}/apps/x", "tag": str(self._count), "timeout": 60.0}
        return BuildRequest(context, "Dockerfile", **{**defaults, **more})  # type: ignore[arg-type]

    async def build(self, text: str, files: dict[str, str] | None = None, **more: object) -> str:
        return await self.run(self.request(text, files, **more))

    async def run(self, request: BuildRequest) -> str:
        async def log(line: str) -> None:
            self.log.append(line)

        return await self.builder.build(request, log)

    async def base(self) -> None:
        """Pushes a small base with a shell as mcd/static, once per registry."""
        if await self.builder.exists(f"{self.host}/base/static:latest"):
            return
        request = self.request(BUSYBOX, repository=f"{self.host}/base/static", tag="latest")
        shutil.copy("/bin/busybox", request.context / "busybox")
        await self.run(request)
        self.log.clear()


@pytest.fixture
async def workshop(store: Path, registry_host: str, tmp_path: Path) -> Workshop:
    made = Workshop(store, registry_host, tmp_path)
    await made.base()
    return made
