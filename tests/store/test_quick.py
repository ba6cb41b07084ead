"""Prepared questions by the short way: the same answers, one state, nothing written, the other way when it must be."""

from __future__ import annotations

import asyncio

import psycopg
import pytest
from sqlalchemy import func, select, text

from mcd.errors import Code, McdError
from mcd.model import Actor, Role
from mcd.observability import metrics
from mcd.observability.metrics import REGISTRY
from mcd.store import intents, quick, reads
from mcd.store import tables as t
from mcd.store.question import Question
from mcd.store.server_quick import MOST
from mcd.store.session import Database
from mcd.store.tx import Tx
from tests.counting import done_here
from tests.servers.postgres import Postgres, name_of
from tests.store.world import ADMIN, World

LONG = "WITH RECURSIVE n(x) AS (SELECT 1 UNION ALL SELECT x + 1 FROM n WHERE x < 1000000) SELECT sum(x) AS x FROM n"


def _count(name: str, **labels: str) -> float:
    return REGISTRY.get_sample_value(name, labels) or 0.0


def _long_way(why: str) -> float:
    return _count("mcd_db_long_way_total", why=why)


async def _both(db: Database, actor: Actor, name: str) -> tuple[object, object]:
    """What of an App and of all is answered the short way, and the other."""

    async def read(tx: Tx) -> object:
        seen = await reads.app_seen(actor, tx, name)
        lines = await reads.app_lines(actor, tx, [name])
        return seen.listed(), seen.callers(actor), await reads.glances(actor, tx), lines

    async def shortly(tx: Tx) -> object:
        assert tx.quick is not None, "the long way would be compared with itself"
        return await read(tx)

    async with db.reading() as tx:
        long = await read(tx)
    return await db.asked(shortly), long


async def test_both_ways_answer_the_same(world: World) -> None:
    await world.app("shop", released=True)
    await world.app("bare")
    for app in ("shop", "bare"):
        short, long = await _both(world.db, ADMIN, app)
        assert short == long


async def test_what_is_asked_together_is_of_one_state(world: World, other: Database) -> None:
    await world.app("shop")

    async def read(tx: Tx) -> int:
        before = await reads.glances(ADMIN, tx)
        async with other.writing() as there:
            await intents.create_app(ADMIN, there, world.now, f"app-{len(before)}", product_line="demo")
        assert await reads.glances(ADMIN, tx) == before
        return len(before)

    assert [await world.db.asked(read) for _ in range(3)] == [1, 2, 3]


async def test_a_refusal_leaves_a_connection_that_is_used_again(world: World) -> None:
    stranger = await world.person("nina")
    await world.app("shop")
    for _ in range(20):
        with pytest.raises(McdError) as refused:
            await world.db.asked(lambda tx: reads.app_seen(stranger, tx, "shop"))
        assert refused.value.code is Code.NOT_FOUND
    assert len(world.db._quick._idle) == 1  # type: ignore[attr-defined]
    assert (await world.db.asked(lambda tx: reads.app_seen(ADMIN, tx, "shop"))).name == "shop"


async def test_who_announces_one_question_gets_one_state_and_is_not_answered_a_second(world: World) -> None:
    await world.app("shop")
    dora = await world.person("dora", Role.VIEWER)

    async def one(tx: Tx) -> object:
        assert tx.quick is not None
        return await tx.ask(Question(select(t.app.c.name)))

    async def two(tx: Tx) -> object:
        return await one(tx), await one(tx)

    assert await world.db.asked(one, single=True) == [{"name": "shop"}]
    assert await world.db.asked(two) == ([{"name": "shop"}], [{"name": "shop"}])
    with pytest.raises(RuntimeError, match="one question was announced"):
        await world.db.asked(two, single=True)
    assert (await world.db.asked(lambda tx: reads.app_seen(dora, tx, "shop"))).name == "shop"


async def test_several_that_are_asked_at_once_are_answered_from_one_state(world: World, other: Database) -> None:
    count = Question(select(func.count().label("count")).select_from(t.app))
    # Long enough for a commit of the other one.
    between = Question(select(func.pg_sleep(0.02) if world.db.url.get_backend_name() == "postgresql" else func.abs(1)))
    done = False

    async def made() -> None:
        for number in range(20):
            async with other.writing() as tx:
                await intents.create_app(ADMIN, tx, world.now, f"app-{number}", product_line="demo")

    async def all_of_them(tx: Tx) -> list[int]:
        assert tx.quick is not None
        answers = await tx.asked_all(*[(count, {}), (between, {})] * 3)
        return [answer.rows()[0]["count"] for answer in answers[::2]]

    await world.app("shop")
    making = asyncio.create_task(made())
    while not done:
        done = making.done()
        found = await world.db.asked(all_of_them, single=True)
        assert len(set(found)) == 1, found
        await asyncio.sleep(0)
    await making
    assert found == [21] * 3
    assert len(world.db._quick._idle) == 1  # type: ignore[attr-defined]


