"""What is done to an App from its page: previewed exactly, confirmed, refused when something changed meanwhile."""

from __future__ import annotations

import pytest

from mcd.kube.play import Fate, play
from mcd.model import ConditionType
from tests.controllers.world import HELLO
from tests.portal.browsing import Site, Visitor

pytestmark = pytest.mark.asyncio(loop_scope="session")

CRASHING = """
appname: hello
components:
  web: {type: web, image: "registry.test/hello:2", rollout: {on_fail: keep}}
"""


async def press(visitor: Visitor, name: str, role: str = "button") -> None:
    await visitor.page.get_by_role(role, name=name, exact=True).first.click()  # type: ignore[arg-type]


async def crashed(site: Site) -> None:
    """Release 1 runs well; Release 2 dies again and again, and is not put back by itself."""
    await site.api.deployed(HELLO)
    world = site.api.world
    world.pods_run = False
    await world.push(CRASHING)
    for _ in range(40):
        await world.turn()
        play(world.kube, lambda _workload: Fate.CRASH)
        world.clock.forward(15)
        live = await world.live()
        if live is not None and live.release == 2 and live.state.is_now(ConditionType.STALLED):
            return
    raise AssertionError(await world.said())


async def test_a_crash_is_understood_and_rolled_back_from_the_page_alone(living: Site) -> None:
    await crashed(living)
    async with living.visitor("dora") as dora:
        await dora.visit("/apps/hello")
        print(await dora.text())
        await dora.page.screenshot(path="/tmp/crash.png", full_page=True)
        await press(dora, "Roll back", "link")
        print(await dora.text())
        await press(dora, "Preview")
        print(await dora.text())
        await dora.page.screenshot(path="/tmp/preview.png", full_page=True)
        await dora.axe()
        await press(dora, "Roll back")
        print(await dora.text())
    living.api.world.pods_run = True
    await living.api.world.settle()
    live = await living.api.world.live()
    assert live is not None
    assert live.release == 1
    assert live.state.is_now(ConditionType.READY)
