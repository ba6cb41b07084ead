"""A Release is frozen with the files that its app.yaml names: what runs later, and what comes back, asks no git."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from mcd.model import ConditionType, Reason, Release
from mcd.objects import Ref
from mcd.store import intents, reads
from tests.controllers.world import ADMIN, World, world

APP = """
appname: hello
components:
  web:
    type: web
    image: registry.test/hello:1
    files:
      /etc/a.conf: {source: deploy/a.conf}
      /etc/greeting: {source: greeting.txt, template: true}
"""
FILES = {"deploy/a.conf": "key = 1\n", "greeting.txt": "hello from {{ .App }}\n"}
OTHER = {**FILES, "deploy/a.conf": "key = 2\n"}


@pytest.fixture
async def here(tmp_path: Path, template: Path) -> AsyncIterator[World]:
    async with world(tmp_path, template) as made:
        yield made


def held(here: World) -> list[str]:
    """The texts of the App's files, as they are in the cluster."""
    (config,) = [obj for name, obj in here.ours().items() if name.startswith("ConfigMap/")]
    return sorted(config["data"].values())


async def seen(here: World, release: Release) -> Release:
    async with here.runtime.db.reading() as tx:
        return await reads.release(ADMIN, tx, release.app, release.number, files=True)


def forget_git(here: World) -> None:
    shutil.rmtree(here.runtime.settings.repositories / "hello.git")


async def test_what_was_not_brought_along_is_read_at_the_commit_and_frozen(here: World) -> None:
    release = await here.push(APP, files=FILES)
    await here.settle()
    assert (await here.ready()).status, await here.said()
    assert (await seen(here, release)).files == {path: text.encode() for path, text in FILES.items()}
    assert held(here) == ["hello from hello\n", "key = 1\n"]


async def test_drift_is_healed_and_a_rollback_made_with_the_git_host_gone(here: World) -> None:
    first = await here.push(APP, files=FILES)
    await here.settle()
    await here.push(APP, files=OTHER)
    await here.settle()
    assert held(here) == ["hello from hello\n", "key = 2\n"]
    forget_git(here)
    (name,) = [name for name in here.ours() if name.startswith("ConfigMap/")]
    config = here.ours()[name]["metadata"]
    await here.kube.delete(Ref("v1", "ConfigMap", config["namespace"], config["name"]), config["uid"])
    here.clock.at += timedelta(minutes=12)
    await here.settle()
    assert held(here) == ["hello from hello\n", "key = 2\n"]
    async with here.runtime.db.writing() as tx:
        await intents.request_rollout(ADMIN, tx, here.clock(), "hello", release=first.number)
    await here.settle()
    assert (await here.ready()).status, await here.said()
    assert held(here) == ["hello from hello\n", "key = 1\n"]


async def test_another_file_alone_replaces_the_pods_and_the_same_one_does_not(here: World) -> None:
    await here.push(APP, files=FILES)
    await here.settle()

    def pods() -> Any:
        return here.ours()["Deployment/hello-web"]["spec"]["template"]

    before = pods()
    await here.push(APP, files={**FILES, "README.md": "words"})
    await here.settle()
    assert pods() == before
    await here.push(APP, files=OTHER)
    await here.settle()
    assert pods() != before


async def test_a_file_that_is_not_in_the_commit_stalls_the_release_at_its_place(here: World) -> None:
    release = await here.push(APP, files={"greeting.txt": "x"})
    await here.settle()
    state = (await seen(here, release)).state
    stalled = state.condition(ConditionType.STALLED)
    assert stalled is not None
    assert (stalled.status, stalled.reason) == (True, Reason.INVALID_APP_YAML)
    place = 'app.yaml:8:29: components.web.files["/etc/a.conf"].source'
    assert stalled.message == f'{place}: there is no file "deploy/a.conf" beside app.yaml.'
    assert not any(name.startswith("Deployment/") for name in here.ours())


async def test_a_template_problem_is_told_in_the_file_itself(here: World) -> None:
    release = await here.push(APP, files={**FILES, "greeting.txt": "one\n  {{ .Nope }}\n"})
    await here.settle()
    stalled = (await seen(here, release)).state.condition(ConditionType.STALLED)
    assert stalled is not None
    assert stalled.message.startswith(
        'greeting.txt:2:3: components.web.files["/etc/greeting"].source: there is no .Nope.'
    )


async def test_a_repository_that_is_gone_is_not_told_as_a_missing_file(here: World) -> None:
    release = await here.push(APP, files=FILES)
    forget_git(here)
    await here.settle()
    stalled = (await seen(here, release)).state.condition(ConditionType.STALLED)
    assert stalled is not None
    assert (stalled.reason, "beside app.yaml" in stalled.message) == (Reason.COMMIT_NOT_FOUND, False)
