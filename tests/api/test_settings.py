"""What Settings and restarts may name: components that there are, counts that there may be, by people who may."""

from __future__ import annotations

import pytest

from tests.api.client import Api

SHOP = """
appname: hello
components:
  web: {type: web, image: "registry.test/hello:1"}
  worker: {type: daemon, image: "registry.test/worker:1", command: [run]}
  tick: {type: cron, image: "registry.test/worker:1", command: [tick], schedule: "0 * * * *"}
"""

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


@pytest.mark.parametrize("env", [{"SITE_NAME": "Harbour"}, {"SITE_NAME": None}, {}])
async def test_variables_are_refused_with_where_they_are_written(api: Api, env: dict[str, object]) -> None:
    wish = {"env": env, "components": {"web": {"replicas": 3}}}
    answer = await api.ask("PATCH", "/api/v1/apps/own-olaf/settings", wish, "olaf")
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid")
    assert "under env: in app.yaml" in answer.json()["detail"]
    assert "Harbour" not in answer.text
    assert (await api.get("/api/v1/apps/own-olaf/settings")).json()["revision"] == 0
