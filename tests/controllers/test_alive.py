"""A controller says that it is alive: from its first moment, seldom enough, and until it stops."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing

from mcd.controllers.loop import Loop
from mcd.store import liveness
from mcd.store.liveness import Living
from tests.controllers.world import World


async def living(here: World) -> Living:
    async with here.runtime.db.reading() as tx:
        return await liveness.living(tx, here.clock())


async def test_a_loop_is_alive_while_it_runs_and_gone_when_it_stopped(here: World) -> None:
    here.clock.forward(3600)
    assert (await living(here)).holders == ()
    stop = asyncio.Event()
    running = asyncio.create_task(Loop(here.runtime, "second").run(stop))
    async with asyncio.timeout(20):
        while not (await living(here)).holders:
            assert not running.done()
            await asyncio.sleep(0.01)
    assert (await living(here)).holders == ("second",)
    stop.set()
    await running
    assert await living(here) == Living((), here.clock())


async def test_nothing_to_do_is_one_small_write_in_half_a_minute(here: World) -> None:
    await here.settle()
    loop = Loop(here.runtime, "second")
    versions = []
    with closing(sqlite3.connect(here.runtime.settings.data / "mcd.db")) as beside:
        for _ in range(60):
            await loop.beat()
            await loop.measure()
            # Changes with each commit of another connection.
            versions += beside.execute("PRAGMA data_version").fetchone()
            here.clock.forward(1)
    assert len(set(versions)) == 2
    assert versions[0] == versions[29] != versions[30]


async def test_a_clock_that_is_set_back_does_not_silence_it(here: World) -> None:
    loop = Loop(here.runtime, "second")
    await loop.beat()
    here.clock.forward(-3600)
    await loop.beat()
    async with here.runtime.db.writing() as tx:
        await liveness.stopped(tx, "test", here.clock())
    here.clock.forward(90)
    assert (await living(here)).holders == ()
