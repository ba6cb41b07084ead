"""Health and explanation of real objects: broken on purpose on a real node and a real scheduler of 1.37, then kept."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from mcd.kube.explain import Seen
from mcd.kube.health import Found, health
from mcd.model import ComponentHealth, HealthState, Reason

CAPTURED = Path(__file__).parent / "captured"
FAILED, PROGRESSING = HealthState.FAILED, HealthState.PROGRESSING

EXPECTED: dict[str, tuple[HealthState, Reason, str]] = {
    "command-missing": (FAILED, Reason.CRASH_LOOPING, "/no/such/program does not exist in the image"),
    "crash-beside-old": (FAILED, Reason.CRASH_LOOPING, "1 old pod goes on serving."),
    "crash": (FAILED, Reason.CRASH_LOOPING, "ends with exit 3"),
    "exit-zero": (FAILED, Reason.CRASH_LOOPING, "ends at once with success"),
    "gpu": (PROGRESSING, Reason.UNSCHEDULABLE, "asks for 5 nvidia.com/gpu; the largest node that may take it has 4."),
    "image-missing": (
        FAILED,
        Reason.IMAGE_PULL,
        "no/such:1 cannot be pulled (ImagePullBackOff): the registry does not",
    ),
    "image-name": (FAILED, Reason.IMAGE_PULL, "UPPER:bad:name cannot be pulled (InvalidImageName)"),
    "mount-missing": (FAILED, Reason.CONFIG_MISSING, 'Secret "nope" does not exist'),
    "oom": (FAILED, Reason.OOM_KILLED, "OOMKilled at 64Mi, exit 137"),
    "probe-404": (PROGRESSING, Reason.PROBE_FAILING, "readiness check (GET :8080/healthz) got: HTTP 404"),
    "probe-refused": (PROGRESSING, Reason.PROBE_FAILING, "nothing listens on the port"),
    "refused": (FAILED, Reason.REFUSED_BY_CLUSTER, 'violates PodSecurity "restricted:latest": privileged'),
    "registry-away": (FAILED, Reason.IMAGE_PULL, "(ImagePullBackOff): the registry cannot be reached"),
    "registry-away-again": (FAILED, Reason.IMAGE_PULL, "(ErrImagePull): the registry cannot be reached"),
    "secret-missing": (FAILED, Reason.CONFIG_MISSING, 'Secret "nope" does not exist'),
    "taint": (PROGRESSING, Reason.UNSCHEDULABLE, "none of the 8 nodes may take the pod"),
    "too-big": (
        PROGRESSING,
        Reason.UNSCHEDULABLE,
        "asks for 900Gi memory; the largest node that may take it has 23.44Gi",
    ),
    "volume": (PROGRESSING, Reason.VOLUME_PENDING, 'there is no claim "nope"'),
}


def judged(state: str) -> ComponentHealth:
    doc: dict[str, Any] = json.loads((CAPTURED / f"{state}.json").read_text())
    seen = Seen(doc["pods"], doc["events"], doc["nodes"])
    found = Found(doc["workload"], doc["replica_sets"], seen=seen)
    return health(state, "Deployment", found, datetime.fromisoformat(doc["now"]))


def test_every_captured_state_is_expected() -> None:
    assert {f.stem for f in CAPTURED.glob("*.json")} == set(EXPECTED)


@pytest.mark.parametrize("state", EXPECTED)
def test_a_real_broken_component_is_explained(state: str) -> None:
    found = judged(state)
    assert (found.state, found.reason) == EXPECTED[state][:2], found.message
    assert EXPECTED[state][2] in found.message
    assert len(found.message) < 700


def test_pods_of_the_wished_version_are_counted_and_old_ones_beside_them() -> None:
    found = judged("crash-beside-old")
    assert (found.ready, found.desired, found.old) == (0, 1, 1)


@pytest.mark.parametrize(
    ("state", "line"),
    [
        ("gpu", "node t4-1: nvidia.com/gpu: asks 5, the node has 4"),
        ("gpu", "node real-1: label mcd.internal/node-pool is not gpu-t4; has no nvidia.com/gpu"),
        ("taint", "node t4-1: taint mcd.internal/node-pool=gpu-t4:NoSchedule is not tolerated"),
    ],
)
def test_placing_is_told_node_by_node(state: str, line: str) -> None:
    assert any(told.startswith(line) for told in judged(state).evidence), judged(state).evidence
