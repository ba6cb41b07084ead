"""Over a component that was renamed: back without a question, forward with one that can be answered, data never."""

from __future__ import annotations

import re
from typing import Any

from mcd.kube.play import Fate, play
from mcd.model import Noun, RolloutItem
from mcd.objects import Ref
from mcd.store import work
from tests.api.client import Api

OLD = """
appname: hello
components:
  web: {type: web, image: "registry.test/hello:1"}
  api: {type: service, port: 9000, image: "registry.test/api:1"}
  worker: {type: daemon, image: "registry.test/worker:1"}
"""
NEW = OLD.replace("  api:", "  backend:").replace("worker:", "jobs:", 1)
GONE = {"Deployment/hello-backend", "Service/hello-backend", "Deployment/hello-jobs"}


async def renamed(api: Api) -> None:
    """Release 1 ran, Release 2 with two components of other names runs."""
    await api.world.push(OLD)
    await api.world.settle()
    there = await api.get("/api/v1/apps/hello/status")
    wished = [
        ref
        for ref in api.world.kube.objects()
        if ref.name in ("hello-api", "hello-worker") and ref.kind not in ("Pod", "ReplicaSet")
    ]
    assert there.json()["rollout"]["state"] == "ready"
    await api.world.push(NEW, deletes=wished)
    await api.world.settle()
    assert (await status(api))["rollout"]["state"] == "ready"


async def status(api: Api) -> dict[str, Any]:
    found: dict[str, Any] = (await api.get("/api/v1/apps/hello/status")).json()
    return found


async def wish(api: Api, body: dict[str, Any], code: int = 202) -> dict[str, Any]:
    answer = await api.post("/api/v1/apps/hello/rollouts", body)
    assert answer.status_code == code, answer.text
    found: dict[str, Any] = answer.json()
    return found


def names(refs: list[dict[str, Any]]) -> set[str]:
    return {f"{ref['kind']}/{ref['name']}" for ref in refs}


async def test_a_rollback_over_a_renamed_component_goes_through_and_lists_what_it_deletes(live: Api) -> None:
    await renamed(live)
    back = {"release": 1, "settings": 0, "rollback": True}
    told = await wish(live, {**back, "dry_run": True}, 200)
    assert told["confirm_prune"] == ""
    foretold = names([c["object"] for c in told["changes"] if c["action"] == "deleted"])
    done = await wish(live, back)
    assert names(done["deletes"]) == foretold
    assert foretold >= GONE
    await live.world.settle()
    assert (await status(live))["rollout"]["state"] == "ready"
    assert not GONE & set(live.world.ours())
    assert "Deployment/hello-worker" in live.world.ours()


async def test_a_rollback_deletes_only_the_list_that_it_was_asked_with(live: Api) -> None:
    """Whatever is no longer wanted later, because the cluster or its facts changed, is braked."""
    await renamed(live)
    await wish(live, {"release": 1, "settings": 0, "rollback": True})
    async with live.world.runtime.db.reading() as tx:
        rollout = await live.world.live()
        assert rollout is not None
        item = (await work.load(tx, Noun.ROLLOUT, [rollout.id]))[rollout.id]
    assert isinstance(item, RolloutItem)
    assert {f"{r.kind}/{r.name}" for r in item.wished_deletes} >= GONE
    assert Ref("apps/v1", "Deployment", "demo", "hello-web") not in item.wished_deletes


async def test_a_deploy_of_the_older_release_is_held_and_its_command_goes_on_with_it(live: Api) -> None:
    await renamed(live)
    told = await wish(live, {"release": 1, "dry_run": True}, 200)
    await wish(live, {"release": 1, "settings": 0})
    await live.world.settle()
    found = await status(live)
    said = found["rollout"]["message"]
    assert (found["app"]["state"], found["rollout"]["reason"]) == ("held", "PruneNeedsConfirmation")
    assert all(name in said for name in GONE), "the list is what is confirmed"
    counts = set(re.findall(r"\d+ of \d+ objects", said + str(told["changes"])))
    done = (await live.get(f"/api/v1/rollouts/{found['rollout']['id']}")).json()
    counts |= set(re.findall(r"\d+ of \d+ objects", str(done["changes"])))
    assert len(counts) == 1, "before and after the new objects are made, and in every place, the same numbers"
    command = re.search(r"`mcd deploy hello --confirm ([0-9a-f]+)`", said)
    assert command is not None, said
    assert command[1] == told["confirm_prune"]
    again = await wish(live, {"confirmed_prune": command[1]})
    assert (again["release"], again["settings"], again["trigger"]) == (1, 0, "deploy")
    await live.world.settle()
    assert (await status(live))["rollout"]["state"] == "ready"
    assert not GONE & set(live.world.ours())


async def test_a_digest_alone_deploys_nothing_when_nothing_waits_for_it(live: Api) -> None:
    await renamed(live)
    refused = await wish(live, {"confirmed_prune": "24da"}, 409)
    assert "no Rollout waits for a confirmation" in refused["detail"]
    assert "--release N --confirm 24da" in refused["detail"]
    assert (await status(live))["rollout"]["number"] == 2


async def test_what_runs_is_shown_while_a_rollout_is_held(live: Api) -> None:
    await renamed(live)
    await wish(live, {"release": 1})
    await live.world.settle()
    found = await status(live)
    assert found["app"]["state"] == "held"
    assert {c["component"]: (c["state"], c["ready"]) for c in found["components"]} == {
        "web": ("healthy", 1), "api": ("healthy", 1), "worker": ("healthy", 1),
    }  # fmt: skip


async def test_what_mcd_puts_back_by_itself_takes_away_what_the_failed_one_made(live: Api) -> None:
    await live.world.push(OLD)
    await live.world.settle()
    live.world.pods_run = False
    wished = [r for r in live.world.kube.objects() if r.name in ("hello-api", "hello-worker")]
    await live.world.push(NEW, deletes=[r for r in wished if r.kind not in ("Pod", "ReplicaSet")])
    for _ in range(60):
        await live.world.turn()
        play(live.world.kube, lambda w: Fate.CRASH if f"Deployment/{w['metadata']['name']}" in GONE else Fate.READY)
        live.world.clock.forward(15)
        found = await status(live)
        if found["rollout"]["trigger"] == "auto-rollback" and found["rollout"]["state"] != "progressing":
            break
    assert found["rollout"]["trigger"] == "auto-rollback"
    assert found["rollout"]["state"] == "ready", found["rollout"]["message"]
    assert not GONE & set(live.world.ours())


async def test_a_viewer_learns_nothing_of_what_a_rollback_would_delete(live: Api) -> None:
    await renamed(live)
    body = {"release": 1, "rollback": True, "dry_run": True}
    assert (await live.post("/api/v1/apps/hello/rollouts", body, "vera")).status_code == 403
