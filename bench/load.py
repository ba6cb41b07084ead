"""HTTP load from this process on raw sockets: as fast as it goes, or so many requests a second whatever comes back.

Connections are kept; an answer is read by its Content-Length. It must not know what is asked.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass

CONNECTIONS = 16
SECONDS_FOR_ONE = 30.0


@dataclass(frozen=True)
class Load:
    """`latencies` in seconds, of each request that they are told of, from when it was due."""

    requests: int
    seconds: float
    latencies: Sequence[float]

    @property
    def rate(self) -> float:
        return self.requests / self.seconds

    def quantile(self, q: float) -> float:
        ordered = sorted(self.latencies)
        return ordered[min(len(ordered) - 1, int(len(ordered) * q))]


class _Connection(asyncio.Protocol):
    """One request at a time."""

    def __init__(self, request: bytes) -> None:
        self._request = request
        self._buffer = b""
        self._need = -1
        self._answered: asyncio.Future[None] | None = None
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport

    def ask(self) -> asyncio.Future[None]:
        assert self._transport is not None
        self._answered = asyncio.get_running_loop().create_future()
        self._transport.write(self._request)
        return self._answered

    def data_received(self, data: bytes) -> None:
        self._buffer += data
        if self._need < 0:
            head, end, _ = self._buffer.partition(b"\r\n\r\n")
            if not end:
                return
            if not head.startswith(b"HTTP/1.1 200"):
                self._fail(f"answered {self._buffer[:300]!r}")
                return
            length = head.lower().split(b"content-length:", 1)[1].split(b"\r\n", 1)[0]
            self._need = len(head) + 4 + int(length)
        if len(self._buffer) >= self._need:
            self._buffer, self._need = self._buffer[self._need :], -1
            if self._answered is not None and not self._answered.done():
                self._answered.set_result(None)

    def connection_lost(self, exc: Exception | None) -> None:
        self._fail(f"the connection ended: {exc}")

    def _fail(self, why: str) -> None:
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(RuntimeError(why))

    def close(self) -> None:
        if self._transport is not None:
            self._transport.abort()


async def _connected(port: int, request: bytes, count: int) -> list[_Connection]:
    loop = asyncio.get_running_loop()
    made = []
    for _ in range(count):
        _, connection = await loop.create_connection(lambda: _Connection(request), "127.0.0.1", port)
        made.append(connection)
    return made


async def closed(
    port: int,
    request: bytes,
    seconds: float,
    connections: int = CONNECTIONS,
    before: Callable[[], object] = lambda: None,
) -> Load:
    """Each connection asks again as soon as it is answered, and does `before` first. Raises RuntimeError for an answer
    that is not 200."""
    clients = await _connected(port, request, connections)
    latencies: list[float] = []
    began = time.perf_counter()
    until = began + seconds

    async def one(client: _Connection) -> None:
        while (asked := time.perf_counter()) < until:
            before()
            async with asyncio.timeout(SECONDS_FOR_ONE):
                await client.ask()
            latencies.append(time.perf_counter() - asked)

    try:
        await asyncio.gather(*(one(client) for client in clients))
        return Load(len(latencies), time.perf_counter() - began, latencies)
    finally:
        for client in clients:
            client.close()


async def paced(
    port: int, request: bytes, rate: float, seconds: float, connections: int = CONNECTIONS, *, lead: float = 0.0
) -> Load:
    """So many requests a second, each due at its moment: one that is late because the server was busy counts from then,
    and not from when a connection was free. The latencies of the first `lead` seconds are not told."""
    clients = await _connected(port, request, connections)
    free: asyncio.Queue[_Connection] = asyncio.Queue()
    for client in clients:
        free.put_nowait(client)
    latencies: list[float] = []
    began = time.perf_counter()

    async def one(due: float) -> None:
        client = await free.get()
        async with asyncio.timeout(SECONDS_FOR_ONE):
            await client.ask()
        if due >= began + lead:
            latencies.append(time.perf_counter() - due)
        free.put_nowait(client)

    try:
        async with asyncio.TaskGroup() as group:
            for number in range(int(rate * seconds)):
                due = began + number / rate
                if (left := due - time.perf_counter()) > 0:
                    await asyncio.sleep(left)
                group.create_task(one(due))
        return Load(int(rate * seconds), time.perf_counter() - began, latencies)
    finally:
        for client in clients:
            client.close()


async def paced_apart(port: int, request: bytes, rate: float, seconds: float, *, lead: float = 0.0) -> Load:
    """The same from a process of its own. Raises RuntimeError for an answer that is not 200."""
    wish = {"port": port, "request": request.decode(), "rate": rate, "seconds": seconds, "lead": lead}
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        "-m",
        "bench.load",
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    told, _ = await process.communicate(json.dumps(wish).encode())
    if process.returncode != 0:
        raise RuntimeError("the load ended before its time; what it said stands above")
    return Load(**json.loads(told))


def main() -> int:
    wish = json.load(sys.stdin)
    lead, wish["request"] = wish.pop("lead"), wish["request"].encode()
    print(json.dumps(asdict(asyncio.run(paced(**wish, lead=lead)))))
    return 0


if __name__ == "__main__":
    sys.exit(main())
