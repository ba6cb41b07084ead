"""Everything that the compiler makes of any case is accepted by a real API server, and each pod by Pod Security.

Server dry-run with strict field validation: defaulting, validation and admission run, and nothing is kept. It must not
need a node: what an object refers to is no matter of this test, except where admission asks for it.
"""

from __future__ import annotations

import json
import os
import random
import ssl
import time
from collections.abc import Iterable, Iterator
from typing import Any

import httpx
import pytest

from mcd.appyaml.compiler import check, compile_app
from mcd.kube.cluster import Kind
from mcd.kube.kinds import KINDS, collection_path, object_path
from mcd.objects import canonical, ref_of
from scripts.cluster import definitions
from scripts.cluster.progress import Line
from tests.appyaml.everything import Done, accepted
from tests.kube import apiserver
from tests.rig.inputs import made
from tests.rig.platforms import SOURCE
from tests.schemas.custom import custom_resources

pytestmark = pytest.mark.cluster
Object = dict[str, Any]
POD_OF = {
    "Deployment": ("spec", "template"),
    "StatefulSet": ("spec", "template"),
    "Job": ("spec", "template"),
    "CronJob": ("spec", "jobTemplate", "spec", "template"),
}
SERVED_WITHIN = 30.0
"""Seconds in which the server serves a new kind; it takes about one."""


