"""What is answered before the routes are tried: word for word what they answer, true at that moment, to nobody else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import httpx
import pytest
from sqlalchemy import insert

from mcd.api.app import create_app
from mcd.api.apps import AppTold
from mcd.api.front import Front, _asked
from mcd.model import Role
from mcd.runtime import Runtime
from mcd.settings import Environment
from mcd.store import intents, reads
from mcd.store import tables as t
from mcd.store.session import Database
from tests import warm
from tests.store.conftest import _templates, db, keyring, other, server, url, world  # noqa: F401
from tests.store.world import ADMIN, World

CHANGES = {"x-request-id", "ratelimit", "date"}
"""Headers that are of one request."""


class House:
    """The API of one process over `world.db`; `other` is another process."""

    def __init__(self, world: World, other: Database, folder: Path) -> None:  # noqa: F811
        self.world = world
        self.other = other
        runtime = Runtime(
            Environment(data=folder), world.db, "owner", clock=lambda: world.now, compiler=warm.compiler()
        )
        self.app = create_app(runtime)
        self.tokens: dict[str, str] = {}

    async def person(self, name: str, role: Role | None = None, line: str = "demo", *, admin: bool = False) -> None:
        actor = await self.world.person(name, role, line, admin=admin)
        async with self.world.db.writing() as tx:
            _, secret = await intents.create_token(actor, tx, self.world.now, "test")
        self.tokens[name] = secret.reveal()

    async def ask(self, person: str, path: str = "/api/v1/apps/shop", **headers: str) -> httpx.Response:
        transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
        given = {"Authorization": f"Bearer {self.tokens.get(person, person)}", **headers}
        async with httpx.AsyncClient(transport=transport, base_url="http://mcd") as client:
            return await client.get(path, headers=given)

    async def by_the_routes(self, person: str, path: str = "/api/v1/apps/shop", **headers: str) -> httpx.Response:
        return await self.ask(person, path, Cookie="any=thing", **headers)

    async def calls(self, app: str, called: str) -> None:
        async with self.other.writing() as tx:
            row = (await reads.app(ADMIN, tx, app)).id
            await tx.run(insert(t.dependency).values(app_id=row, called=called, component="web", seen=True))


@pytest.fixture
async def house(world: World, other: Database, tmp_path: Path) -> House:  # noqa: F811
    made = House(world, other, tmp_path)
    await world.app("shop", released=True)
    await world.app("till", "other")
    await made.person("root", admin=True)
    await made.person("dora", Role.DEVELOPER)
    await made.person("olga", Role.VIEWER, "other")
    return made


def told(answer: httpx.Response) -> tuple[int, dict[str, str], Any]:
    body = answer.json() if answer.content else None
    if isinstance(body, dict):
        body.pop("request_id", None)
    return answer.status_code, {k: v for k, v in answer.headers.items() if k not in CHANGES}, body


async def test_it_answers_as_the_routes_do(house: House) -> None:
    tag = (await house.ask("dora")).headers["ETag"]
    for person in ("dora", "root", "olga", "nonsense", ""):
        for path in ("/api/v1/apps/shop", "/api/v1/apps/till", "/api/v1/apps/none", "/api/v1/apps/%2e%2e"):
            for headers in ({}, {"If-None-Match": tag}, {"If-None-Match": f'"x", W/{tag}'}, {"If-None-Match": '"x"'}):
                here = told(await house.ask(person, path, **headers))
                assert here == told(await house.by_the_routes(person, path, **headers)), (person, path, headers)
    assert (await house.ask("dora", **{"If-None-Match": tag})).status_code == 304
    assert list((await house.ask("dora")).headers) == list((await house.by_the_routes("dora")).headers)


TOKEN = (b"authorization", b"Bearer mcd_pat_x")


@pytest.mark.parametrize(
    ("headers", "name"),
    [
        ([TOKEN], "shop"),
        ([], ""),
        ([TOKEN, TOKEN], ""),
        ([TOKEN, (b"cookie", b"mcd_session=x")], ""),
        ([TOKEN, (b"content-length", b"2")], ""),
        ([TOKEN, (b"transfer-encoding", b"chunked")], ""),
    ],
)
def test_only_a_plain_question_with_one_token_is_answered_first(headers: list[Any], name: str) -> None:
    asked = {"type": "http", "method": "GET", "path": "/api/v1/apps/shop", "query_string": b"", "headers": headers}
    assert _asked(asked) == name
    assert _asked({**asked, "method": "POST"}) == ""
    assert _asked({**asked, "query_string": b"a=b"}) == ""
    assert _asked({**asked, "path": "/api/v1/apps/shop/logs"}) == ""


async def test_who_may_not_see_it_gets_nothing_of_what_another_was_told(house: House) -> None:
    for _ in range(2):
        assert (await house.ask("dora")).status_code == 200
        refused = await house.ask("olga")
        assert refused.status_code == 404
        assert "repository" not in refused.text


async def test_two_who_see_different_callers_are_told_different_things(house: House) -> None:
    await house.calls("till", "shop")
    for _ in range(3):
        root, dora = (await house.ask("root")), (await house.ask("dora"))
        assert (root.json()["called_by"], root.json()["called_by_others"]) == (["till"], 0)
        assert (dora.json()["called_by"], dora.json()["called_by_others"]) == ([], 1)
        assert root.headers["ETag"] != dora.headers["ETag"]


async def test_what_another_process_committed_is_in_the_next_answer(house: House) -> None:
    for number in range(5):
        before = await house.ask("dora")
        async with house.other.writing() as tx:
            await intents.change_app(ADMIN, tx, house.world.now, "shop", branch=f"b{number}")
        after = await house.ask("dora", **{"If-None-Match": before.headers["ETag"]})
        assert (after.status_code, after.json()["branch"]) == (200, f"b{number}")
    async with house.other.writing() as tx:
        await intents.delete_app(ADMIN, tx, house.world.now, "shop")
    assert (await house.ask("dora")).json()["deleting"] is True


async def test_who_was_put_out_in_another_process_is_told_nothing_more(house: House) -> None:
    assert (await house.ask("dora")).status_code == 200
    async with house.other.writing() as tx:
        await intents.remove_member(ADMIN, tx, house.world.now, "demo", "dora")
    assert (await house.ask("dora")).status_code == 404
    async with house.other.writing() as tx:
        for token in (await reads.tokens(ADMIN, tx, "dora")).items:
            await intents.revoke_token(ADMIN, tx, house.world.now, token.id)
    assert (await house.ask("dora")).status_code == 401


async def test_a_commit_of_something_else_costs_no_words(house: House) -> None:
    """What was put into words is told again while the rows say the same, and put into words anew when they do not."""

    async def told(**change: str) -> AppTold:
        async with house.other.writing() as tx:
            await intents.change_app(ADMIN, tx, house.world.now, change.pop("app"), **change)  # type: ignore[arg-type]
        assert (await house.ask("dora")).status_code == 200
        kept: AppTold | None = next(_fronts(house.app)).kept.before("shop")
        assert kept is not None
        return kept

    first = await told(app="till", branch="b0")
    for number in range(1, 4):
        assert await told(app="till", branch=f"b{number}") is first
    assert await told(app="shop", branch="b") is not first


def _fronts(app: Any) -> Any:
    layer = app.middleware_stack
    while layer is not None:
        if isinstance(layer, Front):
            yield layer
        layer = getattr(layer, "app", None)
