"""A Rollout whose pods are replaced or cannot be: when Ready is said, when it is looked at again, what is told."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

from mcd.kube.play import Fate, play
from mcd.model import Noun, Reason
from mcd.objects import DRAIN, Object, Ref
from mcd.store import leases
from tests.controllers.world import HELLO, World

WEB = Ref("apps/v1", "Deployment", "demo", "hello-web")
REVISION = "deployment.kubernetes.io/revision"
BOTH = """
appname: hello
components:
  web: {type: web, image: "registry.test/hello:1"}
  worker: {type: daemon, image: "registry.test/worker:1"}
"""


def pod_of(here: World, version: str, **meta: Any) -> Object:
    """A pod of the Deployment as a ReplicaSet of Kubernetes makes it, ready."""
    template = here.kube.objects()[WEB]["spec"]["template"]
    owner = {
        "apiVersion": "apps/v1",
        "kind": "ReplicaSet",
        "name": f"hello-web-{version}",
        "uid": uid_of(here, version),
    }
    labels = {**template["metadata"]["labels"], "pod-template-hash": version}
    ready = [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "True"}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": f"hello-web-{version}-x", "namespace": "demo", "labels": labels, "ownerReferences": [owner], **meta,
        },
        "spec": copy.deepcopy(template["spec"]),
        "status": {
            "phase": "Running",
            "conditions": ready,
            "containerStatuses": [{"name": "web", "ready": True, "state": {"running": {}}}],
        },
    }  # fmt: skip


def uid_of(here: World, version: str) -> str:
    ref = Ref("apps/v1", "ReplicaSet", "demo", f"hello-web-{version}")
    return str(here.kube.objects()[ref]["metadata"]["uid"])


def replica_set(here: World, version: str, revision: str) -> None:
    web = here.kube.objects()[WEB]
    owner = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "hello-web", "uid": web["metadata"]["uid"]}
    labels = {**web["spec"]["template"]["metadata"]["labels"], "pod-template-hash": version}
    meta = {
        "name": f"hello-web-{version}", "namespace": "demo", "labels": labels, "ownerReferences": [owner],
        "annotations": {REVISION: revision},
    }  # fmt: skip
    here.kube.person({"apiVersion": "apps/v1", "kind": "ReplicaSet", "metadata": meta, "spec": {}}, manager="kcm")


async def replaced(here: World) -> Ref:
    """A push whose new pod is ready and whose old pod was told to stop just now. Answers the old pod."""
    await here.push(HELLO)
    await here.settle()
    for ref in [r for r in here.kube.objects() if r.kind == "Pod"]:
        here.kube.person_deletes(ref)
    here.pods_run = False
    await here.push(HELLO.replace("hello:1", "hello:2"))
    await here.settle(horizon=1)
    replica_set(here, "old", "1")
    replica_set(here, "new", "2")
    ends = datetime.fromtimestamp(here.clock().timestamp() + 35, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    stopping = {"deletionTimestamp": ends, "deletionGracePeriodSeconds": 35, "finalizers": ["kubelet"]}
    here.kube.person(pod_of(here, "new"), manager="kubelet")
    here.kube.person(pod_of(here, "old", **stopping), manager="kubelet")

    def second(obj: Object) -> None:
        obj["metadata"].setdefault("annotations", {})[REVISION] = "2"

    here.kube.edit(WEB, second, manager="kcm")
    play_status(here)
    return Ref("v1", "Pod", "demo", "hello-web-old-x")


def play_status(here: World) -> None:
    generation = here.kube.objects()[WEB]["metadata"]["generation"]
    counts = {"replicas": 1, "updatedReplicas": 1, "readyReplicas": 1, "availableReplicas": 1}
    here.kube.set_status(WEB, {"observedGeneration": generation, **counts})


async def look_again(here: World) -> None:
    async with here.runtime.db.writing() as tx:
        await leases.wake(tx, Noun.ROLLOUT, ["hello"], here.clock())
    await here.turn()


async def test_ready_is_said_at_the_moment_at_which_the_traffic_has_moved(here: World) -> None:
    await replaced(here)
    await look_again(here)
    ready = await here.ready()
    assert (ready.status, ready.reason) == (False, Reason.PROGRESSING)
    words = "web: the old pods finish their requests; traffic moves to the new ones (5 s left)."
    assert ready.message == words
    async with here.runtime.db.reading() as tx:
        due = await leases.next_due(tx, here.clock())
    assert due is not None
    assert (due - here.clock()).total_seconds() == DRAIN, "nobody looks before, and nobody later"
    here.clock.forward(DRAIN)
    await here.turn()
    assert (await here.ready()).status


async def test_a_pod_that_is_gone_sooner_ends_the_wait(here: World) -> None:
    old = await replaced(here)
    await look_again(here)
    here.clock.forward(1)
    here.kube.edit(old, lambda obj: obj["metadata"].pop("finalizers"), manager="kubelet")
    assert old not in here.kube.objects()
    await look_again(here)
    assert (await here.ready()).status


async def test_an_image_that_cannot_be_pulled_says_how_to_try_again(here: World) -> None:
    here.pods_run = False
    await here.push(HELLO)
    await here.settle(horizon=1)
    play(here.kube, lambda _: Fate.PULL)
    await look_again(here)
    ready = await here.ready()
    assert (ready.status, ready.reason) == (False, Reason.IMAGE_PULL)
    assert ready.message.endswith("`mcd restart hello` does at once.")


async def test_one_that_was_put_back_says_how_to_try_it_again(here: World) -> None:
    await here.push(HELLO)
    await here.settle()
    here.pods_run = False
    await here.push(HELLO.replace("hello:1", "hello:2"))
    await here.settle(horizon=1)
    play(here.kube, lambda _: Fate.PULL)
    await look_again(here)
    assert (await here.events("stalled"))[-1].endswith(
        "MCD went back to Rollout 1 (Release 1). `mcd deploy hello` tries this one again."
    )


async def test_what_several_components_wait_for_is_said_in_sentences(here: World) -> None:
    here.pods_run = False
    await here.push(BOTH)
    await here.settle(horizon=1)
    words = "the cluster has not looked at the newest version yet."
    assert (await here.ready()).message == f"web: {words} worker: {words}"
