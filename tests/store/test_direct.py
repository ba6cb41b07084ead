"""Prepared questions and commands inside a transaction: the same words, values and refusals as SQLAlchemy's own, and
the same transaction."""

from __future__ import annotations

import asyncio
import contextvars
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import Integer, bindparam, select, text, update

from mcd import rounds
from mcd.errors import Code, McdError
from mcd.store import tables as t
from mcd.store.question import Command, OfMany, Question, inserted
from mcd.store.session import Database
from tests.store.world import World

NOON = datetime(2026, 7, 1, 12, 0, 0, 123456, UTC)
LONG = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 1000000) SELECT sum(x) AS x FROM n"

NEW = Command(inserted(t.cluster, "id", "name", "idc", "facts", "created_at", "seen_at"))
SEEN = Command(update(t.cluster).where(t.cluster.c.id == bindparam("cluster")).values(seen_at=bindparam("at")))
ONE = Question(select(t.cluster).where(t.cluster.c.id == bindparam("cluster")))
SOME = OfMany(lambda among: select(t.cluster.c.id).where(among(t.cluster.c.id, "one"), ~among(t.cluster.c.name, "not")))
FACTS = {"base_domain": "例.example", "deep": [1, {"a": None}], "nul": "a\x00b"}


def new(at: int, name: str = "") -> dict[str, object]:
    name = name or f"c{at}"
    return {"id": f"{at}", "name": name, "idc": "x", "facts": FACTS, "created_at": NOON, "seen_at": None}


async def test_what_a_command_writes_is_read_the_same_by_both_ways_with_its_defaults(db: Database) -> None:
    async with db.writing() as tx:
        assert await tx.told(NEW, new(1)) == 1
        assert await tx.told(SEEN, {"cluster": "1", "at": NOON.astimezone().replace(microsecond=0)}) == 1
        short = await tx.ask_one(ONE, cluster="1")
        assert short == await tx.row(select(t.cluster).where(t.cluster.c.id == "1"))
    assert short is not None
    assert (short["created_at"], short["seen_at"]) == (NOON, NOON.replace(microsecond=0))
    assert short["facts"] == {**FACTS, "nul": "a\ufffdb"}
    assert (short["conditions"], short["serves"], short["generation"], short["takes"]) == ([], {}, 1, 0)


async def test_a_naive_time_is_refused(db: Database) -> None:
    with pytest.raises(ValueError, match="without a zone"):
        async with db.writing() as tx:
            await tx.told(NEW, {**new(1), "created_at": NOON.replace(tzinfo=None)})


async def test_what_a_command_wrote_is_undone_with_its_transaction(db: Database) -> None:
    async def written_and_given_up() -> None:
        async with db.writing() as tx:
            await tx.told(NEW, new(1))
            await tx.run(text("UPDATE event_counter SET last = 7"))
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await written_and_given_up()
    async with db.reading() as tx:
        assert await tx.ask_one(ONE, cluster="1") is None
        assert await tx.value(text("SELECT last FROM event_counter")) == 0


async def test_a_refusal_is_said_in_our_words_and_leaves_a_database_that_works(db: Database) -> None:
    for _ in range(3):
        with pytest.raises(McdError) as refused:
            async with db.writing() as tx:
                await tx.told(NEW, new(1, "same"), new(2, "same"))
        assert refused.value.code is Code.CONFLICT
        assert refused.value.message == "the name of the cluster is taken."
    async with db.writing() as tx:
        assert await tx.told(NEW, new(1), new(2)) == 2


async def test_nothing_is_written_where_only_reading_was_asked_for(db: Database) -> None:
    with pytest.raises(Exception, match=r"(?i)read.?only|cannot be written|cannot execute"):
        async with db.reading() as tx:
            await tx.told(NEW, new(1))


async def test_a_question_about_many_takes_any_number_and_never_another_one(db: Database) -> None:
    async with db.writing() as tx:
        await tx.told(NEW, *(new(at) for at in range(9)))
        for count in range(1, 10):
            wanted = [str(at) for at in range(count)]
            found = {row["id"] for row in await tx.ask_of(SOME, one=wanted, **{"not": ["c1", "c4", "nobody"]})}
            assert found == set(wanted) - {"1", "4"}
        assert await tx.ask_of(SOME, one=[], **{"not": ["c1"]}) == []


