"""An App that is deleted goes, whatever stands in the way of its objects, and nothing of anybody else goes with it."""

from __future__ import annotations

import pytest

from mcd.model import Reason
from mcd.objects import MANAGED_BY, OWNER, Object, Ref
from tests.controllers.world import HELLO, LINE, World

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
