"""What every container of a pod has, the main one and those beside it (app-yaml 6.6).

It must not know which of them it is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from mcd.appyaml.schema.shapes import moving
from mcd.appyaml.spec.app import ComponentSpec
from mcd.appyaml.spec.pod import Action, EnvEntry, Identity, PortSpec, ProbeSpec, ResourceSpec
from mcd.appyaml.spec.sidecars import SidecarSpec
from mcd.appyaml.text.units import cpu_text


def image_fields(image: str) -> dict[str, str]:
    """The image, asked for anew each time only where the same reference may be another image."""
    return {"image": image, "imagePullPolicy": "Always" if moving(image) else "IfNotPresent"}


def security(identity: Identity) -> dict[str, Any]:
    """`securityContext`, the same for all containers: what Pod Security `restricted` asks for."""
    fields: dict[str, Any] = {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
    if identity.read_only:
        fields["readOnlyRootFilesystem"] = True
    return fields


def container_ports(ports: Iterable[PortSpec]) -> list[dict[str, Any]]:
    """`ports`, in the order given."""
    return [{"name": p.name, "containerPort": p.port, "protocol": p.protocol} for p in ports]


def probes(wanted: Mapping[str, ProbeSpec]) -> dict[str, Any]:
    """`readinessProbe` and its like."""
    return {f"{kind}Probe": _probe(probe) for kind, probe in wanted.items()}


def variables(entries: Iterable[EnvEntry]) -> list[dict[str, Any]]:
    """`env`, in the order given."""
    found: list[dict[str, Any]] = []
    for entry in entries:
        if entry.secret is not None:
            name, key = entry.secret
            found.append({"name": entry.name, "valueFrom": {"secretKeyRef": {"name": name, "key": key}}})
        elif entry.field_path:
            found.append({"name": entry.name, "valueFrom": {"fieldRef": {"fieldPath": entry.field_path}}})
        else:
            found.append({"name": entry.name, "value": entry.value})
    return found


def resources(asked: ResourceSpec) -> dict[str, Any]:
    """Requests and limits, devices among them."""
    requests = {"cpu": cpu_text(asked.cpu), "ephemeral-storage": str(asked.disk), "memory": str(asked.memory)}
    limits = {"ephemeral-storage": str(asked.limit_disk), "memory": str(asked.limit_memory)}
    if asked.limit_cpu is not None:
        limits["cpu"] = cpu_text(asked.limit_cpu)
    if asked.device:
        requests[asked.device] = limits[asked.device] = str(asked.devices)
    return {"limits": limits, "requests": requests}


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


def container_of(
    one: ComponentSpec | SidecarSpec, identity: Identity, ports: Sequence[PortSpec], mounts: list[dict[str, Any]]
) -> dict[str, Any]:
    """What the main container and the others have alike."""
    container: dict[str, Any] = {
        "name": one.name,
        "env": variables(one.env),
        **image_fields(one.image),
        "resources": resources(one.resources),
        "securityContext": security(identity),
    }
    if one.command:
        container["command"] = list(one.command)
    if one.args:
        container["args"] = list(one.args)
    if one.workdir:
        container["workingDir"] = one.workdir
    if ports:
        container["ports"] = container_ports(ports)
    if mounts:
        container["volumeMounts"] = mounts
    return container | probes(one.probes)
