"""The real thing: a whole cluster, started by the command, seen by kubectl."""

from __future__ import annotations

import json
import os
import signal
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from typing import Any

import pytest

from scripts.cluster import processes
from tests.servers.cluster import LocalCluster, local_cluster

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def cluster() -> Iterator[LocalCluster]:
    with local_cluster() as started:
        yield started


def _pods(count: int, name: str, **template: Any) -> str:
    """A Deployment as JSON; `template`: annotations, node_selector, resources."""
    labels = {"app": name}
    container = {"name": "main", "image": "example/none:1", "resources": template.get("resources", {})}
    spec: dict[str, Any] = {"containers": [container], "nodeSelector": template.get("node_selector", {})}
    spec["tolerations"] = [{"key": "mcd.internal/node-pool", "operator": "Exists"}]
    pod = {"metadata": {"labels": labels, "annotations": template.get("annotations", {})}, "spec": spec}
    return json.dumps(
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": name},
            "spec": {"replicas": count, "selector": {"matchLabels": labels}, "template": pod},
        }
    )


def _live(cluster: LocalCluster, *arguments: str) -> Any:
    return json.loads(cluster.kubectl("get", *arguments, "-o", "json"))


def _wait(what: str, cluster: LocalCluster, name: str, wanted: str) -> dict[str, Any]:
    """Wait until a pod of the Deployment shows the state: a phase, a waiting reason, or Ready."""
    found: dict[str, Any] = {}

    def missing() -> str:
        pods = _live(cluster, "pods", "-l", f"app={name}")["items"]
        for pod in pods:
            status = pod["status"]
            reasons = [
                each.get("state", {}).get("waiting", {}).get("reason") for each in status.get("containerStatuses", ())
            ]
            ready = [each["status"] for each in status.get("conditions", ()) if each["type"] == "Ready"]
            if wanted in (status.get("phase"), *reasons) or (wanted == "Ready" and ready == ["True"]):
                found.update(pod)
                return ""
        return f"no pod of {name} is {wanted}: {[each['status'] for each in pods]}"

    processes.wait_until(what, missing, 30)
    return found


def test_it_is_the_pinned_kubernetes_and_all_nodes_are_ready(cluster: LocalCluster) -> None:
    version = json.loads(cluster.kubectl("version", "-o", "json"))
    assert version["serverVersion"]["gitVersion"] == cluster.status["versions"]["kubernetes"]
    nodes = {each["metadata"]["name"]: each for each in _live(cluster, "nodes")["items"]}
    wanted = {name for pool in cluster.described["node_pools"] for name in pool["nodes"]}
    assert set(nodes) == wanted
    assert nodes["t4-1"]["status"]["allocatable"]["nvidia.com/gpu"] == "4"


@pytest.mark.parametrize(
    "kind",
    ["httproutes", "gateways", "listenersets", "scaledobjects", "podmonitors", "prometheusrules", "certificates"],
)
def test_the_definitions_are_served(cluster: LocalCluster, kind: str) -> None:
    cluster.kubectl("get", kind, "-A", user="mcd")


def test_a_second_up_is_fast_and_starts_nothing(cluster: LocalCluster) -> None:
    before = {each["name"]: each["pid"] for each in cluster.status["processes"]}
    began = time.monotonic()
    done = cluster.control("up")
    assert done.returncode == 0
    assert time.monotonic() - began < 3
    assert "everything was running already" in done.stderr
    after = json.loads(cluster.control("status", "-o", "json").stdout)
    assert {each["name"]: each["pid"] for each in after["processes"]} == before


def test_a_component_that_was_killed_comes_back_alone(cluster: LocalCluster) -> None:
    before = {each["name"]: each["pid"] for each in cluster.status["processes"]}
    os.kill(before["local/kube-scheduler"], signal.SIGKILL)
    processes.wait_until(
        "its end", lambda: "runs" if processes.running(cluster.home, "local/kube-scheduler") else "", 10
    )
    stopped = cluster.control("status")
    assert stopped.returncode == 3
    assert "STOPPED" in stopped.stdout
    assert cluster.control("up").returncode == 0
    after = json.loads(cluster.control("status", "-o", "json").stdout)
    pids = {each["name"]: each["pid"] for each in after["processes"]}
    changed = {name for name in pids if pids[name] != before[name]}
    assert changed == {"local/kube-scheduler"}
    assert pids["local/kube-scheduler"] is not None


