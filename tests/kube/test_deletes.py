"""Deleting: the lease is looked at before each delete, and what holds others or data needs a person, however little."""

from __future__ import annotations

import pytest

from mcd.kube.inventory import plan, uid_of
from mcd.kube.memory import MemoryCluster
from mcd.model import InventoryEntry, LeaseLost, Reason
from mcd.objects import ref_of
from tests.kube.given import OWNER, Held, config, obj, planned, settle, shop


async def test_a_lost_lease_stops_before_the_next_delete() -> None:
    cluster, fence = MemoryCluster(), Held()
    await settle(cluster, shop(), fence)
    entries = dict(fence.entries)
    for deletes in range(3):
        cluster, fence = MemoryCluster(), Held()
        await settle(cluster, shop(), fence)
        before = len(cluster.ours())
        fence.lost_after = fence.checks + deletes
        with pytest.raises(LeaseLost):
            await settle(cluster, [], fence, wished_deletes=list(entries))
        assert len(cluster.ours()) - before == deletes


async def test_one_namespace_is_never_deleted_unasked() -> None:
    """One of twelve objects is within the brake; a Namespace takes everything in it along."""
    cluster, fence = MemoryCluster(), Held()
    space = obj("v1", "Namespace", "city", namespace="")
    made = cluster.person(space)
    others = [config(f"c{n}", a=str(n)) for n in range(11)]
    await settle(cluster, others, fence)
    entry = InventoryEntry(ref_of(space), uid_of(made))
    live = {**{ref_of(o): await cluster.get(ref_of(o)) for o in others}, entry.ref: made}
    what = plan(others, (*fence.inventory, entry), live, owner=OWNER)
    assert what.delete == ()
    assert [c.reason for c in what.held] == [Reason.PRUNE_NEEDS_CONFIRMATION]


async def test_one_stale_object_of_many_goes_unasked() -> None:
    cluster, fence = MemoryCluster(), Held()
    many = [config(f"c{n}", a=str(n)) for n in range(12)]
    await settle(cluster, many, fence)
    what = await planned(cluster, many[:-1], fence)
    assert [e.ref.name for e in what.delete] == ["c11"]
