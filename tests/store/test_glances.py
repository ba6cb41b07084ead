"""All Apps at a glance, and a page of them as lines: states as they are one by one, nobody else's Apps; sessions."""

from __future__ import annotations

from datetime import timedelta

import pytest

from mcd.errors import Code, McdError
from mcd.model import Actor, Noun, Ready, Reason, Result, Role, Scope, Stalled, app_state, why_away
from mcd.store import accounts, intents, reads
from mcd.store.intents.sessions import end_session
from mcd.store.reads.apps import _ONE
from mcd.store.reads.glances import _GLANCES
from mcd.store.reads.sessions import sessions
from tests.store.world import ADMIN, World


async def _deploy(world: World, app: str, result: Result) -> None:
    await world.app(app, released=True)
    async with world.db.writing() as tx:
        await intents.request_rollout(ADMIN, tx, world.now, app, release=1)
    await world.finish(Noun.ROLLOUT, result)


async def _three(world: World) -> None:
    await _deploy(world, "well", Result(Ready("as asked for")))
    await _deploy(world, "ill", Result(Stalled(Reason.CRASH_LOOPING, "web is crash-looping.")))
    await _deploy(world, "kept", Result(Stalled(Reason.NOT_OURS, "it is not ours.")))
    await world.app("bare")


async def test_a_glance_says_what_is_said_of_one_app(world: World) -> None:
    await _three(world)
    async with world.db.reading() as tx:
        found = {glance.name: glance for glance in await reads.glances(ADMIN, tx)}
        assert list(found) == ["bare", "ill", "kept", "well"]
        assert [glance.state.value for glance in found.values()] == ["undeployed", "stalled", "held", "ready"]
        for name, glance in found.items():
            one = await reads.app_listed(ADMIN, tx, name)
            live = one.live.state if one.live is not None else None
            assert glance.state == app_state(live, away=why_away(one.cluster_state))
            assert (glance.product_line, glance.cluster) == (one.app.product_line, one.cluster)
            assert glance.rollout == (one.live.id if one.live is not None else "")


async def test_a_state_that_changed_is_not_remembered(world: World) -> None:
    await _deploy(world, "shop", Result(Ready("as asked for")))
    async with world.db.reading() as tx:
        assert [glance.state for glance in await reads.glances(ADMIN, tx)] == ["ready"]
    world.later(seconds=700)
    await world.finish(Noun.ROLLOUT, Result(Stalled(Reason.OOM_KILLED, "web was killed.")))
    async with world.db.reading() as tx:
        assert [glance.state for glance in await reads.glances(ADMIN, tx)] == ["stalled"]
        (line,) = await reads.app_lines(ADMIN, tx, ["shop"])
    assert line.live is not None
    assert "web was killed." in {condition.message for condition in line.live.conditions}


async def test_lines_come_in_the_order_that_was_asked_for(world: World) -> None:
    await _three(world)
    async with world.db.reading() as tx:
        lines = await reads.app_lines(ADMIN, tx, ["well", "ghost", "bare", "ill"])
        assert await reads.app_lines(ADMIN, tx, []) == ()
    assert [line.name for line in lines] == ["well", "bare", "ill"]
    assert (lines[0].commit, lines[0].release, lines[0].rollout) == ("a" * 40, 1, 1)
    assert lines[1].live is None
    assert not lines[1].deleting


async def test_nobody_glances_at_apps_of_other_product_lines(world: World) -> None:
    await _three(world)
    stranger = await world.person("nina")
    viewer = await world.person("vera", Role.VIEWER)
    async with world.db.reading() as tx:
        assert await reads.glances(stranger, tx) == ()
        assert await reads.app_lines(stranger, tx, ["well"]) == ()
        assert len(await reads.glances(viewer, tx)) == 4


async def test_a_deleted_app_is_no_glance(world: World) -> None:
    await world.app("bare")
    async with world.db.writing() as tx:
        await intents.delete_app(ADMIN, tx, world.now, "bare")
    async with world.db.reading() as tx:
        assert await reads.glances(ADMIN, tx) == ()


async def test_a_person_sees_and_ends_their_own_sessions_only(world: World) -> None:
    for name in ("dora", "nina"):
        await world.person(name)
        async with world.db.writing() as tx:
            await accounts.set_password(ADMIN, tx, world.now, name, "correct horse battery")
    mine = await accounts.sign_in(world.db, "dora", "correct horse battery", world.now)
    await accounts.sign_in(world.db, "dora", "correct horse battery", world.later(minutes=1))
    await accounts.sign_in(world.db, "nina", "correct horse battery", world.now)
    dora, nina = await world.actor("dora"), await world.actor("nina")
    async with world.db.reading() as tx:
        found = await sessions(dora, tx, world.now, mine)
        assert [each.current for each in found] == [False, True]
        assert await sessions(Actor(dora.person, "dora", scope=Scope.READ), tx, world.now) == ()
        assert len(await sessions(dora, tx, world.now + timedelta(days=1))) == 0
    with pytest.raises(McdError) as refused:
        async with world.db.writing() as tx:
            await end_session(nina, tx, world.now, found[0].id)
    assert refused.value.code is Code.NOT_FOUND
    async with world.db.writing() as tx:
        await end_session(dora, tx, world.now, found[0].id)
    async with world.db.reading() as tx:
        assert [each.id for each in await sessions(dora, tx, world.now, mine)] == [found[1].id]
        assert (await accounts.proof_of_session(tx, mine, world.now)).actor.name == "dora"


@pytest.mark.parametrize("url", ["sqlite"], indirect=True)
async def test_the_live_rollout_of_each_app_is_found_without_its_history(world: World) -> None:
    """SQLite uses an index over a part of a table only for its own words."""
    for question in (_GLANCES, _ONE):
        asked = question.prepared(world.db._reader.dialect).sql
        async with world.db.reading() as tx:
            plan = await tx.connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {asked}", ("shop",) * asked.count("?"))
            steps = [row[3] for row in plan.all()]
        assert [step for step in steps if "rollout" in step and "uq_rollout_live" in step], steps
