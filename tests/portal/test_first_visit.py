"""Somebody who has never been here: from the first page to a running App of their own, by what the pages say alone."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest

from tests.api.git.world import Clone, Said
from tests.portal.browsing import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

WEB = 'components: {web: {type: web, image: "registry.test/hello:1"}}\n'


async def test_from_the_first_visit_to_a_running_app_of_ones_own(living: Site, tmp_path: Path) -> None:
    clone = Clone(tmp_path / "work")
    clone.folder.mkdir()
    clone.git("init", "-q", "-b", "main")
    async with living.visitor("") as dora:
        await dora.visit("/")
        await dora.page.wait_for_url("**/login**")
        await living.sign_in(dora, "dora")
        (address,) = re.findall(r"git push http://[^/]+(/git/hello-dora\.git) main", await dora.text())
        await dora.visit("/tokens")
        await dora.page.get_by_label("What it is for").fill("my laptop")
        await dora.page.get_by_role("button", name="Make the token").click()
        token = (await dora.page.locator("#token").inner_text()).strip()
        remote = f"{living.url.replace('://', f'://dora:{token}@')}{address}"
        clone.commit({"app.yaml": WEB})
        refused = await pushed(living, clone, remote)
        assert 'app.yaml:1:1: appname: "appname" is missing. Write appname: and a name.' in refused.text
        await dora.visit("/apps")
        assert "There is no App yet" in await dora.text()
        clone.commit({"app.yaml": f"appname: hello-dora\n{WEB}"})
        said = await pushed(living, clone, remote)
        assert said.code == 0, said.text
        await dora.visit("/apps")
        await dora.page.get_by_role("link", name="hello-dora").click()
        await dora.page.locator("#now", has_text="1 of 1 ready").wait_for()
        await dora.whole()
        await dora.axe()
        await dora.visit("/")
        assert "hello-dora" in await dora.text()
        assert "git push" not in await dora.text()


async def pushed(site: Site, clone: Clone, remote: str) -> Said:
    """A push, while the controllers work on what it asks for."""
    push = asyncio.create_task(clone.tried("push", remote, "main"))
    while not push.done():
        await site.api.world.settle()
        await asyncio.wait([push], timeout=0.05)
    return push.result()
