"""A sidecar that does not run is explained like the program itself, under its own name in app.yaml."""

from __future__ import annotations

from typing import Any

from mcd.model import HealthState, Reason
from mcd.objects import Object
from tests.kube.judged import judged, pod, waiting
from tests.kube.test_health import OOM


def beside(state: dict[str, Any], **spec: Any) -> Object:
    """A pod whose program waits for a sidecar."""
    found = pod({"state": {"waiting": {"reason": "PodInitializing"}}, "restartCount": 0})
    limits = {"limits": {"memory": "64Mi"}}
    found["spec"]["initContainers"] = [{"name": "nginx", "restartPolicy": "Always", "resources": limits, **spec}]
    found["status"]["initContainerStatuses"] = [{"name": "nginx", "image": "nginx:1", "ready": False, **state}]
    return found


def test_a_sidecar_that_ends_with_success_again_and_again_is_a_crash_loop() -> None:
    ended = waiting("CrashLoopBackOff", restarts=2, last={"reason": "Completed", "exitCode": 0})
    found = judged(beside(ended))
    assert (found.reason, found.state) == (Reason.CRASH_LOOPING, HealthState.FAILED), found.message
    assert "container nginx: the program ends at once with success" in found.message


def test_an_init_container_that_ends_with_success_is_done() -> None:
    ended = {"state": {"terminated": {"reason": "Completed", "exitCode": 0}}, "restartCount": 0}
    assert judged(beside(ended, restartPolicy=None)).reason is not Reason.CRASH_LOOPING


def test_what_to_change_is_named_where_the_sidecar_is_written() -> None:
    killed = judged(beside(waiting("CrashLoopBackOff", restarts=3, last=OOM)))
    assert "OOMKilled at 64Mi" in killed.message
    assert "components.web.sidecars.nginx.resources.memory" in killed.message
    missing = waiting("RunContainerError", 'exec: "nginx": executable file not found in $PATH')
    assert "components.web.sidecars.nginx.command" in judged(beside(missing)).message
