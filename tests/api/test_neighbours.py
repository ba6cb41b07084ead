"""What a person hears of other Apps: what is missing, what is taken, who calls what they delete, and nothing of what
they may not see."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import Any

import pytest

from mcd.compiling.compiler import Compiler
from mcd.store import intents
from tests.api.client import OTHER, Api
from tests.controllers.world import ADMIN, HELLO

CALLS = HELLO.replace("components:", "app_dep: {user-center: true}\ncomponents:")
CENTER = HELLO.replace("hello", "user-center")
MISSING = 'there is no App "user-center". Create it first, or write optional: true.'
FACE = HELLO.replace('hello:1"', 'hello:1", domains: [face.example.com]')


async def told(api: Api, app_yaml: str, person: str = "dora", **where: str) -> list[str]:
    """The errors of a file that is checked for a product line, as `what. what to do.`"""
    asked = {"app_yaml": app_yaml, "product_line": "demo", **where}
    answer = await api.post("/api/v1/validate", asked, person)
    assert answer.status_code == 200, answer.text
    return [f"{p['message']} {p['hint']}" for p in answer.json()["problems"] if p["severity"] == "error"]


async def in_line(api: Api, app: str, line: str) -> None:
    async with api.world.runtime.db.writing() as tx:
        await intents.create_app(ADMIN, tx, api.world.clock(), app, product_line=line)


async def test_an_app_that_is_not_there_is_told(live: Api) -> None:
    assert await told(live, CALLS) == [MISSING]
    await live.deployed(CENTER, "user-center")
    assert await told(live, CALLS) == []


async def test_an_app_of_a_line_that_a_person_may_not_see_is_not_there(live: Api) -> None:
    await in_line(live, "user-center", OTHER)
    await live.deployed(CENTER, "user-center")
    assert await told(live, CALLS) == [MISSING]
    assert await told(live, CALLS, "root") == []


async def test_a_component_that_another_app_has_not_is_told(live: Api) -> None:
    await live.deployed(CENTER, "user-center")
    other = CALLS.replace("user-center: true", "user-center: {component: wep}")
    assert await told(live, other) == ['App "user-center" has no component "wep". Did you mean "web"?']


async def test_a_host_that_another_app_serves_is_told_by_validate_and_by_a_dry_run(live: Api) -> None:
    await live.deployed(FACE.replace("hello", "face"), "face")
    said = 'face.example.com/ already belongs to App "face". Use another host or path.'
    assert await told(live, FACE) == [said]
    await live.deployed()
    assert await told(live, FACE, app="hello") == [said]
    answer = await live.post("/api/v1/apps/hello/diff", {"app_yaml": FACE, "files": {}})
    assert answer.status_code == 422, answer.text
    assert [f"{p['message']} {p['hint']}" for p in answer.json()["problems"] if p["severity"] == "error"] == [said]


async def test_a_host_of_its_own_is_no_trouble(live: Api) -> None:
    await live.deployed(FACE)
    assert await told(live, FACE, app="hello") == []
    assert await told(live, FACE) == []


async def test_two_apps_that_meet_in_one_object_name_are_told(live: Api) -> None:
    await live.deployed('appname: ab-c\ncomponents: {d: {type: web, image: "registry.test/x:1"}}\n', "ab-c")
    meets = 'appname: ab\ncomponents: {c-d: {type: web, image: "registry.test/x:1"}}\n'
    assert await told(live, meets) == ['ab-c-d already belongs to App "ab-c". Rename the component.']
    assert await told(live, meets.replace("c-d", "d")) == []


async def test_a_service_account_is_no_deployment(live: Api) -> None:
    """App hello-web has objects that are called so, but none of the kinds that component web of hello makes."""
    await live.deployed(HELLO.replace("hello", "hello-web"), "hello-web")
    assert await told(live, HELLO) == []


async def test_who_calls_an_app_is_told_to_who_deletes_it(live: Api) -> None:
    await live.deployed(CENTER, "user-center")
    await live.deployed(CALLS)
    assert (await live.get("/api/v1/apps/user-center")).json()["called_by"] == ["hello"]
    answer = await live.ask("DELETE", "/api/v1/apps/user-center", None, "olaf")
    assert answer.status_code == 202
    assert (answer.json()["called_by"], answer.json()["called_by_others"]) == (["hello"], 0)


async def test_what_runs_of_an_app_goes_on_when_what_it_calls_is_deleted_and_says_so(live: Api) -> None:
    await live.deployed(CENTER, "user-center")
    await live.deployed(CALLS)
    pods = set(live.world.ours())
    await live.world.delete("user-center")
    await live.world.settle()
    live.world.clock.forward(24 * 3600)
    await live.world.settle()
    live_rollout = await live.world.live("hello")
    assert live_rollout is not None
    assert any(MISSING in c.message for c in live_rollout.state.conditions)
    assert {name for name in pods if "hello" in name} <= set(live.world.ours())


async def test_the_other_side_of_a_call_lets_it_in_and_follows_what_is_called(live: Api) -> None:
    await in_line(live, "user-center", OTHER)
    await live.deployed(CENTER, "user-center")
    await live.deployed(CALLS)
    await live.world.settle()
    ours = live.world.ours()
    assert "demo" in str(ours["NetworkPolicy/user-center-web"]["spec"]["ingress"])
    assert env_of(ours)["USER_CENTER_URL"] == "http://user-center-web.other.svc:80"
    assert "NetworkPolicy/hello-egress" in ours


def env_of(ours: dict[str, Any]) -> dict[str, str]:
    (container,) = ours["Deployment/hello-web"]["spec"]["template"]["spec"]["containers"]
    return {entry["name"]: entry.get("value", "") for entry in container["env"]}


async def test_others_are_answered_while_a_file_is_compiled(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    """The one child there is stands still in the middle of a file; fifty requests are answered before it goes on."""
    compiler = Compiler(most=1)
    monkeypatch.setattr(api.world.runtime, "compiler", compiler)
    try:
        await compiler.said(HELLO)
        (child,) = compiler.idle
        os.kill(child.process.pid, signal.SIGSTOP)
        hostile = asyncio.create_task(api.post("/api/v1/validate", {"app_yaml": HELLO}))
        for _ in range(50):
            assert (await api.get("/api/v1/apps")).status_code == 200
        assert not hostile.done()
        os.kill(child.process.pid, signal.SIGCONT)
        assert (await hostile).json()["ok"]
    finally:
        compiler.close()


async def test_a_file_beyond_its_time_is_refused_with_its_line(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    long = "appname: two\nenv:\n" + "".join(f"  V{j}: x\n" for j in range(400)) + "components:\n"
    long += "".join(f"  c{i}: {{type: web, image: 'r.test/x:1'}}\n" for i in range(100))
    compiler = Compiler(seconds=0.01)
    monkeypatch.setattr(api.world.runtime, "compiler", compiler)
    try:
        answer = (await api.post("/api/v1/validate", {"app_yaml": long, "product_line": "demo"})).json()
    finally:
        compiler.close()
    assert [(p["code"], p["line"], p["column"], p["message"]) for p in answer["problems"]] == [
        ("yaml.limit", 1, 1, "reading it takes more than 0.01 s.")
    ]
