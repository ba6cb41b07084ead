"""A PostgreSQL server that takes what is asked and answers nothing, as behind a network that swallows everything."""

from __future__ import annotations

import asyncio
import contextlib
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mcd.store import reads, server_quick
from mcd.store.migrate import migrate
from mcd.store.quick import TheOtherWay, Why
from mcd.store.session import Database
from mcd.store.tx import Tx
from tests.servers.postgres import Postgres
from tests.store.world import ADMIN

SOCKET = ".s.PGSQL.5432"


class Relay:
    """Between a database and who asks it; `open` lets bytes through."""

    def __init__(self, to: Path) -> None:
        self._to = to
        self.open = asyncio.Event()
        self.open.set()
        self._pumps: set[asyncio.Task[None]] = set()
        self._writers: list[asyncio.StreamWriter] = []

    async def accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        far_reader, far_writer = await asyncio.open_unix_connection(str(self._to))
        self._writers += [writer, far_writer]
        for near, far in ((reader, far_writer), (far_reader, writer)):
            self._pumps.add(asyncio.create_task(self._pump(near, far)))

    async def _pump(self, near: asyncio.StreamReader, far: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await near.read(65536):
                await self.open.wait()
                far.write(data)
                await far.drain()
        far.close()

    async def close(self) -> None:
        for pump in self._pumps:
            pump.cancel()
        await asyncio.gather(*self._pumps, return_exceptions=True)
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in self._writers), return_exceptions=True)


@pytest.fixture
async def relayed(server: Postgres) -> AsyncIterator[tuple[Database, Relay]]:
    url = server.create()
    await asyncio.to_thread(migrate, url)
    with tempfile.TemporaryDirectory(prefix="mcd-relay-", dir="/tmp") as folder:
        before, _, host = url.partition("host=")
        relay = Relay(Path(host, SOCKET))
        listening = await asyncio.start_unix_server(relay.accept, str(Path(folder, SOCKET)))
        db = Database(f"{before}host={folder}")
        try:
            yield db, relay
        finally:
            relay.open.set()
            await db.close()
            await relay.close()
            listening.close()
    server.drop(url)


@pytest.mark.postgres
async def test_a_short_question_that_is_not_answered_is_given_up_in_time(
    relayed: tuple[Database, Relay], monkeypatch: pytest.MonkeyPatch
) -> None:
    db, relay = relayed
    monkeypatch.setattr(server_quick, "ANSWER_SECONDS", 0.2)

    async def read(tx: Tx) -> object:
        return await reads.glances(ADMIN, tx)

    async def shortly() -> object:
        async with db._quick.reading() as ask:
            return await read(Tx(None, writable=False, keyring=None, quick=ask))

    assert await shortly() == ()
    relay.open.clear()
    for _ in range(2):
        async with asyncio.timeout(8):
            with pytest.raises(TheOtherWay) as given_up:
                await shortly()
        assert given_up.value.why is Why.FAILED
    relay.open.set()
    async with asyncio.timeout(30):
        while True:
            with contextlib.suppress(TheOtherWay):
                assert await shortly() == ()
                break
    assert await db.asked(read) == ()
