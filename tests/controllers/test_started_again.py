"""A process that is started again gives a verdict on what is as its last pass left it without compiling anything; and
looks at whatever might read differently by anything that a pass reads."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from typing import Any

import pytest
from sqlalchemy import select, update

from mcd.compiling.compiler import Compiler
from mcd.controllers.loop import Loop, resting
from mcd.controllers.loop.resting import FIRST_LISTS, WHOLE_PASS, RowsAtRest
from mcd.kube.echoes import Echoes
from mcd.model import NodePool, Noun
from mcd.objects import Ref
from mcd.store import intents, leases
from mcd.store import tables as t
from tests import warm
from tests.controllers.test_first_look import PATIENCE, recorded
from tests.controllers.world import ADMIN, HELLO, LINE, World

__all__ = ["recorded"]

DEPLOYMENT = Ref("apps/v1", "Deployment", LINE, "hello-web")


@pytest.fixture
async def left(here: World, recorded: Counter[str]) -> World:
    """An App that a process left at rest, before that process ended."""
    await settled(here, HELLO)
    recorded.clear()
    return here


async def settled(here: World, app_yaml: str) -> None:
    here.runtime.watch_with(lambda _obj: None)
    await here.push(app_yaml)
    await here.settle()
    for _ in range(3):
        # Echoes of the first pass come after it; the next one finds nothing to do, and the one after knows the line.
        await here.loop.rest()
        here.clock.at += timedelta(minutes=12)
        await here.settle()
    await here.runtime.disconnect()
    here.clock.at += timedelta(minutes=1)
    here.runtime.echoes = Echoes()
    here.runtime.compiler = Compiler(idle=warm.compiler().idle)


async def due(here: World) -> datetime:
    async with here.runtime.db.reading() as tx:
        found: datetime = await tx.value(select(t.rollout.c.next_run_at).where(t.rollout.c.live))
    return found


@asynccontextmanager
async def started_again(here: World) -> AsyncIterator[Loop]:
    stop, loop = asyncio.Event(), Loop(here.runtime, "again")
    running = asyncio.create_task(loop.run(stop))
    try:
        yield loop
    finally:
        stop.set()
        await asyncio.wait_for(running, PATIENCE)


async def until(here: World, whether: Callable[[], object], what: str) -> None:
    """Looks at each commit."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not whether():
                bell = here.runtime.db.wishes
                await bell.wait(0.05, bell.rings)
    except TimeoutError:
        raise AssertionError(f"{what} never came: {await here.said()}") from None


async def test_what_is_as_it_was_left_is_judged_without_a_pass_or_a_compile(
    left: World, recorded: Counter[str]
) -> None:
    before, asked = await due(left), left.kube.version
    async with started_again(left) as loop:
        await until(left, lambda: len(loop._resting._rows) == 2, "the App and its product line at rest")
        assert await due(left) == left.clock() + timedelta(seconds=left.runtime.settings.resync) != before
        left.clock.at += timedelta(seconds=left.runtime.settings.resync + 1)
        assert await loop.rest() == 2, "and it goes on as with the process that looked"
    assert (recorded["hello"], left.kube.version) == (0, asked)
    assert not left.runtime.compiler.kept._answers, "nothing was compiled"


async def test_what_became_due_while_nobody_ran_waits_for_the_first_lists(left: World, recorded: Counter[str]) -> None:
    left.clock.at = await due(left) + timedelta(minutes=1)
    async with started_again(left) as loop:
        await until(left, lambda: len(loop._resting._rows) == 2, "the App and its product line at rest")
    assert recorded["hello"] == 0


async def writes(here: World, *, whether: str) -> None:
    """Takes the right to write from the connection that writes, ON, or gives it back, OFF."""
    async with here.runtime.db._writer.connect() as connection:
        raw: Any = await connection.get_raw_connection()
        raw.driver_connection._conn.execute(f"PRAGMA query_only = {whether}")


async def test_a_pass_that_began_before_its_line_changed_is_marked_by_the_line_as_it_was(left: World) -> None:
    """What a process left is looked up beside its passes, and must not make them look newer than what they read."""
    rows = RowsAtRest(left.runtime)
    await rows.find()
    await rows.renew()
    (about,) = [about for about in rows._left if about[0] is Noun.ROLLOUT]
    before = dict(rows._places.words)
    await the_line_changed(left, pytest.MonkeyPatch())
    assert await rows.as_left({about}) == set()
    assert rows._places.words == before


async def test_who_cannot_write_when_it_starts_goes_on_and_looks_at_all(left: World, recorded: Counter[str]) -> None:
    left.clock.at = await due(left) + timedelta(minutes=1)
    await writes(left, whether="ON")
    async with started_again(left) as loop:
        await until(left, lambda: loop._trouble._spell._count, "what it could not do")
        await writes(left, whether="OFF")
        await until(left, lambda: recorded["hello"], "a pass")


async def test_what_no_watch_tells_of_has_a_whole_pass_when_the_first_lists_are_over(
    left: World, recorded: Counter[str]
) -> None:
    for ref in [ref for ref in left.kube.objects() if ref.namespace == LINE]:
        left.kube._world.objects.pop(ref)  # of nothing a watch can tell that it is there
    left.clock.at = await due(left) + timedelta(minutes=1)
    async with started_again(left) as loop:
        await until(left, lambda: loop._resting._left, "what was left")
        left.clock.at += FIRST_LISTS
        left.runtime.db.wishes.ring()
        await until(left, lambda: recorded["hello"], "a pass")
    assert DEPLOYMENT in left.kube.objects()


