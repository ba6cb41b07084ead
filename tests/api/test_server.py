"""Clients that are slow, silent or endless on purpose: their connections end, and others are served."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from socket import create_server
from typing import Any

import pytest
from websockets.asyncio.client import connect

from mcd.api.connection import Patience
from mcd.api.server import server

HEAD_SECONDS = 0.4
LINGER_BYTES = 400_000
MOST = 6
LONG = 30.0
"""Seconds after which something that should happen did not."""

GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
EARLY = b"POST /early HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n"
LAST = EARLY.replace(b"early", b"last")


class Echo:
    """An application that answers at once, at `/slow` when it is told to, at `/early` and `/last` before it reads a
    body, `/last` with the word that it closes; and what a WebSocket says."""

    def __init__(self) -> None:
        self.go = asyncio.Event()
        self.waiting = 0

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "websocket":
            await self.websocket(receive, send)
        elif scope["type"] == "http":
            await self.http(scope, receive, send)

    async def http(self, scope: Any, receive: Any, send: Any) -> None:
        body, more = b"", scope["path"] not in ("/early", "/last")
        while more:
            message = await receive()
            body, more = body + message.get("body", b""), message.get("more_body", False)
        if scope["path"] == "/slow":
            self.waiting += 1
            await self.go.wait()
        headers = [(b"content-length", b"%d" % len(body))]
        if scope["path"] == "/last":
            headers.append((b"connection", b"close"))
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": body})

    async def websocket(self, receive: Any, send: Any) -> None:
        await receive()
        await send({"type": "websocket.accept"})
        while (message := await receive())["type"] == "websocket.receive":
            await send({"type": "websocket.send", "text": message["text"]})


class Client:
    """Exactly these bytes, when they are sent."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    def send(self, data: bytes) -> None:
        self.writer.write(data)

    async def flood(self) -> None:
        """Until the server is no longer there to hear it."""
        while True:
            self.send(b"x" * 65536)
            await self.writer.drain()

    async def status(self) -> int:
        """Of the next answer; its body has to be empty or short."""
        async with asyncio.timeout(LONG):
            head = await self.reader.readuntil(b"\r\n\r\n")
        return int(head.split()[1])

    async def seconds_to_end(self, drip: bytes = b"") -> float:
        """How long the server keeps the connection, while a byte comes every now and then."""
        began, ended = time.monotonic(), asyncio.create_task(self._ended())
        for byte in drip:
            await asyncio.wait({ended}, timeout=HEAD_SECONDS / 8)
            if ended.done():
                break
            self.writer.write(bytes([byte]))
        async with asyncio.timeout(LONG):
            await ended
        return time.monotonic() - began

    async def _ended(self) -> None:
        try:
            while await self.reader.read(65536):
                pass
        except ConnectionResetError:
            return


class House:
    """The running server."""

    def __init__(self, app: Echo, port: int, clients: AsyncExitStack) -> None:
        self.app = app
        self.port = port
        self.clients = clients

    async def client(self, first: bytes = b"") -> Client:
        made = Client(*await asyncio.open_connection("127.0.0.1", self.port))
        self.clients.callback(made.writer.close)
        made.send(first)
        return made

    async def busy(self, count: int) -> list[Client]:
        """So many whose requests are worked on."""
        made = [await self.client(GET.replace(b"/ ", b"/slow ")) for _ in range(count)]
        async with asyncio.timeout(LONG):
            while self.app.waiting < count:
                await asyncio.sleep(0.01)
        return made


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with opened(Patience(HEAD_SECONDS, HEAD_SECONDS, LINGER_BYTES)) as made:
        yield made


@pytest.fixture
async def patient() -> AsyncIterator[House]:
    """One that waits for longer than any test."""
    async with opened(Patience(LONG, LONG, LINGER_BYTES)) as made:
        yield made


@asynccontextmanager
async def opened(patience: Patience) -> AsyncIterator[House]:
    app = Echo()
    made = server(app, patience=patience, connections=MOST, graceful_seconds=1)
    socket = create_server(("127.0.0.1", 0))
    running = asyncio.create_task(made.serve(sockets=[socket]))
    try:
        async with AsyncExitStack() as clients:
            yield House(app, socket.getsockname()[1], clients)
    finally:
        app.go.set()
        made.should_exit = True
        await running


async def test_a_client_that_says_nothing_is_let_go(house: House) -> None:
    assert await (await house.client()).seconds_to_end() >= HEAD_SECONDS / 2


async def test_a_head_that_comes_byte_by_byte_ends_in_time(house: House) -> None:
    client = await house.client()
    assert await client.seconds_to_end(GET[:-1] * 100) < LONG / 2


async def test_a_second_head_that_comes_byte_by_byte_ends_in_time(house: House) -> None:
    client = await house.client(GET)
    assert await client.status() == 200
    assert await client.seconds_to_end(GET[:-1] * 100) < LONG / 2
    # The beginning of the second comes with the first.
    client = await house.client(GET + GET[:5])
    assert await client.seconds_to_end(GET[5:-1] * 100) < LONG / 2


async def test_a_head_in_pieces_that_is_whole_in_time_is_answered(patient: House) -> None:
    client = await patient.client(GET[:9])
    for byte in GET[9:]:
        await asyncio.sleep(0)
        client.send(bytes([byte]))
    assert await client.status() == 200


