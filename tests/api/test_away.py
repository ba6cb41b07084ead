"""An App whose cluster cannot be looked at is said to be unknown, with what was seen last: never to be as it was."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mcd.errors import Code
from mcd.kube.cluster import KubeError, KubeReason
from mcd.kube.play import Fate, play
from mcd.objects import Ref
from tests.api.client import Api
from tests.controllers.world import HELLO

NO_ANSWER = "the cluster does not answer."


async def cut(api: Api, reason: KubeReason = KubeReason.UNREACHABLE, code: Code = Code.UNAVAILABLE) -> None:
    """The cluster is away from now on, and its controller has noticed."""

    def refuse(verb: str, ref: Ref) -> KubeError | None:
        return KubeError(code, reason, NO_ANSWER)

    api.world.kube.faults.refuse = refuse
    api.world.clock.forward(120)
    for _ in range(3):
        await api.world.turn()
        api.world.clock.forward(6)


async def got(api: Api, path: str) -> dict[str, Any]:
    answer = await api.get(f"/api/v1/{path}", "vera")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def every_face(api: Api) -> list[dict[str, Any]]:
    """The live Rollout of hello as each route tells it."""
    listed = (await got(api, "apps"))["items"]
    history = (await got(api, "apps/hello/rollouts"))["items"]
    return [
        next(a for a in listed if a["name"] == "hello")["live"],
        (await got(api, "apps/hello"))["live"],
        (await got(api, "apps/hello/status"))["rollout"],
        next(r for r in history if r["live"]),
        await got(api, f"rollouts/{history[0]['id']}"),
    ]


async def test_nothing_is_called_ready_that_nobody_can_see(live: Api) -> None:
    await live.deployed()
    seen = live.world.clock()
    assert {face["state"] for face in await every_face(live)} == {"ready"}
    await cut(live)
    for face in await every_face(live):
        assert (face["state"], face["last_state"], face["reason"]) == ("unknown", "ready", "Unreachable")
        assert face["message"].startswith("It was ready when it was seen last at 2026-05-03 10:")
        assert 'cluster "local" does not answer' in face["message"]
        assert face["last_seen_at"] <= seen.isoformat().replace("+00:00", "Z") < face["away_since"]
        assert face["since"] == face["away_since"]
    status = await got(live, "apps/hello/status")
    assert status["app"]["state"] == "unknown"
    assert status["next_step"].endswith("`mcd cluster show local`.")
    (web,) = status["components"]
    assert (web["state"], web["reason"]) == ("unknown", "Unreachable")
    assert web["message"].startswith("It was healthy when it was seen last")
    conditions = {c["type"]: c["status"] for c in status["rollout"]["conditions"]}
    assert conditions["Ready"] == "Unknown"
    assert conditions["Stalled"] == "False"


async def test_it_is_ready_again_when_the_cluster_is_back(live: Api) -> None:
    await live.deployed()
    await cut(live)
    live.world.kube.faults.refuse = None
    await live.world.settle()
    for face in await every_face(live):
        assert (face["state"], face["last_state"], face["away_since"]) == ("ready", None, None)


async def test_a_page_of_a_cluster_that_is_away_asks_it_nothing_and_does_not_change_by_itself(live: Api) -> None:
    await live.deployed()
    await cut(live)
    asked: list[str] = []
    before = live.world.kube.faults.refuse
    assert before is not None

    def count(verb: str, ref: Ref) -> KubeError | None:
        asked.append(verb)
        return before(verb, ref)

    live.world.kube.faults.refuse = count
    first = await live.get("/api/v1/apps/hello/status")
    live.world.clock.at += timedelta(hours=1)
    await live.world.loop.beat()
    again = await live.get("/api/v1/apps/hello/status", headers={"If-None-Match": first.headers["ETag"]})
    assert again.status_code == 304
    assert asked == []


async def test_what_needs_a_person_still_does_while_the_cluster_is_away(live: Api) -> None:
    live.world.pods_run = False
    await live.world.push(HELLO)
    for _ in range(40):
        await live.world.turn()
        play(live.world.kube, lambda workload: Fate.CRASH)
        live.world.clock.forward(15)
        if (await got(live, "apps/hello"))["state"] == "stalled":
            break
    await cut(live)
    status = await got(live, "apps/hello/status")
    assert (status["rollout"]["state"], status["rollout"]["last_state"]) == ("stalled", None)
    assert status["rollout"]["away_since"] is not None
    assert status["components"][0]["state"] == "unknown"


@pytest.mark.parametrize(
    ("reason", "code", "said"),
    [
        (KubeReason.UNAUTHORIZED, Code.UNAUTHENTICATED, "ClusterAuthFailed"),
        (KubeReason.FORBIDDEN, Code.FORBIDDEN, "Forbidden"),
    ],
)
async def test_a_cluster_that_lets_nobody_look_is_away_too(
    live: Api, reason: KubeReason, code: Code, said: str
) -> None:
    await live.deployed()
    await cut(live, reason, code)
    found = await got(live, "apps/hello")
    assert (found["state"], found["live"]["reason"]) == ("unknown", said)


async def test_a_wish_that_is_on_its_way_is_not_called_unknown(live: Api) -> None:
    await live.deployed()
    await cut(live)
    await live.world.push(HELLO.replace("hello:1", "hello:2"))
    for _ in range(3):
        await live.world.turn()
        live.world.clock.forward(2)
    assert (await got(live, "apps/hello"))["state"] == "progressing"
