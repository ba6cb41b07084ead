"""Status says what runs, and that it is not what was pushed last."""

from __future__ import annotations

from typing import Any

from mcd.kube.play import Fate, play
from mcd.store import intents
from tests.api.client import Api
from tests.controllers.world import ADMIN, HELLO


async def status_of(api: Api) -> dict[str, Any]:
    found: dict[str, Any] = (await api.get("/api/v1/apps/hello/status", "vera")).json()
    return found


async def crashing(api: Api, until: str) -> dict[str, Any]:
    """Time goes by while every new pod dies."""
    for _ in range(40):
        await api.world.turn()
        play(api.world.kube, lambda workload: Fate.CRASH)
        api.world.clock.forward(15)
        found = await status_of(api)
        if (found["not_live"] or {}).get("reason") == until:
            return found
    raise AssertionError(found["not_live"] or found["rollout"])


async def test_a_release_that_was_put_back_is_said_with_its_cause(live: Api) -> None:
    await live.deployed()
    assert (await status_of(live))["not_live"] is None
    live.world.pods_run = False
    await live.world.push(HELLO.replace("hello:1", "hello:2"))
    aside = (found := await crashing(live, "RolledBack"))["not_live"]
    assert found["rollout"]["trigger"] == "auto-rollback"
    assert (aside["release"], aside["rollout"], aside["state"]) == (2, 2, "stalled")
    assert aside["message"].startswith("Rollout 2: web: ")
    assert "MCD went back to Rollout 1 (Release 1)." in aside["message"]
    assert "push again" in found["next_step"]
    why = (await live.get("/api/v1/apps/hello/why")).text
    assert "mcd rollback" not in f"{found}{why}", "MCD went back already; whoever types it goes one version further"


async def test_a_release_that_was_only_built_is_told_apart_from_one_that_runs_ran_or_failed(live: Api) -> None:
    async def fates() -> dict[int, tuple[str, str | None]]:
        items = (await live.get("/api/v1/apps/hello/releases", "vera")).json()["items"]
        return {item["number"]: (item["fate"], item["fate_reason"]) for item in items}

    await live.deployed()
    await live.deployed(HELLO.replace("hello:1", "hello:2"))
    assert await fates() == {1: ("ran", None), 2: ("runs", None)}
    live.world.pods_run = False
    await live.world.push(HELLO.replace("hello:1", "hello:3"))
    await live.world.turn()
    await live.world.turn()
    assert (await fates())[3] == ("deploying", None)
    await crashing(live, "RolledBack")
    assert (await fates())[3] == ("failed", "CrashLooping")
    live.world.pods_run = True
    await live.world.settle()
    async with live.world.runtime.db.writing() as tx:
        await intents.push(
            ADMIN, tx, live.world.clock(), "hello", commit="4" * 40, branch="main", app_yaml=HELLO, deploys=False
        )
    await live.world.settle()
    assert await fates() == {1: ("ran", None), 2: ("runs", None), 3: ("failed", "CrashLooping"), 4: ("built", None)}
    await live.world.push(HELLO.replace("port: ", "ports: ").replace("web:", "web: {type: web, port: 99999}\n  x:"))
    await live.world.settle()
    assert (await fates())[5] == ("failed", "InvalidAppYaml")


async def test_a_newest_release_with_problems_is_said_beside_what_runs(live: Api) -> None:
    await live.deployed()
    await live.deployed(HELLO.replace("web:", "web: {type: web, image: 'x:1', port: 99999}\n  other:"))
    found = await status_of(live)
    aside = found["not_live"]
    assert (aside["release"], aside["rollout"], aside["reason"]) == (2, None, "InvalidAppYaml")
    assert found["rollout"]["state"] == "ready"
    assert found["problems"][0]["message"].startswith("99999")
    assert found["next_step"] == "Mend app.yaml, commit and push again."


async def test_a_release_that_a_person_went_back_from_is_said_with_who_did(live: Api) -> None:
    await live.deployed()
    await live.deployed(HELLO.replace("hello:1", "hello:2"))
    assert (await status_of(live))["not_live"] is None
    assert (await live.post("/api/v1/apps/hello/rollouts", {"release": 1, "rollback": True})).status_code == 202
    await live.world.settle()
    found = await status_of(live)
    assert found["not_live"]["message"] == "Release 1 was chosen over it by dora (Rollout 3, rollback)."
    assert found["next_step"] == ""


