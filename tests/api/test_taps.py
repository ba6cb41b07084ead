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
from mcd.kube.stamps import BILLION, moment, stamp_of

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


async def test_who_reads_nothing_holds_few_bytes_whatever_the_lines_are() -> None:
    """A reader who never comes back, of a program that says lines of 64 KiB."""
    program, shared = Program(), Taps()
    async with reader(shared, program) as slow:
        waiting = asyncio.create_task(some(slow, 1))
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        await program.say(b"first")
        await waiting
        await program.say(*(b"%03d" % n + b"x" * 65_533 for n in range(100)))
        told, *rest = await some(slow, 5)
        assert told.startswith(b"mcd: 96 lines are left out here")
        assert [line[:3] for line in rest] == [b"096", b"097", b"098", b"099"]
        async with reader(shared, program) as late:
            # Neither is the whole log kept for others: who wants more than the last of it follows it anew.
            later = asyncio.create_task(some(late, 1))
            for _ in range(5):
                await asyncio.sleep(0)
            assert len(program.followed) == 2
            await program.say(b"new")
            assert await later == [b"new"]


LINES = [b"2026-05-03T10:%02d:%02d.5Z line %d" % (*divmod(n, 60), n) for n in range(1000)]


class Written:
    """A container whose log has a past; it then says no more."""

    def __init__(self) -> None:
        self.opened = 0

    async def logs(self, *_: str, **how: Any) -> AsyncIterator[bytes]:
        self.opened += 1
        since = moment(0) if how["since_time"] is None else how["since_time"]
        said = [line for line in LINES if stamp_of(line)[0] >= since.timestamp() * BILLION]
        for line in said if how["tail"] is None else said[-how["tail"] :]:
            yield line
        await asyncio.Event().wait()


@pytest.mark.parametrize(
    ("before", "asked", "first", "opened"),
    [
        ({"since_time": moment(stamp_of(LINES[999])[0])}, {"tail": 100}, 900, 2),
        ({"tail": 1000}, {"since_time": moment(stamp_of(LINES[0])[0])}, 0, 2),
        ({"tail": 1000}, {"tail": 100}, 900, 1),
        ({"tail": 1000}, {"since_time": moment(stamp_of(LINES[700])[0])}, 500, 1),
        ({"tail": 10}, {"tail": 100}, 900, 2),
    ],
)
async def test_who_comes_later_gets_all_that_was_asked_for(
    before: dict[str, Any], asked: dict[str, Any], first: int, opened: int
) -> None:
    container, shared = Written(), Taps()
    how: dict[str, Any] = {"follow": True, "timestamps": True}
    count = len(LINES) - 999 if "since_time" in before else before["tail"]
    async with aclosing(shared.over(container, "c").logs("n", "p", "c", **how, **before)) as one:  # type: ignore[type-var]
        await some(one, count)
        async with aclosing(shared.over(container, "c").logs("n", "p", "c", **how, **asked)) as two:  # type: ignore[type-var]
            assert await some(two, len(LINES) - first) == LINES[first:]
    assert container.opened == opened
