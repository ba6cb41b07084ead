"""Only what the inventory names goes, only when everything else was written, and only as much as somebody asked for."""

from __future__ import annotations

from mcd.errors import Code
from mcd.kube.apply import carry_out
from mcd.kube.cluster import KubeError, KubeReason
from mcd.kube.gate import Bounds
from mcd.kube.inventory import delete_digest, plan
from mcd.kube.memory import Faults, MemoryCluster
from mcd.model import Action, InventoryEntry, Reason
from mcd.objects import Ref, ref_of
from tests.kube.given import (
    CONFIG,
    SERVICE,
    WEB,
    Held,
    actions,
    claim,
    config,
    deployment,
    look,
    planned,
    service,
    settle,
    shop,
)
from tests.kube.given import OWNER as US


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
    assert "2 of 5 objects at once" in held[0].detail
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
