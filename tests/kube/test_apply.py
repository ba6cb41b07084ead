"""Carrying out a plan on the in-memory cluster: one verdict each, nothing twice, nothing that is not ours."""

from __future__ import annotations

from typing import Any

import pytest

from mcd.errors import Code, McdError
from mcd.kube.apply import Applied, carry_out, waves
from mcd.kube.cluster import KubeError, KubeReason
from mcd.kube.gate import Bounds
from mcd.kube.inventory import delete_digest, plan
from mcd.kube.memory import Died, Faults, MemoryCluster
from mcd.model import Action, InventoryEntry, LeaseLost, Reason
from mcd.objects import HASH, MANAGED_BY, OWNER, Object, Ref, ref_of
from tests.kube.given import OWNER as US
from tests.kube.given import Held, claim, config, deployment, look, obj, planned, service, settle, shop


def actions(applied: Applied) -> dict[str, str]:
    return {str(c.ref): c.action.value for c in applied.changes}


def bare(cluster: MemoryCluster) -> dict[Ref, Object]:
    """The objects without what differs from run to run."""
    found = cluster.objects()
    for o in found.values():
        for field in ("uid", "resourceVersion", "creationTimestamp", "managedFields"):
            o["metadata"].pop(field, None)
    return found


def edit_image(o: Object) -> None:
    o["spec"]["template"]["spec"]["containers"][0]["image"] = "evil:1"


WEB = ref_of(deployment())
CONFIG = ref_of(config())
SERVICE = ref_of(service())


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


# --- what is not ours -----------------------------------------------------------------------------------------------


async def test_a_foreign_object_with_our_name_is_held_and_untouched() -> None:
    cluster, fence = MemoryCluster(), Held()
    foreign = cluster.person(service(), manager="kubectl-create")
    done = await settle(cluster, shop(), fence)
    change = next(c for c in done.changes if c.ref == SERVICE)
    assert (change.action, change.reason) == (Action.HELD, Reason.NOT_OURS)
    assert 'made by "kubectl-create"' in change.detail
    assert "--take-over" in change.detail
    assert cluster.objects()[SERVICE] == foreign
    assert actions(done)["Deployment/shop-web"] == "created", "the rest goes on"


async def test_a_spoofed_label_and_owner_do_not_make_a_foreign_object_ours() -> None:
    cluster, fence = MemoryCluster(), Held()
    spoofed = service()
    spoofed["metadata"]["annotations"] = {OWNER: US, HASH: "x"}
    foreign = cluster.person(spoofed, manager="evil")
    done = await settle(cluster, shop(), fence)
    assert actions(done)["Service/shop-web"] == "held"
    assert cluster.objects()[SERVICE] == foreign


async def test_take_over_adopts_a_foreign_object() -> None:
    cluster, fence = MemoryCluster(), Held()
    foreign = service()
    foreign["spec"]["ports"][0]["targetPort"] = 1
    uid = cluster.person(foreign, manager="kubectl-create")["metadata"]["uid"]
    done = await settle(cluster, shop(), fence, take_over=True)
    change = next(c for c in done.changes if c.ref == SERVICE)
    assert change.action is Action.CONFIGURED
    assert "kubectl-create" in change.detail
    assert fence.entries[SERVICE].uid == uid
    assert set(actions(await settle(cluster, shop(), fence)).values()) == {"unchanged"}


async def test_an_object_of_another_mcd_is_never_taken_over() -> None:
    cluster, fence = MemoryCluster(), Held()
    other = service()
    other["metadata"]["annotations"] = {OWNER: "mcd-other"}
    cluster.person(other, manager="mcd")
    done = await settle(cluster, shop(), fence, take_over=True)
    change = next(c for c in done.changes if c.ref == SERVICE)
    assert change.action is Action.HELD
    assert "mcd-other" in change.detail


