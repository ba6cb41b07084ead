"""What every page of the portal has around it: signing in and out, languages, colours, refusals, files."""

from __future__ import annotations

import importlib
import pkgutil
import re
from datetime import UTC, datetime, timedelta

import httpx
import pytest
from fastapi import APIRouter
from fastapi.responses import HTMLResponse

from mcd.api.access import PUBLIC
from mcd.api.app import create_app
from mcd.api.portal import ROUTERS, routes
from mcd.api.portal.assets import assets
from mcd.api.portal.language import language
from mcd.api.portal.pages import POLICY
from mcd.api.portal.views.frame import local
from mcd.model.why import WORDS
from mcd.model.why.table import SAID
from scripts import translations, vendor
from tests.api.client import PASSWORD
from tests.api.serving import serving
from tests.portal.browsing import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_who_signs_in_comes_back_to_the_page_that_was_asked_for(site: Site) -> None:
    async with site.visitor("") as nobody:
        await nobody.visit("/?a=1")
        assert nobody.page.url == f"{site.url}/login?next=%2F%3Fa%3D1"
        await nobody.axe()
        await nobody.page.get_by_label("User name").fill("dora")
        await nobody.page.get_by_label("Password").fill(PASSWORD)
        await nobody.page.get_by_role("button", name="Sign in", exact=True).click()
        await nobody.page.wait_for_url(f"{site.url}/?a=1")
        await nobody.whole()
        assert "dora" in await nobody.text("header")


async def test_a_wrong_password_says_no_more_than_that_it_does_not_fit(site: Site) -> None:
    async with site.visitor("") as nobody:
        await nobody.visit("/login")
        await nobody.page.get_by_label("User name").fill("dora")
        await nobody.page.get_by_label("Password").fill("not it")
        await nobody.page.get_by_role("button", name="Sign in", exact=True).click()
        assert "Name or password is wrong" in await nobody.page.get_by_role("alert").inner_text()
        assert await nobody.page.get_by_label("User name").input_value() == "dora"
        assert await nobody.page.get_by_label("Password").input_value() == ""
        await nobody.axe()


async def test_a_token_signs_in_and_is_worth_nothing_once_it_is_revoked(site: Site) -> None:
    async with site.visitor("") as nobody:
        await nobody.visit("/login")
        await nobody.page.get_by_text("With a token instead").click()
        await nobody.page.get_by_label("Token").fill(await site.api.token("dora", label="portal"))
        await nobody.page.get_by_role("button", name="Sign in with the token").click()
        await nobody.page.wait_for_url(f"{site.url}/")
        listed = (await site.api.get("/api/v1/people/dora/tokens")).json()["items"]
        (mine,) = [token["id"] for token in listed if token["name"] == "portal"]
        await site.api.ask("DELETE", f"/api/v1/people/dora/tokens/{mine}")
        await nobody.visit("/")
        assert nobody.page.url == f"{site.url}/login"


async def test_signing_out_ends_the_session_itself(site: Site) -> None:
    async with site.visitor("") as dora:
        await site.sign_in(dora, "dora")
        kept = await dora.page.context.cookies()
        await dora.page.locator("details.me summary").click()
        await dora.page.get_by_role("button", name="Sign out").click()
        await dora.page.wait_for_url(f"{site.url}/login")
        assert "You are signed out." in await dora.text()
        await dora.page.context.add_cookies(kept)
        await dora.visit("/")
        assert dora.page.url == f"{site.url}/login"


@pytest.mark.parametrize("scripts", [True, False])
async def test_the_language_and_the_colours_are_chosen_and_kept(site: Site, scripts: bool) -> None:
    async with site.visitor("dora", scripts=scripts) as dora:
        await dora.visit("/")
        assert await dora.page.get_attribute("html", "lang") == "en"
        await dora.page.get_by_role("button", name="中文").click()
        assert await dora.page.get_attribute("html", "lang") == "zh-CN"
        await dora.page.get_by_role("button", name="深色").click()
        await dora.visit("/")
        assert await dora.page.get_attribute("html", "lang") == "zh-CN"
        assert await dora.page.get_attribute("html", "data-theme") == "dark"
        assert await dora.page.get_by_role("button", name="深色").get_attribute("aria-pressed") == "true"


async def test_who_chooses_a_language_after_a_refused_form_goes_on_where_the_form_stood(site: Site) -> None:
    async with site.visitor("olaf") as olaf:
        await olaf.visit("/product-lines/demo")
        await olaf.page.get_by_text("Let somebody in").click()
        await olaf.page.get_by_label("Name of the person").fill("ghost")
        await olaf.page.get_by_role("button", name="Give the role").click()
        await olaf.page.get_by_text("There is no person").wait_for()
        await olaf.page.get_by_role("button", name="中文").click()
        await olaf.page.wait_for_url(f"{site.url}/product-lines/demo")
        assert await olaf.page.get_attribute("html", "lang") == "zh-CN"


async def test_a_browser_that_prefers_chinese_is_answered_in_chinese(site: Site) -> None:
    async with site.visitor("", language="zh-CN") as nobody:
        await nobody.visit("/login")
        assert await nobody.page.inner_text("h1") == "登录"


@pytest.mark.parametrize("dark", [False, True])
@pytest.mark.parametrize("width", [360, 1280])
async def test_a_page_can_be_read_by_everybody_in_either_colours(site: Site, dark: bool, width: int) -> None:
    async with site.visitor("dora", dark=dark, width=width) as dora:
        await dora.visit("/")
        await dora.fits()
        await dora.axe()


async def test_the_keyboard_reaches_the_content_first(site: Site) -> None:
    async with site.visitor("dora") as dora:
        await dora.visit("/")
        await dora.page.keyboard.press("Tab")
        assert await dora.page.evaluate("document.activeElement.className") == "skip"
        await dora.page.keyboard.press("Enter")
        assert await dora.page.evaluate("document.activeElement.id") == "main"


