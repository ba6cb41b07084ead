"""One Chromium for all tests of the portal, and for each test a real server over its own copy of the prepared database.

`site` is the stage of `tests.api.client`: people, product lines and Apps that wait for controllers. `living` is a whole
control plane beside it, with a cluster in memory (`tests.controllers.world`): push, settle, look.
Tests say `pytestmark = pytest.mark.asyncio(loop_scope="session")`: the browser lives in one loop.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.api.client import Stage, api_of, on_stage
from tests.api.conftest import stage, template
from tests.api.serving import serving
from tests.controllers.world import world
from tests.portal.browsing import Site, browsing

__all__ = ["stage", "template"]


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    async with browsing() as opened:
        yield opened


@pytest_asyncio.fixture(loop_scope="session")
async def site(browser: Browser, stage: Stage, tmp_path: Path) -> AsyncIterator[Site]:
    async with on_stage(stage, tmp_path) as api, serving(api.app) as url:
        yield Site(api, url, browser)


@pytest_asyncio.fixture(loop_scope="session")
async def living(browser: Browser, template: Path, tmp_path: Path) -> AsyncIterator[Site]:
    async with world(tmp_path, template) as made:
        api = await api_of(made)
        async with serving(api.app) as url:
            yield Site(api, url, browser)


@pytest.fixture
def anyio_backend() -> str:
    return "asyncio"
