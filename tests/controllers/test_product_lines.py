"""A product line's namespace is kept true, and what keeps it from being so is told to the ones who can mend it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mcd.controllers.loop import Loop
from mcd.errors import Code
from mcd.kube.cluster import KubeError, KubeReason
from mcd.kube.inventory import applied_hash
from mcd.kube.memory import Died, Faults
from mcd.model import ConditionType, Noun, ProductLine, Reason
from mcd.objects import MANAGED_BY, Object, Ref
from mcd.store import intents, leases, reads
from tests.controllers.test_secrets import watched
from tests.controllers.world import ADMIN, LINE, World, world


async def line(here: World) -> ProductLine:
    async with here.runtime.db.reading() as tx:
        return await reads.product_line(ADMIN, tx, LINE)


async def wish(here: World, **wishes: Any) -> None:
    async with here.runtime.db.writing() as tx:
        await intents.change_product_line(ADMIN, tx, here.clock(), LINE, wishes=wishes)
    await here.settle()


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
@pytest.mark.parametrize("labels", [{}, {MANAGED_BY: "mcd"}])
async def test_nothing_is_written_into_a_namespace_of_somebody_else(
    here: World, watching: bool, labels: dict[str, str]
) -> None:
    """A default-deny policy there would cut off what they run; it may be of another MCD."""
    if watching:
        await watched(here)
    here.kube.person({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "theirs", "labels": labels}})
    async with here.runtime.db.writing() as tx:
        await intents.create_product_line(ADMIN, tx, here.clock(), "theirs", cluster="local")
    count = here.written
    await here.settle()
    assert here.writes_since(count) == []
    async with here.runtime.db.reading() as tx:
        stalled = (await reads.product_line(ADMIN, tx, "theirs")).state.condition(ConditionType.STALLED)
    assert stalled is not None
    assert (stalled.status, stalled.reason) == (True, Reason.NOT_OURS)


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


# --- a line that goes -------------------------------------------------------------------------------------------------


def only_with_its_binding(here: World) -> Callable[[str, Ref], KubeError | None]:
    """The chart's rights: Secrets of a namespace are seen through its RoleBinding alone, and a namespace that is gone
    has none."""
    binding = Ref("rbac.authorization.k8s.io/v1", "RoleBinding", LINE, "mcd-controller")

    def refuse(verb: str, ref: Ref) -> KubeError | None:
        if ref.kind != "Secret" or binding in here.kube.objects():
            return None
        return KubeError(Code.FORBIDDEN, KubeReason.FORBIDDEN, f"the cluster does not allow MCD to {verb} secrets.")

    return refuse


async def delete_line(here: World) -> None:
    async with here.runtime.db.writing() as tx:
        await intents.set_secret(ADMIN, tx, here.clock(), "shared", {"TOKEN": "one"}, product_line=LINE)
    await here.settle()
    async with here.runtime.db.writing() as tx:
        await intents.delete_product_line(ADMIN, tx, here.clock(), LINE)


async def gone(here: World) -> bool:
    async with here.runtime.db.reading() as tx:
        return LINE not in {each.name for each in (await reads.product_lines(ADMIN, tx)).items}


async def test_a_line_goes_whenever_the_process_that_takes_it_away_dies(tmp_path: Path, template: Path) -> None:
    for number in range(1, 20):
        folder = tmp_path / str(number)
        folder.mkdir()
        async with world(folder, template) as here:
            await delete_line(here)
            refuse = only_with_its_binding(here)
            here.kube.faults = Faults(refuse=refuse, die_after=here.kube.counted + number)
            try:
                await here.settle()
            except Died:
                here.kube.faults = Faults(refuse=refuse)
                here.loop = Loop(here.runtime, "next")
                await here.settle()
            assert await gone(here), f"after write {number}"
            assert not [ref for ref in here.kube.objects() if LINE in (ref.namespace, ref.name)]
            if here.kube.faults.die_after:
                assert number > 3, "it has some writes"
                return
    raise AssertionError("it never ends")
