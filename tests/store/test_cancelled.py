"""Who goes away in the middle of a question leaves nothing behind for the next: connections are shared by a pool."""

from __future__ import annotations

import asyncio

import pytest
from sqlalchemy import text

from mcd.store.session import Database
from tests.servers.postgres import Postgres


@pytest.mark.postgres
async def test_a_connection_that_a_reader_left_read_only_can_be_written_with(server: Postgres) -> None:
    db = Database(server.create())
    try:
        async with db._reader.connect() as connection:
            driver = (await connection.get_raw_connection()).driver_connection
            assert driver is not None
            await driver.set_read_only(True)
        async with db.writing() as tx:
            await tx.run(text("CREATE TABLE written (id int)"))
        async with db.reading() as tx:
            assert await tx.value(text("SELECT current_setting('transaction_read_only')")) == "on"
    finally:
        await db.close()


SLOW = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 300000) SELECT count(*) FROM n"


async def test_who_is_cut_off_twice_in_a_question_leaves_nothing_that_waits_for_ever(db: Database) -> None:
    """Seen as a process that never ended: its last question was cut off by the loop and then by the end of asyncio."""
    before = asyncio.all_tasks()
    for _ in range(5):
        asked = asyncio.Event()

        async def ask(asked: asyncio.Event = asked) -> None:
            async with db.reading() as tx:
                asked.set()
                await tx.value(text(SLOW))

        task = asyncio.create_task(ask())
        await asked.wait()
        while not task.done():
            task.cancel()
            await asyncio.sleep(0)
    if left := asyncio.all_tasks() - before:
        _, waiting = await asyncio.wait(left, timeout=30)
        assert not waiting
    await asyncio.wait_for(db.close(), 30)
