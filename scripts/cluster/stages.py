"""The life of simulated nodes and pods: KWOK's stages, as values.

What each word of the annotation `mcd.internal/simulate` does is described in README.md. It must not touch a cluster.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SIMULATE = "mcd.internal/simulate"
DELAY = "mcd.internal/simulate-delay"

_ADDRESSES = """
{{ $own := .metadata }}
{{ $host := or .spec.hostNetwork false }}
{{ $ips := PodIPsWith .spec.nodeName $host ( or $own.uid "" ) ( or $own.name "" ) ( or $own.namespace "" ) }}
hostIP: 127.0.0.1
hostIPs:
- ip: 127.0.0.1
{{ with $ips }}
podIP: {{ index . 0 | Quote }}
podIPs:
{{ range . }}
- ip: {{ . | Quote }}
{{ end }}
{{ end }}
"""

_INIT_DONE = """
initContainerStatuses:
{{ range .spec.initContainers }}
- image: {{ .image | Quote }}
  imageID: ""
  name: {{ .name | Quote }}
  ready: true
  restartCount: 0
  {{ if eq .restartPolicy "Always" }}
  started: true
  state:
    running:
      startedAt: {{ $now | Quote }}
  {{ else }}
  started: false
  state:
    terminated:
      exitCode: 0
      finishedAt: {{ $now | Quote }}
      reason: Completed
      startedAt: {{ $now | Quote }}
  {{ end }}
{{ end }}
"""


def _conditions(initialized: bool, ready: bool) -> str:
    reason = "" if ready else '\n  reason: ContainersNotReady\n  message: "simulated: containers are not ready"'
    rows = [("PodReadyToStartContainers", True, ""), ("Initialized", initialized, "")]
    rows += [("Ready", ready, reason), ("ContainersReady", ready, reason)]
    return "conditions:\n" + "\n".join(
        f'- lastTransitionTime: {{{{ $now | Quote }}}}\n  status: "{value}"\n  type: {kind}{why}'
        for kind, value, why in rows
    )


def _containers(state: str, *, ready: bool = False, started: bool = False, restarts: str = "0", last: str = "") -> str:
    lines = f"""
containerStatuses:
{{{{ range $index, $item := .spec.containers }}}}
- image: {{{{ $item.image | Quote }}}}
  imageID: ""
  name: {{{{ $item.name | Quote }}}}
  ready: {str(ready).lower()}
  started: {str(started).lower()}
  restartCount: {restarts}
  state: {state}
