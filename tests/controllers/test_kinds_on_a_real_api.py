"""The definitions of kinds are taken out of a real API server and put back, with Apps that have objects of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from mcd.kube.client import KubeClient
from mcd.kube.cluster import KubeError, KubeReason
from mcd.kube.kubeconfig import parse_kubeconfig
from mcd.kube.serving import LASTS
from mcd.objects import Object, Ref
from mcd.store import reads
from tests.controllers.world import ADMIN, HELLO, LINE, World
from tests.kube import apiserver
from tests.kube.given import obj

pytestmark = pytest.mark.cluster

GROUP = "monitoring.coreos.com"
RULE = Ref(f"{GROUP}/v1", "PrometheusRule", LINE, "hello")


def definition() -> Object:
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    names = {"plural": "prometheusrules", "singular": "prometheusrule", "kind": "PrometheusRule"}
    version = {"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}
    spec = {"group": GROUP, "scope": "Namespaced", "names": names, "versions": [version]}
    return obj("apiextensions.k8s.io/v1", "CustomResourceDefinition", f"prometheusrules.{GROUP}", "", spec=spec)


@pytest.fixture(autouse=True)
async def person(server: apiserver.ApiServer) -> AsyncIterator[KubeClient]:
    """Somebody at the API server, who sees to it that it serves PrometheusRule when a test begins."""
    client = KubeClient(parse_kubeconfig(server.kubeconfig("person")))
    await client.apply(definition())
    await listed(client, True)
    yield client
    await client.close()


async def listed(person: KubeClient, wanted: bool) -> None:
    """Discovery says so, and a request for the kind too."""
    async with asyncio.timeout(60):
        while True:
            serves = await person.serves()
            try:
                await person.get(Ref(RULE.api_version, RULE.kind, "default", "x"))
                answers = True
            except KubeError as error:
                if error.kube_reason is not KubeReason.NOT_SERVED:
                    raise
                answers = False
            if wanted is answers is serves.has(RULE.api_version, RULE.kind):
                return
            await asyncio.sleep(0.1)


async def passing(real: World, minutes: float) -> None:
    for _ in range(round(minutes * 2)):
        real.clock.forward(30)
        for _ in range(3):
            await real.turn()


async def test_a_definition_that_is_taken_out_and_put_back_costs_nothing_else(real: World, person: KubeClient) -> None:
    await real.push(HELLO)
    await passing(real, 3)
    first = await person.get(RULE)
    route = await person.get(Ref("apps/v1", "Deployment", LINE, "hello-web"))
    assert first is not None
    assert route is not None
    taken = Ref("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", f"prometheusrules.{GROUP}")
    there = await person.get(taken)
    assert there is not None
    await person.delete(taken, there["metadata"]["uid"])
    await listed(person, False)
    await passing(real, 2)
    assert await serves(real), "it has not lasted yet"
    await passing(real, LASTS.seconds / 60 + 12)
    assert not (await serves(real))
    assert "PrometheusRule" in " ".join(await real.events("held"))
    assert await real.events("deleted") == []
    left = await person.get(Ref("apps/v1", "Deployment", LINE, "hello-web"))
    assert left is not None
    assert left["metadata"]["uid"] == route["metadata"]["uid"]
    await person.apply(definition())
    await listed(person, True)
    await passing(real, 12)
    again = await person.get(RULE)
    assert again is not None
    assert again["spec"] == first["spec"]
    for _ in range(3):
        await passing(real, 2)
        assert await person.get(RULE) == again, "made once, and then left alone"


async def serves(real: World) -> bool:
    async with real.runtime.db.reading() as tx:
        return (await reads.cluster(ADMIN, tx, "local")).serves.has(RULE.api_version, RULE.kind)
