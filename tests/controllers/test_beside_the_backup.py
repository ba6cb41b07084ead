"""What runs of an App although nothing that a restored database knows names it: a component that was renamed or added
since the backup. It holds the App, it is never deleted, and people are told what it is and what to do."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mcd.model import Reason
from mcd.objects import ROLLOUT, Object, Ref, ref_of
from tests.controllers.test_restored import DEPLOYMENT, backup, deploy, restored
from tests.controllers.world import HELLO, LINE, World

RENAMED = HELLO.replace("web:", "site:")
SITE = Ref("apps/v1", "Deployment", LINE, "hello-site")


@pytest.fixture
async def renamed(here: World, tmp_path: Path) -> AsyncIterator[World]:
    """The component `web` was backed up; it is called `site` since."""
    await here.push(HELLO)
    await here.settle()
    here.clock.forward(60)
    file = backup(here, tmp_path)
    old = [ref for ref in here.kube.objects() if ref.name == "hello-web"]
    await here.push(RENAMED, deletes=old)
    await here.settle()
    assert (await here.ready()).status, await here.said()
    assert DEPLOYMENT not in here.kube.objects()
    async with restored(here, file, tmp_path / "restored") as made:
        yield made


async def test_a_renamed_component_does_not_run_beside_its_older_self(renamed: World) -> None:
    written, before = renamed.written, set(renamed.kube.objects())
    await renamed.settle()
    renamed.clock.forward(7200)
    await renamed.settle()
    ready = await renamed.ready()
    assert (ready.status, ready.reason) == (False, Reason.NEWER_IN_CLUSTER)
    assert "Deployment/hello-site" in ready.message
    assert renamed.writes_since(written) == []
    assert set(renamed.kube.objects()) == before


async def test_the_hold_says_what_would_stay_beside_the_older_one(renamed: World) -> None:
    await renamed.settle()
    told = (await renamed.ready()).message
    assert re.search(r"Deployment/hello-site and \d more then stays beside it until somebody deletes it", told)
    written = set(renamed.kube.objects())
    await deploy(renamed, 1)
    await renamed.settle()
    assert written <= set(renamed.kube.objects()), "nothing of it is deleted, whatever is deployed"


async def test_a_deleted_app_is_not_gone_while_what_nobody_knows_of_it_runs(renamed: World) -> None:
    await renamed.settle()
    await renamed.delete()
    await renamed.settle()
    ready = await renamed.ready()
    assert (ready.status, ready.reason) == (False, Reason.NEWER_IN_CLUSTER)
    command = re.search(rf"`kubectl -n {LINE} delete ([^`]*)`", ready.message)
    assert command is not None
    assert "deployments.apps/hello-site" in command[1].split()
    assert "services/hello-site" in command[1].split()
    assert not any("is gone." in said for said in await renamed.events("deleted"))
    assert SITE in renamed.kube.objects()
    for ref, obj in renamed.kube.objects().items():
        if ROLLOUT in (obj["metadata"].get("annotations") or {}):
            renamed.kube.person_deletes(ref)
    renamed.clock.forward(700)
    await renamed.settle()
    assert any("is gone." in said for said in await renamed.events("deleted")), await renamed.said()


async def test_a_deleted_app_that_its_database_knows_is_gone_and_what_others_made_stays(here: World) -> None:
    await here.push(HELLO)
    await here.settle()
    (service,) = [ref for ref in here.kube.objects() if str(ref) == "Service/hello-web"]
    copy = _as_of_somebody(here.kube.objects()[service])
    copy["metadata"]["name"] = "copied"
    theirs = here.kube.person(copy, manager="kubectl-create")
    await here.delete()
    await here.settle()
    assert any("is gone." in said for said in await here.events("deleted")), await here.said()
    assert here.kube.objects()[ref_of(theirs)] == theirs


async def test_what_somebody_only_labelled_so_holds_nothing(renamed: World) -> None:
    """A label and an annotation prove nothing: only what we applied ourselves, in this installation, counts."""
    copies = [obj for obj in renamed.kube.objects().values() if ROLLOUT in (obj["metadata"].get("annotations") or {})]
    for obj in copies:
        renamed.kube.person_deletes(ref_of(obj))
    for obj in copies:
        renamed.kube.person(_as_of_somebody(obj), manager="kubectl-create")
    await renamed.settle()
    assert (await renamed.ready()).reason is not Reason.NEWER_IN_CLUSTER


def _as_of_somebody(obj: Object) -> Object:
    meta = {word: obj["metadata"][word] for word in ("name", "namespace", "labels", "annotations")}
    return {**{k: v for k, v in obj.items() if k not in ("metadata", "status")}, "metadata": meta}