async def test_only_heads_are_hurried(house: House) -> None:
    """A body, an answer and a WebSocket may take longer than a head; each is awaited until a silent one was let go."""
    (answer,) = await house.busy(1)
    body = await house.client(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\na")
    async with connect(f"ws://127.0.0.1:{house.port}/") as socket:
        await socket.send("one")
        assert await socket.recv() == "one"
        await (await house.client()).seconds_to_end()
        await socket.send("two")
        assert await socket.recv() == "two"
    body.send(b"b")
    assert await body.status() == 200
    house.app.go.set()
    assert await answer.status() == 200


async def test_silent_clients_take_no_places_from_those_that_ask(patient: House) -> None:
    (busy,) = await patient.busy(1)
    silent = [await patient.client(GET[:5]) for _ in range(5 * MOST)]
    for _ in range(3):
        assert await (await patient.client(GET)).status() == 200
    assert await silent[0].seconds_to_end() < LONG / 2
    patient.app.go.set()
    assert await busy.status() == 200


async def test_when_all_are_busy_one_more_is_told(patient: House) -> None:
    busy = await patient.busy(MOST - 1)
    assert await (await patient.client(GET)).status() == 503
    patient.app.go.set()
    assert [await client.status() for client in busy] == [200] * (MOST - 1)
    assert await (await patient.client(GET)).status() == 200


@pytest.mark.parametrize("request_", [EARLY, LAST])
async def test_the_rest_of_an_answered_body_that_comes_byte_by_byte_ends_in_time(house: House, request_: bytes) -> None:
    client = await house.client(request_ % 9999)
    assert await client.status() == 200
    assert await client.seconds_to_end(b"x" * 9999) < LONG / 2


async def test_those_that_send_after_their_answer_take_no_places_from_those_that_ask(patient: House) -> None:
    endless = [await patient.client(EARLY % 9999) for _ in range(MOST - 1)]
    assert [await client.status() for client in endless] == [200] * (MOST - 1)
    assert await (await patient.client(GET)).status() == 200


@pytest.mark.parametrize("request_", [EARLY, LAST])
async def test_a_flood_after_the_answer_is_cut_off(patient: House, request_: bytes) -> None:
    client = await patient.client(request_ % 10**9)
    assert await client.status() == 200
    with pytest.raises(ConnectionError):
        await asyncio.wait_for(client.flood(), LONG / 6)


async def test_who_sends_the_whole_body_first_reads_the_answer_after_it(patient: House) -> None:
    client = await patient.client(LAST % 300_000)
    # In pieces, so that the answer is out before the last one is sent.
    for _ in range(30):
        client.send(b"x" * 10_000)
        await client.writer.drain()
        await asyncio.sleep(0)
    assert await client.status() == 200
    # A reset would be raised here.
    assert await asyncio.wait_for(client.reader.read(), LONG) == b""


async def test_a_connection_goes_on_when_the_rest_of_the_body_came(house: House) -> None:
    client = await house.client(EARLY % 10)
    assert await client.status() == 200
    client.send(b"x" * 10 + EARLY % 3 + b"yyy" + GET)
    assert [await client.status() for _ in range(2)] == [200, 200]


@pytest.mark.parametrize(("soft", "hard", "most"), [(256, 1024, 512), (1024, 4096, 2000), (64, 64, 16)])
def test_no_more_connections_are_let_in_than_there_may_be_files(soft: int, hard: int, most: int) -> None:
    code = (
        f"import resource; resource.setrlimit(resource.RLIMIT_NOFILE, ({soft}, {hard}));"
        "from mcd.api.server import server; print(server(None).config.limit_concurrency)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert int(done.stdout) == most


HEAD = b"GET / HTTP/1.1\r\nHost: x\r\nX: "


@pytest.mark.parametrize(
    "sent",
    [
        HEAD + b"y" * 70_000 + b"\r\n\r\n",
        HEAD + b"y" * 400_000,
        b"GET /" + b"y" * 70_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"a: b\r\n" * 12_000 + b"\r\n",
        b"GET / HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: x\r\nA\x00: b\r\n\r\n",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab",
        b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        b"not http\r\n\r\n",
    ],
    ids=["long-header", "endless-header", "long-address", "many-headers", "no-host", "two-hosts", "nul", "two-lengths",
         "length-and-chunks", "no-http"],
)  # fmt: skip
async def test_a_head_that_is_too_long_or_has_two_readings_is_refused_and_ends(house: House, sent: bytes) -> None:
    client = await house.client(sent)
    assert await client.status() == 400
    assert await client.seconds_to_end() < LONG / 2
    assert await (await house.client(GET)).status() == 200


async def test_requests_one_behind_the_other_are_answered_in_their_order(patient: House) -> None:
    client = await patient.client(b"".join(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % n + b"x" * n
                                           for n in range(1, 20)))  # fmt: skip
    for n in range(1, 20):
        async with asyncio.timeout(LONG):
            head = await client.reader.readuntil(b"\r\n\r\n")
            assert b"content-length: %d\r\n" % n in head.lower()


async def test_who_sends_hundreds_at_once_and_waits_for_none_is_cut_off(patient: House) -> None:
    client = await patient.client(GET.replace(b"/ ", b"/slow ") * 500)
    assert await client.seconds_to_end() < LONG / 2
    assert patient.app.waiting <= 1


async def test_a_wish_for_another_protocol_is_answered_in_ours(patient: House) -> None:
    wish = b"Connection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n\r\n"
    client = await patient.client(GET[:-2] + wish + GET)
    assert [await client.status() for _ in range(2)] == [200, 200]
