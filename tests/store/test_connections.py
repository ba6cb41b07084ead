"""How many connections one process opens: as many as the page for who installs says, and all of them are counted."""

from __future__ import annotations

import asyncio
import contextlib

import psycopg
import pytest
from sqlalchemy import text

from mcd.store import reads
from mcd.store.server_quick import MOST
from mcd.store.session import POOL, Database
from mcd.store.tx import Tx
from tests.servers.postgres import Postgres, name_of
from tests.store.world import ADMIN

ALL = POOL + MOST + 2
"""With the one that is asked for marks and the one that listens."""


def _open(server: Postgres, url: str) -> int:
    with psycopg.connect(server.admin_url, autocommit=True) as asked:
        row = asked.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE datname = %s AND application_name = 'mcd'", [name_of(url)]
        ).fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
async def test_a_process_with_all_to_do_opens_no_more_than_it_says(server: Postgres, url: str, db: Database) -> None:
    enough, asking = asyncio.Event(), asyncio.Semaphore(0)

    async def long(tx: Tx) -> None:
        asking.release()
        await enough.wait()
        await tx.value(text("SELECT 1"))

    async def read() -> None:
        async with db.reading() as tx:
            await long(tx)

    async def short(tx: Tx) -> None:
        asking.release()
        await enough.wait()
        await reads.glances(ADMIN, tx)

    people = [asyncio.create_task(db.asked(short)) for _ in range(MOST)]
    people += [asyncio.create_task(read()) for _ in range(POOL + 5)]
    listening = asyncio.create_task(db.news(60))
    async with asyncio.timeout(30):
        await db.mark()
        for _ in range(POOL + MOST):
            await asking.acquire()
        while sum(db.connections().values()) < ALL:
            await asyncio.sleep(0.01)
    assert _open(server, url) == sum(db.connections().values()) == ALL
    assert db.connections() == {"used": ALL - 1, "idle": 1}, "nobody asks for a mark"
    enough.set()
    await asyncio.gather(*people)
    assert _open(server, url) == ALL
    assert db.connections() == {"used": 1, "idle": ALL - 1}, "it listens"
    listening.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await listening
    await db.close()
    assert db.connections() == {"used": 0, "idle": 0}


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_those_beside_the_pool_are_counted_of_a_file_too(db: Database) -> None:
    before = sum(db.connections().values())
    await db.mark()
    await db.asked(lambda tx: reads.glances(ADMIN, tx))
    assert sum(db.connections().values()) == before + 2
