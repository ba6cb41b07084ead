"""Looking at components: what was just written is asked of the API server, never of a cache that may be behind."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from mcd.kube.cluster import Kind
from mcd.kube.live import LiveObjects
from mcd.kube.look import look
from mcd.kube.memory import MemoryCluster
from mcd.kube.play import play
from mcd.kube.watch import Caches
from mcd.model import HealthState
from mcd.objects import COMPONENT, Object, Ref, ref_of
from tests.kube.given import deployment, in_sync

NOW = datetime(2026, 5, 3, tzinfo=UTC)
KINDS = (Kind("apps/v1", "Deployment"), Kind("apps/v1", "ReplicaSet"), Kind("v1", "Pod"))


def component(image: str) -> Object:
    made = deployment(image=image)
    made["metadata"]["labels"][COMPONENT] = "web"
    made["spec"]["template"]["metadata"]["labels"][COMPONENT] = "web"
    return made


async def test_a_cache_that_is_behind_cannot_make_the_new_version_ready() -> None:
    cluster = MemoryCluster()
    caches = Caches(cluster, KINDS, lambda _obj, _deleted: None)
    watching = asyncio.create_task(caches.run())
    old, new = component("shop:1"), component("shop:2")
    live = await cluster.apply(old)
    play(cluster)
    await in_sync(caches)
    async with asyncio.timeout(10):
        while (caches.get(ref_of(old)) or {}).get("status") is None:
            await asyncio.sleep(0)
    objects = LiveObjects(cluster, caches)

    # Nothing here gives way to the watch before the look: the cache holds the old version, healthy.
    answer = await cluster.apply(new, live=await cluster.get(ref_of(live)))
    told = await look(objects, "default", "shop", [new], NOW, answers={ref_of(new): answer})

    assert [(h.component, h.state) for h in told] == [("web", HealthState.PROGRESSING)]
    watching.cancel()
    await asyncio.gather(watching, return_exceptions=True)


async def test_nobody_is_asked_why_what_was_written_a_moment_ago_does_not_run_yet() -> None:
    cluster, asked = MemoryCluster(), list[str]()

    def noting(verb: str, ref: Ref) -> None:
        asked.extend([ref.kind] if verb == "list" else [])

    cluster.faults.refuse = noting
    new = component("shop:1")
    answer = await cluster.apply(new)
    told = await look(LiveObjects(cluster), "default", "shop", [new], NOW, answers={ref_of(new): answer})
    assert [h.state for h in told] == [HealthState.PROGRESSING]
    assert "Event" not in asked

    # Its controller has looked and made no pods: now the cluster may have said why.
    answer["status"] = {"observedGeneration": answer["metadata"]["generation"]}
    await look(LiveObjects(cluster), "default", "shop", [new], NOW, answers={ref_of(new): answer})
    assert asked.count("Event") == 1
