"""Health and its explanation: every state of the table has a sentence, a reason and what to do."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from mcd.kube.explain import Seen
from mcd.kube.health import Found, health
from mcd.kube.live import LiveObjects
from mcd.kube.look import look
from mcd.kube.memory import MemoryCluster
from mcd.kube.placing import explain_placing, requests
from mcd.kube.play import Fate, play
from mcd.model import ComponentHealth, HealthState, Reason
from mcd.objects import Object
from tests.kube.given import Held, deployment, settle, shop

GPU = "nvidia.com/gpu"
NOW = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)


def workload(kind: str = "Deployment", generation: int = 2, **status: Any) -> Object:
    told = {"observedGeneration": 2, "replicas": 1, "updatedReplicas": 1, "availableReplicas": 0, **status}
    return {
        "apiVersion": "apps/v1",
        "kind": kind,
        "metadata": {"name": "shop-web", "namespace": "demo", "uid": "d1", "generation": generation},
        "spec": {"replicas": 1},
        "status": told,
    }


def pod(state: dict[str, Any] | None = None, **status: Any) -> Object:
    container = {
        "name": "web",
        "image": "shop:2",
        "command": ["./shop"],
        "resources": {"limits": {"memory": "512Mi"}, "requests": {"cpu": "1", "memory": "512Mi"}},
        "readinessProbe": {"httpGet": {"port": 8080, "path": "/healthz"}},
    }
    conditions = [{"type": "PodScheduled", "status": "True"}, {"type": "Ready", "status": "False"}]
    told: dict[str, Any] = {"phase": "Running", "conditions": conditions}
    if state is not None:
        told["containerStatuses"] = [{"name": "web", "image": "shop:2", "ready": False, **state}]
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": "shop-web-1",
            "namespace": "demo",
            "uid": "p1",
            "creationTimestamp": "2026-11-22T11:59:00Z",
        },
        "spec": {"containers": [container]},
        "status": {**told, **status},
    }


def event(reason: str, message: str, name: str = "shop-web-1", at: str = "2026-11-22T11:59:30Z") -> Object:
    return {
        "apiVersion": "v1",
        "kind": "Event",
        "metadata": {"name": f"{name}.1", "namespace": "demo"},
        "involvedObject": {"kind": "Pod", "name": name, "uid": "p1" if name == "shop-web-1" else ""},
        "reason": reason,
        "message": message,
        "lastTimestamp": at,
    }


def judged(*pods: Object, events: tuple[Object, ...] = (), work: Object | None = None, **seen: Any) -> ComponentHealth:
    found = Found(work or workload(), seen=Seen(pods, events, **seen))
    return health("web", (work or workload())["kind"], found, NOW)


def waiting(reason: str, message: str = "", restarts: int = 0, last: dict[str, Any] | None = None) -> dict[str, Any]:
    state: dict[str, Any] = {"state": {"waiting": {"reason": reason, "message": message}}, "restartCount": restarts}
    if last is not None:
        state["lastState"] = {"terminated": last}
    return state


def test_ready_pods_of_the_newest_version_are_healthy() -> None:
    found = judged(work=workload(availableReplicas=1))
    assert (found.state, found.ready, found.desired) == (HealthState.HEALTHY, 1, 1)


def test_a_status_of_an_older_version_is_never_believed() -> None:
    found = judged(work=workload(generation=3, availableReplicas=1))
    assert (found.state, found.reason) == (HealthState.PROGRESSING, Reason.PROGRESSING)


def test_old_pods_that_still_run_are_not_the_end_of_a_rollout() -> None:
    found = judged(work=workload(replicas=2, availableReplicas=2))
    assert found.state is HealthState.PROGRESSING


def test_scaled_to_zero_is_stopped_once_the_last_pod_is_gone() -> None:
    stopped = workload(replicas=0, updatedReplicas=0)
    stopped["spec"]["replicas"] = 0
    assert judged(work=stopped).state is HealthState.STOPPED
    stopped["status"]["replicas"] = 1
    assert judged(work=stopped).state is HealthState.PROGRESSING


OOM = {"reason": "OOMKilled", "exitCode": 137}
CASES: dict[str, tuple[dict[str, Any], Reason, HealthState, tuple[str, ...]]] = {
    "killed-for-memory": (
        waiting("CrashLoopBackOff", restarts=3, last=OOM),
        Reason.OOM_KILLED, HealthState.FAILED, ("OOMKilled at 512Mi", "exit 137", "components.web.resources.memory"),
    ),
    "killed-for-memory-once": (
        {"state": {"running": {}}, "restartCount": 1, "lastState": {"terminated": OOM}},
        Reason.OOM_KILLED, HealthState.PROGRESSING, ("1 restart so far",),
    ),
    "crash-loop": (
        waiting("CrashLoopBackOff", restarts=2, last={"reason": "Error", "exitCode": 3}),
        Reason.CRASH_LOOPING, HealthState.FAILED, ("exit 3", "2 restarts", "Its last lines are shown."),
    ),
    "ends-with-success": (
        waiting("CrashLoopBackOff", restarts=2, last={"reason": "Completed", "exitCode": 0}),
        Reason.CRASH_LOOPING, HealthState.FAILED, ("ends at once with success",),
    ),
    "image-not-found": (
        waiting("ErrImagePull", 'rpc error: failed to resolve reference "shop:2": shop:2: not found'),
        Reason.IMAGE_PULL, HealthState.FAILED, ("shop:2", "the registry does not have it"),
    ),
    "image-refused": (
        waiting("ImagePullBackOff", "failed to authorize: 401 Unauthorized"),
        Reason.IMAGE_PULL, HealthState.FAILED, ("shop:2", "refuses it to this cluster"),
    ),
    "registry-away": (
        waiting("ErrImagePull", "dial tcp 10.0.0.1:5000: connect: connection refused"),
        Reason.IMAGE_PULL, HealthState.PROGRESSING, ("the registry cannot be reached",),
    ),
    "registry-away-at-the-back-off": (
        waiting("ImagePullBackOff", "dial tcp 10.0.0.1:5000: connect: connection refused"),
        Reason.IMAGE_PULL, HealthState.FAILED, ("the registry cannot be reached",),
    ),
    "disk-full-at-the-back-off": (
        waiting("ImagePullBackOff", "write /var/lib/x: no space left on device"),
        Reason.IMAGE_PULL, HealthState.FAILED, ("the node's disk is full",),
    ),
    "secret-missing": (
        waiting("CreateContainerConfigError", 'secret "shop-secret-db" not found'),
        Reason.CONFIG_MISSING, HealthState.FAILED, ('Secret "shop-secret-db" does not exist', "mcd secret set"),
    ),
    "key-missing": (
        waiting("CreateContainerConfigError", "couldn't find key url in Secret demo/shop-secret-db"),
        Reason.CONFIG_MISSING, HealthState.FAILED, ('Secret "shop-secret-db" has no key "url"',),
    ),
    "runs-as-root": (
        waiting("CreateContainerConfigError", "container has runAsNonRoot and image will run as root (pod: ...)"),
        Reason.CONFIG_MISSING, HealthState.FAILED, ("wants to run as root",),
    ),
    "command-missing": (
        waiting("RunContainerError", 'exec: "./shop": stat ./shop: no such file or directory: unknown'),
        Reason.CRASH_LOOPING, HealthState.FAILED, ("./shop does not exist in the image", "components.web.command"),
    ),
}  # fmt: skip


@pytest.mark.parametrize("case", CASES)
def test_a_container_that_does_not_run_is_explained(case: str) -> None:
    state, reason, judgement, words = CASES[case]
    found = judged(pod(state))
    assert (found.reason, found.state) == (reason, judgement), found.message
    for word in words:
        assert word in found.message
    assert "\n" not in found.message


def test_a_failing_probe_says_what_it_got() -> None:
    running = pod({"state": {"running": {}}, "restartCount": 0})
    http = judged(
        running, events=(event("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"),)
    )
    assert http.reason is Reason.PROBE_FAILING
    assert "readiness check (GET :8080/healthz) got: HTTP 503" in http.message
    refused = 'Readiness probe failed: Get "http://10.1.2.3:8080/healthz": dial tcp: connect: connection refused'
    assert "nothing listens on the port" in judged(running, events=(event("Unhealthy", refused),)).message


def test_the_newest_event_counts_and_events_of_other_pods_do_not() -> None:
    running = pod({"state": {"running": {}}, "restartCount": 0})
    old = event(
        "Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 500", at="2026-11-22T11:50:00Z"
    )
    new = event("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 404")
    other = event("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 418", name="blog-1")
    assert "HTTP 404" in judged(running, events=(new, old, other)).message


def test_quota_is_waited_for_even_after_the_deadline() -> None:
    late = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    full = {
        "type": "ReplicaFailure",
        "status": "True",
        "message": 'pods "shop-web-1" is forbidden: exceeded quota: mcd-quota, requested: requests.cpu=1, '
        "used: requests.cpu=8, limited: requests.cpu=8",
    }
    found = judged(work=workload(conditions=[late, full]))
    assert (found.state, found.reason) == (HealthState.PROGRESSING, Reason.QUOTA_EXCEEDED)
    assert "requested: requests.cpu=1, used: requests.cpu=8, limited: requests.cpu=8" in found.message


def test_the_deadline_turns_waiting_into_failed_with_its_cause() -> None:
    late = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
    work = workload(conditions=[late])
    work["spec"]["progressDeadlineSeconds"] = 60
    running = pod({"state": {"running": {}}, "restartCount": 0})
    assert judged(running, work=work).reason is Reason.DEADLINE_EXCEEDED
    said = (event("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503"),)
    found = judged(running, work=work, events=said)
    assert (found.state, found.reason) == (HealthState.FAILED, Reason.PROBE_FAILING)
    assert "60 s" in found.message


@pytest.mark.parametrize(("since", "late"), [("2026-11-22T11:49:59Z", True), ("2026-11-22T11:50:01Z", False)])
def test_pods_that_were_ready_once_are_not_progressing_for_ever(since: str, late: bool) -> None:
    """Kubernetes never says ProgressDeadlineExceeded of a version that it rolled out to its end."""
    done = {"type": "Progressing", "status": "True", "reason": "NewReplicaSetAvailable"}
    down = pod({"state": {"running": {}}, "restartCount": 0})
    down["status"]["conditions"] = [{"type": "Ready", "status": "False", "lastTransitionTime": since}]
    found = judged(down, work=workload(conditions=[done]))
    assert found.state is (HealthState.FAILED if late else HealthState.PROGRESSING)
    assert "0 of 1 pods are ready" in found.message
    lost = {"type": "Available", "status": "False", "lastTransitionTime": since}
    assert judged(work=workload(conditions=[done, lost])).state is found.state, "also where no pod is left"


def node(name: str, taint: str = "", labels: dict[str, str] | None = None, ready: str = "True", **has: str) -> Object:
    spec = {"taints": [{"key": taint, "effect": "NoSchedule"}]} if taint else {}
    return {
        "apiVersion": "v1",
        "kind": "Node",
        "metadata": {"name": name, "labels": labels or {}},
        "spec": spec,
        "status": {
            "allocatable": {
                "cpu": "4",
                "memory": "16Gi",
                "pods": "110",
                **{k.replace("_", "/"): v for k, v in has.items()},
            },
            "conditions": [{"type": "Ready", "status": ready}],
        },
    }


def asking(**requested: str) -> Object:
    unplaced = pod()
    unplaced["status"] = {
        "phase": "Pending",
        "conditions": [{"type": "PodScheduled", "status": "False", "reason": "Unschedulable", "message": "0/3 nodes"}],
    }
    unplaced["spec"]["containers"][0]["resources"] = {
        "requests": {k.replace("_", "/"): v for k, v in requested.items()}
    }
    return unplaced


def test_five_devices_where_a_node_has_four_are_explained_node_by_node() -> None:
    nodes = [node("real-1"), node("t4-1"), node("t4-2"), node("a100", taint="mcd.internal/dedicated")]
    for n in nodes[1:3]:
        n["status"]["allocatable"][GPU] = "4"
    nodes[3]["status"]["allocatable"][GPU] = "8"
    wants = asking(cpu="1")
    wants["spec"]["containers"][0]["resources"]["requests"][GPU] = "5"
    found = judged(wants, nodes=nodes)
    assert found.reason is Reason.UNSCHEDULABLE
    assert "it asks for 5 nvidia.com/gpu; the largest node that may take it has 4." in found.message
    assert found.evidence == (
        "node a100: taint mcd.internal/dedicated:NoSchedule is not tolerated",
        "node real-1: has no nvidia.com/gpu",
        "node t4-1: nvidia.com/gpu: asks 5, the node has 4",
        "node t4-2: nvidia.com/gpu: asks 5, the node has 4",
    )


def test_what_other_pods_use_is_not_free() -> None:
    placed = asking(cpu="3", memory="15Gi")
    placed["spec"]["nodeName"] = "real-1"
    placed["status"] = {"phase": "Running"}
    found = explain_placing(asking(cpu="500m", memory="2Gi"), [node("real-1")], [placed])
    assert found.sentence == "it asks for 2Gi memory; the only node that may take it has 1Gi free."
    assert str(found.nodes[0]) == "node real-1: memory: asks 2Gi, 1Gi of 16Gi free"
    placed["status"] = {"phase": "Succeeded"}
    assert not explain_placing(asking(cpu="500m", memory="2Gi"), [node("real-1")], [placed]).nodes
    placed["status"] = {"phase": "Running"}
    placed["spec"]["containers"][0]["resources"]["requests"] = {"memory": "16Gi"}
    found = explain_placing(asking(memory="2Gi"), [node("n1"), node("real-1")], [placed, on("n1", placed)])
    assert found.sentence == "it asks for 2Gi memory; none of the 2 nodes that may take it has any free."


def on(name: str, placed: Object) -> Object:
    return {**placed, "spec": {**placed["spec"], "nodeName": name}}


def holding(count: int, where: str, app: str = "engine", namespace: str = "demo") -> Object:
    """A pod of an App that holds devices on a node."""
    held = asking()
    held["spec"]["containers"][0]["resources"]["requests"] = {GPU: str(count)}
    held["spec"]["nodeName"] = where
    held["status"] = {"phase": "Running"}
    labels = {"app.kubernetes.io/instance": app, "app.kubernetes.io/part-of": namespace}
    held["metadata"] |= {"labels": {**labels, "app.kubernetes.io/managed-by": "mcd"}, "namespace": namespace}
    return held


def t4_nodes() -> list[Object]:
    nodes = [node(name, labels={"nvidia.com/gpu.product": "Tesla-T4"}) for name in ("t4-1", "t4-2")]
    for each in nodes:
        each["status"]["allocatable"][GPU] = "4"
    return [node("real-1"), *nodes]


def wanting(count: int) -> Object:
    wants = asking()
    wants["spec"]["containers"][0]["resources"]["requests"] = {GPU: str(count)}
    wants["spec"]["affinity"] = {
        "nodeAffinity": {
            "requiredDuringSchedulingIgnoredDuringExecution": {
                "nodeSelectorTerms": [
                    {"matchExpressions": [{"key": "nvidia.com/gpu.product", "operator": "In", "values": ["Tesla-T4"]}]}
                ]
            }
        }
    }
    return wants


def test_who_holds_the_devices_is_told() -> None:
    taken = [holding(4, "t4-1"), holding(4, "t4-2")]
    found = explain_placing(wanting(1), t4_nodes(), [wanting(1), *taken])
    assert found.sentence == "it asks for 1 nvidia.com/gpu; there are 8 T4 in 2 nodes, all taken: 8 by engine (demo)."
    taken[1]["metadata"]["deletionTimestamp"] = "2026-11-22T12:00:30Z"
    found = explain_placing(wanting(1), t4_nodes(), taken)
    assert found.sentence.endswith("all taken: 8 by engine (demo) (4 of them about to be free).")


def test_who_holds_devices_is_not_named_to_another_product_line() -> None:
    bare = holding(1, "t4-2")
    del bare["metadata"]["labels"]
    taken = [holding(3, "t4-1"), holding(2, "t4-2", "secret-plan", "others"), bare, holding(1, "real-1", "elsewhere")]
    found = explain_placing(wanting(3), t4_nodes(), taken)
    assert found.sentence == (
        "it asks for 3 nvidia.com/gpu; there are 8 T4 in 2 nodes, at most 1 free on one of them; "
        "taken: 3 by engine (demo), 2 by other product lines, 1 by pods that are not of MCD."
    )


def test_a_pod_for_which_there_is_room_by_now_is_not_told_to_change() -> None:
    """The scheduler's last word may be older than what was freed since; and it looks at more than devices."""
    found = judged(wanting(1), nodes=t4_nodes(), placed=[wanting(1), holding(4, "t4-1")])
    assert found.message == (
        "no node takes the pod: what it asks for is free now on node t4-2; the scheduler tries again by itself. "
        'The scheduler said: "0/3 nodes"'
    )
    blind = explain_placing(wanting(1), t4_nodes(), [])
    assert blind.sentence == 'what is free on the nodes cannot be seen. The scheduler said: "0/3 nodes"'
    assert not blind.may_fit


