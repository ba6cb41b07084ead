"""Lists of Apps, narrowed by what people look for: state, product line, cluster."""

from __future__ import annotations

from typing import Any

import pytest

from mcd.store import intents
from tests.api.client import OTHER, Api
from tests.controllers.world import ADMIN, HELLO

PORT = {"name": "http", "port": 81}


async def names(api: Api, query: str, person: str = "root") -> list[str]:
    """All pages of a list, two items at a time."""
    found: list[str] = []
    cursor = ""
    while True:
        answer = await api.get(f"/api/v1/apps?limit=2&{query}{cursor}", person)
        assert answer.status_code == 200, answer.text
        body: dict[str, Any] = answer.json()
        found += [a["name"] for a in body["items"]]
        if body["next_cursor"] is None:
            return found
        cursor = f"&cursor={body['next_cursor']}"


@pytest.fixture
async def many(live: Api) -> Api:
    """Three Apps that run, two that are held, one that nobody deployed, one of another product line."""
    for name in ("bad", "worse"):
        meta = {"name": f"{name}-web", "namespace": "demo"}
        live.world.kube.person({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": {"ports": [PORT]}})
    for name in ("one", "three", "two", "bad", "worse"):
        await live.world.push(HELLO.replace("hello", name, 1), name)
    await live.world.settle()
    now = live.world.clock()
    async with live.world.runtime.db.writing() as tx:
        await intents.create_app(ADMIN, tx, now, "empty", product_line="demo")
        await intents.create_app(ADMIN, tx, now, "alien", product_line=OTHER)
    return live


async def test_a_list_can_be_narrowed_to_a_state(many: Api) -> None:
    assert await names(many, "state=ready") == ["one", "three", "two"]
    assert await names(many, "state=undeployed") == ["alien", "empty"]
    assert await names(many, "state=undeployed", "vera") == ["empty"]
    assert await names(many, "state=held") == ["bad", "worse"]
    assert await names(many, "state=stalled") == []
    async with many.world.runtime.db.writing() as tx:
        await intents.delete_app(ADMIN, tx, many.world.clock(), "two")
    assert await names(many, "state=deleting") == ["two"]
    assert await names(many, "state=ready&product_line=demo&cluster=local") == ["one", "three"]


async def test_each_app_of_a_list_is_in_the_state_that_was_asked_for(many: Api) -> None:
    every = (await many.get("/api/v1/apps", "root")).json()["items"]
    assert {a["name"]: a["cluster"] for a in every} == dict.fromkeys([a["name"] for a in every], "local")
    for state in {a["state"] for a in every}:
        assert await names(many, f"state={state}") == [a["name"] for a in every if a["state"] == state]


async def test_a_cluster_narrows_the_list_and_one_that_is_not_there_is_said(many: Api) -> None:
    async with many.world.runtime.db.writing() as tx:
        now = many.world.clock()
        await intents.create_cluster(ADMIN, tx, now, "second", kubeconfig="memory", facts={})
        await intents.create_product_line(ADMIN, tx, now, "far", cluster="second")
        await intents.create_app(ADMIN, tx, now, "faraway", product_line="far")
    assert await names(many, "cluster=second") == ["faraway"]
    assert await names(many, "cluster=second", "vera") == []
    assert "faraway" not in await names(many, "cluster=local")
    absent = await many.get("/api/v1/apps?cluster=ghost", "vera")
    assert absent.status_code == 404
    assert 'cluster "ghost"' in absent.json()["detail"]


async def test_a_state_that_there_is_not_is_refused_with_those_there_are(api: Api) -> None:
    answer = await api.get("/api/v1/apps?state=happy")
    assert answer.status_code == 422
    assert "stalled" in answer.text
