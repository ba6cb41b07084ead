"""Product lines, tokens, sessions and the audit: what they show to whom, and what their forms do."""

from __future__ import annotations

import re
from pathlib import Path

import httpx
import pytest

from mcd.api.portal.views.lines import flat
from mcd.api.portal.views.quota import quantity, uses
from mcd.model import Role
from tests.api.client import PASSWORD
from tests.portal.browsing import Site

pytestmark = pytest.mark.asyncio(loop_scope="session")

COMMANDS = Path(__file__).parents[2] / "docs" / "reference" / "command.md"
PAGES = ("/", "/apps", "/product-lines", "/product-lines/demo", "/tokens", "/sessions", "/events")


@pytest.mark.parametrize("language", ["en", "zh-CN"])
async def test_every_page_can_be_read_by_everybody_on_a_narrow_screen(site: Site, language: str) -> None:
    async with site.visitor("olaf", language=language, width=360, dark=language == "en") as olaf:
        for path in PAGES:
            await olaf.visit(path)
            await olaf.fits()
            await olaf.axe()


async def test_every_page_says_the_command_that_gives_the_same(site: Site) -> None:
    known = set(re.findall(r"^### `(mcd [a-z -]+)`$", COMMANDS.read_text("utf-8"), re.MULTILINE))
    async with site.api.as_("root", Accept="text/html") as client:
        for path in PAGES:
            said = re.search(r'<code id="command">([^<]+)</code>', (await client.get(path)).text)
            assert said, path
            words = said[1].split()
            assert any(" ".join(words[:count]) in known for count in (2, 3)), said[1]


async def test_an_owner_gives_a_role_and_takes_it_away(site: Site) -> None:
    async with site.visitor("olaf") as olaf:
        await olaf.visit("/product-lines/demo")
        await olaf.page.get_by_text("Let somebody in").click()
        await olaf.page.get_by_label("Name of the person").fill("nina")
        await olaf.page.get_by_label("Role", exact=True).select_option("viewer")
        await olaf.page.get_by_role("button", name="Give the role").click()
        await olaf.page.get_by_text("The role was given.").wait_for()
        assert (await site.api.actor("nina")).roles == {"demo": Role.VIEWER}
        row = olaf.page.locator("tr", has_text="nina")
        await row.get_by_text("Change").click()
        await row.get_by_label("Role of nina").select_option("none")
        await row.get_by_role("button", name="Save").click()
        await olaf.page.get_by_text("The role was taken away.").wait_for()
        assert (await site.api.actor("nina")).roles == {}


async def test_who_may_not_change_members_finds_no_form_and_is_refused_by_the_address(site: Site) -> None:
    async with site.visitor("dora") as dora:
        await dora.visit("/product-lines/demo")
        assert await dora.page.locator("form[action$='/members']").count() == 0
    async with site.api.as_("dora", Accept="text/html") as client:
        answer = await client.post("/product-lines/demo/members", data={"person": "dora", "role": "owner"})
        assert answer.status_code == 403
        assert "your role there is developer" in answer.text
        answer = await client.post("/product-lines/other/members", data={"person": "dora", "role": "owner"})
        assert answer.status_code == 404


async def test_the_last_owner_is_kept_and_the_page_says_so(site: Site) -> None:
    async with site.api.as_("olaf", Accept="text/html") as client:
        answer = await client.post("/product-lines/demo/members", data={"person": "olaf", "role": "none"})
    assert answer.status_code == 409
    assert "would have no owner" in answer.text


async def test_a_role_or_a_form_that_is_wrong_is_a_sentence(site: Site) -> None:
    async with site.api.as_("olaf", Accept="text/html") as client:
        for form in (
            {"person": "nina", "role": "king"},
            {"person": "nina"},
            {"person": "x", "role": "viewer", "a": "b"},
        ):
            answer = await client.post("/product-lines/demo/members", data=form)
            assert answer.status_code == 422, form
            assert "Something in the form is wrong" in answer.text
        answer = await client.post("/product-lines/demo/members", json={"person": "nina", "role": "viewer"})
        assert answer.status_code == 415


async def test_nobody_sees_a_product_line_of_others(site: Site) -> None:
    async with site.api.as_("dora", Accept="text/html") as client:
        assert "other" not in (await client.get("/product-lines")).text.split("<main")[1].split("</main>")[0]
        for path in ("/product-lines/other", "/product-lines/other/use", "/product-lines/ghost"):
            answer = await client.get(path)
            assert answer.status_code == 404
            assert "There is nothing here that you can see" in answer.text