async def test_an_object_made_again_by_hand_is_not_ours_any_more() -> None:
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, shop(), fence)
    cluster.person_deletes(SERVICE)
    again = cluster.person(service(), manager="kubectl-create")
    done = await settle(cluster, shop(), fence)
    assert actions(done)["Service/shop-web"] == "held"
    assert cluster.objects()[SERVICE] == again
    # Dropped from the wish, it is forgotten and not deleted.
    done = await settle(cluster, [config(), deployment()], fence)
    assert SERVICE not in fence.entries
    assert cluster.objects()[SERVICE] == again


async def test_a_stripped_label_is_put_back_and_an_object_let_go_on_purpose_is_not_deleted() -> None:
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, shop(), fence)
    cluster.edit(SERVICE, lambda o: o["metadata"]["labels"].pop(MANAGED_BY))
    await settle(cluster, shop(), fence)
    assert cluster.objects()[SERVICE]["metadata"]["labels"][MANAGED_BY] == "mcd"

    def let_go(o: Object) -> None:
        o["metadata"]["labels"].pop(MANAGED_BY)
        o["metadata"]["annotations"].pop(OWNER)

    cluster.edit(SERVICE, let_go)
    done = await settle(cluster, [config(), deployment()], fence)
    assert actions(done)["Service/shop-web"] == "held"
    assert SERVICE in cluster.objects()


async def test_an_object_that_appears_between_look_and_write_is_held() -> None:
    cluster, fence = MemoryCluster(), Held()
    what = await planned(cluster, shop(), fence)
    foreign = cluster.person(service(), manager="kubectl-create")
    done = await carry_out(cluster, what, fence, inventory=(), owner=US, bounds=Bounds("default"))
    assert actions(done)["Service/shop-web"] == "held"
    assert [f.ref for f in done.failed] == [SERVICE]
    assert cluster.objects()[SERVICE] == foreign


async def test_an_object_replaced_between_look_and_write_is_held() -> None:
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, shop(), fence)
    what = await planned(cluster, shop(image="shop:2"), fence)
    cluster.person_deletes(WEB)
    foreign = cluster.person(deployment(image="theirs:1"), manager="kubectl-create")
    done = await carry_out(cluster, what, fence, inventory=fence.inventory, owner=US, bounds=Bounds("default"))
    assert actions(done)["Deployment/shop-web"] == "held"
    assert cluster.objects()[WEB] == foreign


async def test_a_status_written_between_look_and_write_does_not_stop_it() -> None:
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, shop(), fence)
    what = await planned(cluster, shop(image="shop:2"), fence)
    cluster.set_status(WEB, {"replicas": 1})
    done = await carry_out(cluster, what, fence, inventory=fence.inventory, owner=US, bounds=Bounds("default"))
    assert actions(done)["Deployment/shop-web"] == "configured"


async def test_an_edit_between_look_and_write_is_healed_with_its_hand_named() -> None:
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, shop(), fence)
    what = await planned(cluster, shop(image="shop:2"), fence)
    cluster.edit(WEB, edit_image, manager="kubectl-edit")
    done = await carry_out(cluster, what, fence, inventory=fence.inventory, owner=US, bounds=Bounds("default"))
    change = next(c for c in done.changes if c.ref == WEB)
    assert (change.action, change.healed_from) == (Action.CONFIGURED, "kubectl-edit")


async def test_an_object_of_ours_that_the_cache_lost_with_its_label_is_healed_and_not_held() -> None:
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, shop(), fence)
    cluster.edit(SERVICE, lambda o: o["metadata"]["labels"].pop(MANAGED_BY))
    seen = await look(cluster, shop(), fence)
    seen[SERVICE] = None
    what = plan(shop(), fence.inventory, seen, owner=US)
    done = await carry_out(cluster, what, fence, inventory=fence.inventory, owner=US, bounds=Bounds("default"))
    assert actions(done)["Service/shop-web"] == "configured"
    assert done.failed == ()
    assert cluster.objects()[SERVICE]["metadata"]["labels"][MANAGED_BY] == "mcd"


