"""What runs of an App although nothing that a restored database knows names it: a component that was renamed or added
since the backup. It holds the App, it is never deleted, and people are told what it is and what to do."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mcd.model import Reason
from mcd.objects import ROLLOUT, Object, Ref, ref_of
from tests.controllers.test_restored import DEPLOYMENT, backup, restored
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
