"""A product line's namespace is kept true, and what keeps it from being so is told to the ones who can mend it."""

from __future__ import annotations

from typing import Any

import pytest

from mcd.kube.inventory import applied_hash
from mcd.model import ConditionType, Noun, ProductLine, Reason
from mcd.objects import Object
from mcd.store import intents, leases, reads
from tests.controllers.test_secrets import watched
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


async def test_what_guards_a_namespace_is_put_back_always_and_the_fight_is_told_once_in_ten_minutes(
    here: World,
) -> None:
    """Ten rounds against another manager: every one is won, and people hear of it twice."""
    await here.settle()
    policy = next(ref for ref in sorted(here.kube.objects()) if ref.kind == "NetworkPolicy" and ref.namespace == LINE)
    wanted = here.kube.objects()[policy]["spec"]

    def open_up(obj: Object) -> None:
        obj["spec"]["policyTypes"] = []

    async def round_of_the_fight() -> None:
        here.kube.edit(policy, open_up, "other-operator")
        async with here.runtime.db.writing() as tx:
            await leases.wake(tx, Noun.PRODUCT_LINE, [LINE], here.clock())
        await here.settle()
        assert here.kube.objects()[policy]["spec"] == wanted
        here.clock.forward(20)

    for _ in range(10):
        await round_of_the_fight()
    assert (await line(here)).state.is_now(ConditionType.READY)
    assert len(await here.events("healed")) == 1
    (warning,) = await here.events("warning")
    assert f'{policy}: "other-operator" changes it again and again' in warning
    assert "put back each time" in warning
    here.clock.forward(601)
    for _ in range(3):
        await round_of_the_fight()
    assert (len(await here.events("healed")), len(await here.events("warning"))) == (2, 2)


@pytest.mark.parametrize("watching", [False, True])
async def test_what_stands_in_the_way_of_a_line_is_taken_over_when_a_person_says_so(
    here: World, watching: bool
) -> None:
    await here.settle()
    policy = next(ref for ref in sorted(here.kube.objects()) if ref.kind == "NetworkPolicy" and ref.namespace == LINE)
    if watching:
        await watched(here)
    mine = here.kube.objects()[policy]
    foreign = {**mine, "metadata": {"name": policy.name, "namespace": LINE}}
    here.kube.person_deletes(policy)
    here.kube.person(foreign, manager="kubectl-create")
    await wish(here)
    stalled = (await line(here)).state.condition(ConditionType.STALLED)
    assert stalled is not None
    assert stalled.reason is Reason.NOT_OURS
    assert "--take-over" in stalled.message
    async with here.runtime.db.writing() as tx:
        await intents.change_product_line(ADMIN, tx, here.clock(), LINE, wishes={}, take_over=True)
    await here.settle()
    assert (await line(here)).state.is_now(ConditionType.READY)
    assert applied_hash(here.kube.objects()[policy])
    await wish(here, timezone="UTC")
    assert (await line(here)).take_over is False, "it stands until the next change only"


async def test_an_api_with_an_account_of_its_own_is_let_in_beside_the_controllers(here: World) -> None:
    here.runtime.settings = here.runtime.settings.model_copy(update={"api_account": "mcd-api"})
    await wish(here, security="baseline")
    bindings = {
        ref.name: obj for ref, obj in here.kube.objects().items() if ref.kind == "RoleBinding" and ref.namespace == LINE
    }
    (subject,) = bindings["mcd-api"]["subjects"]
    (controllers,) = bindings["mcd-controller"]["subjects"]
    assert subject == {"kind": "ServiceAccount", "name": "mcd-api", "namespace": controllers["namespace"]}
    assert bindings["mcd-api"]["roleRef"]["name"] == "mcd-line-api"
    assert controllers["name"] == "mcd-controller"
    before = len(here.kube.writes)
    async with here.runtime.db.writing() as tx:
        await leases.wake(tx, Noun.PRODUCT_LINE, [LINE], here.clock())
    await here.settle()
    assert len(here.kube.writes) == before


async def test_without_one_nobody_else_is_let_in(here: World) -> None:
    await here.settle()
    names = {ref.name for ref in here.kube.objects() if ref.kind == "RoleBinding" and ref.namespace == LINE}
    assert names == {"mcd-controller", "mcd-readers"}