async def test_an_object_that_is_being_deleted_is_waited_for() -> None:
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, shop(), fence)
    cluster.edit(SERVICE, lambda o: o["metadata"].update(finalizers=["example.com/hold"]))
    cluster.person_deletes(SERVICE)
    done = await settle(cluster, shop(), fence)
    change = next(c for c in done.changes if c.ref == SERVICE)
    assert (change.action, change.reason) == (Action.HELD, Reason.DELETING)
    assert "example.com/hold" in change.detail
    cluster.edit(SERVICE, lambda o: o["metadata"].pop("finalizers"), manager="finalizer")
    assert actions(await settle(cluster, shop(), fence))["Service/shop-web"] == "created"


async def test_an_answer_with_a_deletion_timestamp_is_no_success() -> None:
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, shop(), fence)
    what = await planned(cluster, [config(a="2"), service(), deployment()], fence)
    cluster.edit(CONFIG, lambda o: o["metadata"].update(finalizers=["example.com/hold"]))
    cluster.person_deletes(CONFIG)
    done = await carry_out(cluster, what, fence, inventory=fence.inventory, owner=US, bounds=Bounds("default"))
    change = next(c for c in done.changes if c.ref == CONFIG)
    assert (change.action, change.reason) == (Action.HELD, Reason.DELETING)


async def test_an_answer_that_says_that_the_object_is_going_is_no_success_whatever_the_view() -> None:
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, shop(), fence)
    cluster.edit(CONFIG, lambda o: o["metadata"].update(finalizers=["example.com/hold"]))
    cluster.person_deletes(CONFIG)
    wanted = [config(a="2"), service(), deployment()]
    seen = await look(cluster, wanted, fence)
    blind = seen[CONFIG]
    assert blind is not None
    del blind["metadata"]["deletionTimestamp"]
    what = plan(wanted, fence.inventory, seen, owner=US)
    done = await carry_out(cluster, what, fence, inventory=fence.inventory, owner=US, bounds=Bounds("default"))
    change = next(c for c in done.changes if c.ref == CONFIG)
    assert (change.action, change.reason) == (Action.HELD, Reason.DELETING)


# --- prune ----------------------------------------------------------------------------------------------------------


async def test_a_removed_object_goes_and_a_hand_made_one_stays() -> None:
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, [*shop(), config("extra")], fence)
    mine = cluster.person(config("by-hand"), manager="kubectl-create")
    done = await settle(cluster, shop(), fence)
    assert actions(done)["ConfigMap/extra"] == "deleted"
    assert cluster.objects()[ref_of(mine)] == mine
    assert ref_of(config("extra")) not in fence.entries


async def test_deletes_go_backwards() -> None:
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, shop(), fence)
    await settle(cluster, [], fence, wished_deletes={WEB, SERVICE, CONFIG})
    assert [w.ref.kind for w in cluster.ours() if w.verb == "delete"] == ["Deployment", "Service", "ConfigMap"]
    assert fence.inventory == ()


async def test_a_failed_apply_deletes_nothing_and_stops_later_waves() -> None:
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, [*shop(), config("extra")], fence)

    def refuse(verb: str, ref: Ref) -> KubeError | None:
        if verb == "apply" and ref == CONFIG:
            return KubeError(Code.INVALID, KubeReason.ADMISSION, "no")
        return None

    cluster.faults = Faults(refuse=refuse)
    wanted = [config(a="2"), config("other"), service(), deployment(image="shop:2")]
    done = await settle(cluster, wanted, fence)
    assert actions(done) == {
        "ConfigMap/shop-web-files": "held",
        "ConfigMap/other": "created",
        "Service/shop-web": "unchanged",
    }
    assert [f.ref for f in done.failed] == [CONFIG]
    assert ref_of(config("extra")) in cluster.objects()
    cluster.faults = Faults()
    done = await settle(cluster, wanted, fence)
    assert actions(done)["ConfigMap/extra"] == "deleted"


