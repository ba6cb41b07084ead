"""SQLite is read in the event loop when the answer is at hand, and in a thread when it is not."""

from __future__ import annotations

import asyncio
import fcntl
import threading
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlalchemy import text

from mcd.store import session, sqlite
from mcd.store.migrate import migrate
from mcd.store.session import Database

LONG = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < {}) SELECT sum(x) FROM n"
MANY = 1_000_000


@pytest.fixture
async def here(tmp_path: Path) -> AsyncIterator[Database]:
    url = f"sqlite:///{tmp_path / 'mcd.db'}"
    await asyncio.to_thread(migrate, url)
    db = Database(url)
    try:
        yield db
    finally:
        await db.close()


@pytest.fixture
def asked_in(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """Each statement of a cursor with the thread that it was carried out in."""
    found: list[tuple[str, int]] = []
    before = sqlite.Cursor._ask

    def noting(cursor: sqlite.Cursor, how: object, sql: str, parameters: object) -> None:
        found.append((sql, threading.get_ident()))
        before(cursor, how, sql, parameters)  # type: ignore[arg-type]

    monkeypatch.setattr(sqlite.Cursor, "_ask", noting)
    return found


def threads_of(sql: str, asked_in: list[tuple[str, int]]) -> set[int]:
    """Where it was asked: a server that another test of this process left asks its own."""
    return {thread for said, thread in asked_in if sql in said}


async def test_a_short_question_needs_no_thread_and_a_write_always_does(
    here: Database, asked_in: list[tuple[str, int]]
) -> None:
    async with here.reading() as tx:
        assert await tx.value(text("SELECT count(*) FROM app")) == 0
    assert threads_of("count(*) FROM app", asked_in) == {threading.get_ident()}
    async with here.writing() as tx:
        await tx.run(text("CREATE TABLE noted (id int)"))
    found = threads_of("CREATE TABLE noted", asked_in)
    assert found
    assert threading.get_ident() not in found


async def test_a_long_question_is_answered_right_and_keeps_nobody_waiting(
    here: Database, asked_in: list[tuple[str, int]]
) -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0)
            ticks += 1

    clock = asyncio.create_task(tick())
    async with here.reading() as tx:
        before = ticks
        assert await tx.value(text(LONG.format(MANY))) == MANY * (MANY + 1) // 2
        assert ticks - before > 10
        # What is asked behind it sees the same snapshot, in the loop again.
        assert await tx.value(text("SELECT 1")) == 1
    clock.cancel()
    threads = [thread for sql, thread in asked_in if "RECURSIVE" in sql]
    assert [thread == threading.get_ident() for thread in threads] == [True, False]


async def test_a_question_that_is_wrong_is_wrong_at_once(here: Database, asked_in: list[tuple[str, int]]) -> None:
    async with here.reading() as tx:
        with pytest.raises(Exception, match="nowhere"):
            await tx.value(text("SELECT * FROM nowhere"))
    assert len([sql for sql, _ in asked_in if "nowhere" in sql]) == 1


async def test_what_tidies_up_behind_a_long_question_waits_in_the_thread_and_not_in_the_loop(tmp_path: Path) -> None:
    """Who goes away leaves the thread at it; the loop would stand still at SQLite's own lock."""
    connection = await sqlite.connect(str(tmp_path / "any.db"), reads=True)
    assert isinstance(connection, sqlite.Reader)
    try:
        question = asyncio.create_task(connection.cursor().execute(LONG.format(MANY)))
        async with asyncio.timeout(30):
            while not connection._away:
                await asyncio.sleep(0)
        question.cancel()
        assert await connection._execute(threading.get_ident) != threading.get_ident()
        assert not connection._away
        assert await connection._execute(threading.get_ident) == threading.get_ident()
        with pytest.raises(asyncio.CancelledError):
            await question
    finally:
        await connection.close()


async def test_who_writes_all_the_time_lets_another_process_in(here: Database) -> None:
    """Two databases on one file have nothing in common but it, as two processes."""
    began, over = 0, threading.Event()

    async def always() -> None:
        nonlocal began
        other = Database(f"sqlite:///{here.url.database}")
        while not over.is_set():
            async with other.writing() as tx:
                began += 1
                for _ in range(10):
                    await tx.value(text("SELECT count(*) FROM app"))
        await other.close()

    writing = asyncio.create_task(asyncio.to_thread(asyncio.run, always()))
    try:
        async with asyncio.timeout(60):
            while began < 3:
                await asyncio.sleep(0)
            waited = []
            for _ in range(40):
                before = began
                async with here.writing():
                    waited.append(began - before)
    finally:
        over.set()
        await writing
    assert max(waited) <= 10, waited


async def test_a_process_that_is_stopped_in_its_turn_keeps_nobody_from_writing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(session, "BUSY_SECONDS", 0.5)
    url = f"sqlite:///{tmp_path / 'mcd.db'}"
    await asyncio.to_thread(migrate, url)
    db = Database(url)
    with (tmp_path / "mcd.db-turn").open("w") as stopped:
        fcntl.flock(stopped, fcntl.LOCK_EX)
        async with db.writing() as tx:
            await tx.run(text("CREATE TABLE noted (id int)"))
    async with db.reading() as tx:
        assert await tx.value(text("SELECT count(*) FROM noted")) == 0
    await db.close()


@pytest.mark.parametrize(
    ("worked", "waited", "over"),
    [(0.0, 0.0, False), (0.003, 0.003, True), (0.001, 0.015, False), (0.0, 0.021, True)],
    ids=["just begun", "much work", "a machine that is full", "a disk that does not answer"],
)
def test_a_question_is_broken_off_for_its_work_and_much_later_for_its_wait(
    monkeypatch: pytest.MonkeyPatch, worked: float, waited: float, over: bool
) -> None:
    clock = {"thread_time": 7.0, "monotonic": 100.0}
    monkeypatch.setattr(sqlite, "time", SimpleNamespace(**{name: partial(clock.get, name) for name in clock}))
    limit = sqlite.AtOnce()
    assert not limit.over()
    with limit:
        clock["thread_time"] += worked
        clock["monotonic"] += waited
        assert limit.over() is over
    assert not limit.over(), "nothing is asked"
