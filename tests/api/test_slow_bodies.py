"""Bodies that come slowly, and a server that stops in the middle of one: a word in time, and no bug in the log."""

from __future__ import annotations

import asyncio
import json
import logging
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from socket import create_server
from typing import Any

import pytest
from fastapi import APIRouter
from fastapi.responses import StreamingResponse

from mcd.api.access import PUBLIC
from mcd.api.app import create_app
from mcd.api.server import Server, server
from mcd.api.shapes import ProblemDetails
from tests.api.client import Api
from tests.api.operations import BODIES, HEADERS
from tests.api.test_access import TABLE, path_of

BODY_SECONDS = 0.4
LONG = 30.0
"""Seconds after which something that should happen did not."""

WITH_BODY = [row for row in TABLE if row[0] in BODIES]


@dataclass
class House:
    api: Api
    server: Server
    port: int
    running: asyncio.Task[None]
    reached: asyncio.Event
    """Set when a request came to where it stays."""
    writers: list[asyncio.StreamWriter] = field(default_factory=list)

    async def ask(self, method: str, path: str, body: bytes = b"", **headers: str) -> asyncio.StreamReader:
        """A request that promises a body of 999 bytes."""
        reader, writer = await asyncio.open_connection("127.0.0.1", self.port)
        self.writers.append(writer)
        given = {"Host": "x", "Content-Type": "application/json", "Content-Length": "999", **headers}
        lines = "".join(f"{name}: {value}\r\n" for name, value in given.items())
        writer.write(f"{method} {path} HTTP/1.1\r\n{lines}\r\n".encode() + body)
        return reader

    async def stop(self) -> float:
        """How many seconds it took to stop."""
        began = time.monotonic()
        self.server.should_exit = True
        await asyncio.wait_for(self.running, LONG)
        return time.monotonic() - began


@asynccontextmanager
async def opened(api: Api, body_seconds: float) -> AsyncIterator[House]:
    reached = asyncio.Event()
    app = create_app(api.world.runtime, more=(staying(reached),), body_seconds=body_seconds)
    made, socket = server(app, graceful_seconds=3), create_server(("127.0.0.1", 0))
    house = House(api, made, socket.getsockname()[1], asyncio.create_task(made.serve(sockets=[socket])), reached)
    try:
        yield house
    finally:
        for writer in house.writers:
            writer.close()
        await house.stop()


def staying(reached: asyncio.Event) -> APIRouter:
    """Routes that do not end by themselves."""
    router = APIRouter()

    @router.get("/stays", dependencies=[PUBLIC])
    async def stays() -> None:
        reached.set()
        await asyncio.Event().wait()

    @router.get("/streams", dependencies=[PUBLIC])
    async def streams() -> StreamingResponse:
        async def endless() -> AsyncIterator[bytes]:
            yield b"begun"
            reached.set()
            await asyncio.Event().wait()

        return StreamingResponse(endless())

    return router


@pytest.fixture
async def hasty(api: Api) -> AsyncIterator[House]:
    async with opened(api, BODY_SECONDS) as made:
        yield made


@pytest.fixture
async def patient(api: Api) -> AsyncIterator[House]:
    async with opened(api, LONG) as made:
        yield made


async def answer(reader: asyncio.StreamReader) -> tuple[int, dict[str, str], bytes]:
    """Status, headers and body of an answer after which the connection ends."""
    async with asyncio.timeout(LONG):
        raw = await reader.read()
    head, _, body = raw.partition(b"\r\n\r\n")
    first, *lines = head.decode().split("\r\n")
    return int(first.split()[1]), {k.lower(): v for k, v in (line.split(": ", 1) for line in lines)}, body


def fine(caplog: pytest.LogCaptureFixture) -> None:
    """Nothing in the log looks like a bug."""
    assert not [r for r in caplog.records if r.exc_info], caplog.text
    assert "ASGI" not in caplog.text
    assert "bug" not in caplog.text


@pytest.mark.parametrize(("operation", "method", "fact"), WITH_BODY, ids=[row[0] for row in WITH_BODY])
async def test_a_body_that_comes_byte_by_byte_ends_in_a_problem(
    hasty: House, operation: str, method: str, fact: Any, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    who = {} if fact.verb is None else {"Authorization": f"Bearer {hasty.api.tokens['root']}"}
    path = path_of(hasty.api, fact, "own-root", "demo")
    reader = await hasty.ask(method, path, b"{", **who, **HEADERS.get(operation, {}))
    answering = asyncio.create_task(answer(reader))
    while not answering.done():
        hasty.writers[0].write(b" ")
        await asyncio.wait({answering}, timeout=BODY_SECONDS / 4)
    status, headers, body = answering.result()
    told = ProblemDetails(**json.loads(body))
    assert (status, told.status, told.code) == (408, 408, "unavailable")
    assert told.detail == "the body was not whole in time, and nothing was done. Send it again, without a pause."
    assert headers["content-type"] == "application/problem+json"
    assert headers["connection"] == "close"
    fine(caplog)


async def test_a_body_that_is_not_whole_when_the_server_stops_is_told_so(
    patient: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    reader = await patient.ask("POST", "/api/v1/sessions", b'{"name": ')
    # The one that is asked later is answered earlier: then the first one is read, too.
    await answer(await patient.ask("GET", "/livez", Connection="close", **{"Content-Length": "0"}))
    answering = asyncio.create_task(answer(reader))
    assert await patient.stop() < LONG / 2
    status, headers, body = await answering
    assert (status, json.loads(body)["reason"]) == (503, "Restarting")
    assert json.loads(body)["detail"].startswith("MCD is restarting, and the body was not whole: nothing was done.")
    assert int(headers["retry-after"]) > 0
    fine(caplog)
    assert '"status": 500' not in caplog.text


async def test_what_takes_longer_than_the_server_waits_is_told_so(
    patient: House, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    reader = await patient.ask("GET", "/stays", **{"Content-Length": "0"})
    await asyncio.wait_for(patient.reached.wait(), LONG)
    answering = asyncio.create_task(answer(reader))
    await patient.stop()
    status, _, body = await answering
    assert (status, json.loads(body)["reason"]) == (503, "Restarting")
    fine(caplog)


async def test_a_stream_that_is_cut_off_is_no_bug(patient: House, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    reader = await patient.ask("GET", "/streams", **{"Content-Length": "0"})
    await asyncio.wait_for(patient.reached.wait(), LONG)
    answering = asyncio.create_task(answer(reader))
    await patient.stop()
    status, _, body = await answering
    assert status == 200
    assert not body.endswith(b"0\r\n\r\n"), "half an answer does not look whole"
    fine(caplog)
