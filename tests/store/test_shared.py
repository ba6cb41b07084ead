"""Looks that are shared: none is older than who is told of it, and a crowd costs two."""

from __future__ import annotations

import asyncio

import pytest

from mcd.store.shared import Shared


class Scene:
    """What may be seen, and how often it was looked at. A look lasts until `go`."""

    def __init__(self) -> None:
        self.state, self.looks, self.go = 1, 0, asyncio.Event()
        self.shared = Shared[int]("look")

    async def look(self) -> int:
        self.looks += 1
        seen = self.state
        await self.go.wait()
        return seen

    def ask(self) -> asyncio.Task[int]:
        return asyncio.create_task(self.shared.look("it", self.look))


async def _turns(count: int = 10) -> None:
    for _ in range(count):
        await asyncio.sleep(0)


async def test_who_comes_while_one_looks_is_told_of_the_next_look() -> None:
    scene = Scene()
    first = scene.ask()
    await _turns()
    assert scene.shared.under_way("it")
    scene.state = 2
    late = [scene.ask() for _ in range(5)]
    await _turns()
    scene.state = 3
    scene.go.set()
    assert await first == 1
    assert set(await asyncio.gather(*late)) == {3}
    assert scene.looks == 2
    assert not scene.shared.under_way("it")


async def test_who_goes_away_takes_the_look_from_nobody() -> None:
    scene = Scene()
    one, other = scene.ask(), scene.ask()
    await _turns()
    one.cancel()
    await _turns()
    scene.go.set()
    assert await other == 1
    assert scene.looks == 1


async def test_a_look_that_failed_is_begun_anew() -> None:
    shared, tries = Shared[int]("look"), list[int]()

    async def look() -> int:
        tries.append(1)
        if len(tries) == 1:
            raise OSError("away")
        return 7

    with pytest.raises(OSError, match="away"):
        await shared.look("it", look)
    assert await shared.look("it", look) == 7


async def test_at_the_end_nobody_waits_for_ever() -> None:
    scene = Scene()
    waiting = [scene.ask(), scene.ask()]
    await _turns()
    waiting.append(scene.ask())
    await _turns()
    await scene.shared.end()
    assert all(
        isinstance(each, asyncio.CancelledError) for each in await asyncio.gather(*waiting, return_exceptions=True)
    )