def test_nodes_that_lack_something_else_each_are_told_as_such() -> None:
    full = [asking(memory="15Gi"), asking(cpu="4")]
    for where, pod_there in zip(("n1", "n2"), full, strict=True):
        pod_there["spec"]["nodeName"] = where
        pod_there["status"] = {"phase": "Running"}
    found = explain_placing(asking(cpu="2", memory="2Gi"), [node("n1"), node("n2")], full)
    assert found.sentence == (
        "none of the 2 nodes that may take it has all that it asks for free at once: 2 cpu, 2Gi memory."
    )


def test_a_label_that_no_node_has_and_a_node_that_is_not_ready_are_told() -> None:
    wants = asking(cpu="1")
    expression = {"key": "mcd.internal/node-pool", "operator": "In", "values": ["t4"]}
    term = {"nodeSelectorTerms": [{"matchExpressions": [expression]}]}
    wants["spec"]["affinity"] = {"nodeAffinity": {"requiredDuringSchedulingIgnoredDuringExecution": term}}
    found = explain_placing(
        wants, [node("n1"), node("n2", labels={"mcd.internal/node-pool": "t4"}, ready="Unknown")], []
    )
    assert found.sentence.startswith("none of the 2 nodes may take the pod: ")
    assert [str(n) for n in found.nodes] == [
        "node n1: label mcd.internal/node-pool is not t4",
        "node n2: is not ready",
    ]


