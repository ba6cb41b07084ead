"""Pages that are kept: told to whom they were made for, for what was asked, and of no older state than that."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fastapi.responses import HTMLResponse, Response
from starlette.requests import Request

from mcd.api.portal.briefly import MOST_OF_A_KEY, Briefly
from mcd.api.portal.pages import DONE
from mcd.errors import Code, McdError
from mcd.model import Actor, Role, Scope

NOW = datetime(2026, 5, 3, tzinfo=UTC)


def asked(query: bytes = b"", path: str = "/apps") -> Request:
    return Request({
        "type": "http", "method": "GET", "path": path, "query_string": query, "headers": [], "state": {},
        "server": ("127.0.0.1", 80), "scheme": "http",
    })  # fmt: skip


async def _never_changes() -> int:
    return 1


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (asked(path="/"), asked(b"q=a\\b")),
        (asked(b"q=" + b"a" * 2100), asked(b"q=" + b"b" * 2100)),
        (asked(b"q=" + b"a" * MOST_OF_A_KEY), asked(b"q=" + b"b" * MOST_OF_A_KEY)),
    ],
)
async def test_another_question_has_another_page(one: Request, other: Request) -> None:
    """Also where the address is none to go back to, and the frame calls both of them `/`."""
    briefly = Briefly(_never_changes, lambda: 1, lambda: NOW)
    told = []
    for request in (one, other, one):

        async def made(_now: datetime, request: Request = request) -> Response:
            return HTMLResponse(request.url.path + request.url.query)

        told.append((await briefly.page(request, Actor("p", "p"), made)).body)
    assert told == [(r.url.path + r.url.query).encode() for r in (one, other, one)]


@pytest.mark.parametrize(
    "differs",
    [
        {"admin": True}, {"roles": {"demo": Role.VIEWER}}, {"roles": {"demo": Role.OWNER}}, {"roles": {}},
        {"scope": Scope.READ}, {"via": "token"}, {"default_product_line": "demo"}, {"person": "q"},
    ],
)  # fmt: skip
async def test_a_page_is_of_one_person_with_these_rights(differs: dict[str, Any]) -> None:
    briefly = Briefly(_never_changes, lambda: 1, lambda: NOW)

    async def page(actor: Actor) -> bytes:
        async def made(_now: datetime) -> Response:
            return HTMLResponse(repr(actor))

        return bytes((await briefly.page(asked(), actor, made)).body)

    mine = Actor("p", "p", roles={"demo": Role.DEVELOPER})
    assert await page(mine) == repr(mine).encode()
    other = replace(mine, **differs)
    assert repr(other) != repr(mine)
    assert await page(other) == repr(other).encode()


async def test_a_page_that_says_what_was_just_done_is_told_once() -> None:
    briefly = Briefly(_never_changes, lambda: 1, lambda: NOW)
    made: list[bytes] = []

    async def page(cookie: bytes) -> bytes:
        request = asked()
        request.scope["headers"] = [(b"cookie", cookie)]

        async def make(_now: datetime) -> Response:
            made.append(cookie)
            return HTMLResponse(cookie)

        return bytes((await briefly.page(request, Actor("p", "p"), make)).body)

    done = DONE.encode() + b"=deployed"
    assert [await page(each) for each in (done, b"", done, b"")] == [done, b"", done, b""]
    assert made == [done, b"", done], "the plain page is kept, the others are not"


async def test_what_changed_while_a_page_was_read_is_on_the_next_one() -> None:
    state, commits = 1, 1

    async def mark() -> int:
        return state

    async def made(_now: datetime) -> Response:
        nonlocal state, commits
        seen, state, commits = state, 2, 2
        return HTMLResponse(str(seen))

    briefly = Briefly(mark, lambda: commits, lambda: NOW)
    told = [(await briefly.page(asked(), Actor("p", "p"), made)).body for _ in range(2)]
    assert told == [b"1", b"2"]


async def test_the_next_page_is_made_before_somebody_has_to_wait_for_it() -> None:
    state, now, made_at = 1, NOW, list[int]()

    async def mark() -> int:
        return state

    async def made(at: datetime) -> Response:
        made_at.append(int((at - NOW).total_seconds()))
        return HTMLResponse(f"{state} as of {made_at[-1]}")

    briefly = Briefly(mark, lambda: 1, lambda: now)

    async def told() -> str:
        answer = await briefly.page(asked(), Actor("p", "p"), made)
        for _ in range(10):
            await asyncio.sleep(0)
        return bytes(answer.body).decode()

    assert await told() == "1 as of 0"
    now = NOW + timedelta(seconds=1.5)
    assert await told() == "1 as of 0", "nothing changed, and the next one is made meanwhile"
    assert await told() == "1 as of 1"
    assert made_at == [0, 1]
    now = NOW + timedelta(seconds=3.5)
    assert await told() == "1 as of 3", "a page of long ago is told to nobody"
    state, now = 2, now + timedelta(seconds=0.39)
    assert await told() == "1 as of 3"
    assert made_at == [0, 1, 3], "somebody committed a moment ago: others may follow"
    now += timedelta(seconds=0.02)
    assert [await told(), await told()] == ["1 as of 3", "2 as of 3"]
    assert made_at == [0, 1, 3, 3]
    state, now = 3, now + timedelta(seconds=1.01)
    assert await told() == "3 as of 4", "a second is what others' commits may be missing for"


async def test_a_page_that_is_there_is_told_before_its_route_reads_the_question() -> None:
    state, now, me = 1, NOW, Actor("p", "p")

    async def mark() -> int:
        return state

    async def made(_now: datetime) -> Response:
        return HTMLResponse(str(state), headers={"Vary": "Cookie"})

    def ready(actor: Actor = me, query: bytes = b"", **more: object) -> str:
        request = asked(query)
        request.scope["state"].update(more or {"mark": state})
        answer = briefly.ready(request, actor)
        assert answer is None or answer.headers["vary"] == "Cookie"
        return "" if answer is None else bytes(answer.body).decode()

    briefly = Briefly(mark, lambda: 1, lambda: now)
    assert ready() == "", "nobody asked for it before"
    await briefly.page(asked(), me, made)
    assert ready() == "1"
    assert ready(Actor("p", "p", admin=True)) == ready(query=b"q=a") == ""
    assert ready(other="thing") == "", "without a mark nothing is known"
    state, now = 2, NOW + timedelta(seconds=0.1)
    assert ready() == "1", "somebody else committed a moment ago"
    now = NOW + timedelta(seconds=0.5)
    assert ready() == "", "the next one is to be made, which takes the whole way"
    now = NOW + timedelta(seconds=1.1)
    assert ready() == ""


async def test_a_page_that_was_made_ahead_and_failed_is_refused_to_who_asks_next() -> None:
    now, failing = NOW, False

    async def made(_at: datetime) -> Response:
        if failing:
            raise McdError(Code.UNAVAILABLE, "the database is busy.")
        return HTMLResponse("page")

    briefly = Briefly(_never_changes, lambda: 1, lambda: now)

    async def told() -> bytes:
        answer = await briefly.page(asked(), Actor("p", "p"), made)
        for _ in range(10):
            await asyncio.sleep(0)
        return bytes(answer.body)

    assert await told() == b"page"
    failing, now = True, NOW + timedelta(seconds=1)
    assert await told() == b"page"
    now = NOW + timedelta(seconds=3)
    with pytest.raises(McdError):
        await told()