def test_a_pod_that_asks_for_a_t4_lands_on_a_t4_node(cluster: LocalCluster) -> None:
    one = {"limits": {"nvidia.com/gpu": "1"}}
    selector = {"nvidia.com/gpu.product": "Tesla-T4"}
    cluster.kubectl("apply", "-f", "-", given=_pods(1, "gpu", resources=one, node_selector=selector))
    pod = _wait("the pod", cluster, "gpu", "Ready")
    assert pod["spec"]["nodeName"] in ("t4-1", "t4-2")
    said = cluster.kubectl("logs", pod["metadata"]["name"])
    assert "simulated node" in said


def test_five_t4_fit_nowhere_and_the_scheduler_says_why(cluster: LocalCluster) -> None:
    five = {"limits": {"nvidia.com/gpu": "5"}}
    selector = {"nvidia.com/gpu.product": "Tesla-T4"}
    cluster.kubectl("apply", "-f", "-", given=_pods(1, "five", resources=five, node_selector=selector))

    def unsaid() -> str:
        pod = _live(cluster, "pods", "-l", "app=five")["items"]
        messages = [each.get("message", "") for each in (pod[0]["status"].get("conditions", ()) if pod else ())]
        return "" if any("2 Insufficient nvidia.com/gpu" in each for each in messages) else f"{messages}"

    processes.wait_until("the reason", unsaid, 10)


@pytest.mark.parametrize(
    ("word", "wanted"),
    [
        ("crash", "CrashLoopBackOff"),
        ("oom", "CrashLoopBackOff"),
        ("image-pull", "ImagePullBackOff"),
        ("pending", "ContainerCreating"),
        ("never-ready", "Running"),
        ("slow-start", "Ready"),
    ],
)
def test_a_simulated_pod_does_what_its_annotation_says(cluster: LocalCluster, word: str, wanted: str) -> None:
    annotations = {"mcd.internal/simulate": word, "mcd.internal/simulate-delay": "1s"}
    selector = {"type": "kwok"}
    cluster.kubectl("apply", "-f", "-", given=_pods(1, word, annotations=annotations, node_selector=selector))
    pod = _wait(word, cluster, word, wanted)
    containers = pod["status"]["containerStatuses"]
    assert all(each["ready"] is (word == "slow-start") for each in containers)
    if word == "oom":
        assert containers[0]["lastState"]["terminated"]["reason"] == "OOMKilled"
        assert containers[0]["lastState"]["terminated"]["exitCode"] == 137
    if word in ("crash", "oom"):
        assert "fatal" in cluster.kubectl("logs", "--previous", pod["metadata"]["name"])


@pytest.mark.parametrize(("word", "condition"), [("job-fail", "Failed"), ("", "Complete")])
def test_a_simulated_job_ends_as_asked(cluster: LocalCluster, word: str, condition: str) -> None:
    annotations = {"mcd.internal/simulate": word} if word else {}
    name = f"job-{condition.lower()}"
    pod = {
        "metadata": {"annotations": annotations},
        "spec": {
            "restartPolicy": "Never",
            "nodeSelector": {"type": "kwok"},
            "tolerations": [{"key": "mcd.internal/node-pool", "operator": "Exists"}],
            "containers": [{"name": "main", "image": "example/none:1"}],
        },
    }
    job = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": name}}
    cluster.kubectl("apply", "-f", "-", given=json.dumps(job | {"spec": {"backoffLimit": 0, "template": pod}}))
    cluster.kubectl("wait", f"job/{name}", f"--for=condition={condition}", "--timeout=30s")


