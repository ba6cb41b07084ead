"""What a cluster has beside what is ours is watched: at rest nobody lists it, and a change is known soon."""

from __future__ import annotations

import asyncio
from collections import Counter

from mcd.errors import Code
from mcd.kube.cluster import KubeError, KubeReason
from mcd.kube.kinds import NODE
from mcd.kube.stock import PLAYED
from mcd.kube.watch import Caches
from mcd.model import Cluster
from mcd.objects import Ref
from mcd.store import reads
from tests.controllers.world import ADMIN, HELLO, World
from tests.kube.given import PATIENCE, in_sync


async def cluster(here: World) -> Cluster:
    async with here.runtime.db.reading() as tx:
        return await reads.cluster(ADMIN, tx, "local")


async def looked_around(here: World) -> Caches:
    """A process that watches, once everything rests."""
    here.runtime.watch_with(lambda _obj: None)
    await here.settle()
    found = await here.runtime.surroundings(await cluster(here))
    assert found is not None
    await in_sync(found)
    return found


async def minute_later(here: World) -> None:
    here.clock.forward(61)
    await here.settle(horizon=10)


async def test_ten_looks_at_a_cluster_at_rest_list_nothing(here: World) -> None:
    await here.push(HELLO)
    await looked_around(here)
    asked: Counter[str] = Counter()

    def note(verb: str, ref: Ref) -> KubeError | None:
        asked[f"{verb} {ref.kind}"] += 1
        return None

    here.kube.faults.refuse = note
    before = (await cluster(here)).seen_at
    for _ in range(10):
        await minute_later(here)
    now = (await cluster(here)).seen_at
    assert before is not None
    assert now is not None
    assert (now - before).total_seconds() > 600, "it was looked at"
    assert {what: count for what, count in asked.items() if what.startswith("list")} == {}


async def test_a_node_that_only_plays_one_is_known_at_the_next_look(here: World) -> None:
    surroundings = await looked_around(here)
    assert (await cluster(here)).serves.simulated == frozenset()
    node = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": "played", "labels": dict(PLAYED)}}
    here.kube.person(node)
    async with asyncio.timeout(PATIENCE):
        while not surroundings.all(NODE):
            await asyncio.sleep(0)
    await minute_later(here)
    assert (await cluster(here)).serves.simulated == {"played"}
    assert (await cluster(here)).serves.storage_classes == ("default",)


async def test_where_nodes_may_not_be_seen_none_is_simulated_and_all_else_goes_on(here: World) -> None:
    def refuse(_verb: str, ref: Ref) -> KubeError | None:
        return KubeError(Code.FORBIDDEN, KubeReason.FORBIDDEN, "not allowed") if ref.kind == "Node" else None

    here.kube.faults.refuse = refuse
    await here.push(HELLO)
    here.runtime.watch_with(lambda _obj: None)
    await here.settle()
    assert (await here.ready()).status
    assert (await cluster(here)).serves.simulated == frozenset()
