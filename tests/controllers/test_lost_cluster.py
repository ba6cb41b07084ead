"""A cluster is lost with all that was in it, and its name is given to an empty one: docs/how-to/install.md, Restore."""

from __future__ import annotations

from mcd.kube.memory import MemoryCluster
from mcd.model import ConditionType
from mcd.store import intents
from tests.controllers.world import ADMIN, HELLO, World


async def test_everything_is_made_anew_in_the_cluster_that_takes_its_place(here: World) -> None:
    await here.push(HELLO)
    await here.settle()
    before = set(here.ours())
    assert before
    lost, here.kube = here.kube, MemoryCluster(clock=here.clock)
    here.runtime.connect = lambda _text, _token: here.kube
    async with here.runtime.db.writing() as tx:
        await intents.change_cluster(ADMIN, tx, here.clock(), "local", kubeconfig="successor")
    here.clock.forward(3600)
    await here.settle()
    assert set(here.ours()) == before
    rollout = await here.live()
    assert rollout is not None
    assert rollout.state.is_now(ConditionType.READY)
    assert lost.objects(), "the lost one was not asked to forget anything"
    count = here.written
    await here.settle()
    assert here.writes_since(count) == []