def test_the_gateway_is_programmed_on_its_own_port(cluster: LocalCluster) -> None:
    gateway = _live(cluster, "gateway", "mcd", "-n", "mcd-gateway")
    assert gateway["spec"]["listeners"][0]["port"] == cluster.gateway_port
    conditions = {each["type"]: each["status"] for each in gateway["status"]["conditions"]}
    assert conditions["Programmed"] == "True"
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"http://127.0.0.1:{cluster.gateway_port}/", timeout=5)


def test_mcd_may_make_a_product_line_and_nothing_above_it(cluster: LocalCluster) -> None:
    cluster.kubectl("create", "namespace", "line", user="mcd")
    cluster.kubectl("-n", "line", "create", "quota", "mcd-quota", "--hard=pods=5", user="mcd")
    for refused in (("delete", "node", "sim-1"), ("create", "clusterrolebinding", "x", "--clusterrole=admin")):
        with pytest.raises(AssertionError, match="forbidden"):
            cluster.kubectl(*refused, user="mcd")
    cluster.kubectl("delete", "namespace", "line", "--wait=false", user="mcd")


def test_the_chart_s_account_reads_secrets_only_where_a_product_line_binds_its_role(cluster: LocalCluster) -> None:
    user = "mcd-chart"
    cluster.kubectl("create", "namespace", "bound", user=user)
    with pytest.raises(AssertionError, match="forbidden"):
        cluster.kubectl("-n", "bound", "get", "secrets", user=user)
    binding = ("-n", "bound", "create", "rolebinding", "mcd-controller", "--serviceaccount=mcd-system:mcd-controller")
    with pytest.raises(AssertionError, match="forbidden"):
        cluster.kubectl(*binding, "--clusterrole=cluster-admin", user=user)
    cluster.kubectl(*binding, "--clusterrole=mcd-line-controller", user=user)
    cluster.kubectl("-n", "bound", "get", "secrets", user=user)
    with pytest.raises(AssertionError, match="forbidden"):
        cluster.kubectl("-n", "default", "get", "secrets", user=user)


def test_the_audit_log_says_who_wrote_what_and_no_secret(cluster: LocalCluster) -> None:
    before = cluster.audit_size()
    cluster.kubectl("create", "configmap", "witness", "--from-literal=a=b", user="mcd-a")
    cluster.kubectl("create", "secret", "generic", "witness", "--from-literal=a=topsecretvalue", user="mcd-b")
    events = [
        each for each in cluster.audit(before) if each["verb"] == "create" and each["user"]["username"] != "admin"
    ]
    writes = {(each["user"]["username"], each["objectRef"]["resource"]): each for each in events}
    assert writes[("mcd-a", "configmaps")]["requestObject"]["data"] == {"a": "b"}
    assert "requestObject" not in writes[("mcd-b", "secrets")]
    assert {each["stage"] for each in events} == {"ResponseComplete"}
    assert "topsecretvalue" not in json.dumps(events)


def test_another_cluster_is_apart_and_can_be_forgotten_alone(cluster: LocalCluster) -> None:
    other = cluster.another("beta")
    cluster.kubectl("create", "namespace", "only-here")
    names = {each["metadata"]["name"] for each in _live(other, "namespaces")["items"]}
    assert "only-here" not in names
    assert other.server != cluster.server
    assert len(_live(other, "nodes")["items"]) == 7
    assert cluster.control("reset", "--name", "beta").returncode == 0
    status = json.loads(cluster.control("status", "-o", "json").stdout)
    assert list(status["clusters"]) == ["local"]
    assert status["running"] is True


def test_after_down_and_up_everything_is_as_it_was(cluster: LocalCluster) -> None:
    cluster.kubectl("create", "configmap", "kept")
    pids = [each["pid"] for each in cluster.status["processes"]]
    assert cluster.control("down").returncode == 0
    assert processes.live_owners(cluster.home) == set()
    assert cluster.control("up").returncode == 0
    cluster.kubectl("get", "configmap", "kept", user="mcd")
    after = json.loads(cluster.control("status", "-o", "json").stdout)
    assert after["clusters"] == cluster.status["clusters"]
    assert after["gateway"] == cluster.status["gateway"]
    assert after["registry"] == cluster.status["registry"]
    assert not set(pids) & {each["pid"] for each in after["processes"]}