async def test_a_held_object_holds_the_deletes_too() -> None:
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, [*shop(), config("extra")], fence)
    cluster.person(config("renamed"), manager="kubectl-create")
    done = await settle(cluster, [*shop(), config("renamed")], fence)
    assert actions(done)["ConfigMap/extra"] == "held"
    assert ref_of(config("extra")) in cluster.objects()


async def test_a_delete_of_an_object_replaced_meanwhile_deletes_nothing() -> None:
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, [*shop(), config("extra")], fence)
    what = await planned(cluster, shop(), fence)
    extra = ref_of(config("extra"))
    cluster.person_deletes(extra)
    again = cluster.person(config("extra"), manager="kubectl-create")
    done = await carry_out(cluster, what, fence, inventory=fence.inventory, owner=US, bounds=Bounds("default"))
    assert cluster.objects()[extra] == again, "the UID precondition stopped it"
    assert not [w for w in cluster.ours() if w.verb == "delete"]
    assert extra not in {e.ref for e in done.inventory}


async def test_an_entry_stays_until_the_delete_is_confirmed() -> None:
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, [*shop(), config("extra")], fence)
    extra = ref_of(config("extra"))
    cluster.edit(extra, lambda o: o["metadata"].update(finalizers=["example.com/hold"]))
    done = await settle(cluster, shop(), fence)
    change = next(c for c in done.changes if c.ref == extra)
    assert (change.action, change.reason) == (Action.HELD, Reason.DELETING)
    assert extra in fence.entries
    writes = len(cluster.ours())
    await settle(cluster, shop(), fence)
    assert len(cluster.ours()) == writes, "it is not deleted a second time"
    cluster.edit(extra, lambda o: o["metadata"].pop("finalizers"), manager="finalizer")
    await settle(cluster, shop(), fence)
    assert extra not in fence.entries


async def test_a_cache_that_is_behind_does_not_make_an_object_forgotten() -> None:
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, [*shop(), config("extra")], fence)
    extra = ref_of(config("extra"))
    seen = await look(cluster, shop(), fence)
    seen[extra] = None
    what = plan(shop(), fence.inventory, seen, owner=US)
    done = await carry_out(cluster, what, fence, inventory=fence.inventory, owner=US, bounds=Bounds("default"))
    assert extra in {e.ref for e in done.inventory}


async def test_a_claim_is_never_deleted() -> None:
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, [*shop(), claim()], fence)
    await settle(cluster, shop(), fence, wished_deletes={ref_of(claim())}, confirmed="x" * 32)
    assert ref_of(claim()) in cluster.objects()
    assert ref_of(claim()) in fence.entries


async def test_the_brake_holds_a_large_delete_until_exactly_this_list_is_confirmed() -> None:
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, [*shop(), config("a"), config("b")], fence)
    done = await settle(cluster, shop(), fence)
    held = [c for c in done.changes if c.reason is Reason.PRUNE_NEEDS_CONFIRMATION]
    assert [str(c.ref) for c in held] == ["ConfigMap/a", "ConfigMap/b"]
    what = await planned(cluster, shop(), fence)
    assert what.prune_digest
    assert what.prune_digest in held[0].detail
    other = delete_digest([InventoryEntry(ref_of(config("a")), "u"), InventoryEntry(ref_of(config("b")), "u")])
    await settle(cluster, shop(), fence, confirmed=other)
    assert ref_of(config("a")) in cluster.objects(), "the digest of another list confirms nothing"
    await settle(cluster, shop(), fence, confirmed=what.prune_digest)
    assert ref_of(config("a")) not in cluster.objects()
    assert ref_of(config("b")) not in cluster.objects()


async def test_deletes_that_the_push_named_are_not_braked() -> None:
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, [*shop(), config("a"), config("b")], fence)
    wished = {ref_of(config("a")), ref_of(config("b"))}
    await settle(cluster, shop(), fence, wished_deletes=wished)
    assert not wished & set(cluster.objects())


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
