"""The pod of a component (app-yaml 6.6): every pod passes Pod Security `restricted` unless its line says otherwise.

It must not know which workload the pod stands in.
"""

from __future__ import annotations

import hashlib
from typing import Any

from mcd.appyaml.render.container import container_of
from mcd.appyaml.render.files import file_data
from mcd.appyaml.render.labels import workload_labels
from mcd.appyaml.render.metrics import scraped
from mcd.appyaml.render.scheduling import placed, spread
from mcd.appyaml.render.sidecars import init_containers
from mcd.appyaml.render.volumes import volumes_and_mounts
from mcd.appyaml.spec.app import AppSpec, ComponentSpec
from mcd.appyaml.spec.pod import Identity
from mcd.objects import DRAIN, PREFIX, TAKES_REQUESTS, canonical

_SLEEP_ACTION_FROM = 30
IMAGE_GROUP = 10001
"""fsGroup where the image's own user is kept, so that volumes can be written."""


def template(spec: AppSpec, component: ComponentSpec) -> dict[str, Any]:
    """`spec.template` of a workload."""
    annotations = {"kubectl.kubernetes.io/default-container": component.name}
    checksum = _checksum(component)
    if checksum:
        annotations[f"{PREFIX}checksum"] = checksum
    if component.restart:
        annotations[f"{PREFIX}restart"] = component.restart
    annotations |= scraped(spec, component)
    if component.tracing:
        annotations[f"instrumentation.opentelemetry.io/inject-{component.tracing}"] = "true"
    return {
        "metadata": {"annotations": annotations, "labels": workload_labels(spec, component)},
        "spec": pod(spec, component),
    }


def _checksum(component: ComponentSpec) -> str:
    """16 hex digits that change with every file and with the version of any Secret that the pods read (app-yaml 5.5);
    empty for pods that read none. Whatever changes them restarts the pods."""
    files = file_data(component)
    secrets = {need.name: need.version for need in component.needs.values()}
    if not files and not secrets:
        return ""
    return hashlib.sha256(canonical({"files": files, "secrets": secrets})).hexdigest()[:16]


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
        **placed(spec, component),
    }
    if component.sidecars:
        fields["initContainers"] = init_containers(component)
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
    fields: dict[str, Any] = {
        "fsGroupChangePolicy": "OnRootMismatch",
        "runAsNonRoot": component.identity.user != 0,
        "seccompProfile": {"type": "RuntimeDefault"},
    }
    user = component.identity.user
    if user is None:
        fields["fsGroup"] = IMAGE_GROUP
    else:
        fields |= {"fsGroup": user, "runAsGroup": user, "runAsUser": user}
    beside = (port for sidecar in component.sidecars for port in sidecar.ports)
    if any(port.port < 1024 for port in (*component.container_ports, *beside)):
        fields["sysctls"] = [{"name": "net.ipv4.ip_unprivileged_port_start", "value": "0"}]
    return fields


def _container(spec: AppSpec, component: ComponentSpec, mounts: list[dict[str, Any]]) -> dict[str, Any]:
    container = container_of(component, component.identity, component.container_ports, mounts)
    hook = _before_stop(spec, component.identity, component.type)
    if hook:
        container["lifecycle"] = {"preStop": hook}
    return container


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
