"""Where a command may run: in a pod that stays, on a node that is one, of a component that there is."""

from __future__ import annotations

from typing import Any

from mcd.objects import Object, Ref
from tests.api.client import Api


async def asked(api: Api, **wish: object) -> tuple[int, str]:
    answer = await api.post("/api/v1/apps/hello/exec", {"command": ["sh"], **wish})
    return answer.status_code, answer.json().get("detail", "")


def pods(api: Api) -> list[Ref]:
    return [ref for ref in api.world.kube.objects() if ref.kind == "Pod"]


def change(api: Api, ref: Ref, section: str, **more: Any) -> None:
    def edit(obj: Object) -> None:
        obj[section] = {**obj[section], **more}

    api.world.kube.edit(ref, edit, manager="kubelet")


async def test_a_component_that_is_none_is_refused_with_the_names_there_are(live: Api) -> None:
    await live.deployed()
    assert await asked(live, component="wob") == (404, "there is no component wob. Known: web.")


async def test_no_shell_is_opened_in_a_pod_that_ends_unless_it_is_named(live: Api) -> None:
    await live.deployed()
    live.world.pods_run = False
    for pod in pods(live):
        change(live, pod, "metadata", finalizers=["test/kept"])
        live.world.kube.person_deletes(pod)
    code, said = await asked(live)
    assert (code, said.partition(" has no pod that stays: ")[0]) == (409, 'App "hello"')
    assert "`mcd scale hello web=1`" in said
    assert (await asked(live, pod=pods(live)[0].name))[0] == 201


async def test_a_pod_of_a_simulated_node_is_said_to_run_nothing(live: Api) -> None:
    await live.deployed()
    kept: dict[str, Any] = {"name": "sim-1", "annotations": {"kwok.x-k8s.io/node": "fake"}}
    live.world.kube.person({"apiVersion": "v1", "kind": "Node", "metadata": kept}, manager="kwok")
    for pod in pods(live):
        change(live, pod, "spec", nodeName="sim-1")
    code, said = await asked(live)
    assert (code, "is on the simulated node sim-1: nothing runs in it." in said) == (422, True)
