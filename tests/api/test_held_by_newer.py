"""An App whose cluster runs what a restored database does not know: its status names the one command that goes on with
what runs, and that command does it."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mcd.objects import COMMIT, Object, Ref
from tests.api.client import Api, api_of
from tests.controllers.test_restored import NEW, backup, outdated, restored
from tests.controllers.world import HELLO, LINE, World

APPS = {
    "changed": (NEW, "hello-web", ""),
    "renamed": (HELLO.replace("web:", "site:"), "hello-site", " --take-over"),
}


@pytest.fixture(params=APPS.values(), ids=APPS)
async def held(request: pytest.FixtureRequest, here: World, tmp_path: Path) -> AsyncIterator[tuple[Api, Ref, str, str]]:
    """Restored with its repositories, held; the workload that runs, its commit, and what its objects need."""
    app_yaml, name, words = request.param
    await here.push(HELLO, files={})
    await here.settle()
    here.clock.forward(60)
    file = backup(here, tmp_path)
    before = [ref for ref in here.kube.objects() if ref.name == "hello-web"] if words else []
    commit = (await here.push(app_yaml, files={}, deletes=before)).commit
    await here.settle()
    assert (await here.ready()).status, await here.said()
    async with restored(here, file, tmp_path / "restored") as made:
        shutil.copytree(here.runtime.settings.repositories, made.runtime.settings.repositories)
        await made.settle()
        yield await api_of(made), Ref("apps/v1", "Deployment", LINE, name), commit, words


async def status_of(api: Api) -> dict[str, dict[str, str]]:
    found: dict[str, dict[str, str]] = (await api.get("/api/v1/apps/hello/status")).json()
    return found


async def test_the_status_names_the_command_that_goes_on_with_what_runs_and_it_does(
    held: tuple[Api, Ref, str, str],
) -> None:
    api, workload, commit, words = held
    found = await status_of(api)
    assert found["rollout"]["reason"] == "NewerInCluster"
    command = f"`mcd deploy hello --commit {commit}{words}`"
    assert command in found["rollout"]["message"]
    assert "`mcd deploy hello` to go on with what is known here" in found["rollout"]["message"]
    assert command in found["next_step"]
    runs = api.world.kube.objects()[workload]
    answer = await api.post("/api/v1/apps/hello/rollouts", {"commit": commit, "take_over": bool(words)})
    assert answer.status_code == 202, answer.text
    await api.world.settle()
    found = await status_of(api)
    assert found["rollout"]["state"] == "ready", found
    still = api.world.kube.objects()[workload]
    assert (still["metadata"]["uid"], still["spec"]) == (runs["metadata"]["uid"], runs["spec"])
    assert [ref.name for ref in api.world.kube.objects() if ref.kind == "Deployment"] == [workload.name]


async def test_the_status_of_a_deleted_one_names_the_command_that_deletes_what_still_runs(
    held: tuple[Api, Ref, str, str],
) -> None:
    api, workload, _, renamed = held
    await api.world.delete()
    await api.world.settle()
    answer = await api.get("/api/v1/apps/hello/status")
    if not renamed:
        assert answer.status_code == 404, "all of it was in the inventory"
        return
    found = answer.json()
    assert found["rollout"]["state"] == "stalled", found
    assert f"`kubectl -n {LINE} delete " in found["next_step"]
    assert f" deployments.apps/{workload.name}" in found["next_step"]
    assert "mcd deploy" not in found["next_step"]


@pytest.mark.parametrize("said", ["$(reboot)", "main`", "", "abc"])
async def test_what_is_no_commit_is_never_part_of_a_command(here: World, tmp_path: Path, said: str) -> None:
    """Anybody who may edit the object may write there what they like, and a person copies the line into a shell."""
    file = await outdated(here, tmp_path)

    def write(obj: Object) -> None:
        obj["metadata"]["annotations"][COMMIT] = said

    here.kube.edit(Ref("apps/v1", "Deployment", LINE, "hello-web"), write)
    async with restored(here, file, tmp_path / "restored") as made:
        await made.settle()
        found = await status_of(await api_of(made))
    told = found["rollout"]["message"] + str(found["next_step"])
    assert re.findall(r"`([^`]*)`", told) == ["mcd deploy hello", "mcd deploy hello"]