def test_a_pod_asks_for_its_sidecars_and_for_its_largest_init_container() -> None:
    def asks(cpu: str) -> dict[str, Any]:
        return {"requests": {"cpu": cpu}}

    spec = {
        "initContainers": [
            {"name": "side", "restartPolicy": "Always", "resources": asks("200m")},
            {"name": "init", "resources": asks("2")},
        ],
        "containers": [{"name": "a", "resources": asks("1")}, {"name": "b", "resources": {"limits": {"cpu": "500m"}}}],
    }
    assert str(requests({"spec": spec})["cpu"]) == "2.200"
    spec["initContainers"].pop()
    assert float(requests({"spec": spec})["cpu"]) == pytest.approx(1.7)


def test_a_volume_that_is_not_bound_is_not_a_matter_of_nodes() -> None:
    wants = asking(cpu="1")
    wants["status"]["conditions"][0]["message"] = (
        "0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims."
    )
    assert judged(wants, nodes=[node("n1")]).reason is Reason.VOLUME_PENDING


@pytest.mark.parametrize("scheduled", [True, False])
def test_a_claim_that_got_no_volume_says_why_itself(scheduled: bool) -> None:
    """While a volume is being made the scheduler has not said anything of the pod yet."""
    wants = asking(cpu="1")
    wants["spec"]["volumes"] = [{"name": "permdir", "persistentVolumeClaim": {"claimName": "shop-permdir"}}]
    if not scheduled:
        wants["status"] = {"phase": "Pending"}
    refused = event("ProvisioningFailed", 'storage class "standard" has no ReadWriteMany volumes.', "shop-permdir")
    refused["involvedObject"] = {"kind": "PersistentVolumeClaim", "name": "shop-permdir"}
    other = event("ProvisioningFailed", "the disk is full", "other")
    other["involvedObject"] = {"kind": "PersistentVolumeClaim", "name": "other"}
    told = judged(wants, events=(other, refused))
    assert told.reason is Reason.VOLUME_PENDING
    words = 'the volume shop-permdir is not made: storage class "standard" has no ReadWriteMany volumes.'
    assert told.message == words


