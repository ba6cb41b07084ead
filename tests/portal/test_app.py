"""One App on its page: how it is, why, what can be done, live."""

from __future__ import annotations

import pytest

from tests.portal.browsing import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_the_page_of_an_app_says_what_runs_and_where(living: Site) -> None:
    await living.api.deployed()
    async with living.visitor("dora") as dora:
        await dora.visit("/apps/hello")
        print(await dora.text("main"))
        await dora.axe()
        await dora.page.screenshot(path="/tmp/app1.png", full_page=True)
