"""How everything stands is read every few seconds for weeks: what it remembers of a look is no more than there is."""

from __future__ import annotations

import gc

from sqlalchemy import select, update

from mcd.model import AppState, ConditionType, app_state
from mcd.store import tables as t
from mcd.store.due import queues
from mcd.store.standing import standing
from tests.store.world import World


async def test_a_look_remembers_what_it_read_and_nothing_of_those_before(world: World) -> None:
    for number in range(3):
        await world.app(f"app-{number}", released=True)
    read, seen = {}, set[bytes]()
    for number in range(5):
        async with world.db.writing() as tx:
            rows = await tx.rows(select(t.rollout.c.id, t.rollout.c.conditions).where(t.rollout.c.live))
            for row in rows:
                said = [each | {"message": f"look {number} at {row['id']}"} for each in row["conditions"]]
                await tx.run(update(t.rollout).where(t.rollout.c.id == row["id"]).values(conditions=said))
        async with world.db.reading() as tx:
            found = await standing(tx, read)
            again = await standing(tx, found.read)
        assert (again.rollouts, again.lines, again.read) == (found.rollouts, found.lines, found.read)
        assert [(alike.count, app_state(alike.state)) for alike in found.rollouts] == [(3, AppState.PROGRESSING)]
        assert not found.rollouts[0].state.is_now(ConditionType.READY)
        read = dict(found.read)
        assert len(read) <= 3 + len(found.lines), "there are no more rows than that"
        assert len({id(one) for one in read.values()}) <= 2, "what is alike is there once"
        seen |= set(read)
    assert len(seen) >= 15, "each text was another one"


async def test_a_look_leaves_no_circle_of_dead_objects_behind(world: World) -> None:
    """It comes every five seconds, and Python looks for them seldom."""
    await world.app("shop", released=True)
    async with world.db.reading() as tx:
        read = (await standing(tx)).read
        await queues(tx, world.now)
        gc.collect()
        gc.disable()
        try:
            for _ in range(5):
                read = (await standing(tx, read)).read
                await queues(tx, world.now)
            assert gc.collect() < 100
        finally:
            gc.enable()
