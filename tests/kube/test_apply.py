"""Carrying out a plan on the in-memory cluster: one verdict each, nothing twice, and a crash at any write is mended."""

from __future__ import annotations

from typing import Any

import pytest

from mcd.errors import Code, McdError
from mcd.kube.apply import carry_out, waves
from mcd.kube.cluster import KubeError, KubeReason
from mcd.kube.gate import Bounds
from mcd.kube.memory import Died, Faults, MemoryCluster
from mcd.model import Action, LeaseLost, Reason
from mcd.objects import Ref, ref_of
from tests.kube.given import OWNER as US
from tests.kube.given import (
    SERVICE,
    WEB,
    Held,
    actions,
    bare,
    claim,
    config,
    deployment,
    edit_image,
    obj,
    planned,
    service,
    settle,
    shop,
)


async def test_a_second_pass_writes_nothing() -> None:
    cluster, fence = MemoryCluster(), Held()
    first = await settle(cluster, shop(), fence)
    assert set(actions(first).values()) == {"created"}
    assert all(e.uid and e.applied for e in fence.inventory)
    before = len(cluster.ours())
    second = await settle(cluster, shop(), fence)
    assert set(actions(second).values()) == {"unchanged"}
    assert len(cluster.ours()) == before


async def test_what_the_plan_names_is_exactly_what_is_written() -> None:
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, [*shop(), config("old")], fence)
    wanted = [*shop(image="shop:2"), config("new")]
    what = await planned(cluster, wanted, fence)
    again = await planned(cluster, wanted, fence)
    assert what == again
    named = [("apply", ref_of(p.desired)) for p in what.apply] + [("delete", e.ref) for e in what.delete]
    before = len(cluster.ours())
    await settle(cluster, wanted, fence)
    assert sorted((w.verb, w.ref) for w in cluster.ours()[before:]) == sorted(named)
    assert len(named) == 3


async def test_objects_are_written_in_waves() -> None:
    cluster, fence = MemoryCluster(), Held()
    job = obj("batch/v1", "Job", "migrate", spec={"suspend": True})
    job["metadata"]["annotations"] = {"mcd.internal/trigger": "pre_deploy"}
    what = await planned(cluster, [deployment(), service(), claim(), config(), job], fence)
    order = [[p.desired["kind"] for p in wave] for wave in waves(what.apply)]
    assert order == [["ConfigMap", "PersistentVolumeClaim"], ["Job"], ["Service", "Deployment"]]


async def test_an_edit_by_hand_is_healed_and_its_hand_is_named() -> None:
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, shop(), fence)
    cluster.edit(WEB, edit_image, manager="kubectl-edit")
    done = await settle(cluster, shop(), fence)
    change = next(c for c in done.changes if c.ref == WEB)
    assert (change.action, change.healed_from) == (Action.CONFIGURED, "kubectl-edit")
    assert "containers[web].image" in change.detail
    assert cluster.objects()[WEB]["spec"]["template"]["spec"]["containers"][0]["image"] == "shop:1"
    assert set(actions(await settle(cluster, shop(), fence)).values()) == {"unchanged"}


async def test_a_field_that_was_taken_away_by_hand_is_put_back() -> None:
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, shop(), fence)
    cluster.edit(WEB, lambda o: o["spec"]["template"]["spec"].pop("automountServiceAccountToken"))
    done = await settle(cluster, shop(), fence)
    assert next(c for c in done.changes if c.ref == WEB).healed_from
    assert cluster.objects()[WEB]["spec"]["template"]["spec"]["automountServiceAccountToken"] is False


async def test_a_field_that_is_not_ours_is_kept() -> None:
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, shop(), fence)
    cluster.edit(WEB, lambda o: o["metadata"]["labels"].update(team="blue"), manager="person")
    cluster.edit(WEB, lambda o: o["spec"].update(minReadySeconds=5), manager="person")
    assert set(actions(await settle(cluster, shop(), fence)).values()) == {"unchanged"}
    await settle(cluster, shop(image="shop:2"), fence)
    live = cluster.objects()[WEB]
    assert (live["metadata"]["labels"]["team"], live["spec"]["minReadySeconds"]) == ("blue", 5)


