"""An entry of the inventory whose object is not there or not ours goes, and the object stays: nothing waits for ever
for the end of what MCD will never delete."""

from __future__ import annotations

import pytest

from mcd.kube.apply import carry_out
from mcd.kube.cluster import Cluster
from mcd.kube.gate import Bounds
from mcd.kube.inventory import plan, stamped
from mcd.kube.memory import MemoryCluster
from mcd.model import Action, InventoryEntry
from mcd.objects import MANAGED_BY, OWNER, Object, ref_of
from tests.kube.given import OWNER as US
from tests.kube.given import Held, config, settle

STRANGERS = {"another MCD's": "mcd-other", "nobody's": ""}


@pytest.mark.parametrize("owner", STRANGERS.values(), ids=STRANGERS)
async def test_an_entry_of_which_the_answer_was_lost_is_dropped_when_the_object_is_somebody_elses(
    cluster: Cluster, namespace: str, owner: str
) -> None:
    """Between our look and our write somebody made an object of that name: the write was refused, the entry stays."""
    theirs = config(namespace=namespace)
    if owner:
        theirs["metadata"]["annotations"] = {OWNER: owner}
    there = await cluster.apply(theirs)
    fence = Held(entries={ref_of(theirs): InventoryEntry(ref_of(theirs))})
    done = await settle(cluster, [], fence, namespace, wished_deletes=[ref_of(theirs)])
    assert fence.inventory == ()
    assert [(c.action, c.reason) for c in done.changes] == [(Action.HELD, None)]
    assert "take-over" not in done.changes[0].detail
    assert await cluster.get(ref_of(theirs)) == there


async def test_one_whose_object_was_never_made_is_dropped(cluster: Cluster, namespace: str) -> None:
    ref = ref_of(config(namespace=namespace))
    fence = Held(entries={ref: InventoryEntry(ref)})
    done = await settle(cluster, [], fence, namespace)
    assert (fence.inventory, done.changes) == ((), ())


async def test_one_whose_object_is_ours_by_its_marks_is_deleted(cluster: Cluster, namespace: str) -> None:
    mine = stamped(config(namespace=namespace), US)
    await cluster.apply(mine)
    ref = ref_of(mine)
    fence = Held(entries={ref: InventoryEntry(ref)})
    done = await settle(cluster, [], fence, namespace, wished_deletes=[ref])
    assert [c.action for c in done.changes] == [Action.DELETED]
    assert await cluster.get(ref) is None
    assert fence.inventory == ()


async def test_one_that_the_cache_does_not_show_is_adopted_and_not_deleted_in_passing(
    cluster: Cluster, namespace: str
) -> None:
    """No brake and no dry run has seen this delete: the next plan does."""
    mine = stamped(config(namespace=namespace), US)
    there = await cluster.apply(mine)
    ref = ref_of(mine)
    lost = [InventoryEntry(ref)]
    behind = plan([], lost, {ref: None}, owner=US, wished_deletes=[ref])
    done = await carry_out(cluster, behind, Held(), inventory=lost, owner=US, bounds=Bounds(namespace))
    assert done.inventory == (InventoryEntry(ref, there["metadata"]["uid"]),)
    assert await cluster.get(ref) == there


async def test_what_a_person_took_out_of_our_hands_is_forgotten_and_stays() -> None:
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, [config()], fence)

    def take_away(o: Object) -> None:
        o["metadata"]["labels"].pop(MANAGED_BY)
        o["metadata"]["annotations"].pop(OWNER)

    theirs = cluster.edit(ref_of(config()), take_away)
    done = await settle(cluster, [], fence, wished_deletes=[ref_of(config())])
    assert fence.inventory == ()
    assert [c.action for c in done.changes] == [Action.HELD]
    assert cluster.objects()[ref_of(config())] == theirs
