"""Secrets between MCD and a cluster, in memory and real: shells are filled and never read back, hands are seen."""

from __future__ import annotations

import asyncio
import base64
import contextlib
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from mcd.errors import Code, McdError
from mcd.kube.apply import Applied, carry_out
from mcd.kube.client import KubeClient
from mcd.kube.cluster import Cluster, Kind, KubeError, KubeReason
from mcd.kube.gate import Bounds
from mcd.kube.inventory import stamped
from mcd.kube.kinds import object_path
from mcd.kube.kubeconfig import parse_kubeconfig
from mcd.kube.memory import Died, MemoryCluster
from mcd.kube.secret import CHANGED, KIND, filled, told
from mcd.kube.watch import Caches
from mcd.model import Action, Reason, SecretSource, SecretText
from mcd.objects import MASK, SECRET, SECRET_VERSION, Object, Ref, canonical, ref_of
from tests.kube.given import OWNER, Held, changed_paths, obj, planned

PATIENCE = 20.0
CANARY = "c4nary"


def shell(namespace: str, version: str = "1", *keys: str) -> Object:
    wish = obj(
        "v1", "Secret", "shop-secret-api", namespace, type="Opaque", data=dict.fromkeys(keys or ("token",), MASK)
    )
    wish["metadata"]["annotations"] = {SECRET: "api", SECRET_VERSION: version}
    return wish


async def values(source: SecretSource) -> dict[str, SecretText]:
    return {key: SecretText(f"{CANARY} {key} {source.version}") for key in ("token", "gone", "added")}


async def settle(cluster: Cluster, wish: Object, fence: Held) -> Applied:
    what = await planned(cluster, [wish], fence)
    bounds = Bounds(wish["metadata"]["namespace"])
    done = await carry_out(cluster, what, fence, inventory=fence.inventory, owner=OWNER, bounds=bounds, values=values)
    fence.entries = {e.ref: e for e in done.inventory}
    return done


@pytest.fixture
async def edit(
    cluster: Cluster, request: pytest.FixtureRequest
) -> AsyncIterator[Callable[[Ref, Any], Awaitable[None]]]:
    """`kubectl edit`: an update by another manager. None takes a key away."""
    if isinstance(cluster, MemoryCluster):
        memory = cluster

        async def change(ref: Ref, data: Any) -> None:
            def alter(o: Object) -> None:
                o["data"] = {k: v for k, v in {**o["data"], **data}.items() if v is not None}

            memory.edit(ref, alter)

        yield change
        return
    person = KubeClient(parse_kubeconfig(request.getfixturevalue("api_server").kubeconfig("person")))

    async def patch(ref: Ref, data: Any) -> None:
        whole = json.loads((await person._transport.send("GET", object_path(ref))).body)
        whole["data"] = {k: v for k, v in {**whole["data"], **data}.items() if v is not None}
        query, how = [("fieldManager", "kubectl-edit")], {"Content-Type": "application/yaml"}
        answer = await person._transport.send("PUT", object_path(ref), query, body=canonical(whole), headers=how)
        assert answer.status == 200, answer.body

    yield patch
    await person.close()


Edit = Callable[[Ref, Any], Awaitable[None]]


async def held(cluster: Cluster, ref: Ref) -> dict[str, str]:
    """What the Secret holds, asked for around MCD's own client."""
    if isinstance(cluster, MemoryCluster):
        data = cluster.objects()[ref]["data"]
    else:
        assert isinstance(cluster, KubeClient)
        data = json.loads((await cluster._transport.send("GET", object_path(ref))).body)["data"]
    return {key: base64.b64decode(value).decode() for key, value in data.items()}


async def test_a_shell_is_filled_when_it_is_written_and_no_answer_has_a_value(cluster: Cluster, namespace: str) -> None:
    fence, wish = Held(), shell(namespace)
    done = await settle(cluster, wish, fence)
    assert [c.action for c in done.changes] == [Action.CREATED]
    assert await held(cluster, ref_of(wish)) == {"token": f"{CANARY} token 1"}
    answers = [
        await cluster.get(ref_of(wish)),
        *(await cluster.list(KIND, namespace)).objects,
        await cluster.apply(await filled(stamped(wish, OWNER), values), live=await cluster.get(ref_of(wish))),
    ]
    for answer in answers:
        assert answer is not None
        assert (answer["apiVersion"], answer["kind"]) == ("v1", "Secret")
        assert set(answer) == {"apiVersion", "kind", "metadata"}
    assert CANARY not in repr((done, wish, fence))
    assert [c.action for c in (await settle(cluster, wish, fence)).changes] == [Action.UNCHANGED]


