"""Carrying out a plan on the in-memory cluster: one verdict each, nothing twice, nothing that is not ours."""

from __future__ import annotations

from mcd.kube.memory import MemoryCluster
from tests.kube.given import Held, settle, shop


def actions(applied: object) -> dict[str, str]:
    return {str(c.ref): c.action.value for c in applied.changes}  # type: ignore[attr-defined]


async def test_a_second_pass_writes_nothing() -> None:
    cluster, fence = MemoryCluster(), Held()
    first = await settle(cluster, shop(), fence)
    assert set(actions(first).values()) == {"created"}
    assert all(e.uid and e.applied for e in fence.inventory)
    before = len(cluster.ours())
    second = await settle(cluster, shop(), fence)
    assert set(actions(second).values()) == {"unchanged"}
    assert len(cluster.ours()) == before
