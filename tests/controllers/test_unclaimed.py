"""What holds data and is no longer in app.yaml: it stays in the cluster, and the App says so for as long as it does."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.controllers.foundry import Foundry
from tests.controllers.world import World, world

KEEPS = """
appname: hello
permdir: true
components:
  web: {type: web, image: "nginx:1.29.3"}
"""


@pytest.fixture
async def here(tmp_path: Path, template: Path) -> AsyncIterator[World]:
    async with world(tmp_path, template, foundry=Foundry()) as made:
        yield made


async def test_a_directory_dropped_from_the_file_stays_and_is_told_until_it_is_wanted_again(here: World) -> None:
    await here.push(KEEPS)
    await here.settle()
    assert (await here.ready()).message == "web 1/1"
    uid = here.ours()["PersistentVolumeClaim/hello-permdir"]["metadata"]["uid"]
    await here.push(KEEPS.replace("permdir: true\n", ""))
    await here.settle()
    ready = await here.ready()
    assert ready.status
    assert ready.message == "web 1/1. Unclaimed: PersistentVolumeClaim/hello-permdir holds data and stays."
    assert here.ours()["PersistentVolumeClaim/hello-permdir"]["metadata"]["uid"] == uid
    await here.push(KEEPS)
    await here.settle()
    assert (await here.ready()).message == "web 1/1"
    assert here.ours()["PersistentVolumeClaim/hello-permdir"]["metadata"]["uid"] == uid


async def test_a_smaller_directory_is_refused_in_plain_words_and_the_rest_goes_on(here: World) -> None:
    await here.push(KEEPS)
    await here.settle()
    await here.push(KEEPS.replace("permdir: true", "permdir: {size: 5Gi}").replace("1.29.3", "1.29.4"))
    await here.settle()
    assert "ImmutableField" in await here.said()
    assert "it has 10Gi and cannot become smaller (5Gi). Write permdir.size: 10Gi or more." in await here.said()
    web = here.ours()["Deployment/hello-web"]["spec"]["template"]["spec"]["containers"][0]["image"]
    assert web == "nginx:1.29.4"
