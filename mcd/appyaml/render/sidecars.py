"""The containers beside the main one (app-yaml 3.17, 6.6): native sidecars, which start before it and stop after it.

It must not know what they do.
"""

from __future__ import annotations

from typing import Any

from mcd.appyaml.render.container import container_ports, image_fields, probes, resources, security, variables
from mcd.appyaml.render.volumes import sidecar_mounts
from mcd.appyaml.spec.app import ComponentSpec
from mcd.appyaml.spec.sidecars import SidecarSpec


def init_containers(component: ComponentSpec) -> list[dict[str, Any]]:
    """`initContainers` in the order in which they start."""
    return [_container(component, sidecar) for sidecar in component.sidecars]


def _container(component: ComponentSpec, sidecar: SidecarSpec) -> dict[str, Any]:
    container: dict[str, Any] = {
        "name": sidecar.name,
        "env": variables(sidecar.env),
        **image_fields(sidecar.image),
        "resources": resources(sidecar.resources),
        "restartPolicy": "Always",
        "securityContext": security(component.identity),
    }
    if sidecar.command:
        container["command"] = list(sidecar.command)
    if sidecar.args:
        container["args"] = list(sidecar.args)
    if sidecar.workdir:
        container["workingDir"] = sidecar.workdir
    if sidecar.ports:
        container["ports"] = container_ports(sidecar.ports)
    mounts = sidecar_mounts(component, sidecar)
    if mounts:
        container["volumeMounts"] = mounts
    return container | probes(sidecar.probes)
