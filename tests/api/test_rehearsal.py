"""What a dry run names is what is then written, with images that are built or pinned on the way."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from mcd.forge import trees
from mcd.store import reads
from tests.api.client import Api, api_of
from tests.controllers.foundry import HOST, Foundry
from tests.controllers.world import ADMIN, World, world

APP = f"""
appname: hello
components:
  web: {{type: web, command: python web.py}}
  worker: {{type: daemon, command: python worker.py, env: {{SECONDS: "5"}}}}
  report: {{type: cron, schedule: "*/5 * * * *", command: python report.py}}
  cache: {{type: daemon, image: "{HOST}/cache:7"}}
"""
SLOWER = APP.replace('"5"', '"6"')
FILES = {"Dockerfile": "FROM scratch\nCOPY . .\n", "web.py": "print(1)\n"}
OTHER = {**FILES, "web.py": "print(2)\n"}
BUILT = {"apply Deployment/hello-web", "apply Deployment/hello-worker", "apply CronJob/hello-report"}


@pytest.fixture
def foundry() -> Foundry:
    made = Foundry()
    made.push(f"{HOST}/cache:7", "cache")
    return made


@pytest.fixture
async def built(tmp_path: Path, template: Path, foundry: Foundry) -> AsyncIterator[Api]:
    """The App runs, from a commit that was built."""
    async with world(tmp_path, template, foundry=foundry) as here:
        api = await api_of(here)
        await here.push(APP, files=FILES)
        await here.settle()
        assert len(foundry.built) == 1
        yield api


async def commit(here: World, app_yaml: str, files: dict[str, str]) -> str:
    """A commit in the App's repository that nobody was told of."""
    async with here.runtime.db.reading() as tx:
        app = await reads.app(ADMIN, tx, "hello")
    return here.commit(app, {"app.yaml": app_yaml, **files})


async def context(here: World, files: dict[str, str]) -> dict[str, Any]:
    """What a client says of a work tree with these files."""
    at = await commit(here, APP, files)
    folder = await trees.folder(here.runtime.forge("mcd:hello"), "mcd:hello", at, "", without="app.yaml")
    return {"tree": folder.tree, "names": ["Dockerfile"]}


async def diff(api: Api, **asked: Any) -> dict[str, Any]:
    answer = await api.post("/api/v1/apps/hello/diff", asked)
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def named(found: dict[str, Any]) -> set[str]:
    verbs = {"created": "apply", "configured": "apply", "deleted": "delete"}
    return {f"{verbs[c['action']]} {c['object']['kind']}/{c['object']['name']}" for c in found["changes"]}


async def pushed(api: Api, app_yaml: str, files: dict[str, str]) -> set[str]:
    """What a push writes."""
    before = api.world.written
    await api.world.push(app_yaml, files=files)
    await api.world.settle()
    assert (await api.world.ready()).status, await api.world.said()
    return set(api.world.writes_since(before))


async def test_a_push_with_equal_inputs_writes_what_the_diff_named_and_no_more(built: Api, foundry: Foundry) -> None:
    found = await diff(built, app_yaml=SLOWER, context=await context(built.world, FILES))
    assert named(found) == {"apply Deployment/hello-worker"}
    assert found["to_build"] == []
    assert "image" not in found["changes"][0]["diff"]
    assert await pushed(built, SLOWER, FILES) == named(found)
    assert len(foundry.built) == 1


async def test_a_push_with_other_inputs_changes_every_component_that_it_builds(built: Api, foundry: Foundry) -> None:
    found = await diff(built, app_yaml=APP, context=await context(built.world, OTHER))
    assert found["to_build"] == ["report", "web", "worker"]
    assert named(found) == BUILT
    assert await pushed(built, APP, OTHER) == named(found)
    assert len(foundry.built) == 2


async def test_a_build_that_was_made_two_pushes_ago_is_found(built: Api, foundry: Foundry) -> None:
    await pushed(built, APP, OTHER)
    found = await diff(built, app_yaml=APP, context=await context(built.world, FILES))
    assert (found["to_build"], named(found)) == ([], BUILT)
    first = foundry.tags[f"{HOST}/hello:{foundry.built[0].tag}"]
    assert all(first in change["diff"] for change in found["changes"])
    assert await pushed(built, APP, FILES) == named(found)
    assert len(foundry.built) == 2


