"""What Settings and restarts may name: components that there are, counts that there may be, by people who may."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from mcd.model import EventKind
from mcd.store import intents
from tests.api.client import Api
from tests.controllers.test_secrets import pods

SHOP = """
appname: hello
components:
  web: {type: web, image: "registry.test/hello:1"}
  worker: {type: daemon, image: "registry.test/worker:1", command: [run]}
  tick: {type: cron, image: "registry.test/worker:1", command: [tick], schedule: "0 * * * *"}
"""

REQUIRES = SHOP.replace('hello:1"}', 'hello:1", env: {SITE_NAME: {required: true}}}')

SETTINGS = "/api/v1/apps/hello/settings"


async def _written(api: Api) -> object:
    """What would be more if a refused wish had written anything."""
    rollouts = (await api.get("/api/v1/apps/hello/rollouts")).json()
    return rollouts, (await api.get(SETTINGS + "/history")).json(), (await api.get("/api/v1/events", "root")).json()


@pytest.mark.parametrize(
    ("component", "count", "said"),
    [
        ("wob", 2, "there is no component wob. Known: web, worker."),
        ("wob", None, "there is no component wob. Known: web, worker."),
        ("tick", 2, "tick is a cron, which has no replicas."),
        ("web", 1000, "components.web.replicas: 1000 is out of range. Use 0 to 500."),
        ("web", -1, "components.web.replicas: -1 is out of range. Use 0 to 500."),
    ],
)
@pytest.mark.parametrize("dry_run", [False, True])
async def test_replicas_that_cannot_be_are_refused_and_nothing_is_written(
    live: Api, component: str, count: int | None, said: str, dry_run: bool
) -> None:
    await live.deployed(SHOP)
    before = await _written(live)
    wish = {"components": {component: {"replicas": count}}, "dry_run": dry_run}
    answer = await live.ask("PATCH", SETTINGS, wish, "olaf")
    assert (answer.status_code, answer.json()["code"], answer.json()["detail"]) == (422, "invalid", said)
    assert await _written(live) == before


@pytest.mark.parametrize(
    ("component", "said"),
    [
        ("nope", "there is no component nope. Known: web, worker."),
        ("tick", "tick is a cron, which has no pods to restart."),
    ],
)
@pytest.mark.parametrize("more", [{}, {"dry_run": True}, {"release": 1}])
async def test_a_restart_of_what_does_not_run_is_refused_and_nothing_is_written(
    live: Api, component: str, said: str, more: dict[str, object]
) -> None:
    await live.deployed(SHOP)
    before = await _written(live)
    answer = await live.post("/api/v1/apps/hello/rollouts", {"restart": ["web", component], **more})
    assert (answer.status_code, answer.json()["code"], answer.json()["detail"]) == (422, "invalid", said)
    assert await _written(live) == before


async def test_the_limit_itself_and_what_a_lost_component_had_can_be_said(live: Api) -> None:
    await live.deployed(SHOP)
    for wish in ({"web": {"replicas": 500}}, {"web": {"replicas": 2}, "worker": {"replicas": 0}}):
        assert (await live.ask("PATCH", SETTINGS, {"components": wish}, "olaf")).status_code == 200
    await live.deployed("appname: hello\ncomponents:\n  web: {type: web, image: 'registry.test/hello:1'}\n")
    lost = {"components": {"worker": {"replicas": None}}}
    told = await live.ask("PATCH", SETTINGS, lost, "olaf")
    assert told.json()["values"] == {"components": {"web": {"replicas": 2}}}
    assert (await live.ask("PATCH", SETTINGS, lost, "olaf")).status_code == 422


async def test_settings_of_an_app_that_was_never_pushed_are_kept_for_its_first_push(api: Api) -> None:
    assert (await api.post("/api/v1/apps", {"name": "fresh", "product_line": "demo"})).status_code == 201
    path = "/api/v1/apps/fresh/settings"
    assert (await api.ask("PATCH", path, {"components": {"web": {"replicas": 2}}}, "olaf")).status_code == 200


@pytest.mark.parametrize("app_yaml", [SHOP, REQUIRES.replace("required: true", "value: text")])
async def test_variables_are_refused_with_where_they_are_written(live: Api, app_yaml: str) -> None:
    await live.deployed(app_yaml)
    before = await _written(live)
    wish = {"env": {"SITE_NAME": "Harbour"}, "components": {"web": {"replicas": 3}}}
    answer = await live.ask("PATCH", SETTINGS, wish, "olaf")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert "no app.yaml of hello calls it required" in answer.json()["detail"]
    assert "under env: in app.yaml" in str(answer.json())
    assert "Harbour" not in answer.text
    assert await _written(live) == before


async def fill(live: Api, person: str = "olaf", **env: str | None) -> httpx.Response:
    return await live.ask("PATCH", SETTINGS, {"env": env}, person)


async def test_a_required_variable_is_filled_in_before_and_after_the_first_push(live: Api) -> None:
    await live.post("/api/v1/apps", {"name": "hello", "product_line": "demo"})
    assert (await fill(live, SITE_NAME="Harbour")).status_code == 200, "nothing is known of it yet"
    await live.deployed(REQUIRES)
    assert _site(live) == "Harbour"
    assert (await fill(live, SITE_NAME="Lake $(X) {{ .App }}")).json()["values"]["env"]["SITE_NAME"].startswith("Lake")
    await live.world.settle()
    assert _site(live) == "Lake $$(X) {{ .App }}", "nothing in it is expanded"
    history = (await live.get(SETTINGS + "/history")).json()["items"]
    assert [item["values"].get("env") for item in history[:2]] == [
        {"SITE_NAME": "Lake $(X) {{ .App }}"}, {"SITE_NAME": "Harbour"},
    ]  # fmt: skip
    assert (await live.world.ready()).status


def _site(live: Api) -> str:
    env = live.world.ours()["Deployment/hello-web"]["spec"]["template"]["spec"]["containers"][0]["env"]
    found: str = next(entry["value"] for entry in env if entry["name"] == "SITE_NAME")
    return found


async def test_what_a_refused_push_asked_for_can_be_filled_in(live: Api) -> None:
    await live.deployed(SHOP)
    assert (await fill(live, SITE_NAME="Harbour")).status_code == 422
    actor = await live.actor("olaf")
    async with live.world.runtime.db.writing() as tx:
        await intents.tell(
            actor, tx, live.world.clock(), EventKind.PUSH_REFUSED, "hello", "refused", {"required": ["SITE_NAME"]}
        )
    assert (await fill(live, SITE_NAME="Harbour")).status_code == 200
    await live.deployed(REQUIRES)
    assert _site(live) == "Harbour"


@pytest.mark.parametrize("value", [None, ""])
async def test_what_runs_needs_stays_filled_in(live: Api, value: str | None) -> None:
    await live.post("/api/v1/apps", {"name": "hello", "product_line": "demo"})
    await fill(live, SITE_NAME="Harbour")
    await live.deployed(REQUIRES)
    before = await _written(live)
    answer = await fill(live, SITE_NAME=value)
    assert (answer.status_code, answer.json()["reason"]) == (409, "SettingInUse"), answer.text
    assert "env.SITE_NAME is in use by hello (components.web.env.SITE_NAME)" in answer.json()["detail"]
    assert await _written(live) == before
    await live.deployed(SHOP)
    assert (await fill(live, SITE_NAME=None)).json()["values"] == {}


async def test_who_may_only_deploy_may_scale_and_not_fill_in(live: Api) -> None:
    await live.post("/api/v1/apps", {"name": "hello", "product_line": "demo"})
    assert (await fill(live, "vera", SITE_NAME="x")).status_code in (403, 404)


@pytest.mark.parametrize(
    ("wish", "said"),
    [
        ({"env": {"1A": "x"}}, "1A"),
        ({"env": {"A": 1}}, "env.A"),
        ({"env": {"A": "a\0b"}}, "NUL"),
        ({"env": {"A": "x" * 32769}}, "env.A"),
        ({"env": {"A": "\u20ac" * 11000}}, "larger than 32 KiB"),
        ({"configs": {"Site": {"a": "x"}}}, "Site"),
        ({"configs": {"site": {"a/b": "x"}}}, "a/b"),
        ({"configs": {"site": {"..": "x"}}}, "a key of a config map"),
        ({"configs": {"site": "text"}}, "configs"),
        ({"alerts": {}}, "alerts"),
    ],
)
async def test_settings_that_cannot_be_are_refused_by_name_and_without_their_text(
    api: Api, wish: dict[str, Any], said: str
) -> None:
    assert (await api.post("/api/v1/apps", {"name": "fresh", "product_line": "demo"})).status_code == 201
    answer = await api.ask("PATCH", "/api/v1/apps/fresh/settings", wish, "olaf")
    assert answer.status_code in (413, 422), answer.text
    assert said in answer.text
    assert "xxxx" not in answer.text
    assert (await api.get("/api/v1/apps/fresh/settings")).json()["revision"] == 0


# --- config maps ------------------------------------------------------------------------------------------------------

CONFIGURED = """
appname: hello
components:
  web:
    type: web
    image: "registry.test/hello:1"
    files: {/etc/site.conf: {config: site/nginx.conf}}
  worker: {type: daemon, image: "registry.test/worker:1", command: [run]}
