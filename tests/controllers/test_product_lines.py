"""A product line's namespace is kept true, and what keeps it from being so is told to the ones who can mend it."""

from __future__ import annotations

from typing import Any

from mcd.model import ConditionType, ProductLine, Reason
from mcd.store import intents, reads
from tests.controllers.world import ADMIN, LINE, World


async def line(world: World) -> ProductLine:
    async with world.runtime.db.reading() as tx:
        return await reads.product_line(ADMIN, tx, LINE)


async def wish(world: World, **wishes: Any) -> None:
    async with world.runtime.db.writing() as tx:
        await intents.change_product_line(ADMIN, tx, world.clock(), LINE, wishes=wishes)
    await world.settle()


async def test_wishes_that_are_wrong_are_not_blamed_on_the_cluster(here: World) -> None:
    await here.settle()
    before = len(here.kube.ours())
    await wish(here, security="loose")
    stalled = (await line(here)).state.condition(ConditionType.STALLED)
    assert stalled is not None
    assert (stalled.status, stalled.reason) == (True, Reason.INVALID_PRODUCT_LINE)
    assert "security" in stalled.message
    assert f"mcd product-line set {LINE}" in stalled.message
    assert len(here.kube.ours()) == before
    await wish(here, security="baseline")
    assert (await line(here)).state.is_now(ConditionType.READY)