def test_cron_and_waiting_jobs_are_always_healthy() -> None:
    cron: Object = {"apiVersion": "batch/v1", "kind": "CronJob", "metadata": {"name": "c"}, "spec": {"suspend": False}}
    job: Object = {"apiVersion": "batch/v1", "kind": "Job", "metadata": {"name": "j"}, "spec": {"suspend": True}}
    assert health("c", "CronJob", Found(cron), NOW).state is HealthState.HEALTHY
    assert health("j", "Job", Found(job), NOW).state is HealthState.HEALTHY


def test_a_route_that_the_gateway_refuses_fails_a_component_whose_pods_are_ready() -> None:
    refused = {"type": "ResolvedRefs", "status": "False", "reason": "RefNotPermitted", "message": "no ReferenceGrant"}
    route: Object = {"metadata": {"name": "shop-web"}, "status": {"parents": [{"conditions": [refused]}]}}
    ready = workload(availableReplicas=1)
    found = health("web", "Deployment", Found(ready, routes=[route]), NOW)
    assert (found.state, found.reason) == (HealthState.FAILED, Reason.REFUSED_BY_CLUSTER)
    assert "RefNotPermitted" in found.message
    route["status"] = {}
    assert health("web", "Deployment", Found(ready, routes=[route]), NOW).state is HealthState.PROGRESSING
    route["status"] = {"parents": [{"conditions": [{"type": "Accepted", "status": "True"}]}]}
    assert health("web", "Deployment", Found(ready, routes=[route]), NOW).state is HealthState.HEALTHY


