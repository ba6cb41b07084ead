"""Health and its explanation: every state of the table has a sentence, a reason and what to do."""

from __future__ import annotations

from datetime import timedelta
from typing import Any

import pytest

from mcd.kube.health import Found, health
from mcd.kube.live import LiveObjects
from mcd.kube.look import look
from mcd.kube.memory import MemoryCluster
from mcd.kube.play import Fate, play
from mcd.model import HealthState, Reason
from mcd.model.why import step
from mcd.objects import Object
from tests.kube.given import Held, deployment, settle, shop
from tests.kube.judged import NOW, event, judged, pod, waiting, workload


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
        Reason.CRASH_LOOPING, HealthState.FAILED, ("exit 3", "2 restarts so far"),
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


@pytest.mark.parametrize(("code", "age", "told_so"), [(503, 29, False), (503, 31, True), (404, 9, True)])
def test_a_program_that_says_it_is_not_ready_yet_is_no_alarm_in_its_first_half_minute(
    code: int, age: int, told_so: bool
) -> None:
    """The example's own page waits for its catalog: the very first push warned of a wrong port, two seconds before it
    was Ready."""
    young = pod({"state": {"running": {}}, "restartCount": 0})
    young["metadata"]["creationTimestamp"] = (NOW - timedelta(seconds=age)).isoformat()
    said = event("Unhealthy", f"Readiness probe failed: HTTP probe failed with statuscode: {code}")
    assert (judged(young, events=(said,)).reason is Reason.PROBE_FAILING) is told_so


def test_a_check_that_only_connects_names_its_port_too() -> None:
    """An App without `health`: the one thing that is wrong is the port, and it was not named."""
    running = pod({"state": {"running": {}}, "restartCount": 0})
    running["spec"]["containers"][0]["readinessProbe"] = {"tcpSocket": {"port": 8080}}
    refused = "Readiness probe failed: dial tcp 10.88.0.9:8080: connect: connection refused"
    found = judged(running, events=(event("Unhealthy", refused),))
    assert "readiness check (a connection to :8080) got: nothing listens on the port" in found.message
    assert "Listen on 0.0.0.0 and port 8080, or write the port" in step(found.told[0])


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


@pytest.mark.parametrize(
    ("started", "late"), [("2026-11-22T11:44:59Z", 900), ("2026-11-22T11:45:01Z", 0)], ids=["over", "within"]
)
def test_a_stateful_set_has_as_long_as_its_startup_probe_and_five_minutes(started: str, late: int) -> None:
    """It has no deadline of its own; ten minutes would fail a database that may take ten minutes to start."""
    down = pod({"state": {"running": {}}, "restartCount": 0})
    down["status"]["conditions"] = [{"type": "Ready", "status": "False", "lastTransitionTime": started}]
    work = workload()
    work["kind"] = "StatefulSet"
    work["spec"]["template"] = {
        "spec": {"containers": [{"startupProbe": {"periodSeconds": 5, "failureThreshold": 120}}]}
    }
    found = judged(down, work=work)
    assert (found.state is HealthState.FAILED, f"{late} s" in found.message) == (bool(late), bool(late))


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
        cluster.set_logs(
            "default", name, "web", [b"Traceback", b"\x1b[31mKeyError: 'URL'\x1b[0m\x1b[2J"], previous=True
        )
    (found,) = await look(live, "default", "shop", shop(), NOW)
    assert (found.state, found.reason) == (HealthState.FAILED, Reason.CRASH_LOOPING)
    assert found.evidence == ("Traceback", "KeyError: 'URL'\\x1b[2J")