async def test_an_image_that_the_registry_lost_is_built_again_and_that_is_said(built: Api, foundry: Foundry) -> None:
    foundry.images.clear()
    found = await diff(built, app_yaml=APP, context=await context(built.world, FILES))
    assert found["to_build"] == ["report", "web", "worker"]


async def test_without_a_word_of_the_inputs_the_image_counts_as_new(built: Api) -> None:
    found = await diff(built, app_yaml=SLOWER)
    assert found["to_build"] == ["report", "web", "worker"]
    assert named(found) == BUILT


async def test_a_commit_that_was_pushed_runs_already_and_another_text_is_not_taken_for_it(built: Api) -> None:
    async with built.world.runtime.db.reading() as tx:
        release = await reads.release(ADMIN, tx, "hello")
    same = await diff(built, app_yaml=APP, commit=release.commit)
    assert (same["changes"], same["to_build"]) == ([], [])
    other = await diff(built, app_yaml=SLOWER, commit=release.commit, context=await context(built.world, FILES))
    assert named(other) == {"apply Deployment/hello-worker"}


@pytest.mark.parametrize(
    ("files", "expected"), [(FILES, {"apply Deployment/hello-worker"}), (OTHER, BUILT)], ids=["equal", "other"]
)
async def test_a_deploy_of_a_commit_writes_what_its_dry_run_named(
    built: Api, files: dict[str, str], expected: set[str]
) -> None:
    at = await commit(built.world, SLOWER, files)
    answer = await built.post("/api/v1/apps/hello/rollouts", {"commit": at, "dry_run": True})
    assert named(answer.json()) == expected, answer.text
    assert bool(answer.json()["to_build"]) == (expected == BUILT)
    before = built.world.written
    await built.post("/api/v1/apps/hello/rollouts", {"commit": at})
    await built.world.settle()
    assert set(built.world.writes_since(before)) == expected


async def test_a_change_of_settings_writes_what_its_dry_run_named(built: Api) -> None:
    wish = {"components": {"worker": {"replicas": 2}}}
    settings = "/api/v1/apps/hello/settings"
    answer = await built.ask("PATCH", settings, {**wish, "dry_run": True}, "olaf")
    before = built.world.written
    changed = await built.ask("PATCH", settings, wish, "olaf")
    assert changed.status_code == 200, changed.text
    await built.world.settle()
    assert set(built.world.writes_since(before)) == named(answer.json())
    assert "apply Deployment/hello-worker" in named(answer.json())
    assert answer.json()["to_build"] == []


async def test_an_image_is_shown_by_the_digest_that_its_tag_names_now(built: Api, foundry: Foundry) -> None:
    inputs = await context(built.world, FILES)
    assert (await diff(built, app_yaml=APP, context=inputs))["changes"] == []
    moved = foundry.push(f"{HOST}/cache:7", "another")
    found = await diff(built, app_yaml=APP, context=inputs)
    assert named(found) == {"apply Deployment/hello-cache"}
    assert f'+ spec.template.spec.containers[cache].image: "{moved}"' in found["changes"][0]["diff"]
    assert await pushed(built, APP + "# another commit\n", FILES) == named(found)


async def test_an_image_that_is_not_there_is_refused_as_the_release_would_be(built: Api) -> None:
    answer = await built.post("/api/v1/apps/hello/diff", {"app_yaml": APP.replace("cache:7", "cache:8")})
    assert (answer.status_code, answer.json()["reason"]) == (422, "ImageMissing")
    assert answer.json()["detail"].startswith(f"there is no image {HOST}/cache:8 in the registry.")


async def test_inputs_without_anything_to_build_from_are_refused_as_the_build_would_be(built: Api) -> None:
    inputs = {**await context(built.world, FILES), "names": ["web.py"]}
    answer = await built.post("/api/v1/apps/hello/diff", {"app_yaml": APP, "context": inputs})
    assert answer.status_code == 422
    assert "there is no Dockerfile in the build context." in answer.json()["detail"]


