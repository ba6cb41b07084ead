"""A push that has to do with other Apps: what is missing and what is taken is told before anything is stored."""

from __future__ import annotations

import asyncio

import pytest

from mcd.errors import McdError
from mcd.model import Footprint, Noun, Reason, Result, Serving, Stalled
from mcd.store import intents
from tests.api.git.test_pushes import until_there
from tests.api.git.world import APP_YAML, Clone, Site, refused
from tests.store.world import ADMIN

CALLS = APP_YAML.replace("appname: shop", "appname: shop\napp_dep: {user-center: true}")
FACE = APP_YAML.replace("port: 8080", "port: 8080, domains: [face.example.com]")
MISSING = 'app.yaml:2:11: app_dep.user-center: there is no App "user-center". Create it first, or write optional: true.'


async def told(here: Site, clone: Clone, app_yaml: str, app: str = "shop") -> list[str]:
    clone.commit({"app.yaml": app_yaml})
    lines = [line.removeprefix("remote: ").rstrip() for line in await refused(here, clone, app=app)]
    return [line for line in lines if line.startswith("app.yaml:") and "warning" not in line]


async def test_an_app_that_is_not_there_or_not_to_be_seen_is_told_by_the_same_bytes(here: Site) -> None:
    clone = here.clone()
    assert await told(here, clone, CALLS) == [MISSING]
    async with here.world.db.writing() as tx:
        await intents.create_app(ADMIN, tx, here.world.now, "user-center", product_line="other")
    assert await told(here, clone, CALLS) == [MISSING]


async def test_a_host_that_another_app_has_is_told_with_its_line(here: Site) -> None:
    async with here.world.db.writing() as tx:
        await intents.create_app(ADMIN, tx, here.world.now, "face", product_line="demo")
        footprint = Footprint({"web": Serving("web")}, hosts=(("face.example.com", "/"),))
        await intents.push(
            ADMIN, tx, here.world.now, "face", commit="a" * 40, branch="main", app_yaml="x", footprint=footprint
        )
    said = 'app.yaml:3:58: components.web.domains[0]: face.example.com/ already belongs to App "face". '
    assert await told(here, here.clone(), FACE) == [f"{said}Use another host or path."]


async def test_who_mends_a_failed_build_with_a_push_that_deploys_nothing_is_told_the_step(here: Site) -> None:
    only_main = APP_YAML.replace("appname: shop", "appname: shop\ndeploy: {paths: [src]}")
    clone = here.clone()
    first = clone.commit({"app.yaml": only_main, "src/a": "1"})
    pushing = asyncio.create_task(clone.tried("push", here.remote(), "main"))
    await until_there(here, first)
    await here.finished(Noun.RELEASE, Result(Stalled(Reason.BUILD_FAILED, "no")))
    await pushing
    second = clone.commit({"README.md": "mended"})
    said = await clone.tried("push", here.remote(), "main")
    assert said.code == 0
    assert "Nothing of shop runs yet, and this push deploys nothing." in said.remote
    assert any("mcd deploy shop --release 2" in line for line in said.remote)
    with pytest.raises(McdError) as failed:
        async with here.world.db.writing() as tx:
            await intents.request_rollout(ADMIN, tx, here.world.now, "shop", release=1)
    assert f"Release 2 ({second[:12]}) came later and was not deployed" in str(failed.value)
    assert str(failed.value).endswith("`mcd deploy --release 2`.")
