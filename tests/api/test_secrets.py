"""Secrets over HTTP while something runs: dry runs show masks, what is read stays, no answer has a value."""

from __future__ import annotations

import base64
from typing import Any

from tests.api.client import Api
from tests.controllers.test_secrets import held, pods
from tests.controllers.world import HELLO

READER = HELLO.replace('hello:1"', 'hello:1", env: {TOKEN: {secret: api/TOKEN}}')
OF_LINE = HELLO.replace('hello:1"', 'hello:1", env: {TOKEN: {secret: shared/TOKEN}}')
OWN = "/api/v1/apps/hello/secrets/api"
SHARED = "/api/v1/product-lines/demo/secrets/shared"
CANARY = "c4nary value"


async def put(api: Api, path: str, status: int = 200, **values: str) -> dict[str, Any]:
    answer = await api.ask("PUT", path, {"values": values}, "olaf")
    assert answer.status_code == status, answer.text
    body: dict[str, Any] = answer.json()
    return body


async def running(api: Api, app_yaml: str = READER) -> None:
    """hello, deployed with its secret."""
    await api.deployed()
    await put(api, OWN, TOKEN=CANARY, OTHER=CANARY)
    await api.deployed(app_yaml)


async def secret_in(api: Api, wish: dict[str, Any]) -> dict[str, Any]:
    """What a dry run says of the Secret object of hello."""
    answer = await api.post("/api/v1/apps/hello/rollouts", {**wish, "dry_run": True})
    assert answer.status_code == 200, answer.text
    assert CANARY not in answer.text
    assert base64.b64encode(CANARY.encode()).decode() not in answer.text
    found = [c for c in answer.json()["changes"] if c["object"]["kind"] == "Secret"]
    return found[0] if found else {}


async def test_a_dry_run_shows_key_names_and_whether_they_change(live: Api) -> None:
    await running(live)
    assert await secret_in(live, {}) == {}, "nothing to write, nothing to show"
    first = (await live.get("/api/v1/apps/hello/rollouts")).json()["items"][0]
    await put(live, OWN, TOKEN=f"{CANARY} 2", OTHER="x")
    await live.world.settle()
    change = await secret_in(live, {"release": first["release"], "settings": first["settings"]})
    assert change["action"] == "configured"
    assert '+ data.TOKEN: "*** (changed: yes)"' in change["diff"].splitlines()
    assert "secret-version" in change["diff"]
    assert "OTHER" not in change["diff"], "a key that nothing reads is not in the cluster"


async def test_a_dry_run_shows_a_new_secret_masked(live: Api) -> None:
    await live.deployed()
    await put(live, OWN, TOKEN=CANARY)
    await live.world.settle()
    answer = await live.post("/api/v1/apps/hello/diff", {"app_yaml": READER})
    assert answer.status_code == 200, answer.text
    assert CANARY not in answer.text
    secret = next(c for c in answer.json()["changes"] if c["object"]["kind"] == "Secret")
    assert secret["action"] == "created"
    assert '+ data.TOKEN: "***"' in secret["diff"].splitlines()


async def test_a_secret_that_is_read_is_not_taken_away(live: Api) -> None:
    await running(live)
    before = live.world.written
    answer = await live.ask("DELETE", OWN, None, "olaf")
    assert answer.status_code == 409, answer.text
    told = answer.json()
    assert told["reason"] == "SecretInUse"
    assert "hello (components.web.env.TOKEN" in told["detail"]
    await live.world.settle()
    assert (await live.world.ready()).status
    assert live.world.writes_since(before) == []


async def test_a_key_that_is_read_is_not_left_out(live: Api) -> None:
    await running(live)
    told = await put(live, OWN, 409, OTHER="x")
    assert told["reason"] == "SecretInUse"
    assert (await put(live, OWN, TOKEN="only"))["version"] == 2, "a key that nothing reads may go"


async def test_a_secret_may_go_when_nothing_reads_it_any_more(live: Api) -> None:
    await running(live)
    await live.deployed(HELLO)
    assert (await live.ask("DELETE", OWN, None, "olaf")).status_code == 204


async def test_an_app_secret_may_go_when_the_lines_takes_its_place(live: Api) -> None:
    await running(live)
    await put(live, SHARED.replace("shared", "api"), TOKEN="of the line")
    await live.world.settle()
    assert (await live.ask("DELETE", OWN, None, "olaf")).status_code == 204
    await live.world.settle()
    assert (await live.world.ready()).status, await live.world.said()
    assert "Secret/hello-secret-api" not in live.world.ours()


