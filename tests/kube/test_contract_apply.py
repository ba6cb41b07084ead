"""Plan and carry out on both clusters: what holds in memory holds on a real API server."""

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
from tests.kube.given import Held, claim, config, deployment, obj, service, settle, shop

Hand = Callable[[Ref, Any], Awaitable[None]]


@pytest.fixture
async def hand(cluster: Cluster, request: pytest.FixtureRequest) -> AsyncIterator[Hand]:
    """Another manager (`kubectl-edit`) merges fields into a living object, or creates one."""
    if isinstance(cluster, MemoryCluster):
        memory = cluster

        async def merge(ref: Ref, patch: Any) -> None:
            if await memory.get(ref) is None:
                memory.person(patch)
            else:
                memory.edit(ref, lambda o: _merged(o, patch))

        yield merge
        return
    server = request.getfixturevalue("api_server")
    person = KubeClient(parse_kubeconfig(server.kubeconfig("person")))

    async def patch_real(ref: Ref, patch: Any) -> None:
        # A forced apply by another manager takes the fields over, as an edit does.
        body = {"apiVersion": ref.api_version, "kind": ref.kind, "metadata": {"name": ref.name}, **patch}
        body["metadata"] = {**body["metadata"], "name": ref.name}
        query = [("fieldManager", "kubectl-edit"), ("force", "true")]
        kind = {"Content-Type": "application/apply-patch+yaml; charset=utf-8"}
        answer = await person._transport.send("PATCH", object_path(ref), query, body=canonical(body), headers=kind)
        assert answer.status in (200, 201), answer.body

    yield patch_real
    await person.close()


def _merged(o: Object, patch: Any) -> None:
    for name, value in patch.items():
        if name in ("apiVersion", "kind"):
            continue
        if isinstance(value, dict):
            _merged(o.setdefault(name, {}), value)
        else:
            o[name] = value


async def test_a_pass_a_second_pass_and_a_change(cluster: Cluster, namespace: str) -> None:
    fence = Held()
    wish = [*shop(namespace=namespace), claim(namespace=namespace)]
    first = await settle(cluster, wish, fence, namespace)
    assert {c.action for c in first.changes} == {Action.CREATED}
    second = await settle(cluster, wish, fence, namespace)
    assert {c.action for c in second.changes} == {Action.UNCHANGED}
    third = await settle(cluster, [*shop("shop:2", namespace), claim(namespace=namespace)], fence, namespace)
    assert [str(c.ref) for c in third.changes if c.action is not Action.UNCHANGED] == ["Deployment/shop-web"]


async def test_an_edit_is_healed_and_the_hand_named(cluster: Cluster, namespace: str, hand: Hand) -> None:
    fence = Held()
    wish = [config(namespace=namespace, a="1", b="2"), service(namespace=namespace)]
    await settle(cluster, wish, fence, namespace)
    ref = ref_of(wish[0])
    await hand(ref, {"data": {"a": "by hand", "extra": "mine"}})
    healed = await settle(cluster, wish, fence, namespace)
    change = next(c for c in healed.changes if c.ref == ref)
    assert (change.action, change.healed_from, change.detail) == (Action.CONFIGURED, "kubectl-edit", "data.a")
    live = await cluster.get(ref)
    assert live is not None
    assert live["data"] == {"a": "1", "b": "2", "extra": "mine"}, "what is not ours is kept"
    again = await settle(cluster, wish, fence, namespace)
    assert {c.action for c in again.changes} == {Action.UNCHANGED}


PEER = {"podSelector": {"matchLabels": {"app": "web"}}}
WIDER = {**PEER, "namespaceSelector": {}}
NARROWED = {
    "a policy that isolates every pod": {"podSelector": {"matchLabels": {"kept": "out"}}},
    "a peer of this namespace only": {"ingress": [{"from": [WIDER]}]},
}


@pytest.mark.parametrize("change", NARROWED.values(), ids=NARROWED)
async def test_what_is_added_to_a_value_that_is_one_whole_is_taken_back(
    cluster: Cluster, namespace: str, hand: Hand, change: Any
) -> None:
    """Nothing of ours is missing from it, and yet it says something else: who is isolated, who may come in."""
    fence = Held()
    spec = {"podSelector": {}, "policyTypes": ["Ingress"], "ingress": [{"from": [PEER]}]}
    policy = obj("networking.k8s.io/v1", "NetworkPolicy", "deny", namespace, spec=spec)
    await settle(cluster, [policy], fence, namespace)
    await hand(ref_of(policy), {"spec": change})
    healed = await settle(cluster, [policy], fence, namespace)
    assert [(c.action, c.healed_from) for c in healed.changes] == [(Action.CONFIGURED, "kubectl-edit")]
    live = await cluster.get(ref_of(policy))
    assert live is not None
    assert live["spec"] == spec
    again = await settle(cluster, [policy], fence, namespace)
    assert {c.action for c in again.changes} == {Action.UNCHANGED}


async def test_a_foreign_object_is_held_then_taken_over_by_wish(cluster: Cluster, namespace: str, hand: Hand) -> None:
    fence = Held()
    foreign = {k: v for k, v in config(namespace=namespace, a="theirs").items() if k in ("apiVersion", "kind", "data")}
    ref = ref_of(config(namespace=namespace))
    foreign["metadata"] = {"name": ref.name, "namespace": namespace}
    await hand(ref, foreign)
    held = await settle(cluster, [config(namespace=namespace)], fence, namespace)
    assert [(c.action, c.reason) for c in held.changes] == [(Action.HELD, Reason.NOT_OURS)]
    assert "kubectl-edit" in held.changes[0].detail
    live = await cluster.get(ref)
    assert live is not None
    assert live["data"] == {"a": "theirs"}
    taken = await settle(cluster, [config(namespace=namespace)], fence, namespace, take_over=True)
    assert [c.action for c in taken.changes] == [Action.CONFIGURED]
    after = await settle(cluster, [config(namespace=namespace)], fence, namespace)
    assert [c.action for c in after.changes] == [Action.UNCHANGED]


async def test_what_is_no_longer_wanted_goes_and_data_stays(cluster: Cluster, namespace: str, hand: Hand) -> None:
    fence = Held()
    await settle(cluster, [*shop(namespace=namespace), claim(namespace=namespace)], fence, namespace)
    mine = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "by-hand", "namespace": namespace},
        "data": {},
    }
    await hand(ref_of(mine), mine)
    wished = {ref_of(o) for o in shop(namespace=namespace)}
    done = await settle(cluster, [], fence, namespace, wished_deletes=wished)
    deleted = [c.ref.kind for c in done.changes if c.action is Action.DELETED]
    assert sorted(deleted) == ["ConfigMap", "Deployment", "Service"]
    assert [e.ref.kind for e in fence.inventory] == ["PersistentVolumeClaim"]
    assert await cluster.get(ref_of(claim(namespace=namespace))) is not None
    assert await cluster.get(ref_of(mine)) is not None


async def test_a_field_that_was_taken_away_is_put_back(cluster: Cluster, namespace: str) -> None:
    fence = Held()
    wish = [deployment(namespace=namespace, A="1", B="2")]
    await settle(cluster, wish, fence, namespace)
    fewer = [deployment(namespace=namespace, A="1")]
    done = await settle(cluster, fewer, fence, namespace)
    assert [c.action for c in done.changes] == [Action.CONFIGURED]
    live = await cluster.get(ref_of(wish[0]))
    assert live is not None
    assert [e["name"] for e in live["spec"]["template"]["spec"]["containers"][0]["env"]] == ["A"]
