"""What stands behind the question mark: a parameter that no route has, or twice, is refused by name on every route."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.client import Api
from tests.api.operations import BODIES, HEADERS
from tests.api.test_access import TABLE, path_of

ROUTES = [row for row in TABLE if row[2].path.startswith("/api/v1/") and row[1] != "WEBSOCKET"]


def person(fact: Any) -> str:
    return "root" if fact.verb is not None else ""


async def refusal(api: Api, row: tuple[str, str, Any], query: str) -> dict[str, Any]:
    operation, method, fact = row
    path = path_of(api, fact, "own-root", "demo")
    body, headers = BODIES.get(operation), HEADERS.get(operation, {})
    answer = await api.ask(method, f"{path}?{query}", body, person(fact), headers=headers)
    assert answer.status_code == 422, answer.text
    told: dict[str, Any] = answer.json()
    assert told["code"] == "invalid"
    return told


@pytest.mark.parametrize("row", ROUTES, ids=[row[0] for row in ROUTES])
async def test_a_parameter_that_the_route_does_not_have_is_refused(api: Api, row: tuple[str, str, Any]) -> None:
    told = await refusal(api, row, "nothing_of_the_kind=1&nothing_of_the_kind=2")
    (problem,) = told["problems"]
    assert (problem["file"], problem["field"]) == ("query", "nothing_of_the_kind")
    assert told["detail"].startswith("query: nothing_of_the_kind: there is no such parameter here. ")
    assert problem["hint"]


async def test_the_nearest_one_is_suggested_and_all_are_told_at_once(api: Api) -> None:
    answer = await api.get("/api/v1/apps?Limits=3&cursor=x&cursr=y&zzz=1")
    assert answer.status_code == 422
    told = {p["field"]: p["hint"] for p in answer.json()["problems"]}
    assert told["Limits"] == 'Did you mean "limit"?'
    assert told["cursr"] == 'Did you mean "cursor"?'
    assert told["zzz"].startswith("Known: ")
    assert answer.json()["detail"].endswith(" And 2 more.")


async def test_every_list_takes_what_lists_take(api: Api) -> None:
    document = (await api.get("/api/v1/openapi.json", "")).json()
    lists = {
        operation["operationId"]
        for methods in document["paths"].values()
        for operation in methods.values()
        if "/Page_" in str(operation["responses"].get("200", ""))
    }
    assert len(lists) > 10
    for operation, _, fact in ROUTES:
        if operation in lists and operation != "list_pods":
            path = path_of(api, fact, "own-root", "demo")
            assert (await api.get(f"{path}?limit=100", "root")).status_code == 200, operation


async def test_a_parameter_stands_twice_where_it_may_and_nowhere_else(api: Api) -> None:
    assert (await api.get("/api/v1/events?kind=push&kind=exec")).status_code != 500
    answer = await api.get("/api/v1/apps?limit=1&limit=1")
    assert answer.status_code == 422
    assert answer.json()["detail"] == "query: limit: it stands there more than once. Give it once."


async def test_who_may_not_do_it_learns_nothing_of_the_parameters(api: Api) -> None:
    assert (await api.get("/api/v1/apps?x=1", "")).status_code == 401
    assert (await api.ask("DELETE", "/api/v1/apps/alien?x=1", None, "dora")).status_code == 404


async def test_a_misspelt_wish_is_not_carried_out(api: Api) -> None:
    refused = await api.ask("DELETE", "/api/v1/apps/own-root?dry_rum=true", None, "root")
    assert refused.status_code == 422
    assert (await api.get("/api/v1/apps/own-root", "root")).json()["state"] != "deleting"