async def test_what_is_not_there_is_a_page_with_a_way_on(site: Site) -> None:
    async with site.visitor("dora") as dora:
        await dora.visit("/nothing", status=404)
        assert "There is nothing here that you can see" in await dora.text("h1")
        await dora.axe()
        assert await dora.page.get_by_role("link", name="Apps").count() >= 1


async def test_an_error_of_the_api_is_never_a_page(site: Site) -> None:
    async with httpx.AsyncClient(base_url=site.url) as client:
        answer = await client.get("/api/v1/nothing", headers={"Accept": "text/html"})
    assert answer.headers["content-type"] == "application/problem+json"


async def test_a_form_of_another_site_changes_nothing_and_says_so_on_a_page(site: Site) -> None:
    async with httpx.AsyncClient(base_url=site.url) as client:
        answer = await client.post(
            "/preferences",
            data={"language": "zh_CN"},
            headers={"Accept": "text/html", "Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site"},
        )
    assert answer.status_code == 403
    assert "This is not yours to do" in answer.text
    assert "set-cookie" not in answer.headers


async def test_a_part_that_is_refused_says_so_beside_the_page(site: Site) -> None:
    async with site.api.as_("dora", **{"HX-Request": "true", "Accept": "text/html"}) as client:
        answer = await client.get("/nothing")
    assert answer.headers["hx-retarget"] == "#notice"
    assert "<html" not in answer.text
    async with site.api.as_("", **{"HX-Request": "true", "HX-Current-URL": f"{site.url}/apps?state=stalled"}) as client:
        answer = await client.get("/")
    assert answer.headers["hx-redirect"] == "/login?next=%2Fapps%3Fstate%3Dstalled"


async def test_nobody_is_sent_to_another_host() -> None:
    for hostile in ("https://evil.example", "//evil.example", "/\\evil.example", "javascript:alert(1)", "/a\nb", ""):
        assert local(hostile) == "/"
    assert local("/apps?state=held") == "/apps?state=held"


async def test_a_file_is_kept_for_ever_and_an_older_address_has_nothing(site: Site) -> None:
    async with httpx.AsyncClient(base_url=site.url) as client:
        for asset in assets().values():
            answer = await client.get(asset.url)
            assert answer.status_code == 200
            assert answer.content == asset.content
            assert "immutable" in answer.headers["cache-control"]
        gone = await client.get("/static/0000000000000000/mcd.css")
        assert gone.status_code == 404
        assert "immutable" not in gone.headers["cache-control"]


async def test_what_breaks_the_policy_is_refused_and_reported(site: Site) -> None:
    router = APIRouter()

    @router.get("/inline", operation_id="inline", dependencies=[PUBLIC])
    async def inline() -> HTMLResponse:
        text = "<!doctype html><html lang=en><title>x</title><main><h1>x</h1><script>document.title = 'ran'</script>"
        return HTMLResponse(text, headers=POLICY)

    app = create_app(site.api.world.runtime, more=(router,))
    async with serving(app) as url:
        context = await site.browser.new_context()
        page = await context.new_page()
        async with page.expect_response("**/csp-reports") as reported:
            await page.goto(f"{url}/inline")
        assert (await reported.value).status == 204
        assert await page.title() == "x"
        await context.close()
    assert "script-src" in app.state.csp_reports[0]


async def test_no_template_holds_a_style_a_script_or_an_address_of_another_host() -> None:
    for path in (translations.PORTAL / "templates").rglob("*.html"):
        text = path.read_text("utf-8")
        assert not re.search(r"\sstyle=|\son[a-z]+=|javascript:|https?://|//cdn", text), path
        assert not re.search(r"\|\s*safe|autoescape", text), f"{path}: nothing goes unescaped"


async def test_every_router_of_the_folder_is_wired() -> None:
    for found in pkgutil.iter_modules(routes.__path__):
        module = importlib.import_module(f"{routes.__name__}.{found.name}")
        if hasattr(module, "router"):
            assert module.router in ROUTERS, found.name


async def test_every_text_is_translated_and_nothing_is_left_over() -> None:
    assert translations.problems() == []


async def test_vendored_files_are_what_their_locks_say() -> None:
    assert [problem for folder in vendor.FOLDERS for problem in vendor.problems(folder)] == []


@pytest.mark.parametrize(
    ("passed", "english", "chinese"),
    [
        (timedelta(minutes=53), "53 minutes ago", "53分钟前"),
        (timedelta(minutes=59, seconds=40), "1 hour ago", "1小时前"),
        (timedelta(minutes=61), "1 hour ago", "1小时前"),
        (timedelta(hours=22), "22 hours ago", "22小时前"),
        (timedelta(days=6), "6 days ago", "6天前"),
        (timedelta(days=-6), "in 6 days", "6天后"),
    ],
)
async def test_a_unit_of_time_begins_where_it_is_full(passed: timedelta, english: str, chinese: str) -> None:
    now = datetime(2026, 11, 24, 12, tzinfo=UTC)
    assert [language(code).ago(now - passed, now) for code in ("en", "zh_CN")] == [english, chinese]
    assert language("en").lasting(53 * 60) == "53 minutes"


async def test_one_word_stands_for_scaling_in_chinese() -> None:
    texts = [text for said in language("zh_CN").texts.values() for text in said]
    texts += [phrase.zh for words in WORDS.values() for phrase in (words.sentence, words.step)]
    texts += [phrase.zh for phrase in SAID.values()]
    assert [text for text in texts if "伸缩" in text] == []
    assert any("扩缩容" in text for text in texts)
