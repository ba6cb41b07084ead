"""Who goes away in the middle of a question leaves nothing behind for the next: connections are shared by a pool."""

from __future__ import annotations

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
