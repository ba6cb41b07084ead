"""The builder's output is kept whole: what was said last before the end is what people need most."""

from __future__ import annotations

import asyncio

from mcd.controllers.loop import BuildLog
from mcd.store import reads
from tests.controllers.world import ADMIN, HELLO, World


async def kept(here: World) -> list[str]:
    async with here.runtime.db.reading() as tx:
        return list((await reads.release_log(ADMIN, tx, "hello", 1, after=0, limit=100)).lines)


async def test_lines_said_right_before_the_end_are_kept_in_order(here: World) -> None:
    release = await here.push(HELLO)
    async with BuildLog(here.runtime, release.id) as log:
        for number in range(5):
            await log.line(f"early {number}")
        await asyncio.sleep(0)
        await log.line("late")
    assert await kept(here) == [*(f"early {n}" for n in range(5)), "late"]


async def test_lines_that_could_not_be_written_are_written_later(here: World) -> None:
    release = await here.push(HELLO)
    db = here.runtime.db
    async with BuildLog(here.runtime, release.id) as log:
        await log.line("one")
        # Another writer holds the file for longer than a statement waits.
        async with db.writing():
            await log.line("two")
    assert await kept(here) == ["one", "two"]


async def test_a_build_that_fails_keeps_what_it_said(here: World) -> None:
    release = await here.push(HELLO)
    try:
        async with BuildLog(here.runtime, release.id) as log:
            await log.line("error: no space left")
            raise RuntimeError("the builder died")
    except RuntimeError:
        pass
    assert await kept(here) == ["error: no space left"]
