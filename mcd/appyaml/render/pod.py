"""The pod of a component (app-yaml 6.6): every pod passes Pod Security `restricted` unless its line says otherwise.

It must not know which workload the pod stands in.
"""

from __future__ import annotations

import hashlib
from typing import Any

from mcd.appyaml.render.labels import workload_labels
from mcd.appyaml.render.scheduling import placed, spread
from mcd.appyaml.render.volumes import volumes_and_mounts
from mcd.appyaml.schema.shapes import moving
from mcd.appyaml.spec.app import AppSpec, ComponentSpec
from mcd.appyaml.spec.pod import Action, EnvEntry, Identity, ProbeSpec, ResourceSpec
from mcd.appyaml.text.units import cpu_text
from mcd.objects import DRAIN, PREFIX, TAKES_REQUESTS, canonical

_SLEEP_ACTION_FROM = 30
IMAGE_GROUP = 10001
"""fsGroup where the image's own user is kept, so that volumes can be written."""


def template(spec: AppSpec, component: ComponentSpec) -> dict[str, Any]:
    """`spec.template` of a workload."""
    annotations = {"kubectl.kubernetes.io/default-container": component.name}
    secrets = {need.name: need.version for need in component.needs.values()}
    if secrets:
        said = canonical({"files": {}, "secrets": secrets})
        annotations[f"{PREFIX}checksum"] = hashlib.sha256(said).hexdigest()[:16]
    if component.restart:
        annotations[f"{PREFIX}restart"] = component.restart
    return {
        "metadata": {"annotations": annotations, "labels": workload_labels(spec, component)},
        "spec": pod(spec, component),
    }


def pod(spec: AppSpec, component: ComponentSpec) -> dict[str, Any]:
    """The pod spec."""
    volumes, mounts = volumes_and_mounts(component)
    drains = component.type in TAKES_REQUESTS
    fields: dict[str, Any] = {
        "automountServiceAccountToken": False,
        "containers": [_container(spec, component, mounts)],
        "enableServiceLinks": False,
        "securityContext": _pod_security(component),
        "serviceAccountName": spec.app,
        "terminationGracePeriodSeconds": component.identity.grace + (DRAIN if drains else 0),
        **placed(component.placement),
    }
    if volumes:
        fields["volumes"] = volumes
    constraints = spread(spec, component)
    if constraints:
        fields["topologySpreadConstraints"] = constraints
    if spec.cluster.image_pull_secret:
        fields["imagePullSecrets"] = [{"name": spec.cluster.image_pull_secret}]
    if not component.long:
        fields["restartPolicy"] = "Never"
    return fields


def _pod_security(component: ComponentSpec) -> dict[str, Any]:
    security: dict[str, Any] = {
        "fsGroupChangePolicy": "OnRootMismatch",
        "runAsNonRoot": component.identity.user != 0,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    user = component.identity.user
    if user is None:
        security["fsGroup"] = IMAGE_GROUP
    else:
        security |= {"fsGroup": user, "runAsGroup": user, "runAsUser": user}
    if any(port.port < 1024 for port in component.ports):
        security["sysctls"] = [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]
    return security


def _container(spec: AppSpec, component: ComponentSpec, mounts: list[dict[str, Any]]) -> dict[str, Any]:
    security: dict[str, Any] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    if component.identity.read_only:
        security["readOnlyRootFilesystem"] = True
    container: dict[str, Any] = {
        "name": component.name,
        "env": [_variable(entry) for entry in component.env],
        "image": component.image,
        "imagePullPolicy": "Always" if moving(component.image) else "IfNotPresent",
        "resources": _resources(component.resources),
        "securityContext": security,
    }
    if component.command:
        container["command"] = list(component.command)
    if component.args:
        container["args"] = list(component.args)
    if component.workdir:
        container["workingDir"] = component.workdir
    if component.ports:
        container["ports"] = [
            {"name": p.name, "containerPort": p.port, "protocol": p.protocol} for p in component.ports
        ]
    if mounts:
        container["volumeMounts"] = mounts
    hook = _before_stop(spec, component.identity, component.type)
    if hook:
        container["lifecycle"] = {"preStop": hook}
    for kind, probe in component.probes.items():
        container[f"{kind}Probe"] = _probe(probe)
    return container


def _variable(entry: EnvEntry) -> dict[str, Any]:
    if entry.secret is not None:
        name, secret_key = entry.secret
        return {"name": entry.name, "valueFrom": {"secretKeyRef": {"name": name, "key": secret_key}}}
    if entry.field_path:
        return {"name": entry.name, "valueFrom": {"fieldRef": {"fieldPath": entry.field_path}}}
    return {"name": entry.name, "value": entry.value}


def _resources(asked: ResourceSpec) -> dict[str, Any]:
    requests = {"cpu": cpu_text(asked.cpu), "ephemeral-storage": str(asked.disk), "memory": str(asked.memory)}
    limits = {"ephemeral-storage": str(asked.limit_disk), "memory": str(asked.limit_memory)}
    if asked.limit_cpu is not None:
        limits["cpu"] = cpu_text(asked.limit_cpu)
    if asked.device:
        requests[asked.device] = limits[asked.device] = str(asked.devices)
    return {"limits": limits, "requests": requests}


def _before_stop(spec: AppSpec, identity: Identity, kind: str) -> dict[str, Any]:
    """What happens before SIGTERM: wait until the gateway has forgotten the pod, or send another signal."""
    drains = kind in TAKES_REQUESTS
    if identity.signal != "SIGTERM":
        wait = f"sleep {DRAIN}; " if drains else ""
        said = f"{wait}kill -s {identity.signal.removeprefix('SIG')} 1; sleep {identity.grace}"
        return {"exec": {"command": ["/bin/sh", "-c", said]}}
    if not drains:
        return {}
    if spec.cluster.minor < _SLEEP_ACTION_FROM:
        return {"exec": {"command": ["sleep", str(DRAIN)]}}
    return {"sleep": {"seconds": DRAIN}}


def _probe(probe: ProbeSpec) -> dict[str, Any]:
    fields: dict[str, Any] = {
        **_action(probe.action),
        "failureThreshold": probe.failures,
        "periodSeconds": probe.period,
        "timeoutSeconds": probe.timeout,
    }
    if probe.delay:
        fields["initialDelaySeconds"] = probe.delay
    if probe.successes != 1:
        fields["successThreshold"] = probe.successes
    return fields


def _action(action: Action) -> dict[str, Any]:
    if action.kind == "http":
        return {"httpGet": {"path": action.path, "port": action.port}}
    if action.kind == "exec":
        return {"exec": {"command": list(action.command)}}
    return {"tcpSocket" if action.kind == "tcp" else "grpc": {"port": action.port}}