async def test_one_of_several_that_fails_is_told_and_leaves_nothing_open(world: World) -> None:
    await world.app("shop")
    names, wrong = Question(select(t.app.c.name)), Question(text("SELECT 1 / nothing AS x").columns())  # type: ignore[arg-type]
    with pytest.raises(Exception, match=r"nothing|does not have the tables"):
        await world.db.asked(lambda tx: tx.asked_all((names, {}), (wrong, {}), (names, {})), single=True)
    again = await world.db.asked(lambda tx: tx.asked_all((names, {}), (names, {})), single=True)
    assert [answer.rows() for answer in again] == [[{"name": "shop"}]] * 2


async def test_only_prepared_questions_are_asked_and_nothing_is_written(world: World) -> None:
    async def any_other(tx: Tx) -> None:
        await tx.run(text("DELETE FROM event"))

    with pytest.raises(RuntimeError, match="only prepared questions"):
        await world.db.asked(any_other)
    write = Question(text("UPDATE event_counter SET last = 0 RETURNING last").columns())  # type: ignore[arg-type]
    with pytest.raises(Exception, match=r"(?i)read.?only|cannot be written|cannot execute"):
        await world.db.asked(lambda tx: tx.asked(write, {}))
    with pytest.raises(Exception, match=r"(?i)read.?only|cannot be written|cannot execute"):
        await world.db.asked(lambda tx: tx.asked(write, {}), single=True)


async def test_many_at_once_are_all_answered(world: World) -> None:
    await world.app("shop")
    dora = await world.person("dora", Role.VIEWER)
    found = await asyncio.gather(
        *(world.db.asked(lambda tx: reads.app_seen(dora, tx, "shop")) for _ in range(40)),
        *(world.db.asked(lambda tx: reads.glances(dora, tx)) for _ in range(10)),
    )
    assert len(found) == 50


@pytest.mark.parametrize("url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
async def test_one_short_question_too_many_waits_for_a_connection_and_not_for_ever(world: World) -> None:
    full, begun, enough = _long_way("full"), asyncio.Semaphore(0), asyncio.Event()

    async def slowly(tx: Tx) -> object:
        begun.release()
        await enough.wait()
        return await reads.glances(ADMIN, tx)

    waiting = [asyncio.create_task(world.db.asked(slowly)) for _ in range(MOST)]
    for _ in range(MOST):
        await begun.acquire()
    assert await world.db.asked(lambda tx: reads.glances(ADMIN, tx)) == ()
    assert _long_way("full") == full + 1, "nobody gave one back for two seconds"
    late = asyncio.create_task(world.db.asked(lambda tx: reads.glances(ADMIN, tx)))
    await asyncio.sleep(0)
    enough.set()
    assert await asyncio.gather(*waiting, late) == [()] * (MOST + 1)
    assert _long_way("full") == full + 1


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_what_takes_long_goes_the_other_way(world: World) -> None:
    tries = []
    long = Question(text(LONG.replace("1000000", "50000")).columns())  # type: ignore[arg-type]

    async def read(tx: Tx) -> object:
        tries.append(tx.quick is not None)
        return (await tx.asked(long, {})).raw

    late, waited = metrics.DB_LONG_WAY.labels("late"), metrics.DB_WAIT_SECONDS.labels("read")
    with done_here(late, "inc") as told, done_here(waited, "observe") as measured:
        assert await world.db.asked(read) == ((1250025000,),)
    assert tries == [True, False]
    assert (len(told), len(measured)) == (1, 1), "one question, whichever way it went"


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_who_goes_away_in_a_long_question_leaves_nothing_open(world: World) -> None:
    long = Question(text(LONG).columns(), long=True)  # type: ignore[arg-type]
    asked = asyncio.create_task(world.db.asked(lambda tx: tx.asked(long, {})))
    for _ in range(5):
        await asyncio.sleep(0)
    asked.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asked
    assert isinstance(world.db._quick, quick.FileQuick)
    assert world.db._quick._idle == []
    assert await world.db.asked(lambda tx: reads.glances(ADMIN, tx)) == ()


@pytest.mark.parametrize("url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
async def test_a_server_that_cut_all_connections_is_asked_again(server: Postgres, world: World) -> None:
    await world.app("shop")
    failed = _long_way("failed")
    for _ in range(2):
        assert (await world.db.asked(lambda tx: reads.app_seen(ADMIN, tx, "shop"))).name == "shop"
        database = name_of(world.db.url.render_as_string(hide_password=False))
        with psycopg.connect(server.admin_url, autocommit=True) as killer:
            killer.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", [database])
    assert _long_way("failed") == failed + 1, "the second question found its connection cut"


@pytest.mark.postgres
async def test_a_database_that_is_away_is_said_in_our_words() -> None:
    db = Database("postgresql://mcd:hunter2@127.0.0.1:9/mcd")
    failed, no_mark = _long_way("failed"), _long_way("no_mark")
    try:
        with pytest.raises(McdError) as refused:
            await db.asked(lambda tx: reads.glances(ADMIN, tx))
        assert refused.value.reason == "DatabaseUnreachable"
        assert "hunter2" not in str(refused.value)
        assert await db.mark() is None
        assert (_long_way("failed"), _long_way("no_mark")) == (failed + 1, no_mark + 1)
    finally:
        await db.close()