async def test_more_rows_than_one_are_no_answer(db: Database) -> None:
    async with db.writing() as tx:
        await tx.told(NEW, new(1), new(2))
        with pytest.raises(RuntimeError, match="several"):
            await tx.ask_one(Question(select(t.cluster)))


async def test_who_asks_in_a_transaction_sees_what_it_wrote_and_nobody_else_does(world: World, other: Database) -> None:
    async with world.db.writing() as tx:
        await tx.told(NEW, new(1))
        assert await tx.ask_one(ONE, cluster="1") is not None
        assert await other.asked(lambda there: there.ask_one(ONE, cluster="1")) is None
    assert await other.asked(lambda there: there.ask_one(ONE, cluster="1")) is not None


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_a_key_is_written_without_the_thread_and_a_long_question_is_asked_in_it(
    db: Database, monkeypatch: pytest.MonkeyPatch
) -> None:
    where: list[tuple[str, bool]] = []
    here = threading.get_ident()

    def noted(what: str, do: Callable[..., Any]) -> Callable[..., Any]:
        def noting(*given: Any) -> Any:
            where.append((what, threading.get_ident() == here))
            return do(*given)

        return noting

    async with db.writing() as tx:
        driver = tx.direct.driver
        monkeypatch.setattr(driver, "_fetched", noted("asked", driver._fetched))
        monkeypatch.setattr(driver, "_wrote", noted("wrote", driver._wrote))
        await tx.told(NEW, new(1))
        assert await tx.ask(Question(select(text(LONG).columns(x=Integer).subquery().c.x))) == [{"x": 500000500000}]
        await tx.told(SEEN, {"cluster": "1", "at": NOON + timedelta(days=1)})
    # The question that was broken off is asked again in the thread, and what was written before it is still there.
    assert where == [("wrote", True), ("asked", True), ("asked", False), ("wrote", True)]
    async with db.reading() as tx:
        found = await tx.ask_one(ONE, cluster="1")
    assert found is not None
    assert found["seen_at"] == NOON + timedelta(days=1)


async def test_who_goes_away_while_it_writes_leaves_nothing_behind(db: Database) -> None:
    async def writing() -> None:
        async with db.writing() as tx:
            await tx.told(NEW, *(new(at) for at in range(50)))
            await asyncio.sleep(60)

    task = asyncio.create_task(writing())
    while not db.connections()["used"]:
        await asyncio.sleep(0)
    await asyncio.sleep(0.05)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with db.writing() as tx:
        assert await tx.value(text("SELECT count(*) FROM cluster")) == 0


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_between_two_questions_a_pass_lets_others_go_first(db: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rounds, "LONGEST_STEP", 0.0)
    said: list[str] = []
    async with db.writing() as tx:
        await tx.told(NEW, new(1))

    async def passing() -> None:
        async with db.writing() as tx:
            for _ in range(3):
                await tx.ask_one(ONE, cluster="1")
                await tx.told(SEEN, {"cluster": "1", "at": NOON})
                said.append("pass")

    async def calling() -> None:
        while said.count("pass") < 3:
            said.append("caller")
            await asyncio.sleep(0)

    loop = asyncio.get_running_loop()
    loop.set_task_factory(rounds.Rounds(loop))
    try:
        task = loop.create_task(passing(), context=rounds.background(contextvars.copy_context()))
        await asyncio.gather(calling(), task)
    finally:
        loop.set_task_factory(None)
    first, last = said.index("pass"), len(said) - said[::-1].index("pass")
    assert said[first:last].count("caller") >= 4 * rounds.BETWEEN, said


async def test_what_people_commit_is_counted_and_what_passes_do_is_not(db: Database) -> None:
    async def commit(number: int) -> None:
        async with db.writing() as tx:
            await tx.told(NEW, new(number))

    before = db.commits
    context = rounds.background(contextvars.copy_context())
    await asyncio.get_running_loop().create_task(commit(1), context=context)
    assert db.commits == before
    await commit(2)
    assert db.commits == before + 1
