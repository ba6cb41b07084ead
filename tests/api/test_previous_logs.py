"""The log of what died: of pods where something ended, from wherever the cluster has it, or one clear refusal."""

from __future__ import annotations

from typing import Any

import pytest

from mcd.objects import Ref
from tests.api.client import Api
from tests.controllers.world import HELLO

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