"""
    if last:
        lines += f"  lastState: {last}\n"
    return lines + "{{ end }}\n"


_NOW = "{{ $now := Now }}{{ $root := . }}\n"
_RUNNING = "{running: {startedAt: {{ $now | Quote }}}}"
_MORE_RESTARTS = "{{ add ( index $root.status.containerStatuses $index ).restartCount 1 }}"


def _terminated(code: int, reason: str) -> str:
    return (
        f"{{terminated: {{exitCode: {code}, reason: {reason}, "
        "startedAt: {{ $now | Quote }}, finishedAt: {{ $now | Quote }}}}"
    )


def _waiting(reason: str, message: str) -> str:
    return f'{{waiting: {{reason: {reason}, message: "{message}"}}}}'


_BACK_OFF = _waiting("CrashLoopBackOff", "back-off 10s restarting failed container")


def _status(phase: str, conditions: str, containers: str, addresses: str = "") -> str:
    # Addresses are given once: a second patch would add a second address.
    return "\n".join(
        [_NOW, conditions, containers, _INIT_DONE, addresses, f"phase: {phase}", "startTime: {{ $now | Quote }}"]
    )


def _crashed(code: int, reason: str, restarts: str, addresses: str = "") -> str:
    containers = _containers(_BACK_OFF, restarts=restarts, last=_terminated(code, reason))
    return _status("Running", _conditions(initialized=True, ready=False), containers, addresses)


_READY = _status("Running", _conditions(initialized=True, ready=True), _containers(_RUNNING, ready=True, started=True))
_STARTED = _status(
    "Running", _conditions(initialized=True, ready=True), _containers(_RUNNING, ready=True, started=True), _ADDRESSES
)
_UNREADY = _status(
    "Running", _conditions(initialized=True, ready=False), _containers(_RUNNING, started=True), _ADDRESSES
)
_CREATING = _status(
    "Pending", _conditions(initialized=True, ready=False), _containers("{waiting: {reason: ContainerCreating}}")
)
_UNPULLED = _status(
    "Pending",
    _conditions(initialized=True, ready=False),
    _containers(_waiting("ImagePullBackOff", "Back-off pulling image: simulated: manifest unknown")),
    _ADDRESSES,
)
_SUCCEEDED = _NOW + _containers(_terminated(0, "Completed")) + "phase: Succeeded\n"
_FAILED = _NOW + _containers(_terminated(1, "Error")) + "phase: Failed\n"

_ALIVE = {"key": ".metadata.deletionTimestamp", "operator": "DoesNotExist"}
_WORD = f'.metadata.annotations["{SIMULATE}"]'


def _is(key: str, *values: str) -> dict[str, Any]:
    return {"key": key, "operator": "In", "values": list(values)}


def _phase(phase: str) -> dict[str, Any]:
    return _is(".status.phase", phase)


def _condition(kind: str, *values: str) -> dict[str, Any]:
    return _is(f'.status.conditions.[] | select( .type == "{kind}" ) | .status', *values)


def _untouched() -> dict[str, Any]:
    """A pod of which no stage has written a container status yet."""
    return {"key": ".status.containerStatuses.[].name", "operator": "DoesNotExist"}


_PLAIN_LIFE = {"key": _WORD, "operator": "DoesNotExist"}
_OF_A_JOB = _is(".metadata.ownerReferences.[].kind", "Job")


@dataclass(frozen=True)
class _Stage:
    """`seconds`: how long the pod stays in the state before; `asked`: the pod's annotation may say another time."""

    name: str
    when: tuple[dict[str, Any], ...]
    status: str
    seconds: float = 0.0
    asked: bool = False
    event: tuple[str, str] = ("", "")


_STAGES = (
    _Stage("pod-ready", (_phase("Pending"), _PLAIN_LIFE), _STARTED),
    _Stage(
        "pod-complete",
        (_phase("Running"), _OF_A_JOB, {"key": _WORD, "operator": "DoesNotExist"}),
        _SUCCEEDED,
        0.2,
        True,
    ),
    _Stage("slow-start", (_phase("Pending"), _is(_WORD, "slow-start")), _UNREADY),
    _Stage(
        "slow-start-ready",
        (_phase("Running"), _is(_WORD, "slow-start"), _condition("Ready", "False")),
        _READY,
        20.0,
        True,
    ),
    _Stage(
        "slow-start-complete",
        (_phase("Running"), _is(_WORD, "slow-start"), _OF_A_JOB, _condition("Ready", "True")),
        _SUCCEEDED,
    ),
    _Stage("never-ready", (_phase("Pending"), _is(_WORD, "never-ready")), _UNREADY),
    _Stage("pending", (_phase("Pending"), _is(_WORD, "pending"), _untouched()), _CREATING),
    _Stage(
        "image-pull",
        (_phase("Pending"), _is(_WORD, "image-pull"), _untouched()),
        _UNPULLED,
        event=("Failed", "Failed to pull image: simulated: manifest unknown"),
    ),
    _Stage(
        "crash",
        (_phase("Pending"), _is(_WORD, "crash")),
        _crashed(1, "Error", "1", _ADDRESSES),
        1.0,
        True,
        event=("BackOff", "Back-off restarting failed container"),
    ),
    _Stage("crash-again", (_phase("Running"), _is(_WORD, "crash")), _crashed(1, "Error", _MORE_RESTARTS), 10.0),
    _Stage(
        "oom",
        (_phase("Pending"), _is(_WORD, "oom")),
        _crashed(137, "OOMKilled", "1", _ADDRESSES),
        1.0,
        True,
        event=("BackOff", "Back-off restarting failed container"),
    ),
    _Stage("oom-again", (_phase("Running"), _is(_WORD, "oom")), _crashed(137, "OOMKilled", _MORE_RESTARTS), 10.0),
    _Stage("job-fail", (_phase("Pending"), _is(_WORD, "job-fail")), _UNREADY),
    _Stage("job-failed", (_phase("Running"), _is(_WORD, "job-fail")), _FAILED, 0.5, True),
)