async def test_a_secret_of_the_line_names_the_apps_that_read_it(live: Api) -> None:
    await put(live, SHARED, TOKEN=CANARY)
    await live.deployed(OF_LINE)
    await live.deployed(HELLO.replace("hello", "quiet"), "quiet")
    answer = await live.ask("DELETE", SHARED, None, "olaf")
    assert answer.status_code == 409, answer.text
    assert "hello (" in answer.json()["detail"]
    assert "quiet" not in answer.json()["detail"]


async def test_who_may_not_set_secrets_learns_nothing_of_who_reads_them(live: Api) -> None:
    await running(live)
    for person, status in (("vera", 403), ("nina", 404)):
        answer = await live.ask("DELETE", OWN, None, person)
        assert answer.status_code == status, answer.text
        assert "TOKEN" not in answer.text


async def test_no_answer_has_a_value(live: Api) -> None:
    await running(live)
    for look in ("secrets", "settings", "settings/history", "rollouts", "releases", "status", "pods", "events"):
        answer = await live.get(f"/api/v1/apps/hello/{look}", "olaf")
        assert CANARY not in answer.text, look
    assert CANARY not in (await live.get("/api/v1/events?limit=500", "olaf")).text


# --- what is generated ------------------------------------------------------------------------------------------------

MAKES = HELLO.replace('hello:1"', 'hello:1", env: {SESSION_KEY: {generate: secret, length: 48}}')
ROTATIONS = "/api/v1/apps/hello/secrets/SESSION_KEY/rotations"


def generated(api: Api) -> str:
    return (held(api.world, "hello-generated") or {})["SESSION_KEY"]


async def test_a_dry_run_says_what_would_be_made_and_makes_nothing(live: Api) -> None:
    await live.deployed()
    answer = await live.post("/api/v1/apps/hello/diff", {"app_yaml": MAKES})
    assert answer.status_code == 200, answer.text
    secret = next(c for c in answer.json()["changes"] if c["object"]["kind"] == "Secret")
    assert secret["detail"] == "would be made: SESSION_KEY"
    assert '+ data.SESSION_KEY: "***"' in secret["diff"].splitlines()
    assert (await live.get("/api/v1/apps/hello/secrets")).json()["items"] == []
    await live.deployed(MAKES)
    away = await live.post("/api/v1/apps/hello/diff", {"app_yaml": MAKES.replace("48", "20")})
    assert "would be made" not in away.text


async def test_a_generated_secret_is_listed_made_anew_and_never_shown(live: Api) -> None:
    await live.deployed(MAKES)
    first = generated(live)
    assert len(first) == 48
    listed = (await live.get("/api/v1/apps/hello/secrets")).json()["items"]
    assert listed == [{"name": "SESSION_KEY", "keys": ["SESSION_KEY"], "version": 1, "generated": True}]
    web = pods(live.world, "web")
    answer = await live.post(ROTATIONS, None, "olaf")
    assert answer.status_code == 200, answer.text
    assert answer.json() == {"name": "SESSION_KEY", "keys": ["SESSION_KEY"], "version": 2, "generated": True}
    await live.world.settle()
    second = generated(live)
    assert second != first
    assert len(second) == 48
    assert pods(live.world, "web").isdisjoint(web)
    paths = ("secrets", "settings", "rollouts", "releases", "status")
    shown = "".join([(await live.get(f"/api/v1/apps/hello/{path}")).text for path in paths])
    shown += (await live.get("/api/v1/events", "root")).text + answer.text
    assert not [value for value in (first, second) if value in shown]
    assert "Secret SESSION_KEY was generated anew." in shown


async def test_a_secret_that_a_person_set_is_not_generated_anew(live: Api) -> None:
    await running(live)
    for name in ("api", "TOKEN", "NOPE", "a.b", "_"):
        answer = await live.post(f"/api/v1/apps/hello/secrets/{name}/rotations", None, "olaf")
        assert (answer.status_code, answer.json()["code"]) == (404, "not_found"), answer.text
    assert (await live.get("/api/v1/apps/hello/secrets")).json()["items"][0]["version"] == 1


async def test_who_may_not_set_a_secret_does_not_rotate_one(live: Api) -> None:
    await live.deployed(MAKES)
    first = generated(live)
    assert (await live.post(ROTATIONS, None, "vera")).status_code in (403, 404)
    await live.world.settle()
    assert generated(live) == first
