"""Home and the list of Apps: what is wrong first, search and filters with and without scripts, pages, a full house."""

from __future__ import annotations

import asyncio
import re
import statistics
import time

import pytest
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import event
from starlette.requests import Request

from mcd.api.portal.briefly import Briefly
from mcd.api.portal.views.apps import ON_A_PAGE
from mcd.errors import Code, McdError
from tests.portal.browsing import Site
from tests.portal.crowd import crowd

pytestmark = pytest.mark.asyncio(loop_scope="session")


async def test_who_sees_no_app_reads_how_to_make_the_first_one_on_this_server(living: Site) -> None:
    async with living.visitor("dora") as dora:
        await dora.visit("/")
        said = await dora.text()
        assert "mcd login http://127.0.0.1:7070 --name dora" in said
        assert "git push http://127.0.0.1:7070/git/hello-dora.git main" in said
        await dora.axe()
        await dora.visit("/apps")
        assert "There is no App yet" in await dora.text()
        await dora.axe()
    async with living.visitor("nina", language="zh-CN", width=360) as nina:
        await nina.visit("/")
        assert "mcd member add nina --role developer -p NAME" in await nina.text()
        await nina.fits()
        await nina.axe()


async def test_home_says_what_is_wrong_and_what_was_deployed_last(living: Site) -> None:
    await living.api.deployed()
    await crowd(living.api.world, 40)
    async with living.visitor("dora") as dora:
        await dora.visit("/")
        wrong = await dora.page.locator("section", has=dora.page.locator("#wrong")).inner_text()
        assert "app-0000" in wrong
        assert "web is crash-looping" in wrong
        assert "app-0001" not in wrong
        last = await dora.page.locator("section", has=dora.page.locator("#last")).inner_text()
        assert "hello" in last or "app-0039" in last
        await dora.axe()
        await dora.page.get_by_role("link", name=re.compile("stalled")).first.click()
        await dora.page.wait_for_url("**/apps?state=stalled")
        assert "6 Apps of 41" in await dora.text()
        await dora.axe()


async def test_the_list_answers_while_one_types_and_the_address_says_what_is_shown(living: Site) -> None:
    await living.api.deployed()
    await crowd(living.api.world, 120)
    async with living.visitor("dora") as dora:
        await dora.visit("/apps")
        await dora.page.get_by_label("App name").type("app-003")
        await dora.page.get_by_text("10 Apps of 121").wait_for()
        assert dora.page.url.startswith(f"{living.url}/apps?q=app-003")
        assert await dora.page.evaluate("document.activeElement.name") == "q", "the focus stays where one types"
        await dora.page.get_by_label("State", exact=True).select_option("stalled")
        await dora.page.get_by_text("1 App of 121").wait_for()
        await dora.visit(dora.page.url.removeprefix(living.url))
        assert "app-0035" in await dora.text("#found")
        await dora.axe()


async def test_the_list_is_searched_and_paged_without_scripts(living: Site) -> None:
    await living.api.deployed()
    await crowd(living.api.world, 2 * ON_A_PAGE)
    async with living.visitor("dora", scripts=False, width=360) as dora:
        await dora.visit("/apps")
        await dora.fits()
        first = await dora.page.locator("tbody tr").count()
        await dora.page.get_by_role("link", name="Next page").click()
        second = await dora.page.locator("tbody tr").count()
        await dora.page.get_by_role("link", name="Next page").click()
        third = await dora.page.locator("tbody tr").count()
        assert (first, second, third) == (ON_A_PAGE, ON_A_PAGE, 1)
        await dora.page.get_by_role("link", name="First page").click()
        await dora.page.get_by_label("App name").fill("nothing-like-that")
        await dora.page.get_by_role("button", name="Filter").click()
        assert "No App is like that." in await dora.text()


async def test_nobody_finds_an_app_of_a_product_line_that_is_not_theirs(site: Site) -> None:
    async with site.api.as_("dora", Accept="text/html") as client:
        assert "/apps/alien" not in (await client.get("/apps?q=alien")).text
        assert "alien" not in (await client.get("/")).text
    async with site.api.as_("root", Accept="text/html") as client:
        assert 'href="/apps/alien"' in (await client.get("/apps?q=alien")).text


async def test_a_hostile_search_is_text(site: Site) -> None:
    async with site.visitor("dora") as dora:
        await dora.visit("/apps?q=%22%3E%3Cscript%3Ealert(1)%3C/script%3E&line=%27%3B--&state=nonsense&cursor=zzz")
        assert await dora.page.get_by_label("App name").input_value() == '"><script>alert(1)</script>'
        assert "No App is like that." in await dora.text()


def _questions(living: Site) -> list[str]:
    """Every SELECT from now on."""
    statements: list[str] = []
    engine = living.api.world.runtime.db._reader.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    return statements


async def test_a_page_of_1490_apps_costs_a_few_queries_and_little_time(living: Site) -> None:
    await living.api.deployed()
    await crowd(living.api.world, 1489)
    living.api.app.state.briefly.seconds = 0.0
    asked = _questions(living)
    seconds = []
    async with living.api.as_("root", Accept="text/html") as client:
        for _ in range(8):
            began = time.process_time()
            answer = await client.get("/apps?state=stalled")
            seconds.append(time.process_time() - began)
            assert answer.status_code == 200
    tables = [statement for statement in asked if statement.startswith("SELECT")]
    # Who asks is three of them.
    assert len(tables) / 8 <= 4 + 3, tables[:8]
    assert statistics.median(seconds) < 0.08, seconds


async def test_many_who_look_at_one_moment_cost_one_look(living: Site) -> None:
    await living.api.deployed()
    living.api.app.state.briefly.seconds = 5.0
    asked = _questions(living)
    async with living.api.as_("dora", Accept="text/html") as dora, living.api.as_("nina", Accept="text/html") as nina:
        answers = await asyncio.gather(*(dora.get("/apps") for _ in range(10)))
        assert len({answer.text for answer in answers}) == 1
        assert sum("rollout" in statement for statement in asked if statement.startswith("SELECT")) == 2
        assert "/apps/hello" in answers[0].text
        assert "/apps/hello" not in (await nina.get("/apps")).text, "a page is of who looks at it"
        assert "应用" in (await dora.get("/apps", headers={"Accept-Language": "zh"})).text
        await living.api.ask("DELETE", "/api/v1/product-lines/demo/members/dora", person="root")
        assert "/apps/hello" not in (await dora.get("/apps")).text, "rights count from the next request on"


async def test_what_failed_is_not_kept(living: Site) -> None:
    briefly = Briefly(5.0)
    scope = {
        "type": "http", "method": "GET", "path": "/apps", "query_string": b"", "headers": [], "state": {},
        "server": ("127.0.0.1", 80), "scheme": "http",
    }  # fmt: skip
    actor = await living.api.actor("dora")
    tries = []

    async def made() -> Response:
        tries.append(1)
        if len(tries) == 1:
            raise McdError(Code.UNAVAILABLE, "the database is busy.")
        return HTMLResponse("page")

    with pytest.raises(McdError):
        await briefly.page(Request(scope), actor, 0, made)
    assert (await briefly.page(Request(scope), actor, 0, made)).body == b"page"
