"""Live parts: sent when they look different, not again to who has seen them, and ended when they may not be seen."""

from __future__ import annotations

import asyncio
import html
import re
from pathlib import Path

import httpx
import pytest
from playwright.async_api import Route

from mcd.observability.metrics import REGISTRY
from tests.api.serving import Stream
from tests.portal.browsing import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")


HIDE = """(on) => {
  Object.defineProperty(document, "hidden", {value: on, configurable: true});
  document.dispatchEvent(new Event("visibilitychange"));
}"""
"""A window without a screen is never hidden by itself."""


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
        # In one look: to look again and again by `wait_for_function` needs `eval`, which the page forbids.
        started = """new Promise((after) => {
            const look = () => typeof htmx === "undefined" ? setTimeout(look, 10) : setTimeout(after);
            look();
        })"""

        async def late(route: Route) -> None:
            await vera.page.evaluate(started)
            await route.continue_()

        await vera.page.route("**/hx-sse.js", late)
        async with vera.page.expect_response(re.compile("/apps/hello/live")):
            await vera.visit("/apps/hello")


async def test_a_page_outlives_a_database_that_is_away_for_a_while_and_says_so_meanwhile(living: Site) -> None:
    await living.api.deployed()
    file = Path(living.api.world.runtime.settings.database.removeprefix("sqlite:///"))
    away = file.with_name("away.db")
    async with living.visitor("vera") as vera:
        async with vera.page.expect_response(re.compile("/apps/hello/live")):
            await vera.visit("/apps/hello")
        await vera.page.evaluate("window.same = true")
        file.rename(away)
        await vera.page.get_by_text("Not live: the connection is lost. It is tried again.").wait_for(timeout=20_000)
        away.rename(file)
        async with vera.page.expect_response(
            lambda answer: "/apps/hello/live" in answer.url and answer.status == 200, timeout=30_000
        ):
            pass
        await vera.page.get_by_text("Not live").wait_for(state="detached", timeout=20_000)
        assert await vera.page.evaluate("window.same"), "the page was opened anew"
        # The browser notes each refusal while the database is away.
        vera.wrong = [line for line in vera.wrong if "SSE reconnect failed with status 503" not in line]


async def test_a_log_page_comes_back_after_a_refusal_and_holds_no_connection_while_nobody_looks(living: Site) -> None:
    await living.api.deployed()
    kube = living.api.world.kube
    (ref,) = kube.objects("Pod")
    kube.set_logs("demo", ref.name, "web", [b"first"])
    asked = 0

    async def refuse(route: Route) -> None:
        nonlocal asked
        asked += 1
        await (route.fulfill(status=503) if asked == 1 else route.continue_())

    async with living.visitor("dora") as dora:
        await dora.page.route("**/logs/live*", refuse)
        await dora.visit("/apps/hello/logs")
        await dora.page.get_by_text("Live: new lines appear by themselves.").wait_for(timeout=20_000)
        assert asked == 2
        await dora.page.evaluate(HIDE, True)
        async with asyncio.timeout(20):
            while REGISTRY.get_sample_value("mcd_http_streams", {"kind": "log"}):
                await asyncio.sleep(0.05)
        kube.set_logs("demo", ref.name, "web", [b"first", b"second"])
        await dora.page.evaluate(HIDE, False)
        await dora.page.get_by_text("second").wait_for(timeout=20_000)
        assert (await dora.text("#log")).count("first") == 1, "what was shown already was sent again"
        assert asked == 3
