"""The real node: a pod that truly runs, is reached by Service, by name and through the gateway, and is measured."""

from __future__ import annotations

import json
import secrets
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import pytest

from scripts.cluster import processes
from tests.servers.cluster import LocalCluster, real_cluster

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.real_node,
    pytest.mark.timeout(300),
]


@dataclass(frozen=True)
class _Web:
    """A Deployment of two pods that answer over HTTP, in a namespace that enforces `restricted`."""

    cluster: LocalCluster
    namespace: str

    def kubectl(self, *arguments: str, given: str | None = None) -> str:
        return self.cluster.kubectl("-n", self.namespace, *arguments, given=given)

    def pods(self) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = json.loads(self.kubectl("get", "pods", "-l", "app=web", "-o", "json"))["items"]
        return found

    def address(self) -> str:
        """Of its Service."""
        return str(json.loads(self.kubectl("get", "service", "web", "-o", "json"))["spec"]["clusterIP"])


def _objects(namespace: str) -> list[dict[str, Any]]:
    restricted = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    serve = (
        "echo started; mkdir /tmp/www; echo real > /tmp/www/index.html; exec /bin/busybox httpd -f -p 8080 -h /tmp/www"
    )
    container = {
        "name": "web",
        # Every real node has this one: busybox, without a registry.
        "image": "localhost/pause:1",
        "imagePullPolicy": "Never",
        "command": ["/bin/busybox", "sh", "-c", serve.replace("mkdir", "/bin/busybox mkdir")],
        "securityContext": restricted,
        "volumeMounts": [{"name": "tmp", "mountPath": "/tmp"}],
        "readinessProbe": {"httpGet": {"port": 8080}, "periodSeconds": 1},
    }
    pod = {
        "securityContext": {"runAsNonRoot": True, "runAsUser": 10001, "seccompProfile": {"type": "RuntimeDefault"}},
        "containers": [container],
        "volumes": [{"name": "tmp", "emptyDir": {}}],
    }
    labels = {"app": "web"}
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": "web"},
            "spec": {
                "replicas": 2,
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": pod},
            },
        },
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": {"name": "web"},
            "spec": {"selector": labels, "ports": [{"port": 80, "targetPort": 8080}]},
        },
        {
            "apiVersion": "gateway.networking.k8s.io/v1",
            "kind": "HTTPRoute",
            "metadata": {"name": "web"},
            "spec": {
                "parentRefs": [{"name": "mcd", "namespace": "mcd-gateway"}],
                "hostnames": [f"{namespace}.apps.localhost"],
                "rules": [{"backendRefs": [{"name": "web", "port": 80}]}],
            },
        },
    ]


@pytest.fixture(scope="module")
def web() -> Iterator[_Web]:
    with real_cluster() as cluster:
        namespace = f"real-node-{secrets.token_hex(4)}"
        cluster.kubectl("create", "namespace", namespace)
        try:
            enforced = "pod-security.kubernetes.io/enforce=restricted"
            cluster.kubectl("label", "namespace", namespace, enforced)
            made = _Web(cluster, namespace)
            made.kubectl(
                "apply", "-f", "-", given=json.dumps({"kind": "List", "apiVersion": "v1", "items": _objects(namespace)})
            )
            made.kubectl("rollout", "status", "deployment/web", "--timeout=50s")
            # kube-proxy writes the rules of a Service a moment after its pods are ready.
            processes.wait_until("the Service", lambda: _lacking(f"http://{made.address()}/"), 15)
            yield made
        finally:
            cluster.kubectl("delete", "namespace", namespace, "--wait=false")


def _lacking(url: str, host: str = "") -> str:
    """Empty once the pods answer there."""
    try:
        return "" if _answer(url, host) == "real" else "another answer"
    except OSError as error:
        return str(error)


def _answer(url: str, host: str = "") -> str:
    request = urllib.request.Request(url, headers={"Host": host} if host else {})
    with urllib.request.urlopen(request, timeout=5) as answer:
        return str(answer.read().decode().strip())


def test_an_unselected_pod_runs_on_the_real_node(web: _Web) -> None:
    assert {pod["spec"]["nodeName"] for pod in web.pods()} == {"real-1"}


def test_its_log_and_a_command_in_it_are_reached(web: _Web) -> None:
    name = web.pods()[0]["metadata"]["name"]
    assert web.kubectl("logs", name).startswith("started")
    assert web.kubectl("exec", name, "--", "/bin/busybox", "id", "-u").strip() == "10001"


def test_its_service_answers_from_this_machine(web: _Web) -> None:
    assert _answer(f"http://{web.address()}/") == "real"


@pytest.mark.parametrize("name", ["web", "web.{}", "web.{}.svc.cluster.local"])
def test_a_pod_reaches_the_service_by_name(web: _Web, name: str) -> None:
    pod = web.pods()[0]["metadata"]["name"]
    url = f"http://{name.format(web.namespace)}/"
    assert web.kubectl("exec", pod, "--", "/bin/busybox", "wget", "-qO-", url).strip() == "real"


def test_the_gateway_answers_200_for_its_route(web: _Web) -> None:
    url, host = f"http://127.0.0.1:{web.cluster.gateway_port}/", f"{web.namespace}.apps.localhost"

    processes.wait_until("the route", lambda: _lacking(url, host), 15)


def test_a_deleted_pod_is_replaced_and_the_service_goes_on(web: _Web) -> None:
    gone = web.pods()[0]["metadata"]["name"]
    web.kubectl("delete", "pod", gone, "--grace-period=1")
    web.kubectl("rollout", "status", "deployment/web", "--timeout=50s")
    assert gone not in {pod["metadata"]["name"] for pod in web.pods() if not pod["metadata"].get("deletionTimestamp")}


def test_its_use_of_cpu_and_memory_is_measured(web: _Web) -> None:
    def missing() -> str:
        try:
            return "" if "web-" in web.kubectl("top", "pods") else "no line"
        except AssertionError as error:
            return str(error)

    processes.wait_until("metrics of the pods", missing, 90)
    assert "real-1" in web.cluster.kubectl("top", "nodes")


def test_a_privileged_pod_is_refused_where_restricted_is_enforced(web: _Web) -> None:
    pod = {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"name": "root"},
        "spec": {"containers": [{"name": "x", "image": "localhost/pause:1", "securityContext": {"privileged": True}}]},
    }
    with pytest.raises(AssertionError, match="violates PodSecurity"):
        web.kubectl("apply", "-f", "-", given=json.dumps(pod))