async def rest_of(here: World) -> str | None:
    async with here.runtime.db.reading() as tx:
        found: str | None = await tx.value(select(t.rollout.c.rest_of).where(t.rollout.c.live))
    return found


async def test_an_app_that_was_healed_lately_leaves_nothing_until_that_is_forgotten(left: World) -> None:
    assert await rest_of(left)
    left.kube.edit(DEPLOYMENT, lambda o: o["spec"]["template"]["spec"]["containers"][0].update(image="evil:1"))
    left.clock.at = await due(left)
    await left.settle()
    left.clock.at += timedelta(seconds=1)
    await left.turn()
    assert await rest_of(left) is None


async def test_nothing_is_written_of_an_app_with_secrets(here: World) -> None:
    async with here.runtime.db.writing() as tx:
        await intents.create_app(ADMIN, tx, here.clock(), "hello", product_line=LINE)
        await intents.set_secret(ADMIN, tx, here.clock(), "api", {"TOKEN": "1234"}, app="hello")
    await settled(here, HELLO.replace('hello:1"', 'hello:1", env: {TOKEN: {secret: api/TOKEN}}'))
    assert (await here.ready()).status
    assert await rest_of(here) is None


Change = Callable[[World, pytest.MonkeyPatch], Awaitable[object]]


async def an_object_was_edited(here: World, _: pytest.MonkeyPatch) -> None:
    here.kube.edit(DEPLOYMENT, lambda o: o["spec"].update(replicas=7))


async def an_object_was_deleted(here: World, _: pytest.MonkeyPatch) -> None:
    await here.kube.delete(DEPLOYMENT, here.kube.objects()[DEPLOYMENT]["metadata"]["uid"])


async def the_namespace_was_edited(here: World, _: pytest.MonkeyPatch) -> None:
    here.kube.edit(Ref("v1", "Namespace", "", LINE), lambda o: o["metadata"].update(annotations={"a": "b"}))


async def a_pod_died(here: World, _: pytest.MonkeyPatch) -> None:
    pod = next(ref for ref in here.kube.objects() if ref.kind == "Pod")
    here.kube.edit(pod, lambda o: o["status"].update(phase="Failed"))


async def the_line_changed(here: World, _: pytest.MonkeyPatch) -> None:
    await unhinted(here, intents.change_product_line, LINE, wishes={"timezone": "Asia/Tokyo"})


async def the_cluster_changed(here: World, _: pytest.MonkeyPatch) -> None:
    await unhinted(here, intents.change_cluster, "local", facts={"base_domain": "other.example.com"})


async def a_node_pool_came(here: World, _: pytest.MonkeyPatch) -> None:
    await unhinted(here, intents.put_node_pool, NodePool("p1", "gpu", "local", {"a": "b"}))


async def unhinted(here: World, wish: Callable[..., Awaitable[object]], *args: object, **more: object) -> None:
    """A wish whose hint of the App is lost."""
    before = await due(here)
    async with here.runtime.db.writing() as tx:
        await wish(ADMIN, tx, here.clock(), *args, **more)
        await tx.run(update(t.rollout).where(t.rollout.c.live).values(next_run_at=before, rest_due=before))


async def the_program_is_another(_: World, patch: pytest.MonkeyPatch) -> None:
    patch.setattr(resting, "program", lambda: "another")


async def the_settings_are_others(here: World, _: pytest.MonkeyPatch) -> None:
    here.runtime.settings = here.runtime.settings.model_copy(update={"api_account": "mcd-api"})


async def the_installation_is_another(here: World, _: pytest.MonkeyPatch) -> None:
    here.runtime.owner = "mcd-other"


async def somebody_hinted(here: World, _: pytest.MonkeyPatch) -> None:
    async with here.runtime.db.writing() as tx:
        await leases.wake(tx, Noun.ROLLOUT, ["hello"], here.clock())


async def somebody_hinted_while_nobody_ran(here: World, _: pytest.MonkeyPatch) -> None:
    here.clock.at = await due(here) + timedelta(minutes=1)
    await somebody_hinted(here, _)


async def somebody_wished(here: World, _: pytest.MonkeyPatch) -> None:
    async with here.runtime.db.writing() as tx:
        await intents.change_settings(ADMIN, tx, here.clock(), "hello", changes={"env": {"LOG": "debug"}})


async def a_process_died_at_it(here: World, _: pytest.MonkeyPatch) -> None:
    here.clock.at = await due(here) + timedelta(seconds=1)
    async with here.runtime.db.writing() as tx:
        row = {"lease_token": "dead", "lease_until": here.clock() - timedelta(seconds=1), "lease_holder": "x"}
        await tx.run(update(t.rollout).where(t.rollout.c.live).values(**row))


async def the_clock_had_been_ahead(here: World, _: pytest.MonkeyPatch) -> None:
    here.clock.at -= timedelta(hours=3)


async def an_hour_is_over(here: World, _: pytest.MonkeyPatch) -> None:
    here.clock.at += WHOLE_PASS * 1.5


CHANGES = [
    an_object_was_edited, an_object_was_deleted, the_namespace_was_edited, a_pod_died, the_line_changed,
    the_cluster_changed, a_node_pool_came, the_program_is_another, the_settings_are_others,
    the_installation_is_another, somebody_hinted, somebody_hinted_while_nobody_ran, somebody_wished,
    a_process_died_at_it, an_hour_is_over, the_clock_had_been_ahead,
]  # fmt: skip


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
async def test_whatever_a_pass_reads_is_another_has_a_whole_pass(
    left: World, recorded: Counter[str], monkeypatch: pytest.MonkeyPatch, change: Change
) -> None:
    await change(left, monkeypatch)
    async with started_again(left):
        await until(left, lambda: recorded["hello"], "a pass")
