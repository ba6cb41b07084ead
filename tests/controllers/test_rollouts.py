"""A push becomes running pods, and stays so: the loop and its reconcilers, a real store, a cluster in memory."""

from __future__ import annotations

import pytest

from mcd.errors import McdError
from mcd.model import ConditionType, Reason
from tests.controllers.world import HELLO, World

TWO = """
appname: hello
components:
  web: {type: web, image: "registry.test/hello:1"}
  worker: {type: daemon, image: "registry.test/worker:1"}
"""


async def test_a_push_ends_in_objects_that_are_healthy(here: World) -> None:
    await here.push(HELLO)
    await here.settle()
    ready = await here.ready()
    assert ready.status, await here.said()
    wanted = {"ServiceAccount/hello", "Service/hello-web", "Deployment/hello-web", "HTTPRoute/hello-web"}
    assert wanted <= set(here.ours())


async def test_a_second_pass_writes_nothing(here: World) -> None:
    await here.push(HELLO)
    await here.settle()
    before = here.written
    here.clock.forward(3600)
    await here.settle()
    assert here.writes_since(before) == []


async def test_ready_is_not_said_before_the_pods_are(here: World) -> None:
    here.pods_run = False
    await here.push(HELLO)
    await here.settle(horizon=1)
    ready = await here.ready()
    assert not ready.status
    assert ready.reason is Reason.PROGRESSING


async def test_a_component_that_a_push_leaves_out_goes(here: World) -> None:
    await here.push(TWO)
    await here.settle()
    assert "Deployment/hello-worker" in here.ours()
    await here.push(HELLO)
    await here.settle()
    assert "Deployment/hello-worker" not in here.ours()
    assert (await here.ready()).status, await here.said()


async def test_a_component_that_a_push_leaves_as_it_was_is_not_written(here: World) -> None:
    await here.push(TWO)
    await here.settle()
    before = here.written
    await here.push(TWO.replace("worker:1", "worker:2"))
    await here.settle()
    assert here.writes_since(before) == ["apply Deployment/hello-worker"]


async def test_a_deployment_deleted_by_hand_is_back(here: World) -> None:
    await here.push(HELLO)
    await here.settle()
    deployment = next(ref for ref in here.kube.objects() if ref.kind == "Deployment")
    here.kube.person_deletes(deployment)
    here.clock.forward(3600)
    await here.settle()
    assert "Deployment/hello-web" in here.ours()
    assert (await here.ready()).status


async def test_an_image_edited_by_hand_is_healed_and_the_hand_is_named(here: World) -> None:
    await here.push(HELLO)
    await here.settle()
    deployment = next(ref for ref in here.kube.objects() if ref.kind == "Deployment")

    def edit(obj: dict) -> None:  # type: ignore[type-arg]
        obj["spec"]["template"]["spec"]["containers"][0]["image"] = "evil:1"

    here.kube.edit(deployment, edit, manager="kubectl-edit")
    here.clock.forward(3600)
    await here.settle()
    live = here.ours()["Deployment/hello-web"]
    assert live["spec"]["template"]["spec"]["containers"][0]["image"] == "registry.test/hello:1"
    assert any("kubectl-edit" in event for event in await here.events("healed"))


async def test_a_foreign_object_with_our_name_is_held_and_untouched(here: World) -> None:
    foreign = {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": "hello-web", "namespace": "demo"},
        "spec": {"ports": [{"port": 1}]},
    }
    here.kube.person(foreign, manager="kubectl-create")
    await here.push(HELLO)
    await here.settle()
    ready = await here.ready()
    assert (ready.status, ready.reason) == (False, Reason.NOT_OURS)
    assert "kubectl-create" in ready.message
    kept = next(o for r, o in here.kube.objects().items() if r.kind == "Service" and r.name == "hello-web")
    assert kept["spec"]["ports"] == [{"port": 1}]


async def test_a_hand_made_object_beside_ours_stays_when_the_app_goes(here: World) -> None:
    await here.push(HELLO)
    await here.settle()
    here.kube.person(
        {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "mine", "namespace": "demo"}, "data": {"a": "1"}}
    )
    await here.delete()
    await here.settle()
    app_objects = [name for name, obj in here.ours().items() if "instance" in str(obj["metadata"]["labels"])]
    assert app_objects == []
    assert any(ref.name == "mine" for ref in here.kube.objects())
    with pytest.raises(McdError, match="no app"):
        await here.live()


async def test_a_broken_app_yaml_stalls_the_release_and_touches_no_cluster(here: World) -> None:
    before = here.written
    release = await here.push("appname: hello\ncomponents: {web: {type: web, port: 99999, image: 'x/y:1'}}\n")
    await here.settle()
    assert here.writes_since(before) == []
    conditions = await here.release_conditions(release)
    assert conditions[ConditionType.STALLED].reason is Reason.INVALID_APP_YAML


async def test_a_newer_push_takes_the_place_of_one_that_still_waits(here: World) -> None:
    here.pods_run = False
    await here.push(HELLO)
    await here.settle(horizon=1)
    await here.push(HELLO.replace("hello:1", "hello:2"))
    here.pods_run = True
    await here.settle()
    live = here.ours()["Deployment/hello-web"]
    assert live["spec"]["template"]["spec"]["containers"][0]["image"] == "registry.test/hello:2"
    rollout = await here.live()
    assert rollout is not None
    assert rollout.number == 2
