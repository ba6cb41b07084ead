"""A commit becomes a Release: its images are pinned, built, or spared, and what runs follows the Release alone."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from mcd.model import ConditionType, EventKind, Reason, Release
from mcd.store import reads
from tests.controllers.foundry import HOST, Foundry
from tests.controllers.world import ADMIN, World, world

OWN = f"""
appname: hello
components:
  web: {{type: web, image: "{HOST}/hello:1"}}
  worker: {{type: daemon, image: "{HOST}/hello:1", command: work}}
  gpu: {{type: daemon, image: "nvidia/cuda:12.4.1", command: work}}
"""
TAGS = {"hello": "hello:1", "cache": "cache:7"}
BUILT = f"""
appname: hello
build: {{context: src}}
components:
  web: {{type: web, command: python app.py}}
  worker: {{type: daemon, command: python app.py work}}
  cache: {{type: daemon, image: "{HOST}/cache:7"}}
"""
SOURCES = {"src/Dockerfile": "FROM scratch\nCOPY . .\n", "src/app.py": "print(1)\n", "README.md": "hello\n"}


@pytest.fixture
def foundry() -> Foundry:
    made = Foundry()
    made.push(f"{HOST}/hello:1", "hello")
    made.push(f"{HOST}/cache:7", "cache")
    return made


@pytest.fixture
async def here(tmp_path: Path, template: Path, foundry: Foundry) -> AsyncIterator[World]:
    async with world(tmp_path, template, foundry=foundry) as made:
        yield made


async def seen(here: World, release: Release) -> Release:
    async with here.runtime.db.reading() as tx:
        return await reads.release(ADMIN, tx, release.app, release.number)


def running(here: World) -> dict[str, str]:
    """Component → image of its pods."""
    return {
        name.removeprefix("Deployment/hello-"): obj["spec"]["template"]["spec"]["containers"][0]["image"]
        for name, obj in here.ours().items()
        if name.startswith("Deployment/")
    }


# --- pins -------------------------------------------------------------------------------------------------------------


async def test_an_image_is_pinned_to_the_digest_of_its_tag_and_runs_by_it(here: World, foundry: Foundry) -> None:
    pinned = f"{HOST}/hello@{foundry.tags[f'{HOST}/hello:1']}"
    release = await here.push(OWN)
    await here.settle()
    assert (await seen(here, release)).images == {"web": pinned, "worker": pinned}
    assert running(here) == {"web": pinned, "worker": pinned, "gpu": "nvidia/cuda:12.4.1"}
    assert (await here.ready()).status, await here.said()


async def test_a_sidecar_is_pinned_like_the_program_that_it_stands_beside(here: World, foundry: Foundry) -> None:
    pinned = {name: f"{HOST}/{name}@{foundry.tags[f'{HOST}/{tag}']}" for name, tag in TAGS.items()}
    release = await here.push(
        f'appname: hello\ncomponents:\n  web: {{type: web, image: "{HOST}/hello:1", '
        f'sidecars: {{log: {{image: "{HOST}/cache:7"}}}}}}\n'
    )
    await here.settle()
    assert (await seen(here, release)).images == {"web": pinned["hello"], "web/log": pinned["cache"]}
    foundry.push(f"{HOST}/cache:7", "another")
    await here.settle()
    spec = here.ours()["Deployment/hello-web"]["spec"]["template"]["spec"]
    assert [c["image"] for c in spec["initContainers"]] == [pinned["cache"]]


async def test_a_tag_that_moves_changes_nothing_that_runs_until_the_next_push(here: World, foundry: Foundry) -> None:
    await here.push(OWN)
    await here.settle()
    before, was = here.written, running(here)
    moved = foundry.push(f"{HOST}/hello:1", "another")
    here.clock.forward(7 * 24 * 3600)
    await here.settle()
    assert here.writes_since(before) == []
    assert running(here) == was
    await here.push(OWN)
    await here.settle()
    assert running(here)["web"] == moved


async def test_a_tag_that_is_not_there_stalls_the_release_until_it_is_pushed(here: World, foundry: Foundry) -> None:
    before = here.written
    release = await here.push(OWN.replace("hello:1", "hello:2"))
    await here.settle()
    stalled = (await here.release_conditions(release))[ConditionType.STALLED]
    assert (stalled.status, stalled.reason) == (True, Reason.IMAGE_MISSING)
    assert f"there is no image {HOST}/hello:2 in the registry." in stalled.message
    assert here.writes_since(before) == []
    pushed = foundry.push(f"{HOST}/hello:2", "two")
    await here.retry(release)
    await here.settle()
    assert running(here)["web"] == pushed


async def test_what_cannot_be_pinned_runs_as_written_and_is_told_once(here: World, foundry: Foundry) -> None:
    await here.push(OWN)
    await here.settle()
    here.clock.forward(7 * 24 * 3600)
    await here.settle()
    assert await here.events("warning") == ["image nvidia/cuda:12.4.1 could not be pinned: it is somebody else's."]


async def test_a_release_that_waits_for_its_builder_tells_of_its_images_once(here: World, foundry: Foundry) -> None:
    foundry.answers = False
    text = BUILT + '  gpu: {type: daemon, image: "nvidia/cuda:12.4.1", command: work}\n'
    release = await here.push(text, files=SOURCES)
    for _ in range(3):
        await here.settle(horizon=1)
        here.clock.forward(60)
    assert (await here.release_conditions(release))[ConditionType.READY].reason is Reason.BUILDING
    foundry.answers = True
    await here.settle()
    assert await here.events("warning") == ["image nvidia/cuda:12.4.1 could not be pinned: it is somebody else's."]
    assert (await seen(here, release)).images.keys() == {"web", "worker", "cache"}


async def test_a_registry_that_does_not_answer_does_not_hold_up_a_push(here: World, foundry: Foundry) -> None:
    foundry.answers = False
    await here.push(OWN)
    await here.settle()
    assert running(here)["web"] == f"{HOST}/hello:1"
    told = await here.events("warning")
    assert f"image {HOST}/hello:1 could not be pinned: the registry {HOST} does not answer." in told


# --- builds -----------------------------------------------------------------------------------------------------------


async def test_what_names_no_image_runs_the_one_that_was_built(here: World, foundry: Foundry) -> None:
    release = await here.push(BUILT, files=SOURCES)
    await here.settle()
    (request,) = foundry.built
    assert (request.dockerfile, request.repository) == ("Dockerfile", f"{HOST}/hello")
    image = f"{HOST}/hello@{foundry.tags[f'{HOST}/hello:{release.commit[:12]}']}"
    cache = f"{HOST}/cache@{foundry.tags[f'{HOST}/cache:7']}"
    assert running(here) == {"web": image, "worker": image, "cache": cache}


async def test_a_build_is_told_with_the_time_at_which_it_began(here: World, foundry: Foundry) -> None:
    for dockerfile, last in (("FROM scratch\n", EventKind.BUILD_FINISHED), ("RUN false\n", EventKind.RELEASE_FAILED)):
        await here.push(BUILT, files={**SOURCES, "src/Dockerfile": dockerfile})
        await here.settle()
        async with here.runtime.db.reading() as tx:
            told = await reads.events(ADMIN, tx, after=0, kinds=[EventKind.BUILD_STARTED, last])
        began, ended = told.items[-2:]
        assert (began.kind, ended.kind) == (EventKind.BUILD_STARTED, last)
        assert began.at < ended.at


async def test_equal_inputs_are_built_once(here: World, foundry: Foundry) -> None:
    await here.push(BUILT, files=SOURCES)
    await here.settle()
    before, was = here.written, running(here)
    await here.push(BUILT.replace("app.py work", "app.py w"), files={**SOURCES, "README.md": "outside the context"})
    await here.settle()
    assert len(foundry.built) == 1
    assert running(here) == was
    assert here.writes_since(before) == ["apply Deployment/hello-worker"]


async def test_other_inputs_or_an_image_that_is_gone_are_built_again(here: World, foundry: Foundry) -> None:
    await here.push(BUILT, files=SOURCES)
    await here.settle()
    await here.push(BUILT, files={**SOURCES, "src/app.py": "print(2)\n"})
    await here.settle()
    assert len(foundry.built) == 2
    foundry.images.clear()
    await here.push(BUILT, files={**SOURCES, "README.md": "outside the context"})
    await here.settle()
    assert len(foundry.built) == 3


async def test_a_folder_of_pages_is_what_a_static_runtime_serves(here: World, foundry: Foundry) -> None:
    await here.push(
        "appname: hello\nruntime: static\ncomponents: {web: {type: web}}\n",
        files={"public/index.html": "<h1>hello", "notes.md": "not a page"},
    )
    await here.settle()
    assert "COPY public /www" in foundry.built[0].dockerfile_text


async def test_a_build_that_fails_changes_nothing_that_runs(here: World, foundry: Foundry) -> None:
    await here.push(BUILT, files=SOURCES)
    await here.settle()
    before = here.written
    release = await here.push(BUILT, files={**SOURCES, "src/Dockerfile": "FROM scratch\nRUN false\n"})
    await here.settle()
    stalled = (await here.release_conditions(release))[ConditionType.STALLED]
    assert (stalled.reason, stalled.status) == (Reason.BUILD_FAILED, True)
    assert here.writes_since(before) == []
