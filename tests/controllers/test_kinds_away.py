"""An API server that was started again lists less than it serves: nothing of an App may be deleted for it."""

from __future__ import annotations

import pytest

from mcd.errors import Code
from mcd.kube.cluster import KubeError, KubeReason
from mcd.kube.kinds import KINDS
from mcd.kube.serving import LASTS
from mcd.model import Cluster, ConditionType
from mcd.store import reads
from tests.controllers.world import ADMIN, World

DEFINED = frozenset(str(k) for k in KINDS if k.api_version.split("/")[0].count(".") and "k8s.io" not in k.api_version)
DEFINED |= {str(k) for k in KINDS if k.api_version.startswith("gateway.")}
"""Kinds that a definition in the cluster makes, and that an API server which starts does not know yet."""

SHOP = """
appname: hello
components:
  web:
    type: web
    image: "registry.test/hello:1"
    metrics: {port: 9090}
    autoscale: {min: 2, max: 6, rps: 50}
"""
_MADE_BY_OTHERS = {"Pod", "ReplicaSet"}
OF_DEFINED = {"PrometheusRule/hello", "PodMonitor/hello-web", "ScaledObject/hello-web", "HTTPRoute/hello-web"}


async def cluster(here: World) -> Cluster:
    async with here.runtime.db.reading() as tx:
        return await reads.cluster(ADMIN, tx, "local")


async def ready_message(here: World) -> str:
    said = (await cluster(here)).state.condition(ConditionType.READY)
    assert said is not None
    assert said.status
    return said.message


async def passing(here: World, minutes: float) -> None:
    """Time goes by, and everything that is due is worked on."""
    for _ in range(round(minutes * 2)):
        here.clock.forward(30)
        for _ in range(3):
            await here.turn()


def uids(here: World) -> dict[str, str]:
    """Of what MCD made; pods come and go with the version of their workload."""
    return {name: obj["metadata"]["uid"] for name, obj in here.ours().items() if obj["kind"] not in _MADE_BY_OTHERS}


@pytest.fixture
async def settled(here: World) -> World:
    await here.push(SHOP)
    await here.settle()
    assert uids(here).keys() >= OF_DEFINED
    return here


async def test_kinds_that_are_away_for_a_moment_change_nothing(settled: World) -> None:
    before, count, kinds = uids(settled), settled.written, settled.kube.kinds
    settled.kube.kinds = kinds - DEFINED
    await passing(settled, 3)
    assert "it does not list" in await ready_message(settled)
    settled.kube.kinds = kinds
    await passing(settled, 3)
    assert uids(settled) == before
    assert settled.writes_since(count) == []
    assert "does not list" not in await ready_message(settled)
    assert not [said for said in await settled.events("changed") if "no longer serves" in said]


async def test_what_an_app_wants_no_more_only_because_its_kind_is_not_listed_is_kept(settled: World) -> None:
    before, count = uids(settled), settled.written
    settled.kube.faults.unlisted = DEFINED
    await passing(settled, LASTS.seconds / 60 + 12)
    assert not (await cluster(settled)).serves.kinds & DEFINED, "it lasted, so it is believed"
    assert [said for said in await settled.events("changed") if "no longer serves" in said]
    assert [write for write in settled.writes_since(count) if write.startswith("delete")] == []
    assert uids(settled).items() >= before.items()
    said = await settled.ready()
    assert said.status, said
    assert "Kept: " in said.message
    held = " ".join(await settled.events("held"))
    assert "the cluster does not serve monitoring.coreos.com/v1 PrometheusRule now" in held
    settled.kube.faults.unlisted = frozenset()
    await passing(settled, 12)
    assert uids(settled) == before
    gone = [write for write in settled.writes_since(count) if write.startswith("delete")]
    assert all("HorizontalPodAutoscaler/" in write for write in gone), "what stood in for a kind, and nothing else"
    assert "Kept" not in (await settled.ready()).message


async def test_a_push_while_a_kind_is_away_deletes_nothing_of_it(settled: World) -> None:
    before, count = uids(settled), settled.written
    settled.kube.faults.unlisted = DEFINED
    await passing(settled, LASTS.seconds / 60 + 3)
    named = [ref for ref in settled.kube.objects() if f"{ref.kind}/{ref.name}" in OF_DEFINED]
    await settled.push(SHOP.replace("hello:1", "hello:2"), deletes=named)
    await passing(settled, 3)
    assert (await settled.ready()).status
    assert [write for write in settled.writes_since(count) if write.startswith("delete")] == []
    assert uids(settled).items() >= before.items()


async def test_kinds_that_are_gone_for_good_are_said_and_nothing_else_goes(settled: World) -> None:
    """Their definitions were taken out of the cluster, and all objects of them with these."""
    kinds, count = settled.kube.kinds, settled.written
    for ref in settled.kube.objects():
        if f"{ref.api_version}/{ref.kind}" in DEFINED:
            settled.kube.person_deletes(ref)
    settled.kube.kinds = kinds - DEFINED
    left = uids(settled)
    await passing(settled, LASTS.seconds / 60 + 10)
    said = await settled.ready()
    assert said.status, said
    assert "Kept: " in said.message
    assert [write for write in settled.writes_since(count) if write.startswith("delete")] == []
    assert uids(settled).items() >= left.items()
    settled.kube.kinds = kinds
    await passing(settled, 12)
    assert uids(settled).keys() >= OF_DEFINED
    assert (await settled.ready()).status


async def test_answers_before_the_cluster_was_silent_do_not_count(settled: World) -> None:
    """It is stopped and started twice: neither start lasted as long as is needed."""
    settled.kube.faults.unlisted = DEFINED
    await passing(settled, 4)
    assert (await cluster(settled)).serves.unseen_reads > 2
    settled.kube.faults.refuse = lambda _verb, _ref: _silent()
    await passing(settled, 2)
    assert (await cluster(settled)).serves.unseen_reads == 0
    settled.kube.faults.refuse = None
    await passing(settled, 3)
    assert (await cluster(settled)).serves.kinds >= DEFINED


def _silent() -> KubeError:

    return KubeError(Code.UNAVAILABLE, KubeReason.UNREACHABLE, "the cluster does not answer.")
