"""Home and the list of Apps: what is wrong first, search and filters with and without scripts, pages, a full house."""

from __future__ import annotations

import asyncio
import re
import statistics
import threading
import time
from collections.abc import Awaitable, Callable, Coroutine, Generator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any, TypeVar

import pytest
from fastapi.responses import HTMLResponse, Response
from sqlalchemy import event
from starlette.requests import Request

from mcd.api.portal import pages
from mcd.api.portal.briefly import SHOWN, Briefly
from mcd.api.portal.routes import apps
from mcd.api.portal.views.apps import ON_A_PAGE
from mcd.errors import Code, McdError
from mcd.model import Actor
from mcd.store import intents, quick, reads
from mcd.store.direct import FileDirect
from mcd.store.question import Answer, Question
from mcd.store.reads.glances import A_TURN
from mcd.store.session import Database
from tests.api.test_status import crashing
from tests.controllers.world import ADMIN, HELLO
from tests.portal.browsing import Site
from tests.portal.crowd import crowd
from tests.portal.previews import get

T = TypeVar("T")

MORE = 20
"""What a full page of a full house may cost, in pages with one App. It is five: words are made for those on the page,
and a hundred times as much would be made for all."""

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


async def test_home_and_the_list_say_that_a_newer_release_failed_and_was_put_back(living: Site) -> None:
    await living.api.deployed()
    world = living.api.world
    mark = "A newer Release failed; this one runs again."
    assert mark not in await get(living, "/", "dora") + await get(living, "/apps", "dora")
    world.pods_run = False
    await world.push(HELLO.replace("hello:1", "hello:2"))
    await crashing(living.api, "RolledBack")
    for path in ("/", "/apps"):
        assert mark in await get(living, path, "dora"), path
    home = await get(living, "/", "dora")
    assert "Nothing. Every App" not in home
    assert "The newest Release of this App failed, and the one before runs again" in home
    world.pods_run = True
    await world.push(HELLO.replace("hello:1", "hello:3"))
    for _ in range(4):
        await world.turn()
    assert mark not in await get(living, "/", "dora") + await get(living, "/apps", "dora")
    assert "Nothing. Every App" in await get(living, "/", "dora")


async def test_home_counts_an_app_that_waits_for_minutes_as_not_well(living: Site) -> None:
    await living.api.deployed()
    world = living.api.world
    world.pods_run = False
    await world.push(HELLO.replace("hello:1", "hello:2"))
    for _ in range(3):
        await world.turn()
    assert "Nothing. Every App" in await get(living, "/", "dora"), "it has just begun"
    world.clock.forward(300)
    for person in ("vera", "root"):
        said = await get(living, "/", person)
        assert "Nothing. Every App" not in said
        waits = said.partition("Apps that wait for long")[2].partition("</table>")[0]
        assert "/apps/hello" in waits
        assert "5 minutes ago" in waits
        assert "the cluster has not looked at the newest version yet" in waits


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


