"""The server stops in the middle of a push: git hears whether it is stored, its protocol ends properly, and no push is
half stored."""

from __future__ import annotations

import asyncio
import logging
import os
import re
import signal
import sys
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from mcd.forge.locks import locked
from mcd.forge.receive import refs_of
from tests.api.git.test_limits import stalled, until
from tests.api.git.world import APP_YAML, Site, releases, site

STORED = "MCD is restarting; your push is stored and goes on. See: mcd status shop"
NOT_STORED = "MCD is restarting, nothing of this push was stored. Push again in a moment."
LONG = 60.0
IN_TIME = 8.0
"""Seconds in which a server has to stop by itself; then it is cut off."""


def fine(text: str) -> None:
    assert "hung up" not in text, text
    assert "HTTP" not in text, text
    assert "Traceback" not in text, text


async def stop(here: Site) -> None:
    began = time.monotonic()
    here.server.should_exit = True
    await asyncio.wait_for(here.running, LONG)
    assert time.monotonic() - began < IN_TIME


async def heard(process: asyncio.subprocess.Process, word: bytes) -> bytes:
    """What git shows up to a word."""
    assert process.stdout is not None
    return await asyncio.wait_for(process.stdout.readuntil(word), LONG)


async def rest(process: asyncio.subprocess.Process) -> str:
    out, _ = await asyncio.wait_for(process.communicate(), LONG)
    return out.decode()


def bugs(caplog: pytest.LogCaptureFixture) -> list[str]:
    return [r.getMessage() for r in caplog.records if r.levelno >= logging.ERROR or r.exc_info]


async def test_who_watches_a_stored_push_is_told_that_it_goes_on(here: Site, caplog: pytest.LogCaptureFixture) -> None:
    clone = here.clone()
    commit = clone.commit({"app.yaml": APP_YAML})
    process = await clone.start("push", here.remote(), "main")
    await heard(process, b"Release 1 of shop")
    await stop(here)
    said = await rest(process)
    assert process.returncode == 0, said
    assert f"remote: {STORED}" in [line.strip() for line in said.splitlines()]
    assert "[new branch]      main -> main" in said
    fine(said)
    assert await releases(here) == [commit]
    assert refs_of(here.repositories / "shop.git") == {"refs/heads/main": commit}
    assert bugs(caplog) == []


async def test_a_push_that_comes_to_be_stored_while_the_server_stops_is_told_so(here: Site) -> None:
    clone = here.clone()
    commit = clone.commit({"app.yaml": APP_YAML})
    async with locked(here.repositories, "shop", 5):
        process = await clone.start("push", here.remote(), "main")
        await until(here, 1)
        stopping = asyncio.create_task(stop(here))
        await asyncio.wait_for(here.server.stopping.wait(), LONG)
    said = await rest(process)
    await stopping
    assert process.returncode == 0, said
    assert STORED in said
    assert await releases(here) == [commit]


async def test_a_push_that_is_not_stored_in_time_is_told_that_nothing_was(
    here: Site, caplog: pytest.LogCaptureFixture
) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": APP_YAML})
    async with locked(here.repositories, "shop", 5):
        process = await clone.start("push", here.remote(), "main")
        await until(here, 1)
        await stop(here)
        said = await rest(process)
    assert process.returncode == 1, said
    assert f"remote: {NOT_STORED}" in [line.strip() for line in said.splitlines()]
    assert "! [remote rejected] main -> main (MCD is restarting, nothing of this push was stored)" in said
    fine(said)
    assert here.kept() == []
    assert here.left() == []
    assert bugs(caplog) == []


async def test_a_push_that_is_half_sent_is_told_that_nothing_was_stored(
    here: Site, caplog: pytest.LogCaptureFixture
) -> None:
    async with stalled(here) as reader:
        await until(here, 1)
        await stop(here)
        answer = (await asyncio.wait_for(reader.read(), LONG)).decode()
    assert answer.startswith("HTTP/1.1 503 ")
    assert "\r\nconnection: close\r\n" in answer.lower()
    assert answer.endswith(f"\r\n\r\n{NOT_STORED}\n")
    assert here.left() == []
    assert bugs(caplog) == []


@asynccontextmanager
async def program(data: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """`mcd serve api` as it runs, and its URL."""
    command = "from mcd.cli.main import main; main()"
    environment = {**os.environ, "MCD_DATA": str(data), "MCD_LISTEN": "127.0.0.1:0"}
    process = await asyncio.create_subprocess_exec(
        sys.executable, "-W", "ignore", "-c", command, "serve", "api", env=environment,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT,
    )  # fmt: skip
    assert process.stdout is not None
    try:
        line = b""
        while b"listening" not in line:
            line = await asyncio.wait_for(process.stdout.readline(), LONG)
            assert line, "it did not start"
        found = re.search(rb"127\.0\.0\.1:(\d+)", line)
        assert found is not None
        port = int(found[1])
        yield process, f"http://127.0.0.1:{port}"
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def test_sigterm_ends_a_watched_push_with_a_word(tmp_path: Path) -> None:
    async with site(tmp_path) as here:
        clone = here.clone()
        clone.commit({"app.yaml": APP_YAML})
        token, data = here.tokens["alice"], here.folder
    async with program(data) as (server, url):
        process = await clone.start("push", f"{url.replace('://', f'://x:{token}@')}/git/shop.git", "main")
        await heard(process, b"Release 1 of shop")
        server.send_signal(signal.SIGTERM)
        said = await rest(process)
        log, _ = await asyncio.wait_for(server.communicate(), LONG)
    assert process.returncode == 0, said
    assert STORED in said
    fine(said)
    assert server.returncode == 0, log.decode()
    assert "Traceback" not in log.decode()


@asynccontextmanager
async def slow_line(port: int, most: int) -> AsyncIterator[tuple[int, asyncio.Event]]:
    """A port that leads to `port` and carries so many bytes there; all that comes back. The event: no more goes."""
    full, lines, writers = asyncio.Event(), set[asyncio.Task[None]](), set[asyncio.StreamWriter]()

    async def carried(source: asyncio.StreamReader, target: asyncio.StreamWriter, left: int) -> None:
        while chunk := await source.read(min(65536, left)):
            target.write(chunk)
            await target.drain()
            left -= len(chunk)
            if left <= 0:
                full.set()
                return
        target.write_eof()

    async def line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, out = await asyncio.open_connection("127.0.0.1", port)
        lines.add(asyncio.create_task(carried(reader, out, most)))
        lines.add(asyncio.create_task(carried(there, writer, 10**9)))
        writers.update((out, writer))

    made = await asyncio.start_server(line, "127.0.0.1", 0)
    async with made:
        yield made.sockets[0].getsockname()[1], full
    for writer in writers:
        writer.close()
    for task in lines:
        task.cancel()
    await asyncio.gather(*lines, return_exceptions=True)


async def test_a_pack_that_is_half_sent_is_told_that_nothing_was_stored(here: Site) -> None:
    clone = here.clone()
    clone.commit({"app.yaml": APP_YAML, "large": os.urandom(6 * 1024 * 1024)})
    port = here.url.rpartition(":")[2]
    async with slow_line(int(port), 500_000) as (slow, full):
        process = await clone.start("push", here.remote().replace(port, str(slow)), "main")
        await asyncio.wait_for(full.wait(), LONG)
        await stop(here)
        said = await rest(process)
    assert process.returncode == 1, said
    assert NOT_STORED in said
    fine(said)
