"""A second API server on the same etcd that can be made to lag: the pipe between the two is frozen and thawed.

What it serves from its caches is then as old as the freeze, as behind a load balancer whose next server lags. It must
not judge anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

from scripts.cluster import ports, processes
from scripts.cluster.api import Api as ApiServer
from tests.rig.lane import CLUSTER, Lane

NAME = "kube-apiserver-stale"


@dataclass
class Pipe:
    """Bytes to and from a port, as long as it is not frozen: then connections stay open and nothing comes through."""

    target: int
    flows: asyncio.Event = field(default_factory=asyncio.Event)
    port: int = 0
    _tasks: set[asyncio.Task[None]] = field(default_factory=set)

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Pipe]:
        self.flows.set()
        server = await asyncio.start_server(self._connected, "127.0.0.1", 0)
        self.port = server.sockets[0].getsockname()[1]
        try:
            yield self
        finally:
            server.close()
            for task in tuple(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection("127.0.0.1", self.target)
        for source, target in ((reader, back), (there, writer)):
            task = asyncio.create_task(self._carry(source, target))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _carry(self, source: asyncio.StreamReader, target: asyncio.StreamWriter) -> None:
        try:
            while data := await source.read(2**16):
                await self.flows.wait()
                target.write(data)
                await target.drain()
        except ConnectionError:
            return
        finally:
            target.close()


@dataclass(frozen=True)
class Stale:
    """The second server. `url` is where it listens."""

    url: str
    pipe: Pipe

    def freeze(self) -> None:
        self.pipe.flows.clear()

    def thaw(self) -> None:
        self.pipe.flows.set()


@contextlib.asynccontextmanager
async def second(one: Lane) -> AsyncIterator[Stale]:
    """Starts it as the first one was started, waits until it is ready, and takes it away at the end."""
    home, cluster = one.servers.home, one.servers.named(CLUSTER)
    first = Path(f"/proc/{one.servers.pid(CLUSTER)}/cmdline").read_bytes().decode().rstrip("\0").split("\0")
    port = ports.chosen("rig", None, {one.proxy.port})
    async with Pipe(cluster.ports["etcd"]).running() as pipe:
        others = {
            "--etcd-servers": f"http://127.0.0.1:{pipe.port}",
            "--secure-port": str(port),
            # Nobody writes through it.
            "--audit-log-path": str(home / "audit-stale.log"),
        }
        words = [word.partition("=")[0] for word in first]
        command = tuple(
            f"{word}={others[word]}" if word in others else whole for word, whole in zip(words, first, strict=True)
        )
        server = ApiServer(cluster.folder, port)

        def ready() -> str:
            status, answer = server.get("/readyz")
            return "" if status == 200 else f"{status} {answer}"

        component = processes.Component(NAME, command, ready, ready_seconds=120.0)
        try:
            await asyncio.to_thread(processes.start, home, component)
            await asyncio.to_thread(processes.wait_ready, home, component)
            yield Stale(f"https://127.0.0.1:{port}", pipe)
        finally:
            pipe.flows.set()
            await asyncio.to_thread(processes.stop, home, NAME, 8.0, signal.SIGKILL)