def _questions(living: Site, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Every SELECT from now on, whichever way it is asked."""
    statements: list[str] = []
    engine = living.api.world.runtime.db._reader.sync_engine
    event.listen(engine, "before_cursor_execute", lambda *a: statements.append(a[2]))
    here = threading.get_ident()

    def noted(ask: Callable[..., Awaitable[Answer]]) -> Callable[..., Awaitable[Answer]]:
        async def noting(way: object, question: Question, given: Mapping[str, Any]) -> Answer:
            if threading.get_ident() == here:  # A server that another test of this process left asks its own.
                statements.append(str(question.statement))
            return await ask(way, question, given)

        return noting

    monkeypatch.setattr(quick._Opened, "_asked", noted(quick._Opened._asked))
    monkeypatch.setattr(FileDirect, "ask", noted(FileDirect.ask))
    return statements


async def _seconds(living: Site, query: str) -> float:
    """Of the processor, for a page: the median of eight, none of which is one that was made for somebody before."""
    seconds = []
    async with living.api.as_("root", Accept="text/html") as client:
        for _ in range(8):
            living.api.world.clock.forward(SHOWN.total_seconds())
            began = time.process_time()
            answer = await client.get(f"/apps?{query}")
            seconds.append(time.process_time() - began)
            assert answer.status_code == 200
    return statistics.median(seconds)


async def test_a_page_of_1490_apps_costs_a_few_queries_and_little_more_than_one_of_a_single_app(
    living: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await living.api.deployed()
    alone = await _seconds(living, "state=ready&q=hello")
    await crowd(living.api.world, 1489)
    asked = _questions(living, monkeypatch)
    full = await _seconds(living, "state=stalled&q=app")
    tables = [statement for statement in asked if statement.startswith("SELECT")]
    # Five, and each once more where it took longer than a moment; who asks is one, when they were not known yet.
    assert 5 <= len(tables) / 8 <= 2 * 5 + 1, tables[:8]
    assert full < MORE * alone, f"{full:.4f} s, and {alone:.4f} s for one App"
    async with living.api.world.runtime.db.reading() as tx:
        looking = _Steps(reads.glances(ADMIN, tx))
        assert len(await looking) == 1490
    assert looking.counted >= 1490 / A_TURN, "others wait for no more than a step of it"


class _Steps(Awaitable[T]):
    """How often some work gave its turn to others, though it waited for nothing."""

    def __init__(self, work: Coroutine[Any, Any, T]) -> None:
        self._work, self.counted = work, 0

    def __await__(self) -> Generator[Any, Any, T]:
        try:
            waits_for = self._work.send(None)
            while True:
                self.counted += waits_for is None
                waits_for = self._work.send((yield waits_for))
        except StopIteration as ended:
            found: T = ended.value
            return found


async def test_a_long_page_is_written_in_a_step_for_each_line(living: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole, and the part that a filter asks for. A table that is called as a macro would be one step."""
    await living.api.deployed()
    await crowd(living.api.world, ON_A_PAGE)
    monkeypatch.setattr(pages, "A_TURN", 0.0)
    steps = list[int]()

    async def counted(*args: Any, **more: Any) -> Response:
        writing = _Steps(pages.shown(*args, **more))
        answer = await writing
        steps.append(writing.counted)
        return answer

    monkeypatch.setattr(apps, "shown", counted)
    part = {"HX-Request": "true", "HX-Request-Type": "partial", "HX-Target": "div#found"}
    async with living.api.as_("root", Accept="text/html") as client:
        whole = (await client.get("/apps")).text
        found = (await client.get("/apps", headers=part)).text
    assert whole.count("<tr>") == found.count("<tr>") == ON_A_PAGE + 1
    assert len(found) < len(whole)
    assert len(steps) == 2
    assert min(steps) > ON_A_PAGE


async def test_many_who_look_at_one_state_cost_one_look(living: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    await living.api.deployed()
    asked = _questions(living, monkeypatch)
    async with living.api.as_("dora", Accept="text/html") as dora, living.api.as_("nina", Accept="text/html") as nina:
        await dora.get("/livez")
        answers = await asyncio.gather(*(dora.get("/apps") for _ in range(10)))
        assert len({answer.text for answer in answers}) == 1
        # A page is read once, for who came first, or twice: once more for those who came while it was made.
        assert sum("rollout" in statement for statement in asked if statement.startswith("SELECT")) <= 4
        assert "/apps/hello" in answers[0].text
        assert "/apps/hello" not in (await nina.get("/apps")).text, "a page is of who looks at it"
        assert "应用" in (await dora.get("/apps", headers={"Accept-Language": "zh"})).text
        await living.api.ask("DELETE", "/api/v1/product-lines/demo/members/dora", person="root")
        assert "/apps/hello" not in (await dora.get("/apps")).text, "rights count from the next request on"


async def test_a_kept_page_is_told_before_its_route(living: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    await living.api.deployed()
    async with living.api.as_("root", Accept="text/html") as client:
        await client.get("/apps")
        await asyncio.gather(*living.api.world.runtime.db._tasks)
        first = await client.get("/apps")

        async def never(*_: object) -> Response:
            raise AssertionError("the route was asked")

        monkeypatch.setattr(Briefly, "page", never)
        assert (await client.get("/apps")).text == first.text


async def test_a_kept_page_costs_one_question_whether_anything_was_committed(
    living: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    await living.api.deployed()
    db, asked = living.api.world.runtime.db, list[None]()
    ask = db._marks.ask

    async def noting() -> object:
        asked.append(None)
        return await ask()

    async with living.api.as_("root", Accept="text/html") as client:
        await client.get("/apps")
        await asyncio.gather(*db._tasks)  # That a token was used is written down, which is a commit.
        first = await client.get("/apps")
        monkeypatch.setattr(db._marks, "ask", noting)
        assert (await client.get("/apps")).text == first.text
    assert len(asked) == 1


async def test_a_remembered_line_says_what_is_so_now_in_the_language_of_who_asks(living: Site) -> None:
    await living.api.deployed()
    async with living.api.as_("root", Accept="text/html") as client:
        for seconds, english, chinese in ((0, "just now", "刚刚"), (300, "5 minutes ago", "5分钟前")):
            living.api.world.clock.forward(seconds)
            assert english in (await client.get("/apps")).text
            assert chinese in (await client.get("/apps", headers={"Accept-Language": "zh"})).text


async def test_what_another_process_did_is_on_the_page_a_second_later(living: Site) -> None:
    await living.api.deployed()
    other = Database(living.api.world.runtime.settings.database)
    try:
        async with living.api.as_("root", Accept="text/html") as client:
            for number in range(3):
                assert f"/apps/new-{number}" not in (await client.get("/apps")).text
                async with other.writing() as tx:
                    await intents.create_app(ADMIN, tx, living.api.world.clock(), f"new-{number}", product_line="demo")
                living.api.world.clock.forward(1)
                assert f"/apps/new-{number}" in (await client.get("/apps")).text
    finally:
        await other.close()


async def test_a_page_is_made_after_everybody_who_gets_it_asked() -> None:
    """Who comes while a page is made may know of something newer than it, and gets the next one."""
    state, told = 1, list[int]()
    go = asyncio.Event()

    async def mark() -> int:
        return state

    async def made(_now: datetime) -> Response:
        seen = state
        told.append(seen)
        await go.wait()
        return HTMLResponse(str(seen))

    briefly = Briefly(mark, lambda: state, lambda: datetime(2026, 5, 3, tzinfo=UTC))
    actor = Actor("p", "p")
    first = asyncio.create_task(briefly.page(_request(), actor, made))
    while not told:
        await asyncio.sleep(0)
    state = 2
    late = [asyncio.create_task(briefly.page(_request(), actor, made)) for _ in range(5)]
    for _ in range(20):
        await asyncio.sleep(0)
    assert told == [1], "one is made at a time"
    go.set()
    assert (await first).body == b"1"
    assert {(await one).body for one in late} == {b"2"}
    assert told == [1, 2]
    assert (await briefly.page(_request(), actor, made)).body == b"2"
    assert told == [1, 2]


async def test_a_page_is_behind_others_for_a_moment_and_never_behind_what_this_process_did() -> None:
    state, commits, now = 1, 1, datetime(2026, 5, 3, tzinfo=UTC)

    async def mark() -> int:
        return state

    async def made(_now: datetime) -> Response:
        return HTMLResponse(str(state))

    briefly = Briefly(mark, lambda: commits, lambda: now)

    async def told() -> int:
        return int((await briefly.page(_request(), Actor("p", "p"), made)).body)

    assert await told() == 1
    state = 2
    assert await told() == 1, "another process committed a moment ago"
    state, commits = 3, 2
    assert await told() == 3, "this process committed"
    state, now = 4, now + timedelta(seconds=0.09)
    assert await told() == 3
    now += timedelta(seconds=0.91)
    assert await told() == 4
    state, now = 5, now - timedelta(seconds=0.05)
    assert await told() == 5, "a clock that was put back keeps nothing young"
    state, now = 6, now.replace(second=2, microsecond=0)
    assert await told() == 6, "a page is as of one second"


def _request() -> Request:
    return Request({
        "type": "http", "method": "GET", "path": "/apps", "query_string": b"", "headers": [], "state": {},
        "server": ("127.0.0.1", 80), "scheme": "http",
    })  # fmt: skip


async def test_what_failed_is_not_kept(living: Site) -> None:
    db = living.api.world.runtime.db
    briefly = Briefly(db.mark, lambda: db.commits, living.api.world.clock)
    actor = await living.api.actor("dora")
    tries = []

    async def made(_now: datetime) -> Response:
        tries.append(1)
        if len(tries) == 1:
            raise McdError(Code.UNAVAILABLE, "the database is busy.")
        return HTMLResponse("page")

    with pytest.raises(McdError):
        await briefly.page(_request(), actor, made)
    assert (await briefly.page(_request(), actor, made)).body == b"page"
