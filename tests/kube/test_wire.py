"""What the API server of 1.37 answers on the wire, case by case. A changed answer fails here, not in production.

Each case is asked raw, then through the client, so that the mapping is tested on the real bytes.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
from collections.abc import AsyncIterator
from typing import Any

import pytest

from mcd.errors import Code
from mcd.kube.answers import refusal
from mcd.kube.client import APPLY, KubeClient
from mcd.kube.cluster import Kind, KubeError, KubeReason
from mcd.kube.fields import applied_tree
from mcd.kube.kubeconfig import parse_kubeconfig
from mcd.kube.transport import Answer, Transport
from mcd.objects import Object, Ref, canonical, ref_of
from tests.kube.apiserver import ApiServer
from tests.kube.given import config, deployment, obj

pytestmark = pytest.mark.cluster

_numbers = itertools.count(1)
NOBODY = "11111111-1111-1111-1111-111111111111"
MCD = [("fieldManager", "mcd")]


class Wire:
    """Raw requests as one user."""

    def __init__(self, server: ApiServer, user: str) -> None:
        self.transport = Transport(parse_kubeconfig(server.kubeconfig(user)))

    async def apply(self, path: str, body: Any, query: Any = MCD) -> Answer:
        return await self.transport.send("PATCH", path, query, body=canonical(body), headers=APPLY)


@pytest.fixture
async def wire(api_server: ApiServer) -> AsyncIterator[Wire]:
    found = Wire(api_server, "admin")
    yield found
    await found.transport.close()


@pytest.fixture
async def weak(api_server: ApiServer) -> AsyncIterator[KubeClient]:
    client = KubeClient(parse_kubeconfig(api_server.kubeconfig("weak")))
    yield client
    await client.close()


@pytest.fixture
async def space(real: KubeClient) -> str:
    name = f"w{os.getpid()}-{next(_numbers)}"
    await real.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}})
    return name


def path_of(o: Object) -> str:
    from mcd.kube.kinds import object_path

    return object_path(ref_of(o))


def with_meta(o: Object, **meta: Any) -> Object:
    return {**o, "metadata": {**o["metadata"], **meta}}


def words(answer: Answer) -> str:
    return answer.body.decode("utf-8", "replace")


# --- create only ----------------------------------------------------------------------------------------------------


async def test_an_apply_with_only_a_version_creates_and_never_touches(wire: Wire, space: str) -> None:
    """The ground of CREATE_ONLY in client.py."""
    wish = config(namespace=space)
    made = await wire.apply(path_of(wish), with_meta(wish, resourceVersion="1"))
    assert made.status == 201
    assert applied_tree(json.loads(made.body), "mcd") is not None
    again = await wire.apply(path_of(wish), with_meta(wish, resourceVersion="1"))
    assert (again.status, "object has been modified" in words(again)) == (409, True)
    forced = await wire.apply(path_of(wish), with_meta(wish, resourceVersion="1"), [*MCD, ("force", "true")])
    assert forced.status == 409
    zero = await wire.apply(path_of(wish), with_meta(wish, resourceVersion="0"))
    assert zero.status == 200, "0 means any version: it would not refuse"


async def test_a_field_conflict_is_found_before_the_version(wire: Wire, real: KubeClient, space: str) -> None:
    foreign = config(namespace=space, a="theirs")
    await wire.transport.send(
        "PATCH", path_of(foreign), [("fieldManager", "other")], body=canonical(foreign), headers=APPLY
    )
    wish = config(namespace=space, a="ours")
    answer = await wire.apply(path_of(wish), with_meta(wish, resourceVersion="1"))
    assert answer.status == 409
    assert "FieldManagerConflict" in words(answer)
    with pytest.raises(KubeError) as refused:
        await real.apply(wish)
    assert refused.value.kube_reason is KubeReason.STALE


async def test_create_only_holds_for_custom_resources_too(real: KubeClient) -> None:
    name = "httproutes.gateway.networking.k8s.io"
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    crd = obj(
        "apiextensions.k8s.io/v1", "CustomResourceDefinition", name, "",
        spec={
            "group": "gateway.networking.k8s.io", "scope": "Namespaced",
            "names": {"plural": "httproutes", "singular": "httproute", "kind": "HTTPRoute"},
            "versions": [{"name": "v1", "served": True, "storage": True, "schema": {"openAPIV3Schema": schema}}],
        },
    )  # fmt: skip
    crd["metadata"]["annotations"] = {"api-approved.kubernetes.io": "unapproved, test only"}
    await real.apply(crd)
    wish = obj("gateway.networking.k8s.io/v1", "HTTPRoute", "r", "default", spec={"hostnames": ["a.localhost"]})
    async with asyncio.timeout(30):
        while True:
            try:
                made = await real.apply(wish)
                break
            except KubeError as error:
                if error.kube_reason not in (KubeReason.NOT_SERVED, KubeReason.UNKNOWN_OUTCOME):
                    raise
    assert applied_tree(made, "mcd") is not None
    with pytest.raises(KubeError) as refused:
        await real.apply(wish, force=True)
    assert refused.value.kube_reason is KubeReason.STALE


# --- UIDs and versions ----------------------------------------------------------------------------------------------


async def test_a_wrong_uid_is_422_and_one_of_an_absent_object_409(wire: Wire, space: str) -> None:
    wish = config(namespace=space)
    absent = await wire.apply(path_of(wish), with_meta(wish, uid=NOBODY))
    assert (absent.status, "uid mismatch" in words(absent)) == (409, True)
    await wire.apply(path_of(wish), wish)
    wrong = await wire.apply(path_of(wish), with_meta(wish, uid=NOBODY))
    assert (wrong.status, "metadata.uid" in words(wrong)) == (422, True)
    for answer in (absent, wrong):
        assert refusal("x", answer.status, answer.body).kube_reason is KubeReason.STALE


async def test_a_delete_with_a_wrong_uid_or_version_is_409(wire: Wire, real: KubeClient, space: str) -> None:
    made = await real.apply(config(namespace=space))
    for conditions in ({"uid": NOBODY}, {"uid": made["metadata"]["uid"], "resourceVersion": "5"}):
        body = canonical({"preconditions": conditions})
        answer = await wire.transport.send(
            "DELETE", path_of(made), body=body, headers={"Content-Type": "application/yaml"}
        )
        assert answer.status == 409
        assert "precondition" in words(answer)
    assert await real.get(ref_of(made)) == made


async def test_an_apply_onto_an_object_that_is_being_deleted_answers_200(
    wire: Wire, real: KubeClient, space: str
) -> None:
    made = await real.apply(with_meta(config(namespace=space), finalizers=["example.com/hold"]))
    await real.delete(ref_of(made), made["metadata"]["uid"])
    wish = with_meta(config(namespace=space, a="2"), finalizers=["example.com/hold"])
    answer = await wire.apply(path_of(made), wish)
    assert answer.status == 200
    assert json.loads(answer.body)["metadata"]["deletionTimestamp"]


# --- refusals that look alike ---------------------------------------------------------------------------------------


async def test_quota_rbac_and_a_terminating_namespace_are_all_403(
    wire: Wire, real: KubeClient, weak: KubeClient, space: str
) -> None:
    with pytest.raises(KubeError) as rbac:
        await weak.apply(config(namespace=space))
    assert rbac.value.kube_reason is KubeReason.FORBIDDEN
    assert "patch configmaps" in rbac.value.message
    quota = obj("v1", "ResourceQuota", "mcd-quota", space, spec={"hard": {"services": "0"}})
    made = await real.apply(quota)
    status = {**quota, "status": {"hard": {"services": "0"}, "used": {"services": "0"}}}
    written = await wire.apply(path_of(made) + "/status", status, [("fieldManager", "quota"), ("force", "true")])
    assert written.status == 200
    ports = [{"port": 80, "protocol": "TCP"}]
    async with asyncio.timeout(30):
        for number in itertools.count():
            # Admission sees the quota a moment after it is written.
            try:
                await real.apply(obj("v1", "Service", f"s{number}", space, spec={"ports": ports}))
            except KubeError as error:
                full = error
                break
    assert full.kube_reason is KubeReason.QUOTA
    assert "mcd-quota, requested: services=1, used: services=0, limited: services=0" in full.message
    namespace = Ref("v1", "Namespace", "", space)
    live = await real.get(namespace)
    assert live is not None
    await real.delete(namespace, live["metadata"]["uid"])
    with pytest.raises(KubeError) as ending:
        await real.apply(config("late", space))
    assert ending.value.kube_reason is KubeReason.NAMESPACE_TERMINATING


async def test_a_group_that_is_not_there_is_plain_text_and_a_version_is_json(wire: Wire, real: KubeClient) -> None:
    group = await wire.transport.send("GET", "/apis/keda.sh/v1alpha1/scaledobjects")
    assert (group.status, group.body) == (404, b"404 page not found\n")
    version = await wire.transport.send("GET", "/apis/apps/v1beta1/deployments")
    assert version.status == 404
    assert json.loads(version.body)["details"] == {}
    for answer in (group, version):
        assert refusal("x", 404, answer.body).kube_reason is KubeReason.NOT_SERVED
    absent = await wire.transport.send("GET", "/api/v1/namespaces/default/configmaps/nobody")
    assert refusal("x", 404, absent.body).kube_reason is KubeReason.STALE


async def test_a_body_that_does_not_fit_the_schema_answers_500_and_is_our_mistake(real: KubeClient, space: str) -> None:
    unknown = deployment(namespace=space)
    unknown["spec"]["template"]["spec"]["containers"][0]["imagge"] = "x"
    twice = deployment(namespace=space)
    twice["spec"]["template"]["spec"]["containers"][0]["env"] = [{"name": "A", "value": "1"}] * 2
    number = deployment(namespace=space)
    number["spec"]["replicas"] = "two"
    for wish, word in ((unknown, "imagge"), (twice, "duplicate entries"), (number, ".spec.replicas")):
        with pytest.raises(KubeError) as refused:
            await real.apply(wish)
        assert (refused.value.code, refused.value.kube_reason) == (Code.INVALID, KubeReason.INVALID)
        assert word in refused.value.message


async def test_a_wrong_credential_is_told_apart(api_server: ApiServer) -> None:
    client = KubeClient(parse_kubeconfig(api_server.kubeconfig(token="wrong")))
    with pytest.raises(KubeError) as refused:
        await client.get(Ref("v1", "ConfigMap", "default", "x"))
    await client.close()
    assert refused.value.kube_reason is KubeReason.UNAUTHORIZED
    assert "wrong" not in str(refused.value)


async def test_an_object_over_one_mebibyte_is_refused_before_it_is_sent(
    wire: Wire, real: KubeClient, space: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(KubeError) as refused:
        await real.apply(config(namespace=space, big="x" * 1_100_000))
    assert (refused.value.code, refused.value.kube_reason) == (Code.TOO_LARGE, KubeReason.INVALID)
    almost = config(namespace=space, big="x" * 1_048_000)
    answer = await wire.apply(path_of(almost), almost)
    assert answer.status == 422 or len(canonical(almost)) <= 1_048_576
    assert (await real.get(ref_of(almost)) is None) == (answer.status == 422)


async def test_a_refused_secret_never_shows_its_value(real: KubeClient, space: str) -> None:
    for wish in (
        obj("v1", "Secret", "s", space, data={"password": "not base64 canary"}),
        obj("v1", "Secret", "s", space, data={"not a key": "Y2FuYXJ5"}),
        obj("v1", "Secret", "s", space, data={"a": 7}),
    ):
        with pytest.raises(KubeError) as refused:
            await real.apply(wish)
        assert refused.value.kube_reason in (KubeReason.INVALID, KubeReason.UNKNOWN_OUTCOME)
        assert "canary" not in str(refused.value)
        assert "Y2FuYXJ5" not in str(refused.value)


# --- lists and watches ----------------------------------------------------------------------------------------------


async def test_a_list_in_pages_is_whole(real: KubeClient, space: str, monkeypatch: pytest.MonkeyPatch) -> None:
    await asyncio.gather(*(real.apply(config(f"c{n}", space)) for n in range(7)))
    whole = await real.list(Kind("v1", "ConfigMap"), space)
    monkeypatch.setattr("mcd.kube.client.PAGE", 3)
    paged = await real.list(Kind("v1", "ConfigMap"), space)
    assert paged.objects == whole.objects
    assert len(paged.objects) == 7


async def test_a_continue_token_that_is_not_valid_is_an_error(wire: Wire) -> None:
    answer = await wire.transport.send("GET", "/api/v1/configmaps", [("limit", "1"), ("continue", "abc")])
    assert answer.status == 400
    assert refusal("x", 400, answer.body).kube_reason is KubeReason.INVALID


async def test_a_410_comes_as_status_on_a_list_and_as_an_event_in_a_watch() -> None:
    """The server of 1.37 keeps old versions for minutes, so the bytes of both shapes are written down here."""
    status = {
        "kind": "Status",
        "status": "Failure",
        "reason": "Expired",
        "message": "too old resource version",
        "code": 410,
    }
    assert refusal("list", 410, json.dumps(status).encode()).kube_reason is KubeReason.EXPIRED
    from mcd.kube.client import _event

    with pytest.raises(KubeError) as refused:
        _event(json.dumps({"type": "ERROR", "object": status}).encode(), Kind("v1", "Pod"), "watch of Pod")
    assert refused.value.kube_reason is KubeReason.EXPIRED


async def test_overload_is_plain_text_and_says_when_to_come_back() -> None:
    answer = refusal("x", 429, b"Too many requests, please try again later.\n", {"Retry-After": "1"})
    assert (answer.kube_reason, answer.retry_after) == (KubeReason.OVERLOADED, 1.0)
    assert refusal("x", 429, b"", {"Retry-After": "31536000"}).retry_after == 300.0
    assert refusal("x", 429, b"", {"Retry-After": "soon"}).retry_after is None


async def test_a_server_without_the_streaming_list_is_listed_then_watched(real: KubeClient, space: str) -> None:
    """As an older server would answer: 422 on sendInitialEvents."""
    real._streams_lists = False
    await real.apply(config(namespace=space))
    stream = real.watch(Kind("v1", "ConfigMap"), space)
    async with asyncio.timeout(20):
        first, second = await anext(stream), await anext(stream)
        assert (first.object["metadata"]["name"], first.object["kind"]) == ("shop-web-files", "ConfigMap")
        assert second.initial_end
        await real.apply(config("later", space))
        third = await anext(stream)
    assert third.object["metadata"]["name"] == "later"
    await stream.aclose()  # type: ignore[attr-defined]