def test_control_characters_of_a_cluster_never_reach_a_person() -> None:
    hostile = pod(waiting("CreateContainerConfigError", "\x1b]0;owned\x07 \u202e secret"))
    found = judged(hostile)
    assert "\x1b" not in found.message
    assert "\u202e" not in found.message


async def test_look_follows_an_app_from_new_to_ready_and_shows_the_last_lines_of_a_crash() -> None:
    cluster, fence = MemoryCluster(), Held()
    live = LiveObjects(cluster)

    async def states() -> list[tuple[HealthState, Reason]]:
        return [(h.state, h.reason) for h in await look(live, "default", "shop", shop(), NOW)]

    assert await states() == [(HealthState.PROGRESSING, Reason.APPLYING)]
    await settle(cluster, shop(), fence)
    assert await states() == [(HealthState.PROGRESSING, Reason.PROGRESSING)]
    play(cluster)
    assert await states() == [(HealthState.HEALTHY, Reason.READY)]
    await settle(cluster, [*shop()[:2], deployment(image="shop:2")], fence)
    assert await states() == [(HealthState.PROGRESSING, Reason.PROGRESSING)], "the old status is not believed"
    play(cluster, lambda _: Fate.CRASH)
    names = [r.name for r in cluster.objects() if r.kind == "Pod"]
    for name in names:
        cluster.set_logs("default", name, "web", [b"Traceback", b"KeyError: 'URL'\x1b[31m"], previous=True)
    (found,) = await look(live, "default", "shop", shop(), NOW)
    assert (found.state, found.reason) == (HealthState.FAILED, Reason.CRASH_LOOPING)
    assert found.evidence == ("Traceback", "KeyError: 'URL'\\x1b[31m")
