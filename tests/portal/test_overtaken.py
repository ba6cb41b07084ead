"""Between the last look of a confirmation and its write there is a moment, and somebody else may act in it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path

import pytest
from playwright.async_api import Browser

from mcd.kube.memory import MemoryCluster
from mcd.model import Trigger
from mcd.objects import Object, Ref
from mcd.store import intents
from tests.api.client import api_of
from tests.controllers.world import ADMIN, Clock, world
from tests.portal.browsing import Site
from tests.portal.previews import confirm, send

pytestmark = pytest.mark.asyncio(loop_scope="session")


@dataclass
class Meanwhile(MemoryCluster):
    """A cluster that takes its time: once, `act` is done before it answers who looks."""

    act: Callable[[], Awaitable[object]] | None = None

    async def get(self, ref: Ref) -> Object | None:
        found = await super().get(ref)
        if self.act is not None:
            act, self.act = self.act, None
            await act()
        return found


async def test_who_was_faster_by_a_moment_is_not_overwritten(browser: Browser, template: Path, tmp_path: Path) -> None:
    cluster = Meanwhile(clock=Clock())
    async with world(tmp_path, template, cluster) as made:
        site = Site(await api_of(made), "", browser)
        await site.api.deployed()

        async def faster() -> None:
            async with made.runtime.db.writing() as tx:
                await intents.request_rollout(
                    ADMIN, tx, made.clock(), "hello", release=1, trigger=Trigger.RESTART, restart=["web"]
                )

        preview = await send(site, "/apps/hello/restart", {"component": "web"})
        assert preview.status == 200
        cluster.act = faster
        again = await confirm(site, preview)
        assert cluster.act is None, "it happened while it was looked for the last time"
        assert again.status == 409
        live = await made.live()
        assert live is not None
        assert live.number == 2, "the other one's, and no third"