@pytest.mark.parametrize("by_hand", [{"token": "ZXZpbA=="}, {"token": None}])
async def test_a_key_changed_or_taken_by_hand_is_put_back(
    cluster: Cluster, namespace: str, edit: Edit, by_hand: dict[str, str | None]
) -> None:
    fence, wish = Held(), shell(namespace)
    await settle(cluster, wish, fence)
    await edit(ref_of(wish), by_hand)
    done = await settle(cluster, wish, fence)
    assert [c.action for c in done.changes] == [Action.CONFIGURED]
    assert done.changes[0].detail == "data.token"
    assert done.changes[0].healed_from
    assert await held(cluster, ref_of(wish)) == {"token": f"{CANARY} token 1"}
    assert [c.action for c in (await settle(cluster, wish, fence)).changes] == [Action.UNCHANGED]


async def test_a_new_version_is_written_and_keys_that_nobody_reads_go(cluster: Cluster, namespace: str) -> None:
    fence = Held()
    await settle(cluster, shell(namespace, "1", "token", "gone"), fence)
    wish = shell(namespace, "2", "token", "added")
    done = await settle(cluster, wish, fence)
    assert "data.added" in done.changes[0].detail
    assert await held(cluster, ref_of(wish)) == {"token": f"{CANARY} token 2", "added": f"{CANARY} added 2"}


async def test_people_are_told_key_names_and_whether_they_change(cluster: Cluster, namespace: str, edit: Edit) -> None:
    fence, first = Held(), shell(namespace, "1", "token", "gone")
    await settle(cluster, first, fence)
    live = await cluster.get(ref_of(first))
    assert live is not None
    assert told(first, live) == ({"gone": MASK, "token": MASK}, {"gone": MASK, "token": MASK})
    new = shell(namespace, "2", "token", "added")
    assert told(new, live) == ({"gone": MASK, "token": MASK}, {"added": MASK, "token": CHANGED})
    await edit(ref_of(first), {"token": "ZXZpbA=="})
    live = await cluster.get(ref_of(first))
    assert live is not None
    assert told(first, live)[1] == {"gone": MASK, "token": CHANGED}
    assert changed_paths(stamped(first, OWNER), live) == ("data.token",)


async def test_what_kubectl_kept_of_a_secret_is_not_answered() -> None:
    cluster = MemoryCluster()
    mine = obj("v1", "Secret", "s", data={"token": "YzRuYXJ5"})
    mine["metadata"]["annotations"] = {"kubectl.kubernetes.io/last-applied-configuration": "YzRuYXJ5", "kept": "1"}
    cluster.person(mine)
    found = await cluster.get(ref_of(mine))
    assert found is not None
    assert found["metadata"]["annotations"] == {"kept": "1"}


@pytest.mark.cluster
async def test_a_shell_that_nobody_filled_is_refused_by_kubernetes(real: KubeClient) -> None:
    with pytest.raises(KubeError):
        await real.apply(shell("default"))
    assert await real.get(ref_of(shell("default"))) is None


@contextlib.asynccontextmanager
async def following(cluster: Cluster, namespace: str) -> AsyncIterator[tuple[Caches, asyncio.Queue[Object]]]:
    heard: asyncio.Queue[Object] = asyncio.Queue()

    def hear(obj: Object, _deleted: bool) -> None:
        # What other tests left in the cluster is told too.
        if obj["metadata"]["namespace"] == namespace:
            heard.put_nowait(obj)

    caches = Caches(cluster, (Kind("v1", "ConfigMap"),), hear)
    task = asyncio.ensure_future(caches.run())
    await asyncio.sleep(0)
    try:
        async with asyncio.timeout(PATIENCE):
            while not caches.synced(KIND, namespace):
                caches.follow(KIND, namespace)
                await asyncio.sleep(0.01)
        yield caches, heard
    finally:
        await caches.close()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_secrets_of_one_namespace_are_watched_without_their_values(
    cluster: Cluster, namespace: str, edit: Edit
) -> None:
    wish, fence = shell(namespace), Held()
    async with following(cluster, namespace) as (caches, heard):
        assert not caches.synced(KIND, "another"), "only the namespace that was asked for"
        await settle(cluster, wish, fence)
        async with asyncio.timeout(PATIENCE):
            await heard.get()
            await edit(ref_of(wish), {"token": "ZXZpbA=="})
            seen = await heard.get()
        assert seen == caches.get(ref_of(wish))
        assert set(seen) == {"apiVersion", "kind", "metadata"}
        assert changed_paths(stamped(wish, OWNER), seen) == ("data.token",)


# --- a certificate ----------------------------------------------------------------------------------------------------

CERTIFICATE = ("tls.crt", "tls.key")