async def test_a_fight_is_left_alone_and_names_both_managers() -> None:
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, shop(), fence)
    cluster.edit(WEB, edit_image, manager="flux")
    done = await settle(cluster, shop(), fence, yielded={WEB})
    change = next(c for c in done.changes if c.ref == WEB)
    assert (change.action, change.reason) == (Action.HELD, Reason.FIELD_FIGHT)
    assert '"flux"' in change.detail
    assert '"mcd"' in change.detail


async def test_a_deleted_object_is_made_again() -> None:
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, shop(), fence)
    cluster.person_deletes(WEB)
    done = await settle(cluster, shop(), fence)
    assert actions(done)["Deployment/shop-web"] == "created"
    assert set(actions(await settle(cluster, shop(), fence)).values()) == {"unchanged"}


# --- refusals, leases, crashes --------------------------------------------------------------------------------------


async def test_a_lost_lease_stops_before_the_next_write() -> None:
    for checks in range(1, 4):
        cluster, fence = MemoryCluster(), Held(lost_after=checks + 1)
        with pytest.raises(LeaseLost):
            await settle(cluster, shop(), fence)
        assert len(cluster.ours()) == checks - 1


async def test_the_gate_is_asked_before_anything_is_written() -> None:
    cluster, fence = MemoryCluster(), Held()
    bad = deployment()
    bad["spec"]["template"]["spec"]["hostNetwork"] = True
    with pytest.raises(McdError) as refused:
        await settle(cluster, [config(), bad], fence)
    assert refused.value.reason == "Policy"
    assert cluster.ours() == []


async def test_a_cluster_that_stops_answering_is_asked_no_more() -> None:
    cluster, fence = MemoryCluster(), Held()
    asked = []

    def refuse(verb: str, ref: Ref) -> KubeError | None:
        if verb != "apply":
            return None
        asked.append(ref)
        return KubeError(Code.UNAVAILABLE, KubeReason.UNREACHABLE, "the cluster cannot be reached.")

    what = await planned(cluster, [config(f"c{n:02}") for n in range(40)], fence)
    cluster.faults = Faults(refuse=refuse)
    done = await carry_out(cluster, what, fence, inventory=(), owner=US, bounds=Bounds("default"), in_flight=4)
    assert len(asked) == 1
    assert len(done.failed) == 40


async def test_a_full_quota_says_which() -> None:
    cluster, fence = MemoryCluster(), Held()
    cluster.set_quota("default", "Service", 0)
    done = await settle(cluster, shop(), fence)
    change = next(c for c in done.changes if c.ref == SERVICE)
    assert (change.action, change.reason) == (Action.HELD, Reason.QUOTA_EXCEEDED)
    assert "requested: count/services=1, used: count/services=0, limited: count/services=0" in change.detail


V1 = [*shop(), config("old")]
V2 = [*shop(image="shop:2"), config("new")]


async def _two_versions(faults: Faults | None = None) -> tuple[MemoryCluster, Held, int]:
    """V1, then V2; a process that dies is started again. Answers how many writes there were."""
    cluster, fence = MemoryCluster(), Held()
    if faults is not None:
        cluster.faults = faults
    for wanted in (V1, V2):
        for _ in range(4):
            try:
                done = await settle(cluster, wanted, fence)
            except Died:
                continue
            if all(c.action is Action.UNCHANGED for c in done.changes):
                break
        else:
            raise AssertionError("it does not settle")
    return cluster, fence, len(cluster.ours())


FAULTS: dict[str, Any] = {
    "died-before": lambda n: Faults(die_before=n),
    "died-after": lambda n: Faults(die_after=n),
    "answer-lost": lambda n: Faults(lose_answer=n),
}


@pytest.mark.parametrize("fault", FAULTS)
async def test_a_crash_at_every_write_ends_like_the_undisturbed_run(fault: str) -> None:
    reference, fence, writes = await _two_versions()
    assert writes == 7
    for n in range(1, writes + 1):
        cluster, ours, _ = await _two_versions(FAULTS[fault](n))
        assert bare(cluster) == bare(reference), (fault, n)
        assert {e.ref for e in ours.inventory} == {e.ref for e in fence.inventory}
        live = cluster.objects()
        assert all(e.uid == live[e.ref]["metadata"]["uid"] for e in ours.inventory), (fault, n)
        created = [w.ref for w in cluster.ours() if w.created]
        assert len(created) == len(set(created)), (fault, n, "created twice")
