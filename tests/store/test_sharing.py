"""Two controller processes and people's wishes at the same time: all work is done, by both, none of it twice."""

from __future__ import annotations

import asyncio
from collections import Counter

import pytest

from mcd.model import ConditionType, InventoryEntry, Noun, ReleaseItem, RolloutItem, RolloutObserved
from mcd.objects import Ref
from mcd.store import intents, leases, reads
from mcd.store.leases import Lease
from mcd.store.session import Database
from tests.store.world import ADMIN, World, changed, conditions, taken

APPS = 16
ROUNDS = 4


class Controllers:
    """What two processes do, with a note of who works on which App at every moment."""

    def __init__(self, world: World, databases: dict[str, Database]) -> None:
        self.world = world
        self.databases = databases
        self.working: Counter[str] = Counter()
        self.twice: list[str] = []
        self.done: Counter[str] = Counter()
        self.stop = asyncio.Event()

    async def run(self, name: str) -> None:
        while not self.stop.is_set():
            took = False
            for noun in (Noun.CLUSTER, Noun.PRODUCT_LINE, Noun.RELEASE, Noun.ROLLOUT):
                rows = await taken(self.databases[name], noun, name, self.world.now, 3)
                took = took or bool(rows)
                await asyncio.gather(*(self._work(name, lease) for lease in rows))
            if not took:
                await asyncio.sleep(0.005)

    async def _work(self, name: str, lease: Lease) -> None:
        item, db, now = lease.item, self.databases[name], self.world.now
        result = changed()
        app = item.app.name if isinstance(item, RolloutItem) else None
        if isinstance(item, ReleaseItem):
            result = World.built()
        if app is not None:
            self.working[app] += 1
            if self.working[app] > 1:
                self.twice.append(app)
            ref = Ref("apps/v1", "Deployment", "demo", app)
            result = changed(inventory=(InventoryEntry(ref, "uid"),), observed=RolloutObserved({"web": "c"}, {}))
            async with db.writing() as tx:
                await leases.intend(tx, lease, [ref], RolloutObserved({"web": "c"}, {}))
            await asyncio.sleep(0)
            self.working[app] -= 1
        async with db.writing() as tx:
            recorded = await leases.record(tx, lease, result, conditions(result.outcome, lease, now), None, 0, now)
        self.done[name] += recorded

    async def settled(self) -> None:
        """Until every App's newest Settings run and are Ready."""
        while True:
            async with self.world.db.reading() as tx:
                listed = (await reads.apps(ADMIN, tx, reads.Part(500))).items
            if len(listed) == APPS and all(a.live is not None and _is_ready(a) for a in listed):
                return
            await asyncio.sleep(0.01)


def _is_ready(listed: reads.AppListed) -> bool:
    assert listed.live is not None
    state = listed.live.state
    ready = any(c.type is ConditionType.READY and c.status for c in state.conditions)
    return ready and state.observed_generation == state.generation and listed.live.settings == ROUNDS


async def _people(world: World, db: Database, number: int) -> None:
    """One person's day: a push, and Settings again and again, while the product line changes too."""
    app = f"app-{number:02}"
    async with db.writing() as tx:
        await intents.create_app(ADMIN, tx, world.now, app, product_line="demo")
    async with db.writing() as tx:
        await intents.push(ADMIN, tx, world.now, app, commit=f"{number:040x}", branch="main")
    for turn in range(ROUNDS):
        async with db.writing() as tx:
            await intents.change_settings(
                ADMIN, tx, world.now, app, changes={"components": {"web": {"replicas": turn}}}
            )
        if number % 4 == 0:
            async with db.writing() as tx:
                wishes = {"quota": {"pods": number * 100 + turn}}
                await intents.change_product_line(ADMIN, tx, world.now, "demo", wishes=wishes)
        async with db.writing() as tx:
            await leases.wake(tx, Noun.ROLLOUT, [f"app-{n:02}" for n in range(APPS)], world.now)


# Several processes need PostgreSQL (settings.py): on SQLite there is one.
@pytest.mark.parametrize("url", [pytest.param("postgres", marks=pytest.mark.postgres)], indirect=True)
async def test_two_processes_share_the_work_and_no_app_is_worked_on_twice(world: World, other: Database) -> None:
    controllers = Controllers(world, {"one": world.db, "two": other})
    workers = [asyncio.create_task(controllers.run(name)) for name in ("one", "two")]
    databases = (world.db, other)
    people = asyncio.gather(*(_people(world, databases[n % 2], n) for n in range(APPS)))
    await asyncio.wait_for(people, 60)
    await asyncio.wait_for(controllers.settled(), 60)
    controllers.stop.set()
    await asyncio.gather(*workers)
    assert controllers.twice == []
    assert min(controllers.done.values()) >= sum(controllers.done.values()) / 5
    async with world.db.reading() as tx:
        for number in range(APPS):
            assert len(await reads.inventory(ADMIN, tx, f"app-{number:02}")) == 1
