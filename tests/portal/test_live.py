"""Live parts: sent when they look different, not again to who has seen them, and ended when they may not be seen."""

from __future__ import annotations

import html
import re

import httpx
import pytest
from playwright.async_api import Route

from tests.api.serving import Stream
from tests.portal.browsing import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")


def _of(page: str) -> str:
    found = re.search(r'hx-sse:connect="([^"]+)"', page)
    assert found, "the page has no live part"
    return html.unescape(found[1])


async def test_a_part_is_sent_when_it_changed_and_not_again_to_who_has_seen_it(living: Site) -> None:
    await living.api.deployed()
    bearer = {"Authorization": f"Bearer {living.api.tokens['dora']}", "Accept": "text/html"}
    async with httpx.AsyncClient(base_url=living.url, headers=bearer, timeout=30) as client:
        address = _of((await client.get("/apps/hello")).text)
        async with client.stream("GET", address) as opened:
            # The page was made without asking the cluster; its live part asks for the pods.
            first = await Stream(opened).next(seconds=10)
        assert "event" not in first, "what has a name is not put into the page"
        async with client.stream("GET", address, headers={"Last-Event-ID": first["id"]}) as opened:
            with pytest.raises(TimeoutError):
                await Stream(opened).next(seconds=1.5)
        async with client.stream("GET", address, headers={"Last-Event-ID": first["id"]}) as opened:
            asked = await living.api.post("/api/v1/apps/hello/rollouts", {"restart": ["web"]}, "dora")
            assert asked.is_success, asked.text
            second = await Stream(opened).next(seconds=10)
        assert second["id"] != first["id"]
        refused = await client.get(address, headers={"Last-Event-ID": "nonsense"})
        assert refused.status_code == 422


async def test_a_page_that_may_not_be_seen_any_more_stops_being_live_and_says_why(living: Site) -> None:
    await living.api.deployed()
    async with living.visitor("vera") as vera:
        await vera.visit("/apps/hello")
        await living.api.ask("DELETE", "/api/v1/product-lines/demo/members/vera", person="root")
        await vera.page.get_by_role("heading", name="There is nothing here that you can see").wait_for(timeout=20_000)


async def test_a_page_is_live_also_when_the_extension_for_it_comes_late(living: Site) -> None:
    """htmx, once it is there, starts in a timer of its own, unless the browser is still reading the page."""
    await living.api.deployed()
    async with living.visitor("vera") as vera:

        async def late(route: Route) -> None:
            await vera.page.wait_for_function("typeof htmx !== 'undefined'")
            await vera.page.evaluate("new Promise((after) => setTimeout(after))")
            await route.continue_()

        await vera.page.route("**/hx-sse.js", late)
        async with vera.page.expect_response(re.compile("/apps/hello/live")):
            await vera.visit("/apps/hello")