"""


async def configure(live: Api, **configs: Any) -> httpx.Response:
    return await live.ask("PATCH", SETTINGS, {"configs": configs}, "olaf")


def _file(live: Api) -> list[str]:
    return list(live.world.ours()["ConfigMap/hello-web-files"]["data"].values())


async def test_a_config_map_is_a_file_and_a_new_text_restarts_its_pods_alone(live: Api) -> None:
    await live.post("/api/v1/apps", {"name": "hello", "product_line": "demo"})
    set_first = await configure(live, site={"nginx.conf": "one", "other": "kept"})
    assert set_first.status_code == 200, set_first.text
    await live.deployed(CONFIGURED)
    assert _file(live) == ["one"]
    web, worker = pods(live.world, "web"), pods(live.world, "worker")
    changed = await configure(live, site={"nginx.conf": "n3w text"})
    assert changed.json()["values"]["configs"] == {"site": {"nginx.conf": "n3w text", "other": "kept"}}
    await live.world.settle()
    assert _file(live) == ["n3w text"]
    assert pods(live.world, "web").isdisjoint(web)
    assert pods(live.world, "worker") == worker
    history = (await live.get(SETTINGS + "/history")).json()["items"]
    assert history[1]["values"]["configs"]["site"]["nginx.conf"] == "one"
    told = [event["message"] for event in (await live.get("/api/v1/events", "root")).json()["items"]]
    assert any("config map site (nginx.conf)" in message for message in told)
    assert not any("n3w text" in message for message in told)


async def test_a_config_map_that_is_read_is_not_taken_away(live: Api) -> None:
    await live.post("/api/v1/apps", {"name": "hello", "product_line": "demo"})
    await configure(live, site={"nginx.conf": "one", "other": "x"})
    await live.deployed(CONFIGURED)
    for gone, what in ((None, "configs.site"), ({"nginx.conf": None}, "configs.site.nginx.conf")):
        answer = await configure(live, site=gone)
        assert (answer.status_code, answer.json()["reason"]) == (409, "SettingInUse"), answer.text
        assert f"{what} is in use by hello" in answer.json()["detail"]
    assert (await configure(live, site={"other": None})).json()["values"]["configs"] == {"site": {"nginx.conf": "one"}}
    await live.deployed(SHOP)
    assert (await configure(live, site=None)).json()["values"] == {}


async def test_a_config_map_of_the_product_line_is_read_by_its_apps_and_stays_while_it_is(live: Api) -> None:
    line = "/api/v1/product-lines/demo"
    have = {"If-Match": "*"}

    async def wish(configs: Any) -> httpx.Response:
        return await live.ask("PATCH", line, {"wishes": {"configs": configs}}, "root", headers=have)

    assert (await wish({"site": {"nginx.conf": "of the line"}})).status_code == 200
    await live.deployed(CONFIGURED)
    assert _file(live) == ["of the line"]
    answer = await wish({"site": {"other": "x"}})
    assert (answer.status_code, answer.json()["reason"]) == (409, "SettingInUse"), answer.text
    assert "hello" in answer.json()["detail"]
    assert (await wish({"site": {"nginx.conf": "newer"}})).status_code == 200
    await live.world.settle()
    assert _file(live) == ["newer"]
    await configure(live, site={"nginx.conf": "its own"})
    await live.world.settle()
    assert _file(live) == ["its own"], "the App's own is stronger"
