"""Ready means that the new version answers: who replaces pods is told how far it is, at each moment of it.

`captured/replaced` are moments of one push of a web pod on a real node of 1.37."""

from __future__ import annotations

import json
from collections.abc import Callable
from copy import deepcopy
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from mcd.kube.explain import Seen
from mcd.kube.health import Found, health
from mcd.model import ComponentHealth, HealthState, Reason
from mcd.objects import DRAIN, TYPE, Object

REPLACED = Path(__file__).parent / "captured" / "replaced"
HEALTHY, PROGRESSING = HealthState.HEALTHY, HealthState.PROGRESSING


def moment(name: str) -> dict[str, Any]:
    doc: dict[str, Any] = json.loads((REPLACED / f"{name}.json").read_text())
    return doc


def judged(doc: dict[str, Any], now: datetime | None = None) -> ComponentHealth:
    found = Found(doc["workload"], doc["replica_sets"], seen=Seen(doc["pods"], doc["events"]))
    return health("web", "Deployment", found, now or datetime.fromisoformat(doc["now"]))


def told_at(doc: dict[str, Any]) -> datetime:
    """When the old pod was told to stop."""
    (old,) = [p for p in doc["pods"] if p["metadata"].get("deletionTimestamp")]
    grace = timedelta(seconds=old["metadata"]["deletionGracePeriodSeconds"])
    return datetime.fromisoformat(old["metadata"]["deletionTimestamp"]) - grace


def after(seconds: float) -> Callable[[dict[str, Any]], datetime]:
    return lambda doc: told_at(doc) + timedelta(seconds=seconds)


@pytest.mark.parametrize(
    ("name", "state", "counts", "words"),
    [
        ("1-made", PROGRESSING, (0, 1, 1), "0 of 1 new pods are ready; 1 old pod goes on serving."),
        ("2-starting", PROGRESSING, (0, 1, 1), "0 of 1 new pods are ready; 1 old pod goes on serving."),
        ("3-told-to-stop", PROGRESSING, (1, 1, 0), "the new pods are ready; 1 old pod stops."),
        (
            "4-draining", PROGRESSING, (1, 1, 0),
            "the old pods finish their requests; traffic moves to the new ones (5 s left).",
        ),
        ("5-gone", HEALTHY, (1, 1, 0), "1 of 1 ready."),
    ],
)  # fmt: skip
def test_each_moment_of_a_real_push_is_told_as_it_is(
    name: str, state: HealthState, counts: tuple[int, int, int], words: str
) -> None:
    found = judged(moment(name))
    assert (found.state, found.message) == (state, words)
    assert (found.ready, found.desired, found.old) == counts