async def test_the_use_of_a_quota_comes_after_the_page_and_says_what_is_full(living: Site) -> None:
    async with living.api.as_("root") as client:
        line = (await client.get("/api/v1/product-lines/demo")).headers["etag"]
        changed = await client.patch(
            "/api/v1/product-lines/demo",
            json={"wishes": {"quota": {"cpu": "4", "pods": 2}}},
            headers={"If-Match": line},
        )
        assert changed.status_code == 200, changed.text
    await living.api.world.settle()
    async with living.visitor("dora") as dora:
        await dora.visit("/product-lines/demo")
        await dora.page.locator("#use").wait_for()
        await dora.axe()
    async with living.visitor("dora", scripts=False) as dora:
        await dora.visit("/product-lines/demo")
        assert "pods" in await dora.text("#use")
        await dora.page.get_by_role("link", name="How much of it is used").click()
        await dora.whole()


async def test_shares_of_a_quota() -> None:
    quota = {
        "status": {
            "hard": {"requests.cpu": "4", "pods": "2", "x": "odd"},
            "used": {"requests.cpu": "1500m", "pods": "2"},
        }
    }
    rows = {row.resource: row for row in uses("demo", quota, None, "").rows}
    assert (rows["requests.cpu"].share, rows["requests.cpu"].full) == (37, False)
    assert (rows["pods"].share, rows["pods"].full) == (100, True)
    assert rows["x"].share is None
    assert quantity("64Gi") == 64 * 2**30
    assert flat({"a": {"b": [1, 2], "c": None, "d": [{"e": True}]}}) == [("a.b", "1, 2"), ("a.d[0].e", "true")]


async def test_a_token_is_shown_once_works_and_is_revoked(site: Site) -> None:
    async with site.visitor("dora") as dora:
        await dora.visit("/tokens")
        await dora.page.get_by_label("What it is for").fill("ci <b>bold</b>")
        await dora.page.get_by_role("button", name="Make the token").click()
        text = (await dora.page.locator("#token").inner_text()).strip()
        await dora.axe()
        async with httpx.AsyncClient(base_url=site.url, headers={"Authorization": f"Bearer {text}"}) as client:
            assert (await client.get("/api/v1/whoami")).json()["scope"] == "deploy"
        await dora.visit("/tokens")
        assert text not in await dora.page.content()
        row = dora.page.locator("tr", has_text="ci <b>bold</b>")
        await row.get_by_text("Revoke").first.click()
        await row.get_by_role("button").click()
        await dora.page.get_by_text("The token is revoked.").wait_for()
        async with httpx.AsyncClient(base_url=site.url, headers={"Authorization": f"Bearer {text}"}) as client:
            assert (await client.get("/api/v1/whoami")).status_code == 401


async def test_nobody_sees_the_tokens_of_others_but_an_admin(site: Site) -> None:
    async with site.api.as_("olaf", Accept="text/html") as client:
        assert (await client.get("/tokens?person=dora")).status_code == 404
    async with site.api.as_("root", Accept="text/html") as client:
        answer = await client.get("/tokens?person=dora")
        assert answer.status_code == 200
        assert "Tokens of dora" in answer.text
        assert 'action="/tokens"' not in answer.text


async def test_a_session_elsewhere_is_ended_from_here(site: Site) -> None:
    async with httpx.AsyncClient(base_url=site.url) as elsewhere:
        assert (await elsewhere.post("/api/v1/sessions", json={"name": "vera", "password": PASSWORD})).is_success
        async with site.visitor("") as vera:
            await site.sign_in(vera, "vera")
            await vera.visit("/sessions")
            assert await vera.page.get_by_text("this browser").count() == 1
            await vera.page.get_by_role("button", name="End it").click()
            await vera.page.get_by_text("The session was ended.").wait_for()
        assert (await elsewhere.get("/api/v1/whoami")).status_code == 401


async def test_the_audit_is_filtered_and_paged_and_shows_no_markup(site: Site) -> None:
    async with site.visitor("dora") as dora:
        await dora.visit("/events")
        await dora.page.get_by_label("What happened").select_option("rollout_requested")
        await dora.page.wait_for_url("**kind=rollout_requested")
        await dora.page.locator("#found").wait_for()
        words = await dora.page.locator("tbody td .state").all_inner_texts()
        assert set(words) == {"Rollout asked for"}
        await dora.visit("/events?app=own-dora")
        assert "own-vera" not in await dora.text("#found")
        await dora.visit("/events?app=%3Cscript%3E")
        assert "Nothing like that happened" in await dora.text()
    async with site.api.as_("nina", Accept="text/html") as client:
        assert "own-dora" not in (await client.get("/events")).text
        assert (await client.get("/events?cursor=nonsense")).status_code == 422