async def test_a_newest_release_that_was_held_asks_for_nothing_when_another_was_chosen(live: Api) -> None:
    """A foreign Deployment held Release 2; somebody deployed Release 1 instead: there is nothing to take over."""
    await live.deployed()
    foreign = {
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": {"name": "hello-extra", "namespace": "demo"},
        "spec": {"replicas": 1, "template": {"spec": {"containers": [{"name": "x", "image": "x:1"}]}}},
    }  # fmt: skip
    live.world.kube.person(foreign, manager="kubectl-create")
    await live.deployed(HELLO + '  extra: {type: daemon, image: "registry.test/hello:1"}\n')
    held = await status_of(live)
    assert (held["app"]["state"], held["rollout"]["reason"]) == ("held", "NotOurs")
    why = (await live.get("/api/v1/apps/hello/why", "vera")).json()["items"]
    (extra,) = [item for item in why if item["reason"] == "NotOurs"]
    assert held["next_step"] == extra["step"], "one table of advice"
    assert (extra["component"], extra["why"]) == ("extra", "foreign-object")
    chinese = (await live.get("/api/v1/apps/hello/why?component=extra&language=zh", "vera")).json()["items"][0]
    assert chinese["sentence"].startswith("Deployment/hello-extra 没有被改动：它已存在，由 “kubectl-create” 创建")
    told = {c["component"]: (c["state"], c["reason"]) for c in held["components"]}
    assert told == {"web": ("healthy", "Ready"), "extra": ("failed", "NotOurs")}, "what runs, and what is not ours"
    assert (await live.post("/api/v1/apps/hello/rollouts", {"release": 1})).status_code == 202
    await live.world.settle()
    found = await status_of(live)
    aside = found["not_live"]
    assert aside["message"] == "Release 1 was chosen over it by dora (Rollout 3, deploy)."
    assert (aside["state"], aside["evidence"], found["next_step"]) == ("superseded", [], "")


async def test_a_newest_release_that_failed_keeps_its_cause_when_another_was_chosen(live: Api) -> None:
    await live.deployed()
    live.world.pods_run = False
    await live.world.push(HELLO.replace("hello:1", "hello:2"))
    await crashing(live, "RolledBack")
    live.world.pods_run = True
    await live.world.settle()
    assert (await live.post("/api/v1/apps/hello/rollouts", {"release": 1, "restart": ["web"]})).status_code == 202
    await live.post("/api/v1/apps/hello/rollouts", {"release": 1, "settings": 0, "rollback": True, "take_over": True})
    await live.world.settle()
    found = await status_of(live)
    assert found["not_live"]["message"].startswith(
        "Release 1 was chosen over it by dora (Rollout 5, rollback). Rollout 2"
    )
    assert found["next_step"] == ""


async def test_a_release_that_is_tried_again_is_not_called_stalled_for_what_was_seen_before(live: Api) -> None:
    release = await live.world.push(HELLO.replace("web:", "web: {type: web, image: 'x:1', port: 99999}\n  other:"))
    await live.world.settle()
    path = f"/api/v1/apps/hello/releases/{release.number}"
    assert (await live.get(path)).json()["state"] == "stalled"
    await live.world.retry(release)
    said = (await live.get(path)).json()
    assert (said["state"], said["reason"]) == ("progressing", "New")
    await live.world.settle()
    assert (await live.get(path)).json()["state"] == "stalled"


async def set_replicas(api: Api, count: int | None) -> None:
    wish = {"components": {"web": {"replicas": count}}}
    assert (await api.ask("PATCH", "/api/v1/apps/hello/settings", wish)).status_code == 200
    await api.world.settle()


def overridden(found: dict[str, Any]) -> list[str]:
    return [p["message"] for p in found["problems"] if p["code"] == "settings.override"]


async def test_settings_that_are_gone_are_warned_of_no_more(live: Api) -> None:
    one = HELLO.replace("type: web,", "type: web, replicas: 1,")
    await live.deployed(one)
    await set_replicas(live, 2)
    await live.deployed(one.replace("hello:1", "hello:2"))
    assert overridden(await status_of(live)) == ["1 here, 2 in Settings revision 1 (dora, 2026-05-03)."]
    await set_replicas(live, None)
    assert overridden(await status_of(live)) == []
    await set_replicas(live, 0)
    assert overridden(await status_of(live)) == ["1 here, 0 in Settings revision 3 (dora, 2026-05-03)."]


async def test_beside_a_newer_release_that_is_wrong_stands_what_settings_override_now(live: Api) -> None:
    one = HELLO.replace("type: web,", "type: web, replicas: 1,")
    await live.deployed(one)
    await set_replicas(live, 2)
    await live.deployed(one.replace("web:", "web: {type: web, replicas: 1, image: 'x:1', port: 99999}\n  other:"))
    await set_replicas(live, 3)
    found = await status_of(live)
    assert found["problems"][0]["message"].startswith("99999")
    assert overridden(found) == ["1 here, 3 in Settings revision 2 (dora, 2026-05-03)."]
