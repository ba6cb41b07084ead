"""The log of what died: of pods where something ended, from wherever the cluster has it, or one clear refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, select, update

from mcd.kube.play import Fate, play
from mcd.model import ComponentHealth, HealthState, Reason, Trigger
from mcd.objects import Ref
from mcd.store import tables as t
from mcd.store.nouns import health_json
from tests.api.client import Api
from tests.controllers.world import HELLO

ROOT = Path(__file__).parents[2]

LOGS = "/api/v1/apps/hello/logs?previous=true"
DEAD = {"terminated": {"exitCode": 3, "reason": "Error"}}
AWAY = b"unable to retrieve container logs for containerd://6b59"


def pods(api: Api) -> list[Ref]:
    return sorted((r for r in api.world.kube.objects() if r.kind == "Pod"), key=lambda r: r.name)


def becomes(api: Api, pod: Ref, restarts: int, state: Any, last: Any = None) -> None:
    status = {"name": "web", "restartCount": restarts, "state": state, "lastState": last or {}, "ready": False}
    api.world.kube.set_status(pod, {"phase": "Running", "containerStatuses": [status]})


async def deployed(api: Api) -> list[Ref]:
    await api.deployed(HELLO.replace("type: web,", "type: web, replicas: 2,"))
    api.world.pods_run = False
    for pod in pods(api):
        api.world.kube.set_logs("demo", pod.name, "web", [b"well"])
    return pods(api)


async def test_only_what_ended_is_told_and_nothing_of_pods_that_are_well(live: Api) -> None:
    first, _ = await deployed(live)
    becomes(live, first, 2, {"running": {}}, DEAD)
    live.world.kube.set_logs("demo", first.name, "web", [b"fatal"], previous=True)
    answer = await live.get(LOGS + "&prefix=true")
    assert (answer.status_code, answer.text) == (200, f"{first.name} web fatal\n")


@pytest.mark.parametrize(
    "state", [DEAD, {"waiting": {"reason": "CrashLoopBackOff"}}], ids=["just ended", "between two tries"]
)
async def test_between_two_tries_the_present_log_is_that_of_what_died(live: Api, state: Any) -> None:
    first, _ = await deployed(live)
    becomes(live, first, 2, state, DEAD)
    live.world.kube.set_logs("demo", first.name, "web", [b"fatal: 3rd"])
    live.world.kube.set_logs("demo", first.name, "web", [AWAY], previous=True)
    assert (await live.get(LOGS)).text == "fatal: 3rd\n"
    live.world.kube.set_logs("demo", first.name, "web", [AWAY])
    live.world.kube.set_logs("demo", first.name, "web", [b"fatal: 2nd"], previous=True)
    assert (await live.get(LOGS)).text == "fatal: 2nd\n"


async def test_where_nothing_ended_or_its_log_is_gone_one_refusal_says_so(live: Api) -> None:
    first, _ = await deployed(live)
    for follow in ("", "&follow=true"):
        answer = await live.get(LOGS + follow)
        assert (answer.status_code, answer.json()["reason"]) == (404, "NoPreviousLog")
    assert answer.json()["detail"].startswith("no pod of hello has a container that ended before.")
    becomes(live, first, 2, DEAD, DEAD)
    for previous in (True, False):
        live.world.kube.set_logs("demo", first.name, "web", [AWAY], previous=previous)
    assert (await live.get(LOGS)).json()["reason"] == "NoPreviousLog"
    gone = (await live.get(LOGS + "&pod=hello-web-dead")).json()
    assert gone["reason"] == "NoPreviousLog"
    assert gone["detail"].startswith('the pod "hello-web-dead" has no container that ended, or it is gone')


async def died(api: Api, fate: Fate, *said: bytes) -> None:
    """Release 2 dies with these last lines and is put back; then its pods are gone with their logs."""
    world = api.world
    world.pods_run = False
    await world.push(HELLO.replace("hello:1", "hello:2"))
    for _ in range(40):
        await world.turn()
        play(world.kube, lambda _workload: fate)
        for ref, pod in world.kube.objects("Pod").items():
            if pod["status"]["containerStatuses"][0]["restartCount"]:
                for previous in (False, True):
                    world.kube.set_logs("demo", ref.name, "web", list(said), previous=previous)
        world.clock.forward(15)
        rollout = await world.live()
        if rollout is not None and rollout.trigger is Trigger.AUTO_ROLLBACK:
            break
    world.pods_run = True
    await world.settle()
    for ref in world.kube.objects("Pod"):
        world.kube.set_logs("demo", ref.name, "web", [b"well"])


async def test_the_last_lines_of_the_rollout_that_mcd_went_back_from_are_told_when_its_pods_are_gone(live: Api) -> None:
    await live.deployed()
    await died(live, Fate.CRASH, b"reading", b"fatal: no database")
    head = "mcd: web of Rollout 2 died (CrashLooping) and its log is gone with it. Its last lines were kept:\n"
    assert (await live.get(LOGS)).text == f"{head}reading\nfatal: no database\n"
    assert (await live.get(LOGS + "&prefix=true&component=web")).text.endswith("web | fatal: no database\n")
    async with live.as_("dora", Accept="text/html") as dora:
        page = (await dora.get("/apps/hello/logs?previous=true")).text
    assert "fatal: no database" in page
    assert "web of Rollout 2 died (CrashLooping)" in page
    # Which pod said them was not kept, so they are of none that is named.
    (well,) = pods(live)
    for only in (f"&pod={well.name}", "&pod=hello-web-dead", "&container=web"):
        assert (await live.get(LOGS + only)).json().get("reason") == "NoPreviousLog", only
        async with live.as_("dora", Accept="text/html") as dora:
            assert "no database" not in (await dora.get(f"/apps/hello/logs?previous=true{only}")).text
    # A Rollout that a person wished since is another one, and nothing of it died.
    scaled = await live.ask("PATCH", "/api/v1/apps/hello/settings", {"components": {"web": {"replicas": 2}}})
    assert scaled.is_success, scaled.text
    await live.world.settle()
    assert (await live.get(LOGS)).json()["reason"] == "NoPreviousLog"


async def test_who_may_read_no_logs_hears_nowhere_what_a_program_said_before_it_died(live: Api) -> None:
    """Why it died is for everybody who sees the App; the lines are as secret as the log that they are of."""
    await live.deployed()
    await died(live, Fate.CRASH, b"reading", b"fatal: no database")
    faces = ["", "/why", "/rollouts"]
    asked = [f"/api/v1/apps/hello{face}" for face in faces] + ["/api/v1/events?app=hello"]
    pages = [f"/apps/hello{face}" for face in ("", "/rollouts/2", "/timeline")]
    told = {}
    for person in ("vera", "dora"):
        answers = [await live.get(path, person) for path in asked]
        async with live.as_(person, Accept="text/html") as browser:
            answers += [await browser.get(path) for path in pages]
        assert [answer.status_code for answer in answers] == [200] * len(answers), [a.url for a in answers]
        told[person] = {answer.url.path for answer in answers if "fatal: no database" in answer.text}
    assert told["vera"] == set()
    assert {"/api/v1/apps/hello/why", "/apps/hello/rollouts/2"} <= told["dora"]
    assert "CrashLooping" in (await live.get("/api/v1/apps/hello/why", "vera")).text


async def test_the_page_of_rights_says_which_lines_a_viewer_reads(live: Api) -> None:
    await live.deployed()
    await died(live, Fate.CRASH, b"fatal: no database")
    async with live.world.runtime.db.writing() as tx:
        releases = select(t.release.c.id).where(t.release.c.number == 2)
        await tx.run(insert(t.build_log).values(release_id=releases.scalar_subquery(), line=1, text="STEP 1/2: FROM"))
    page = " ".join((ROOT / "docs/how-to/members.md").read_text(encoding="utf-8").split())
    assert "| viewer | see everything but what programs say in their pods |" in page

    why = (await live.get("/api/v1/apps/hello/why", "vera")).text
    assert ("CrashLooping" in why, "fatal: no database" in why) == (True, False)
    assert "the last lines of a container that died" in page
    assert "A viewer reads why it died, with its exit code, and what to do about it, but none of these lines." in page

    built = await live.get("/api/v1/apps/hello/releases/2/log", "vera")
    assert (built.status_code, "STEP 1/2" in built.text) == (200, True)
    assert "What the builder said of a Release is for everybody who sees the App" in page


async def test_what_an_older_version_wrote_into_an_event_of_a_death_is_told_to_nobody_there(live: Api) -> None:
    await live.deployed()
    async with live.world.runtime.db.writing() as tx:
        older = {"evidence": ["fatal: no database"], "component": "web"}
        await tx.run(update(t.event).where(t.event.c.kind == "ready").values(data=older))
    for person in ("vera", "dora"):
        answer = await live.get("/api/v1/events?app=hello", person)
        assert ('"component":"web"' in answer.text, "no database" in answer.text) == (True, False)


async def test_lines_of_the_cluster_and_of_an_older_rollout_are_no_last_words(live: Api) -> None:
    await live.deployed()
    await died(live, Fate.CRASH, b"of the older one")
    async with live.world.runtime.db.writing() as tx:
        seen = ComponentHealth(
            "web", HealthState.FAILED, Reason.PROBE_FAILING, "x", evidence=("Readiness probe failed",)
        )
        number = t.rollout.c.number == 2
        await tx.run(update(t.rollout).where(number).values(health=[health_json(seen)]))
    assert (await live.get(LOGS)).json()["reason"] == "NoPreviousLog"
    async with live.world.runtime.db.writing() as tx:
        seen = ComponentHealth("web", HealthState.FAILED, Reason.OOM_KILLED, "x")
        await tx.run(update(t.rollout).where(number).values(health=[health_json(seen)]))
    assert "web of Rollout 2 died (OOMKilled)" in (await live.get(LOGS)).text
    assert "It said nothing before" in (await live.get(LOGS)).text


async def test_what_a_pod_of_an_older_version_ended_with_long_ago_is_not_told(live: Api) -> None:
    old, new = await deployed(live)
    for pod, made, version in ((old, "2026-05-03T10:00:00Z", "a1"), (new, "2026-05-03T10:05:00Z", "b2")):
        becomes(live, pod, 2, {"running": {}}, DEAD)
        obj = live.world.kube.objects("Pod")[pod]
        obj["metadata"]["labels"]["pod-template-hash"] = version
        obj["metadata"]["creationTimestamp"] = made
        live.world.kube.person(obj, manager="kube-controller-manager")
        live.world.kube.set_logs("demo", pod.name, "web", [f"died in {version}".encode()], previous=True)
    assert (await live.get(LOGS)).text == "died in b2\n"
    assert (await live.get(LOGS + f"&pod={old.name}")).text == "died in a1\n"
