"""What is not ours is left alone, however it looks like us; what is ours stays so, whoever touched it meanwhile."""

from __future__ import annotations

from mcd.kube.apply import carry_out
from mcd.kube.gate import Bounds
from mcd.kube.inventory import plan
from mcd.kube.memory import MemoryCluster
from mcd.model import Action, Reason
from mcd.objects import HASH, MANAGED_BY, OWNER, Object
from tests.kube.given import (
    CONFIG,
    SERVICE,
    WEB,
    Held,
    actions,
    config,
    deployment,
    edit_image,
    look,
    planned,
    service,
    settle,
    shop,
)
from tests.kube.given import OWNER as US


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


async def test_what_this_mcd_made_after_the_backup_is_not_called_somebody_elses() -> None:
    """`made by "mcd". Delete it` sent an operator on a hunt for another installation."""
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, shop(), fence)
    done = await settle(cluster, shop(), Held())
    change = next(c for c in done.changes if c.ref == SERVICE)
    assert change.action is Action.HELD
    assert change.detail.startswith("this MCD made it, and its database does not know it: that is older")


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