@pytest.mark.parametrize(
    "inputs", [{"tree": "x" * 64, "names": []}, {"tree": "0" * 64}, {"tree": "0" * 64, "names": ["a"] * 2001}]
)
async def test_inputs_that_are_none_are_refused(built: Api, inputs: dict[str, Any]) -> None:
    answer = await built.post("/api/v1/apps/hello/diff", {"app_yaml": APP, "context": inputs})
    assert answer.status_code == 422


SOURCED = APP.replace('image: "', 'files: {/etc/a: {source: a.conf}}, image: "')
SENT = {"a.conf": "a2V5ID0gMQo="}
"""`key = 1` and a line feed."""


async def test_a_diff_is_made_with_the_files_that_are_sent_and_a_push_writes_that(built: Api) -> None:
    files = {**FILES, "a.conf": "key = 1\n"}
    found = await diff(built, app_yaml=SOURCED, files=SENT, context=await context(built.world, files))
    (config,) = [c for c in found["changes"] if c["object"]["kind"] == "ConfigMap"]
    assert "key = 1" in config["diff"]
    assert await pushed(built, SOURCED, files) == named(found)
    again = await diff(built, app_yaml=SOURCED, files=SENT, context=await context(built.world, files))
    assert again["changes"] == []
    other = await diff(built, app_yaml=SOURCED, files={"a.conf": "eA=="}, context=await context(built.world, files))
    assert "ConfigMap" in {c["object"]["kind"] for c in other["changes"]}


async def test_a_file_that_was_not_sent_is_not_there(built: Api) -> None:
    answer = await built.post("/api/v1/apps/hello/diff", {"app_yaml": SOURCED})
    assert answer.status_code == 422, answer.text
    assert "there is no file" in answer.text


async def test_another_file_of_a_commit_that_was_pushed_is_not_taken_for_it(built: Api) -> None:
    await pushed(built, SOURCED, {**FILES, "a.conf": "key = 1\n"})
    async with built.world.runtime.db.reading() as tx:
        release = await reads.release(ADMIN, tx, "hello")
    same = await diff(built, app_yaml=SOURCED, files=SENT, commit=release.commit)
    assert same["changes"] == []
    other = await diff(built, app_yaml=SOURCED, files={"a.conf": "eA=="}, commit=release.commit)
    assert "ConfigMap" in {c["object"]["kind"] for c in other["changes"]}


async def test_a_dry_run_of_a_commit_that_nobody_pushed_reads_its_files(built: Api) -> None:
    at = await commit(built.world, SOURCED, {**FILES, "a.conf": "key = 3\n"})
    answer = await built.post("/api/v1/apps/hello/rollouts", {"commit": at, "dry_run": True})
    assert answer.status_code == 200, answer.text
    (config,) = [c for c in answer.json()["changes"] if c["object"]["kind"] == "ConfigMap"]
    assert "key = 3" in config["diff"]
    before = built.world.written
    await built.post("/api/v1/apps/hello/rollouts", {"commit": at})
    await built.world.settle()
    assert set(built.world.writes_since(before)) == named(answer.json())


async def test_a_device_that_no_pool_has_is_refused_with_those_that_there_are(live: Api) -> None:
    for name, model in (("gpu-t4", "T4"), ("gpu-a100", "A100")):
        pool = {"labels": {"mcd.internal/node-pool": name}, "devices": [{"vendor": "nvidia", "model": model}]}
        assert (await live.ask("PUT", f"/api/v1/node-pools/local/{name}", pool, "root")).status_code in (200, 201)
    asks = "appname: hello\ncomponents: {web: {type: web, image: 'r.test/x:1', resources: {gpu: H100}}}\n"
    there = "There is: A100 (gpu-a100), T4 (gpu-t4). `mcd node-pool list` says more."
    refused = await live.post("/api/v1/apps/hello/diff", {"app_yaml": asks, "product_line": "demo"})
    assert refused.status_code == 422, refused.text
    assert refused.json()["problems"][0]["hint"].endswith(there)
    found = (await live.post("/api/v1/validate", {"app_yaml": asks, "product_line": "demo"})).json()
    assert found["problems"][0]["hint"].endswith(there)
