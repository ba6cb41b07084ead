"""A cluster is lost with all that was in it, and its name is given to an empty one (docs/how-to/install.md, Restore). A
namespace is lost, or our rights in it, and nobody was there to hear of it."""

from __future__ import annotations

import pytest

from mcd.errors import Code
from mcd.kube.cluster import KubeError, KubeReason
from mcd.kube.memory import MemoryCluster
from mcd.model import ConditionType, Noun, Reason
from mcd.objects import Ref
from mcd.store import intents, leases
from tests.controllers.world import ADMIN, HELLO, LINE, World


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


RIGHTS = Ref("rbac.authorization.k8s.io/v1", "RoleBinding", LINE, "mcd-controller")
SOON = 60.0
"""Seconds: the product line itself would be looked at after ten minutes."""


async def _deaf(here: World) -> None:
    """An App runs, all is at rest, and no event reaches MCD from here on."""
    await here.push(HELLO)
    await here.settle()
    here.runtime.watch_with(lambda _obj: None)


async def test_an_app_that_finds_no_namespace_has_its_product_line_looked_at(here: World) -> None:
    await _deaf(here)
    here.kube.person_deletes(Ref("v1", "Namespace", "", LINE))
    before = here.clock()
    await here.push(HELLO.replace(":1", ":2"))
    await here.settle()
    assert (await here.ready()).status, await here.said()
    assert (here.clock() - before).total_seconds() < SOON


async def test_what_was_in_a_namespace_is_looked_at_when_its_product_line_makes_that_anew(here: World) -> None:
    """Nobody wished anything of the App, and its own look is ten minutes away."""
    await _deaf(here)
    deployment = Ref("apps/v1", "Deployment", LINE, "hello-web")
    for lost in (deployment, Ref("v1", "Namespace", "", LINE)):
        here.kube.person_deletes(lost)
    before = here.clock()
    async with here.runtime.db.writing() as tx:
        await leases.wake(tx, Noun.PRODUCT_LINE, [LINE], here.clock())
    await here.settle()
    assert deployment in here.kube.objects()
    assert (await here.ready()).status, await here.said()
    assert (here.clock() - before).total_seconds() < SOON


async def test_an_app_that_may_not_write_has_its_product_line_looked_at_and_goes_on(here: World) -> None:
    """Our rights are in the namespace, and are the product line's to give."""
    await _deaf(here)
    assert RIGHTS in here.kube.objects()
    here.kube.person_deletes(RIGHTS)

    def without_rights(verb: str, ref: Ref) -> KubeError | None:
        if RIGHTS in here.kube.objects() or ref.namespace != LINE or ref == RIGHTS:
            return None
        return KubeError(Code.FORBIDDEN, KubeReason.FORBIDDEN, f"{ref}: the cluster does not allow MCD to {verb} it.")

    here.kube.faults.refuse = without_rights
    before = here.clock()
    await here.push(HELLO.replace(":1", ":2"))
    await here.settle()
    assert (await here.ready()).status, await here.said()
    assert (here.clock() - before).total_seconds() < SOON


@pytest.mark.parametrize("marks", [(), ("labels",), ("labels", "annotations")])
async def test_nothing_is_written_into_a_namespace_that_somebody_made_again(
    here: World, marks: tuple[str, ...]
) -> None:
    """From a file perhaps that says what ours said."""
    await _deaf(here)
    namespace = Ref("v1", "Namespace", "", LINE)
    ours = here.kube.objects()[namespace]["metadata"]
    here.kube.person_deletes(namespace)
    meta = {"name": LINE, **{mark: ours[mark] for mark in marks}}
    here.kube.person({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
    count = here.written
    await here.push(HELLO.replace(":1", ":2"))
    for _ in range(6):
        await here.turn()
        here.clock.forward(5)
    assert here.writes_since(count) == []
    said = await here.ready()
    assert said.reason is Reason.PRODUCT_LINE_PENDING, said
    assert "Delete it, or take it over" in said.message, "and it is said whose namespace it is"
