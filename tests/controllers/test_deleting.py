"""An App that is deleted goes, whatever stands in the way of its objects, and nothing of anybody else goes with it."""

from __future__ import annotations

import pytest

from mcd.errors import Code
from mcd.kube.cluster import KubeError, KubeReason
from mcd.model import Reason
from mcd.objects import MANAGED_BY, OWNER, Object, Ref
from mcd.store import intents, reads
from tests.controllers.world import ADMIN, HELLO, LINE, World

SERVICE = Ref("v1", "Service", LINE, "hello-web")


def stranger(labels: dict[str, str], annotations: dict[str, str]) -> Object:
    meta = {"name": SERVICE.name, "namespace": LINE, "labels": labels, "annotations": annotations}
    ports = [{"name": "http", "port": 81}]
    return {"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": ports}}


STRANGERS = {
    "a person's": stranger({}, {}),
    "another MCD's": stranger({MANAGED_BY: "mcd"}, {OWNER: "mcd-other"}),
}


async def gone(here: World) -> bool:
    return any("is gone." in line for line in await here.events("deleted"))


@pytest.mark.parametrize("theirs", STRANGERS.values(), ids=STRANGERS)
async def test_one_that_was_refused_an_object_once_can_be_deleted(here: World, theirs: Object) -> None:
    """It was made between our look and our write: our entry says that we meant to make it, and has no UID."""
    made: list[Object] = []

    def between(verb: str, ref: Ref) -> None:
        if ref == SERVICE and not made:
            made.append(here.kube.person(theirs, manager="somebody"))

    here.kube.faults.before_write = between
    await here.push(HELLO)
    await here.settle()
    assert (await here.ready()).reason is Reason.NOT_OURS, await here.said()
    await here.delete()
    await here.settle()
    assert await gone(here), await here.said()
    assert here.kube.objects()[SERVICE] == made[0]
    assert not [what for what in here.ours() if "hello" in what and what != "Service/hello-web"]


async def test_one_whose_object_lost_our_label_is_deleted_with_it(here: World) -> None:
    """No watch shows what has no label of ours; the annotation and the UID say whose it is."""
    await here.push(HELLO)
    await here.settle()
    here.runtime.watch_with(lambda _obj: None)
    await here.settle()
    here.kube.edit(SERVICE, lambda o: o["metadata"]["labels"].pop(MANAGED_BY))
    await here.delete()
    await here.settle()
    assert await gone(here), await here.said()
    assert SERVICE not in here.kube.objects()


def nobody_may_delete(verb: str, ref: Ref) -> KubeError | None:
    if verb != "delete":
        return None
    return KubeError(Code.FORBIDDEN, KubeReason.FORBIDDEN, f"{ref}: the cluster does not allow MCD to delete it.")


async def test_who_asks_again_for_a_delete_that_stalled_does_not_wait_for_the_next_look(here: World) -> None:
    await here.push(HELLO)
    await here.settle()
    here.kube.faults.refuse = nobody_may_delete
    await here.delete()
    await here.settle()
    assert (await here.ready()).reason is Reason.FORBIDDEN, await here.said()
    here.kube.faults.refuse = None
    await here.settle()
    assert not await gone(here), "nothing has told MCD yet that it may now"
    await here.delete()
    await here.settle()
    assert await gone(here), await here.said()
    assert (await here.events("deleted")).count("App hello is being deleted.") == 1, "it is told once"


async def test_who_asks_again_for_the_delete_of_a_product_line_does_not_wait_for_the_next_look(here: World) -> None:
    await here.settle()
    here.kube.faults.refuse = nobody_may_delete
    await delete_line(here)
    await here.settle()
    here.kube.faults.refuse = None
    await here.settle()
    assert await lines(here) == [LINE], "nothing has told MCD yet that it may now"
    await delete_line(here)
    await here.settle()
    assert await lines(here) == []


async def delete_line(here: World) -> None:
    async with here.runtime.db.writing() as tx:
        await intents.delete_product_line(ADMIN, tx, here.clock(), LINE)


async def lines(here: World) -> list[str]:
    async with here.runtime.db.reading() as tx:
        return [line.name for line in (await reads.product_lines(ADMIN, tx)).items]