class Server:
    """One API server that has the custom resources and, on demand, namespaces that enforce a level."""

    def __init__(self, client: httpx.Client) -> None:
        self._client = client
        self._made: set[str] = set()

    def dry_run(self, obj: Object) -> str:
        """Why the server refuses an apply; empty when it does not."""
        query = {"dryRun": "All", "fieldManager": "mcd", "fieldValidation": "Strict", "force": "true"}
        headers = {"Content-Type": "application/apply-patch+yaml"}
        body = canonical(obj)  # as the apply step sends it
        return _refusal(self._client.patch(object_path(ref_of(obj)), params=query, content=body, headers=headers))

    def dry_run_pod(self, pod: Object) -> str:
        path = collection_path("v1", "Pod", pod["metadata"]["namespace"])
        return _refusal(self._client.post(path, params={"dryRun": "All", "fieldValidation": "Strict"}, json=pod))

    def namespace(self, name: str, security: str) -> str:
        """The namespace of that name that enforces that level: made at the first question."""
        own = name if security == "restricted" else f"{name[:40]}-{security}"
        if own not in self._made:
            labels = {"pod-security.kubernetes.io/enforce": security}
            self.make({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": own, "labels": labels}})
            self._made.add(own)
        return own

    def runtime_class(self, name: str) -> None:
        if f"class {name}" not in self._made:
            path = "/apis/node.k8s.io/v1/runtimeclasses"
            made = {
                "apiVersion": "node.k8s.io/v1",
                "kind": "RuntimeClass",
                "metadata": {"name": name},
                "handler": "runc",
            }
            self._client.post(path, json=made).raise_for_status()
            self._made.add(f"class {name}")

    def make(self, obj: Object) -> None:
        kind = Kind(obj["apiVersion"], obj["kind"])
        self._client.post(collection_path(kind.api_version, kind.kind), json=obj).raise_for_status()

    def serve(self, custom: Iterable[Object]) -> None:
        """Adds custom resources, and waits until they answer."""
        paths = []
        for each in custom:
            self.make(each)
            spec = each["spec"]
            paths += [
                f"/apis/{spec['group']}/{v['name']}/{spec['names']['plural']}" for v in spec["versions"] if v["served"]
            ]
        end = time.monotonic() + SERVED_WITHIN
        while waiting := [path for path in paths if self._client.get(path).status_code != 200]:
            assert time.monotonic() < end, waiting
            time.sleep(0.1)


def _refusal(answer: httpx.Response) -> str:
    return "" if answer.status_code < 300 else f"{answer.status_code} {answer.json().get('message', answer.text)}"


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    built = apiserver.binary("kube-apiserver") is not None and apiserver.binary("etcd") is not None
    if not built and os.environ.get("MCD_REQUIRE") != "all":
        pytest.skip("etcd and kube-apiserver are not built yet: make servers")
    with apiserver.running(("--allow-privileged=true",)) as running:
        trust = ssl.create_default_context(cadata=running.ca)
        headers = {"Authorization": "Bearer admin-token"}
        with httpx.Client(base_url=running.url, headers=headers, verify=trust, timeout=30) as client:
            found = Server(client)
            found.serve(custom_resources(definitions.ensure(Line())))
            yield found


def moved(server: Server, done: Done, obj: Object) -> Object:
    """The object in a namespace that is there and enforces what the case's product line says."""
    meta = obj["metadata"]
    if not KINDS[Kind(obj["apiVersion"], obj["kind"])].namespaced:
        return obj
    return {**obj, "metadata": {**meta, "namespace": server.namespace(meta["namespace"], done.security)}}


def pod_of(obj: Object) -> Object | None:
    """The pod that a workload would make, alone."""
    path = POD_OF.get(obj["kind"])
    if path is None:
        return None
    template = obj
    for word in path:
        template = template[word]
    meta = {**template["metadata"], "name": obj["metadata"]["name"][:50], "namespace": obj["metadata"]["namespace"]}
    spec = dict(template["spec"])
    claims = obj["spec"].get("volumeClaimTemplates", ())
    # A StatefulSet adds the volumes of its claims by itself.
    own = [{"name": c["metadata"]["name"], "persistentVolumeClaim": {"claimName": "x"}} for c in claims]
    if own:
        spec["volumes"] = [*spec.get("volumes", ()), *own]
    return {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec}


def test_the_api_server_accepts_every_object_of_every_case(server: Server) -> None:
    refused, count = [], 0
    for done in accepted():
        for obj in done.objects:
            count += 1
            said = server.dry_run(moved(server, done, obj))
            if said:
                refused.append(f"{done}: {obj['kind']}/{obj['metadata']['name']}: {said}")
    assert refused == []
    assert count > 400


def test_pod_security_accepts_every_pod_of_every_case(server: Server) -> None:
    """Of a product line that an admin set to baseline, in a namespace that enforces baseline."""
    refused, count = [], 0
    for done in accepted():
        for obj in done.objects:
            pod = pod_of(moved(server, done, obj))
            if pod is None:
                continue
            count += 1
            if pod["spec"].get("runtimeClassName"):
                server.runtime_class(pod["spec"]["runtimeClassName"])
            said = server.dry_run_pod(pod)
            if said:
                refused.append(f"{done}: {obj['kind']}/{obj['metadata']['name']}: {said}")
    assert refused == []
    assert count > 100


def invented(count: int) -> Iterator[Done]:
    """Apps that nobody wrote and that the compiler accepts, for many kinds of clusters."""
    source, found = random.Random(17), 0
    while found < count:
        # The first byte is the way: the grammar of the schema, tame and wild, a case changed, two cases put together.
        one = made(bytes([source.choice((5, 5, 50, 65, 90))]) + source.randbytes(300))
        facts = one.platform.context
        compiled = compile_app(check(one.text, "app.yaml"), facts, SOURCE)
        if compiled.ok:
            found += 1
            yield Done("invented", one.text.decode(), "", facts.product_line.security, compiled.objects, "", "")


def test_the_api_server_and_pod_security_accept_what_the_fuzzer_invents(server: Server) -> None:
    refused = []
    for done in invented(100):
        for obj in done.objects:
            here = moved(server, done, json.loads(json.dumps(obj)))
            pod = pod_of(here)
            if pod is not None and pod["spec"].get("runtimeClassName"):
                server.runtime_class(pod["spec"]["runtimeClassName"])
            said = server.dry_run(here) or (server.dry_run_pod(pod) if pod is not None else "")
            if said:
                refused.append(f"{obj['kind']}: {said}\n{done.name}")
    assert refused == []


def test_the_server_and_pod_security_do_refuse(server: Server) -> None:
    done = next(d for d in accepted() if d.name == "minimal-web" and d.where == "cases")
    deployment = next(moved(server, done, json.loads(json.dumps(o))) for o in done.objects if o["kind"] == "Deployment")
    assert server.dry_run(deployment) == ""
    container = deployment["spec"]["template"]["spec"]["containers"][0]
    container["imagge"] = "x"
    assert "imagge" in server.dry_run(deployment)
    del container["imagge"]
    container["securityContext"]["privileged"] = True
    container["securityContext"]["allowPrivilegeEscalation"] = True
    pod = pod_of(deployment)
    assert pod is not None
    assert "PodSecurity" in server.dry_run_pod(pod)
    route = next(moved(server, done, json.loads(json.dumps(o))) for o in done.objects if o["kind"] == "HTTPRoute")
    assert server.dry_run(route) == ""
    route["spec"]["rules"][0]["matches"][0]["path"]["value"] = "no-path"
    assert server.dry_run(route) != ""


def test_every_kind_that_the_cases_make_has_a_path() -> None:
    made = {Kind(obj["apiVersion"], obj["kind"]) for done in accepted() for obj in done.objects}
    assert made - KINDS.keys() == set()