WORDS = ("slow-start", "crash", "oom", "image-pull", "pending", "never-ready", "job-fail")


LOG = "2026-01-01T00:00:00Z stdout F simulated: this pod is on a simulated node, nothing runs in it\n"
PREVIOUS_LOG = """2026-01-01T00:00:00Z stdout F simulated: starting
2026-01-01T00:00:01Z stderr F simulated: fatal: cannot go on
"""


def configuration(log: Path, previous_log: Path) -> str:
    """KWOK's configuration: the stages of nodes and pods, and the files that `logs` of a simulated pod answers."""
    documents = [_node_initialize(), _node_heartbeat(), *(_pod_stage(each) for each in _STAGES), _pod_delete()]
    documents.append(
        {
            "apiVersion": "kwok.x-k8s.io/v1alpha1",
            "kind": "ClusterLogs",
            "metadata": {"name": "simulated"},
            "spec": {"logs": [{"logsFile": str(log), "previousLogsFile": str(previous_log), "follow": True}]},
        }
    )
    return "".join(f"---\n{json.dumps(each, indent=1)}\n" for each in documents)


def _document(name: str, kind: str, when: list[dict[str, Any]], following: dict[str, Any]) -> dict[str, Any]:
    return {
        "apiVersion": "kwok.x-k8s.io/v1alpha1",
        "kind": "Stage",
        "metadata": {"name": name},
        "spec": {
            "resourceRef": {"apiGroup": "v1", "kind": kind},
            "selector": {"matchExpressions": when},
            "next": following,
        },
    }


def _pod_stage(stage: _Stage) -> dict[str, Any]:
    following: dict[str, Any] = {"statusTemplate": stage.status}
    if stage.event[0]:
        following["event"] = {"type": "Warning", "reason": stage.event[0], "message": stage.event[1]}
    document = _document(stage.name, "Pod", [_ALIVE, *stage.when], following)
    if stage.seconds or stage.asked:
        delay: dict[str, Any] = {"durationMilliseconds": int(stage.seconds * 1000)}
        if stage.asked:
            delay["durationFrom"] = {"expressionFrom": f'.metadata.annotations["{DELAY}"]'}
        document["spec"]["delay"] = delay
    return document


def _pod_delete() -> dict[str, Any]:
    gone = {"key": ".metadata.deletionTimestamp", "operator": "Exists"}
    return _document("pod-delete", "Pod", [gone], {"delete": True})


_NODE_CONDITIONS = """
{{ $now := Now }}
{{ $since := or .metadata.creationTimestamp $now }}
conditions:
{{ range NodeConditions }}
- lastHeartbeatTime: {{ $now | Quote }}
  lastTransitionTime: {{ $since | Quote }}
  message: {{ .message | Quote }}
  reason: {{ .reason | Quote }}
  status: {{ .status | Quote }}
  type: {{ .type | Quote }}
{{ end }}
daemonEndpoints:
  kubeletEndpoint:
    Port: {{ NodePort }}
"""

_NODE_INFO = """
nodeInfo:
  architecture: amd64
  bootID: ""
  containerRuntimeVersion: kwok
  kernelVersion: kwok
  kubeProxyVersion: ""
  kubeletVersion: {{ printf "kwok-%s" Version }}
  machineID: ""
  operatingSystem: linux
  osImage: simulated
  systemUUID: ""
phase: Running
"""


def _node_initialize() -> dict[str, Any]:
    ready = '.status.conditions.[] | select( .type == "Ready" ) | .status'
    when = [{"key": ready, "operator": "NotIn", "values": ["True"]}]
    return _document("node-initialize", "Node", when, {"statusTemplate": _NODE_CONDITIONS + _NODE_INFO})


def _node_heartbeat() -> dict[str, Any]:
    document = _document(
        "node-heartbeat", "Node", [_phase("Running"), _condition("Ready", "True")], {"statusTemplate": _NODE_CONDITIONS}
    )
    # The Lease is the real heartbeat; this one is as rare as a kubelet's.
    document["spec"]["delay"] = {"durationMilliseconds": 300000, "jitterDurationMilliseconds": 310000}
    return document