def test_old_pods_are_not_called_new_before_the_newest_replica_set_is_made() -> None:
    """A push that changes program and number at once: the controller scales the old ReplicaSet first, and the newest
    one that there is has ready pods. The status says that none of them is updated."""
    doc = moment("1-made")
    revisions = {r["metadata"]["annotations"]["deployment.kubernetes.io/revision"]: r for r in doc["replica_sets"]}
    revision, old = min(revisions.items())
    uid = old["metadata"]["uid"]
    doc["replica_sets"] = [old]
    doc["pods"] = [p for p in doc["pods"] if any(o["uid"] == uid for o in p["metadata"]["ownerReferences"])]
    doc["workload"]["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = revision
    doc["workload"]["status"] |= {"replicas": 1, "updatedReplicas": 0, "availableReplicas": 1, "readyReplicas": 1}
    assert judged(doc).message == "0 of 1 new pods are ready."


def test_ready_is_said_when_the_gateway_has_forgotten_the_old_pod_and_not_before() -> None:
    doc = moment("4-draining")
    just_before = judged(doc, after(DRAIN - 0.5)(doc))
    assert (just_before.state, just_before.again_in) == (PROGRESSING, pytest.approx(0.5))
    assert "(1 s left)" in just_before.message
    assert judged(doc, after(DRAIN)(doc)).state is HEALTHY, "its program may take its time to end"


def test_the_wait_ends_with_the_pod() -> None:
    doc = moment("4-draining")
    doc["pods"] = [p for p in doc["pods"] if not p["metadata"].get("deletionTimestamp")]
    assert judged(doc, after(0)(moment("4-draining"))).state is HEALTHY


def test_a_program_that_has_ended_is_sent_nothing() -> None:
    doc = moment("4-draining")
    for pod in doc["pods"]:
        if pod["metadata"].get("deletionTimestamp"):
            pod["status"]["containerStatuses"][0]["state"] = {"terminated": {"exitCode": 1}}
    assert judged(doc, after(0)(doc)).state is HEALTHY


def test_an_old_pod_that_nobody_told_to_stop_is_waited_for_without_a_time() -> None:
    doc = moment("4-draining")
    for pod in doc["pods"]:
        pod["metadata"].pop("deletionTimestamp", None)
    found = judged(doc)
    assert (found.state, found.again_in) == (PROGRESSING, 0)
    assert found.message == "the new pods are ready; 1 old pod stops."


def test_a_clock_that_is_behind_the_clusters_never_says_more_than_the_whole_time() -> None:
    doc = moment("4-draining")
    assert judged(doc, after(-60)(doc)).again_in == DRAIN


def test_a_daemon_is_sent_nothing_and_waits_for_nothing() -> None:
    doc = moment("4-draining")
    doc["workload"]["metadata"]["labels"][TYPE] = "daemon"
    assert judged(doc, after(0)(doc)).state is HEALTHY
    starting = moment("2-starting")
    starting["workload"]["metadata"]["labels"][TYPE] = "daemon"
    assert judged(starting).message.endswith("; 1 old pod goes on running.")


def test_a_first_deploy_waits_for_nothing() -> None:
    doc = moment("5-gone")
    (doc["replica_sets"][0]["metadata"]["annotations"])["deployment.kubernetes.io/revision"] = "1"
    doc["workload"]["metadata"]["annotations"]["deployment.kubernetes.io/revision"] = "1"
    assert judged(doc).state is HEALTHY


def test_fewer_pods_of_the_same_version_wait_for_nothing() -> None:
    doc = moment("5-gone")
    fewer = deepcopy(doc["pods"][0])
    fewer["metadata"] |= {"name": "hello-web-2", "uid": "u2", "deletionTimestamp": doc["now"]}
    doc["pods"].append(fewer)
    assert judged(doc).state is HEALTHY


def test_a_cache_that_has_not_heard_of_the_newest_replica_set_makes_nothing_ready() -> None:
    doc = moment("4-draining")
    doc["replica_sets"] = [r for r in doc["replica_sets"] if r["spec"]["replicas"] == 0]
    assert len(doc["replica_sets"]) == 1
    found = judged(doc)
    assert (found.state, found.message) == (
        PROGRESSING,
        "the cluster has not shown yet which pods are the new ones.",
    )


def test_a_pod_that_somebody_else_made_with_our_labels_is_no_old_one() -> None:
    doc = moment("5-gone")
    foreign = deepcopy(doc["pods"][0])
    foreign["metadata"] |= {"name": "debug", "uid": "u2", "ownerReferences": []}
    doc["pods"].append(foreign)
    assert judged(doc).state is HEALTHY


# --- scaled to 0 ----------------------------------------------------------------------------------------------------


def scaled_to_zero(*pods: Object) -> dict[str, Any]:
    doc = moment("5-gone")
    doc["workload"]["spec"]["replicas"] = 0
    doc["workload"]["status"] = {"observedGeneration": doc["workload"]["metadata"]["generation"]}
    doc["pods"] = [*pods]
    return doc


def ending_pod() -> Object:
    (old,) = [p for p in moment("4-draining")["pods"] if p["metadata"].get("deletionTimestamp")]
    found: Object = old
    return found


def test_an_app_is_stopped_when_its_last_pod_is_gone() -> None:
    """Its status counts none any more from the moment on at which they are told to stop."""
    doc = scaled_to_zero(ending_pod())
    found = judged(doc, after(20)(doc))
    assert (found.state, found.message) == (PROGRESSING, "1 pod is being stopped.")
    assert judged(scaled_to_zero()).state is HealthState.STOPPED
    assert judged(scaled_to_zero()).message == "it is scaled to 0."


def test_a_pod_of_a_node_that_is_away_is_not_waited_for_for_ever() -> None:
    doc = scaled_to_zero(ending_pod())
    grace = doc["pods"][0]["metadata"]["deletionGracePeriodSeconds"]
    early = judged(doc, after(grace + 4)(doc))
    assert (early.state, early.again_in) == (PROGRESSING, pytest.approx(6))
    found = judged(doc, after(grace + 11)(doc))
    assert (found.state, found.reason) == (HealthState.STOPPED, Reason.READY)
    assert found.message == "it is scaled to 0. 1 pod should have ended by now: see whether the node is away."
