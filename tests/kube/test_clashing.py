"""A port that somebody else put beside ours stays theirs, and is told in one sentence with what to do about it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from mcd.kube.client import KubeClient
from mcd.kube.cluster import Cluster
from mcd.kube.kinds import object_path
from mcd.kube.kubeconfig import parse_kubeconfig
from mcd.kube.memory import MemoryCluster
from mcd.model import Action, Reason
from mcd.objects import Object, Ref, canonical, ref_of
from tests.kube.given import Held, config, deployment, service, settle

Edit = Callable[[Ref, dict[str, Any]], Awaitable[None]]
UNNAMED = {"port": 8081, "protocol": "TCP", "targetPort": 8080}
NUMBERED = {**UNNAMED, "name": "http"}
OTHER = {**UNNAMED, "name": "debug"}


@pytest.fixture
async def edit(cluster: Cluster, request: pytest.FixtureRequest) -> AsyncIterator[Edit]:
    """A person changes the spec of an object as `kubectl edit` does: lists as they stand in the editor."""
    if isinstance(cluster, MemoryCluster):
        memory = cluster

        async def change(ref: Ref, spec: dict[str, Any]) -> None:
            memory.edit(ref, lambda o: o["spec"].update(spec))

        yield change
        return
    person = KubeClient(parse_kubeconfig(request.getfixturevalue("api_server").kubeconfig("person")))

    async def patch(ref: Ref, spec: dict[str, Any]) -> None:
        answer = await person._transport.send(
            "PATCH", object_path(ref), [("fieldManager", "kubectl-edit")], body=canonical({"spec": spec}),
            headers={"Content-Type": "application/merge-patch+json"},
        )  # fmt: skip
        assert answer.status == 200, answer.body

    yield patch
    await person.close()


@pytest.mark.parametrize(
    ("port", "why"),
    [(UNNAMED, "has no name beside ours"), (NUMBERED, 'has the name "http" of our 80')],
    ids=["without a name", "ours by another number"],
)
async def test_a_port_with_which_ours_would_be_refused_is_told_and_left_alone(
    cluster: Cluster, namespace: str, edit: Edit, port: dict[str, Any], why: str
) -> None:
    fence, wish = Held(), [config(namespace=namespace), service(namespace=namespace)]
    await settle(cluster, wish, fence, namespace)
    where = ref_of(wish[1])
    await edit(where, {"ports": [port]})
    edited = await cluster.get(where)
    done = await settle(cluster, [config(namespace=namespace, a="2"), wish[1]], fence, namespace)
    held = next(c for c in done.changes if c.ref == where)
    assert (held.action, held.reason) == (Action.HELD, Reason.REFUSED_BY_CLUSTER)
    assert held.detail == (
        f'port 8081, which "kubectl-edit" added, {why}, and Kubernetes takes no such two. Take it away or name it '
        f"otherwise: `kubectl edit service shop-web -n {namespace}`; then it goes on by itself."
    )
    assert not done.failed, "nothing was sent that would be refused"
    assert await cluster.get(where) == edited
    assert [str(c.ref) for c in done.changes if c.action is Action.CONFIGURED] == ["ConfigMap/shop-web-files"]
    await edit(where, {"ports": [OTHER]})
    healed = await settle(cluster, wish, fence, namespace)
    assert not healed.failed
    assert _ports(await cluster.get(where)) == [("debug", 8081), ("http", 80)]


async def test_a_port_of_ours_that_is_wanted_no_more_is_in_nobodys_way(cluster: Cluster, namespace: str) -> None:
    fence, was = Held(), service(namespace=namespace)
    await settle(cluster, [was], fence, namespace)
    wish = service(namespace=namespace)
    wish["spec"]["ports"] = [{"name": "http", "port": 81, "protocol": "TCP", "targetPort": 8080}]
    done = await settle(cluster, [wish], fence, namespace)
    assert not done.failed
    assert _ports(await cluster.get(ref_of(wish))) == [("http", 81)]


async def test_the_same_of_a_container(cluster: Cluster, namespace: str, edit: Edit) -> None:
    fence, wish = Held(), deployment(namespace=namespace)
    container = wish["spec"]["template"]["spec"]["containers"][0]
    container["ports"] = [{"name": "http", "containerPort": 8080, "protocol": "TCP"}]
    await settle(cluster, [wish], fence, namespace)
    pod = wish["spec"]["template"]["spec"]
    moved = {**container, "ports": [{"name": "http", "containerPort": 9090, "protocol": "TCP"}]}
    await edit(ref_of(wish), {"template": {**wish["spec"]["template"], "spec": {**pod, "containers": [moved]}}})
    done = await settle(cluster, [wish], fence, namespace)
    assert [(c.action, c.reason) for c in done.changes] == [(Action.HELD, Reason.REFUSED_BY_CLUSTER)]
    assert 'port 9090, which "kubectl-edit" added, has the name "http" of our 8080' in done.changes[0].detail


def _ports(live: Object | None) -> list[tuple[str, int]]:
    assert live is not None
    return sorted((port["name"], port["port"]) for port in live["spec"]["ports"])
