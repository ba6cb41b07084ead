"""Why an App does not run, as the API says it: in both languages, with evidence and step, also of what was put back."""

from __future__ import annotations

from dataclasses import asdict, fields, replace
from typing import Any

import pytest

from mcd.api.why import Explanation, Facts, NodeLine, Ran, explain_health, explained
from mcd.api.why_routes import WhyItem, WhyNode
from mcd.kube.play import Fate, play
from mcd.model import ComponentHealth, Condition, ConditionType, HealthState, NodeRow, Reason, WhyState
from mcd.model.why import WORDS, Family, Language, Note, Why, text, told
from mcd.store import reads
from mcd.store.nouns import health_json, health_of
from tests.api.client import Api
from tests.api.test_away import cut
from tests.api.test_status import crashing, set_replicas, status_of
from tests.controllers.world import ADMIN, HELLO


async def why_of(api: Api, query: str = "", code: int = 200) -> dict[str, Any]:
    answer = await api.get(f"/api/v1/apps/hello/why{query}", "vera")
    assert answer.status_code == code, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def test_an_app_that_is_well_says_so(live: Api) -> None:
    await live.deployed()
    found = await why_of(live)
    assert found["well"] is True
    (web,) = found["items"]
    assert (web["component"], web["why"], web["sentence"]) == ("web", "ready", "1 of 1 ready.")
    assert (web["step"], web["patch"], web["since"]) == ("", "", None)
    assert (await why_of(live, "?language=zh"))["items"][0]["sentence"] == "1/1 已就绪。"


async def test_what_failed_is_said_with_what_runs_again_and_the_same_as_the_status_says(live: Api) -> None:
    """While what was put back is on its way it leads; the dead Release stands behind and says whose it is."""
    await live.deployed()
    live.world.pods_run = False
    await live.world.push(HELLO.replace("hello:1", "hello:2"))
    await crashing(live, "RolledBack")
    found = await why_of(live)
    assert found["well"] is False
    first, *behind = found["items"]
    assert (first["live"], first["release"], first["state"], first["whose"]) == (True, 1, "progressing", "")
    web = next(item for item in behind if item["component"] == "web")
    assert (web["live"], web["release"], web["state"], web["reason"]) == (False, 2, "failed", "CrashLooping")
    assert web["sentence"] in (await status_of(live))["not_live"]["message"]
    assert "Mend the program and push." in web["step"]
    assert {item["whose"] for item in behind} == {"of Release 2, which does not run; Release 1 does"}
    assert "put-back" in [item["why"] for item in behind if not item["component"]]
    chinese = next(i for i in (await why_of(live, "?language=zh&component=web"))["items"] if i["component"] == "web")
    assert chinese["sentence"].startswith("程序")
    assert "请修好程序后重新推送。" in chinese["step"]
    assert chinese["whose"] == "这是版本 2 的情况，它没有在运行；现在运行的是版本 1"


async def test_a_choice_holds_after_a_restart_and_a_change_of_settings_and_both_answers_say_so(live: Api) -> None:
    """What runs was chosen over the newest Release; a later wish about what runs takes that back for nobody."""
    await live.deployed()
    live.world.pods_run = False
    await live.world.push(HELLO.replace("hello:1", "hello:2"))
    await crashing(live, "RolledBack")
    live.world.pods_run = True
    await live.world.settle()
    chosen = {"release": 1, "settings": 0, "rollback": True, "take_over": True}
    assert (await live.post("/api/v1/apps/hello/rollouts", chosen)).status_code == 202
    await live.world.settle()
    for wish in ({"release": 1, "restart": ["web"]}, None):
        if wish is not None:
            assert (await live.post("/api/v1/apps/hello/rollouts", wish)).status_code == 202
            await live.world.settle()
        else:
            await set_replicas(live, 2)
        status, why = await status_of(live), await why_of(live)
        assert (status["rollout"]["state"], status["next_step"]) == ("ready", "")
        assert (status["not_live"]["release"], status["not_live"]["state"]) == (2, "superseded")
        assert why["well"] is True, why["items"][0]
        assert [item["live"] for item in why["items"]] == [True], "of what was not chosen nothing is asked"


async def test_a_release_with_problems_is_told_in_both_languages(live: Api) -> None:
    await live.deployed(HELLO.replace("web:", "web: {type: web, image: 'x:1', port: 99999}\n  other:"))
    (item,) = (await why_of(live))["items"]
    assert (item["why"], item["component"], item["rollout"]) == ("app-yaml-wrong", "", None)
    assert item["sentence"].startswith("app.yaml has problems: ")
    assert item["step"] == "Mend app.yaml, commit and push again."
    (item,) = (await why_of(live, "?language=zh"))["items"]
    assert item["sentence"].startswith("app.yaml 有问题：")


async def test_a_cluster_that_is_away_is_the_cause_and_what_was_seen_last_stands_beside(live: Api) -> None:
    await live.deployed()
    await cut(live)
    (web,) = (await why_of(live))["items"]
    assert (web["why"], web["state"], web["well"]) == ("cluster-unreachable", "unknown", False)
    assert web["sentence"].startswith("the cluster local does not answer since 2026-05-03 ")
    assert web["beside"] == ["1 of 1 ready."]
    away = (await live.get("/api/v1/clusters/local", "root")).json()["conditions"]
    (ready,) = [c for c in away if c["type"] == "Ready"]
    assert web["since"] == ready["last_transition"], "one answer, one since"
    assert web["since"][:19].replace("T", " ") in web["sentence"]
    chinese = (await why_of(live, "?language=zh"))["items"][0]["sentence"]
    assert "没有响应：集群 “local” 没有响应：" in chinese


