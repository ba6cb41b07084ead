"""Following a log together: one upstream, whoever comes later, whoever is slow, the end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from typing import Any

import pytest

from mcd.api import taps
from mcd.api.taps import Taps
from mcd.errors import Code, McdError

WAIT = 5.0


class Program:
    """A container that says what it is told to, to everybody who follows it."""

    def __init__(self) -> None:
        self.followed: list[asyncio.Queue[bytes | McdError | None]] = []
        self.left = 0

    async def logs(self, namespace: str, pod: str, container: str, **how: Any) -> AsyncIterator[bytes]:
        assert how["follow"]
        queue: asyncio.Queue[bytes | McdError | None] = asyncio.Queue()
        self.followed.append(queue)
        try:
            while (said := await queue.get()) is not None:
                if isinstance(said, McdError):
                    raise said
                yield said
        finally:
            self.left += 1

    async def say(self, *lines: bytes | McdError | None) -> None:
        for queue in self.followed:
            for line in lines:
                queue.put_nowait(line)
        for _ in range(len(lines) * 4 + 20):
            await asyncio.sleep(0)


async def some(reader: AsyncIterator[bytes], count: int) -> list[bytes]:
    async with asyncio.timeout(WAIT):
        return [await anext(reader) for _ in range(count)]


def reader(shared: Taps, program: Program) -> Any:
    return aclosing(shared.over(program, "c").logs("demo", "web-0", "web", follow=True, timestamps=True))


async def test_many_readers_cost_one_upstream_and_it_ends_with_the_last() -> None:
    program, shared = Program(), Taps()
    async with reader(shared, program) as first:
        waiting = asyncio.create_task(some(first, 2))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await program.say(b"one", b"two")
        assert await waiting == [b"one", b"two"]
        async with reader(shared, program) as second:
            # Whoever comes later is given what was said before.
            assert await some(second, 2) == [b"one", b"two"]
            assert len(program.followed) == 1
        await program.say(b"three")
        assert await some(first, 1) == [b"three"]
        assert (shared.open, program.left) == (1, 0)
    assert (shared.open, program.left) == (0, 1)


async def test_who_reads_slowly_loses_lines_and_is_told_how_many(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(taps, "HELD", 3)
    program, shared = Program(), Taps()
    async with reader(shared, program) as slow:
        waiting = asyncio.create_task(some(slow, 1))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await program.say(b"first")
        await waiting
        await program.say(*(b"%d" % n for n in range(10)))
        told, *rest = await some(slow, 4)
        assert told.startswith(b"mcd: 7 lines are left out here")
        assert rest == [b"7", b"8", b"9"]


async def test_the_end_and_its_reason_are_everybodys() -> None:
    program, shared = Program(), Taps()
    async with reader(shared, program) as one, reader(shared, program) as two:
        waiting = [asyncio.create_task(some(each, 2)) for each in (one, two)]
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await program.say(b"last", McdError(Code.UNAVAILABLE, "the node is gone."))
        for task in waiting:
            with pytest.raises(McdError, match="the node is gone"):
                await task
    assert shared.open == 0
