"""A process that starts compares every App with its cluster within seconds, though nothing is due for minutes; and for
Apps that are as they should be it costs no more than the lists that its watches begin with."""

from __future__ import annotations

import asyncio
import sqlite3
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Table, func, select

from mcd.controllers.loop import Loop
from mcd.kube.cluster import Kind, KubeError, WatchEvent
from mcd.kube.memory import MemoryCluster
from mcd.model import ConditionType, Noun, Reason
from mcd.objects import Ref
from mcd.store import leases
from mcd.store import tables as t
from mcd.store.leases import Lease
from tests.controllers.test_restored import NEW, backup, image, restored
from tests.controllers.world import HELLO, World, world

PATIENCE = 30.0
"""Seconds after which something never came."""


@asynccontextmanager
async def started(here: World) -> AsyncIterator[None]:
    """A process, until it is left."""
    stop = asyncio.Event()
    running = asyncio.create_task(Loop(here.runtime, "started").run(stop))
    try:
        yield
    finally:
        stop.set()
        await asyncio.wait_for(running, PATIENCE)


async def seen(here: World, whether: Callable[[World], object], what: str) -> None:
    """Waits for something that the process does, at each record of a pass."""
    try:
        async with asyncio.timeout(PATIENCE):
            while not whether(here):
                bell = here.runtime.db.wishes
                await bell.wait(0.1, bell.rings)
    except TimeoutError:
        raise AssertionError(f"{what} never came: {await here.said()}") from None


async def minutes_left(here: World, *tables: Table) -> float:
    """Until one of the rows is to be looked at; one that is looked at now has a minute at the most."""
    async with here.runtime.db.reading() as tx:
        found = [await tx.value(select(func.min(table.c.next_run_at))) for table in tables]
    return min((at - here.clock()).total_seconds() / 60 for at in found if at is not None)


@pytest.fixture
def recorded(monkeypatch: pytest.MonkeyPatch) -> Counter[str]:
    """How often each App's Rollout was recorded: each is a write to the store."""
    counts: Counter[str] = Counter()
    whole = leases.record

    async def counted(tx: object, lease: Lease, *rest: object) -> bool:
        if lease.noun is Noun.ROLLOUT:
            counts[lease.subject.app] += 1  # type: ignore[union-attr]
        return await whole(tx, lease, *rest)  # type: ignore[arg-type]

    monkeypatch.setattr(leases, "record", counted)
    return counts


async def test_a_restored_app_is_held_within_seconds_though_nothing_is_due(
    here: World, tmp_path: Path, recorded: Counter[str]
) -> None:
    await here.push(HELLO)
    await here.settle()
    file = backup(here, tmp_path)
    await here.push(NEW)
    await here.settle()
    later = (here.clock() + timedelta(hours=1)).replace(tzinfo=None).isoformat(" ")
    with closing(sqlite3.connect(file, isolation_level=None)) as database:
        for table in ("cluster", "product_line", "release", "rollout"):
            database.execute(f"UPDATE {table} SET next_run_at = ? WHERE next_run_at IS NOT NULL", (later,))
    async with restored(here, file, tmp_path / "restored", after=10) as made:
        assert await minutes_left(made, t.cluster, t.product_line, t.release, t.rollout) > 30
        recorded.clear()
        async with started(made):
            await seen(made, lambda _: recorded["hello"], "the first look")
        ready = await made.ready()
        assert (ready.status, ready.reason) == (False, Reason.NEWER_IN_CLUSTER)
        assert image(made).endswith("hello:2")


class Uneven(MemoryCluster):
    """Lists one kind later than all others, as a real server does with what is large."""

    late: float = 0.0
    """Seconds."""

    async def watch(
        self, kind: Kind, namespace: str = "", selector: Mapping[str, str] | None = None, *, resource_version: str = ""
    ) -> AsyncIterator[WatchEvent]:
        if self.late and kind.kind == "Service" and not resource_version:
            await asyncio.sleep(self.late)
        async for event in super().watch(kind, namespace, selector, resource_version=resource_version):
            yield event


@pytest.fixture
async def uneven(tmp_path: Path, template: Path) -> AsyncIterator[World]:
    cluster = Uneven()
    async with world(tmp_path, template, cluster) as made:
        yield made


@pytest.mark.parametrize(("away", "passes"), [(10, {1}), (7200, {1, 2})], ids=["nothing is due", "all is due"])
async def test_a_cold_start_with_nothing_changed_asks_for_lists_and_records_an_app_once_for_each_reason(
    uneven: World, recorded: Counter[str], away: float, passes: set[int]
) -> None:
    here = uneven
    apps = [f"app{n}" for n in range(12)]
    for app in apps:
        await here.push(HELLO.replace("hello", app), app)
    await here.settle()
    recorded.clear()
    assert isinstance(here.kube, Uneven)
    here.kube.late = 1.0
    here.clock.forward(away)
    written = here.written
    asked: Counter[str] = Counter()

    def note(verb: str, ref: Ref) -> KubeError | None:
        # That is what the cluster itself is asked: whether it answers, and which of its nodes are simulated.
        if (verb, ref.kind, ref.name) != ("list", "Node", "") and (verb, ref.name) != ("get", ""):
            asked[f"{verb} {ref.kind}"] += 1
        return None

    here.kube.faults.refuse = note
    async with started(here):
        await seen(here, lambda _: set(recorded) == set(apps), "the first look at each App")
        async with asyncio.timeout(PATIENCE):
            while await minutes_left(here, t.rollout) < 5:
                bell = here.runtime.db.wishes
                await bell.wait(0.1, bell.rings)
    assert set(recorded.values()) <= passes, recorded
    assert here.writes_since(written) == []
    assert [what for what in asked if what.split()[0] not in ("list", "watch")] == []
    assert {what: count for what, count in asked.items() if what.startswith("list") and count > 1} == {}
    for app in apps:
        rollout = await here.live(app)
        assert rollout is not None
        assert rollout.state.is_now(ConditionType.READY)