async def pem(source: SecretSource) -> dict[str, SecretText]:
    return {key: SecretText(f"{CANARY} {key} {source.version}") for key in CERTIFICATE}


def certificate(namespace: str, version: str, *keys: str) -> Object:
    wish = shell(namespace, version, *keys)
    wish["type"] = "kubernetes.io/tls" if set(keys) == set(CERTIFICATE) else "Opaque"
    return wish


async def settle_pem(cluster: Cluster, wish: Object, fence: Held) -> Applied:
    what = await planned(cluster, [wish], fence)
    bounds = Bounds(wish["metadata"]["namespace"])
    done = await carry_out(cluster, what, fence, inventory=fence.inventory, owner=OWNER, bounds=bounds, values=pem)
    fence.entries = {e.ref: e for e in done.inventory}
    return done


async def test_a_secret_that_becomes_a_certificate_is_made_again_and_back(cluster: Cluster, namespace: str) -> None:
    fence = Held()
    ref = ref_of(certificate(namespace, "1", "tls.crt"))
    uids = []
    for keys in (("tls.crt",), CERTIFICATE, ("tls.crt",)):
        wish = certificate(namespace, "1", *keys)
        done = await settle_pem(cluster, wish, fence)
        assert done.failed == ()
        live = await cluster.get(ref)
        assert live is not None
        uids.append(live["metadata"]["uid"])
        assert [entry.uid for entry in done.inventory] == [uids[-1]]
        assert await held(cluster, ref) == {key: f"{CANARY} {key} 1" for key in keys}
        assert [c.action for c in (await settle_pem(cluster, wish, fence)).changes] == [Action.UNCHANGED]
    assert len(set(uids)) == 3
    assert CANARY not in repr(done)


async def test_a_secret_that_somebody_else_made_is_never_deleted_for_its_type(cluster: Cluster, namespace: str) -> None:
    theirs: Object = certificate(namespace, "1", "tls.crt")
    theirs["data"] = {"tls.crt": "bWluZQ=="}
    await cluster.apply(theirs)
    ref, fence = ref_of(theirs), Held()
    before = await cluster.get(ref)
    what = await planned(cluster, [certificate(namespace, "1", *CERTIFICATE)], fence, take_over=True)
    assert what.apply
    done = await carry_out(
        cluster, what, fence, inventory=fence.inventory, owner=OWNER, bounds=Bounds(namespace), values=pem
    )
    assert [failed.error.reason for failed in done.failed] == [KubeReason.IMMUTABLE]
    after = await cluster.get(ref)
    assert before is not None
    assert after is not None
    assert after["metadata"]["uid"] == before["metadata"]["uid"]


async def test_whoever_dies_between_the_old_type_and_the_new_leaves_what_the_next_pass_makes() -> None:
    cluster, fence = MemoryCluster(), Held()
    await settle_pem(cluster, certificate("default", "1", "tls.crt"), fence)
    wish = certificate("default", "2", *CERTIFICATE)
    cluster.faults.die_after = cluster.counted + 2  # refused, deleted
    with pytest.raises(Died):
        await settle_pem(cluster, wish, fence)
    assert await cluster.get(ref_of(wish)) is None, "it died where it was meant to"
    cluster.faults.die_after = 0
    assert (await settle_pem(cluster, wish, fence)).failed == ()
    assert await held(cluster, ref_of(wish)) == {key: f"{CANARY} {key} 2" for key in CERTIFICATE}


# --- what cannot be opened --------------------------------------------------------------------------------------------


async def refused(error: McdError) -> Applied:
    async def closed(_source: SecretSource) -> dict[str, SecretText]:
        raise error

    cluster, fence = MemoryCluster(), Held()
    what = await planned(cluster, [shell("default")], fence)
    return await carry_out(cluster, what, fence, inventory=(), owner=OWNER, bounds=Bounds("default"), values=closed)


async def test_a_version_that_is_gone_is_said_with_what_to_do() -> None:
    done = await refused(McdError(Code.NOT_FOUND, "no", reason="SecretMissing"))
    assert done.failed[0].error.reason == Reason.CONFIG_MISSING
    assert "mcd secret set" in str(done.failed[0].error)


async def test_a_key_ring_that_is_not_there_is_waited_for() -> None:
    done = await refused(McdError(Code.UNAVAILABLE, "the key is missing", reason="KeyMissing"))
    assert done.failed[0].error.retry_after == 30.0


async def test_a_key_that_the_version_does_not_have_is_not_written_empty() -> None:
    with pytest.raises(McdError, match="a key of it"):
        await filled(stamped(shell("default", "1", "nobody"), OWNER), values)
