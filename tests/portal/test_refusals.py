"""Whatever goes wrong, a person reads a sentence in the portal's own frame; whatever strangers write, it stays text."""

from __future__ import annotations

from typing import Any

import httpx
import pytest
from fastapi import APIRouter
from fastapi.responses import Response
from sqlalchemy import update

from mcd.api.access import PUBLIC
from mcd.api.app import create_app
from mcd.api.portal.routing import pages
from mcd.api.throttle import Rates, Throttle
from mcd.store import tables as t
from tests.api.client import URL
from tests.portal.browsing import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

EVIL = '"><script>document.title="owned"</script><img src=x onerror=alert(1)>{{7*7}}\u202e'


def _failing() -> APIRouter:
    router = pages()

    @router.get("/fails", operation_id="fails", dependencies=[PUBLIC])
    async def fails() -> Response:
        raise RuntimeError("a secret detail of the program")

    return router


async def test_who_asks_too_often_reads_when_to_come_again(site: Site) -> None:
    site.api.app.state.throttle = Throttle(Rates(person=1))
    async with site.visitor("dora") as dora:
        for _ in range(5):
            # One more may pass when a minute ends between two of them.
            answer = await dora.page.goto(f"{site.url}/tokens")
            assert answer is not None
            if answer.status == 429:
                break
        assert answer.status == 429
        assert "Too many requests" in await dora.text("h1")
        assert "Try again in" in await dora.text()
        assert int(answer.headers["retry-after"]) > 0
        await dora.axe()


async def test_a_database_that_is_away_is_a_sentence_and_no_blank_page(site: Site) -> None:
    file = site.api.world.runtime.settings.data / "mcd.db"
    async with site.visitor("dora") as dora:
        away = file.with_suffix(".away")
        file.rename(away)
        try:
            for path in ("/", "/apps", "/product-lines/demo", "/events"):
                await dora.visit(path, status=503)
                assert "Something that is needed does not answer" in await dora.text("h1")
                assert str(file) not in await dora.page.content()
            await dora.axe()
        finally:
            away.rename(file)
        await dora.visit("/")


async def test_a_bug_is_told_by_its_request_id_only(site: Site) -> None:
    app = create_app(site.api.world.runtime, more=(_failing(),))
    async with httpx.AsyncClient(
        transport=httpx.ASGITransport(app, raise_app_exceptions=False), base_url=URL, headers={"Accept": "text/html"}
    ) as client:
        answer = await client.get("/fails")
    assert answer.status_code == 500
    assert "A bug in MCD" in answer.text
    assert answer.headers["x-request-id"] in answer.text
    assert "secret detail" not in answer.text
    assert "default-src 'none'" in answer.headers["content-security-policy"]


async def test_a_refusal_whose_page_cannot_be_made_is_told_all_the_same(site: Site) -> None:
    def broken(*_: Any) -> Response:
        raise RuntimeError("no page today")

    site.api.app.state.refusal_page = broken
    async with site.api.as_("dora", Accept="text/html") as client:
        answer = await client.get("/nothing")
    assert answer.status_code == 404
    assert answer.json()["code"] == "not_found"


async def test_a_header_that_is_no_address_is_no_bug(site: Site) -> None:
    async with site.api.as_("dora", Accept="text/html", Referer="http://[") as client:
        answer = await client.post("/apps/own-dora/deploy", data={"release": "1"})
    assert answer.status_code < 500, answer.text
    assert "<h1" in answer.text
    headers = {"HX-Request": "true", "HX-Current-URL": "http://[", "Accept": "text/html"}
    async with site.api.as_("", **headers) as client:
        answer = await client.get("/apps")
    assert answer.status_code == 401
    assert answer.headers["hx-redirect"] == "/login"


async def test_a_form_that_is_too_large_is_refused_in_words(site: Site) -> None:
    async with site.api.as_("dora", Accept="text/html") as client:
        answer = await client.post("/tokens", data={"name": "x" * 2_000_000})
    assert answer.status_code == 413
    assert "That is too much at a time" in answer.text


async def test_a_method_that_a_page_does_not_have(site: Site) -> None:
    async with site.api.as_("dora", Accept="text/html") as client:
        answer = await client.request("DELETE", "/apps")
    assert answer.status_code == 405
    assert "This cannot be done here" in answer.text


async def test_a_session_that_ended_under_an_open_form_says_so_and_changes_nothing(site: Site) -> None:
    async with site.visitor("dora") as dora:
        await dora.visit("/tokens")
        await dora.page.context.clear_cookies()
        await dora.page.get_by_label("What it is for").fill("ci")
        await dora.page.get_by_role("button", name="Make the token").click()
        await dora.page.get_by_role("heading", name="You are not signed in").wait_for()
        await dora.page.get_by_role("link", name="Sign in").click()
        await dora.page.wait_for_url(f"{site.url}/login")


async def test_what_strangers_write_is_text_on_every_list(living: Site) -> None:
    await living.api.deployed()
    async with living.api.world.runtime.db.writing() as tx:
        await tx.run(update(t.release).values(title=EVIL))
        row = await tx.row(t.rollout.select().where(t.rollout.c.live))
        assert row is not None
        conditions = [
            {**each, "message": EVIL, "status": each["type"] == "Stalled", "reason": "CrashLooping"}
            for each in row["conditions"]
        ]
        await tx.run(update(t.rollout).where(t.rollout.c.live).values(conditions=conditions))
        await tx.run(update(t.event).values(message=EVIL, data={"said": EVIL}))
    async with living.visitor("dora") as dora:
        for path in ("/", "/apps", "/events"):
            await dora.visit(path)
            assert "owned" not in await dora.page.title()
            assert '<script>document.title="owned"</script>' in await dora.text()
            assert "{{7*7}}" in await dora.text()
            assert await dora.page.locator("main img").count() == 0
            await dora.fits()


async def test_everything_is_reached_by_the_keyboard_alone(site: Site) -> None:
    async with site.visitor("dora") as dora:
        keys = dora.page.keyboard
        await dora.visit("/apps")
        await keys.press("Tab")
        await keys.press("Enter")
        for _ in range(30):
            await keys.press("Tab")
            if await dora.page.evaluate("document.activeElement.name") == "q":
                break
            outline = await dora.page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
            assert outline != "none", "what has the focus can be seen"
        await keys.type("own-vera")
        await keys.press("Enter")
        await dora.page.get_by_text("1 App of").wait_for()
        for _ in range(30):
            await keys.press("Tab")
            if await dora.page.evaluate("document.activeElement.textContent") == "own-vera":
                break
        await keys.press("Enter")
        await dora.page.wait_for_url(f"{site.url}/apps/own-vera")


async def test_on_paper_there_is_what_one_reads_and_nothing_to_press(site: Site) -> None:
    async with site.visitor("olaf") as olaf:
        await olaf.visit("/product-lines/demo")
        await olaf.page.emulate_media(media="print")
        assert await olaf.page.locator("nav.places").is_hidden()
        assert await olaf.page.locator("form:visible").count() == 0
        assert await olaf.page.get_by_role("heading", level=1).is_visible()
