"""Writes that are carried out together: each is told its own end, when it is committed, and none pays for another."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from sqlalchemy import func, select

from mcd.errors import McdError
from mcd.model import EventKind, Noun
from mcd.store import events
from mcd.store import tables as t
from mcd.store.session import Database
from mcd.store.tx import Tx
from tests.store.test_direct import NEW, NOON, new


async def write(tx: Tx, number: int, *, fails: bool = False) -> int:
    await tx.told(NEW, new(number))
    events.append(tx, NOON, events.MCD, EventKind.CREATED, "made", noun=Noun.CLUSTER, name=f"c{number}")
    if fails:
        tx.wished = True
        raise ValueError(f"{number} did not work")
    return number


async def there(db: Database) -> tuple[list[str], list[str], int]:
    """Rows and Events by name, and what the counter of Events says."""
    async with db.reading() as tx:
        rows = await tx.values(select(t.cluster.c.id).order_by(t.cluster.c.id))
        told = await tx.values(select(t.event.c.name).order_by(t.event.c.name))
        return list(rows), list(told), int(await tx.value(select(func.max(t.event_counter.c.last))))


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_who_waits_for_the_writer_shares_its_commit(db: Database) -> None:
    before = db.commits
    async with db.writing() as tx:
        await tx.told(NEW, new(1))
        waiting = [asyncio.create_task(db.together(lambda tx, n=n: write(tx, n))) for n in range(2, 8)]
        await asyncio.sleep(0)
    assert await asyncio.gather(*waiting) == [2, 3, 4, 5, 6, 7]
    assert db.commits - before == 2
    assert await there(db) == ([str(n) for n in range(1, 8)], [f"c{n}" for n in range(2, 8)], 6)


async def test_what_one_wrote_that_raises_is_undone_and_no_more(db: Database) -> None:
    woken = db.wishes.rings
    answers = await asyncio.gather(
        *(db.together(lambda tx, n=n: write(tx, n, fails=n in (0, 3, 4))) for n in range(6)), return_exceptions=True
    )
    assert [str(answer) for answer in answers] == [
        "0 did not work", "1", "2", "3 did not work", "4 did not work", "5",
    ]  # fmt: skip
    assert await there(db) == (["1", "2", "5"], ["c1", "c2", "c5"], 3)
    assert db.wishes.rings == woken


async def test_a_refusal_of_the_database_is_told_to_whom_it_concerns_in_our_words(db: Database) -> None:
    answers = await asyncio.gather(*(db.together(lambda tx: write(tx, 1)) for _ in range(3)), return_exceptions=True)
    refused = [answer for answer in answers if isinstance(answer, McdError)]
    assert [answer for answer in answers if answer not in refused] == [1]
    assert len(refused) == 2
    assert await there(db) == (["1"], ["c1"], 1)


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_nobody_is_told_before_it_is_committed(db: Database, other: Database) -> None:
    first = asyncio.Event()
    go_on = asyncio.Event()

    async def slowly(tx: Tx) -> None:
        first.set()
        await go_on.wait()
        raise OSError("the disk is away")

    slow = asyncio.create_task(db.together(slowly))
    await first.wait()
    quick = asyncio.create_task(db.together(lambda tx: write(tx, 1)))
    for _ in range(20):
        await asyncio.sleep(0)
    assert not quick.done()
    assert (await there(other))[0] == []
    go_on.set()
    with pytest.raises(McdError):
        await slow
    assert await quick == 1
    assert (await there(other))[0] == ["1"]


async def test_who_goes_away_is_not_waited_for_and_the_others_are_written(db: Database) -> None:
    async with db.writing() as tx:
        await tx.run(t.event_counter.update().values(last=t.event_counter.c.last))
        waiting = [asyncio.create_task(db.together(lambda tx, n=n: write(tx, n))) for n in range(3)]
        await asyncio.sleep(0)
        waiting[1].cancel()
        await asyncio.sleep(0)
    answers = await asyncio.gather(*waiting, return_exceptions=True)
    assert answers[::2] == [0, 2]
    assert isinstance(answers[1], asyncio.CancelledError)
    rows, _, _ = await there(db)
    assert rows == ["0", "2"]


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_everybody_is_told_that_there_is_no_database(db: Database, tmp_path: Path) -> None:
    (tmp_path / "mcd.db").rename(tmp_path / "away.db")
    answers = await asyncio.gather(
        *(db.together(lambda tx, n=n: write(tx, n)) for n in range(3)), return_exceptions=True
    )
    assert [type(answer) for answer in answers] == [McdError] * 3
    (tmp_path / "away.db").rename(tmp_path / "mcd.db")
    assert await db.together(lambda tx: write(tx, 1)) == 1