async def test_one_component_is_asked_for_by_its_name(live: Api) -> None:
    await live.deployed()
    assert [i["component"] for i in (await why_of(live, "?component=web"))["items"]] == ["web"]
    refused = await why_of(live, "?component=ghost", 404)
    assert "web" in refused["detail"]
    await why_of(live, "?language=fr", 422)


async def test_the_next_step_of_the_status_is_that_of_the_component_that_failed(live: Api) -> None:
    await live.deployed(HELLO)
    live.world.pods_run = False
    for _ in range(30):
        await live.world.turn()
        play(live.world.kube, lambda workload: Fate.CRASH)
        live.world.clock.forward(15)
        if (await status_of(live))["rollout"]["state"] == "stalled":
            break
    item = (await why_of(live))["items"][0]
    if item["state"] == "failed":
        assert (await status_of(live))["next_step"] == item["step"]


# --- what was written down ----------------------------------------------------------------------------------------

HEALTH = ComponentHealth(
    "web", HealthState.FAILED, Reason.UNSCHEDULABLE, "no node", 0, 1, ("line",),
    told=(told(Why.DEVICES_BUSY, app="APP", component="web", what=told(Note.NO_NODE_SEEN)),
          told(Note.NOT_READY_IN, seconds=9)),
    nodes=(NodeRow("t4-1", "T4", "0 / 4", why=(told(Note.NODE_HAS_NO, resource="cpu"),)),),
)  # fmt: skip


def test_what_is_told_survives_being_written_down() -> None:
    assert health_of(health_json(HEALTH)) == HEALTH


def test_what_another_version_wrote_down_is_told_all_the_same() -> None:
    older = health_json(HEALTH)
    del older["told"], older["nodes"]
    item = explain_health("shop", health_of(older))
    assert (item.why, item.sentence) == (Why.OTHER, "Unschedulable: no node")
    newer = health_json(HEALTH)
    newer["told"][0]["key"] = "a state that nobody knows"
    assert health_of(newer).told == HEALTH.told[1:]
    newer["told"] = [{"key": "out-of-memory", "params": {}}]
    assert "OOMKilled" in explain_health("shop", health_of(newer)).sentence


def test_the_apps_own_name_and_the_nodes_stand_in_what_is_told() -> None:
    item = explain_health("shop", replace(HEALTH, told=(told(Why.FIELD_FIGHT, app="APP", what="x"),)), Language.ZH)
    assert "mcd deploy shop" in item.step
    assert item.nodes[0].why == "没有 cpu"
    assert item.nodes[0].devices == "0 / 4"


def test_what_stands_beside_a_component_that_is_ready_is_the_headline_and_not_well() -> None:
    ready = told(Why.READY, what=told(Note.COUNT_READY, ready=1, desired=1))
    health = ComponentHealth("web", HealthState.HEALTHY, Reason.READY, "", 1, 1, told=(ready, told(Why.NO_METRICS)))
    item = explain_health("shop", health)
    assert (item.well, item.why, item.beside) == (False, Why.NO_METRICS, ("1 of 1 ready.",))


@pytest.mark.parametrize("language", list(Language))
def test_an_app_of_which_nothing_is_known_says_so(language: Language) -> None:
    whole = explained(Facts("shop", "local", "demo"), language)
    assert (whole.well, whole.first.why) == (False, Why.NOT_DEPLOYED)
    assert "shop" in whole.first.sentence


async def test_an_app_whose_first_objects_are_being_written_is_not_told_to_be_pushed(live: Api) -> None:
    await live.deployed()
    async with live.world.runtime.db.reading() as tx:
        runs = await reads.live_rollout(ADMIN, tx, "hello")
    assert runs is not None
    said = "12 objects are being written."
    going = Condition(ConditionType.RECONCILING, True, Reason.APPLYING, said, 1, runs.created_at)
    first = replace(runs, state=replace(runs.state, conditions=(going,)))
    facts = Facts("hello", "local", "demo", live=Ran(first, ()))
    whole = explained(facts)
    assert (whole.first.state, whole.first.rollout, whole.first.step) == (WhyState.PROGRESSING, runs.number, "")
    assert said in whole.first.sentence
    one = explained(replace(facts, live=Ran(first, (HEALTH,))), component="api").first
    assert (one.why, one.rollout) == (Why.WAITS, runs.number)
    nobody = explained(replace(facts, live=Ran(replace(runs, state=replace(runs.state, conditions=())), ())))
    assert (nobody.first.state, nobody.first.why) == (WhyState.UNKNOWN, Why.WAITS)
    assert "not looked at yet" in nobody.first.sentence


def test_what_is_explained_is_answered_whole() -> None:
    """A field that is added to one of two shapes is missing from the API without a word."""
    assert {f.name for f in fields(Explanation)} == set(WhyItem.model_fields) | {"app"}
    assert {f.name for f in fields(NodeLine)} == set(WhyNode.model_fields)
    item = explain_health("shop", HEALTH)
    shown = WhyItem.of(item).model_dump()
    assert shown["nodes"] == [asdict(row) for row in item.nodes]
    assert (shown["evidence"], shown["sentence"]) == (list(item.evidence), item.sentence)


def test_every_state_belongs_to_a_family() -> None:
    assert set(WORDS) == set(Why)
    assert {words.family for words in WORDS.values()} == set(Family)
    assert text("a").key is Note.TEXT
    assert Ran.__dataclass_params__.frozen  # type: ignore[attr-defined]
