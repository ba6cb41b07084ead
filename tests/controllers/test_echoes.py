"""What a pass wrote comes back through the watches and wakes nobody; what anybody else wrote does, even during one."""

from __future__ import annotations

import asyncio

import pytest

from mcd.kube import echoes
from mcd.kube.echoes import Echoes, version_of
from mcd.kube.watch import Caches
from mcd.model import Noun
from mcd.objects import Object, Ref
from mcd.store import leases
from mcd.store.standing import clusters_there
from tests.controllers.world import HELLO, LINE, World

DEPLOYMENT = Ref("apps/v1", "Deployment", LINE, "hello-web")
APP = (Noun.ROLLOUT, "hello")


def obj(uid: str, version: str) -> Object:
    return {"metadata": {"uid": uid, "resourceVersion": version}}


def test_only_the_very_version_that_was_written_is_an_echo() -> None:
    written = Echoes()
    written.wrote([obj("a", "1"), obj("b", "2")])
    assert not written.heard([("a", "2")])
    assert not written.heard([("a", "1"), ("a", "3")]), "somebody changed it right after"
    assert not written.heard([("", "")]), "an object that nobody can tell from another"
    assert written.heard([("a", "1"), ("b", "2")])
    assert not written.heard([("a", "1")]), "told once"


def test_what_is_remembered_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(echoes, "MOST", 2)
    written = Echoes()
    written.wrote([obj("a", "1"), obj("b", "2"), obj("c", "3")])
    assert not written.heard([("a", "1")])
    assert written.heard([("c", "3")])


async def watched(here: World) -> Caches:
    """The loop is told of what its watches show, and has been told of all that is there."""
    here.runtime.watch_with(here.loop._hint)
    (cluster,) = here.runtime._connections
    async with here.runtime.db.reading() as tx:
        (known,) = await clusters_there(tx)
    await here.runtime.live(known)
    caches = here.runtime.watched(cluster)
    assert caches is not None
    here.loop._news()
    return caches


async def told(here: World, caches: Caches, live: Object) -> None:
    """Waits until a watch showed this version."""
    async with asyncio.timeout(10):
        while version_of(caches.get(DEPLOYMENT) or {}) != version_of(live):
            await asyncio.sleep(0)


async def test_what_a_pass_wrote_wakes_nobody_and_what_somebody_else_wrote_does(here: World) -> None:
    here.pods_run = False
    caches = await watched(here)
    await here.push(HELLO)
    for _ in range(3):
        await here.turn()
    await told(here, caches, here.kube.objects()[DEPLOYMENT])
    assert here.loop._hints, "the watches told of it"
    assert here.loop._news() == set()

    edited = here.kube.edit(DEPLOYMENT, lambda o: o["spec"].update(replicas=7))
    await told(here, caches, edited)
    assert here.loop._news() == {APP}
    await here.runtime.disconnect()


async def test_a_hint_that_comes_during_a_pass_is_carried_after_it(here: World) -> None:
    await here.push(HELLO)
    await here.settle()
    caches = await watched(here)
    async with here.runtime.db.writing() as tx:
        await leases.wake(tx, Noun.ROLLOUT, ["hello"], here.clock())
    assert await here.loop.take(Noun.ROLLOUT, 1) == 1
    here.loop._hint(here.kube.edit(DEPLOYMENT, lambda o: o["spec"].update(replicas=7)))
    assert here.loop._news() == set(), "it is worked on"
    await here.loop.idle()
    assert here.loop._news() == {APP}
    assert caches.healthy()
    await here.runtime.disconnect()


async def due_in(here: World) -> float:
    async with here.runtime.db.reading() as tx:
        due = await leases.next_due(tx, here.clock())
    assert due is not None
    return (due - here.clock()).total_seconds()


async def test_what_nobody_in_the_cluster_has_looked_at_is_not_looked_at_again_before_a_watch_says_so(
    here: World,
) -> None:
    here.pods_run = False
    await here.push(HELLO)
    await here.settle(horizon=5)
    assert await due_in(here) <= 10, "nobody would say so"

    caches = await watched(here)
    here.clock.forward(10)
    assert await here.turn() == 1
    assert await due_in(here) > 10
    looked = here.kube.objects()[DEPLOYMENT]["metadata"]["generation"]
    seen = here.kube.edit(DEPLOYMENT, lambda o: o.update(status={"observedGeneration": looked}))
    await told(here, caches, seen)
    assert here.loop._news() == {APP}
    async with here.runtime.db.writing() as tx:
        await leases.wake(tx, Noun.ROLLOUT, ["hello"], here.clock())
    assert await here.turn() == 1
    assert await due_in(here) <= 10, "its pods start, and an Event of them may say why they do not"
    await here.runtime.disconnect()


async def test_one_component_that_starts_is_looked_at_though_nobody_has_looked_at_the_other(here: World) -> None:
    here.pods_run = False
    await here.push(HELLO + '  worker: {type: worker, image: "registry.test/hello:1"}\n')
    await here.settle(horizon=5)
    caches = await watched(here)
    looked = here.kube.objects()[DEPLOYMENT]["metadata"]["generation"]
    seen = here.kube.edit(DEPLOYMENT, lambda o: o.update(status={"observedGeneration": looked}))
    await told(here, caches, seen)
    here.clock.forward(10)
    assert await here.turn() == 1
    assert await due_in(here) <= 10
    await here.runtime.disconnect()
