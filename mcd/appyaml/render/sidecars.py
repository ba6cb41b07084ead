"""The containers beside the main one (app-yaml 3.17, 6.6): native sidecars, which start before it and stop after it.

It must not know what they do.
"""

from __future__ import annotations

from typing import Any

from mcd.appyaml.render.container import container_of
from mcd.appyaml.render.volumes import sidecar_mounts
from mcd.appyaml.spec.app import ComponentSpec
from mcd.appyaml.spec.sidecars import SidecarSpec


def init_containers(component: ComponentSpec) -> list[dict[str, Any]]:
    """`initContainers` in the order in which they start."""
    return [_container(component, sidecar) for sidecar in component.sidecars]


def _container(component: ComponentSpec, sidecar: SidecarSpec) -> dict[str, Any]:
    mounts = sidecar_mounts(component, sidecar)
    return container_of(sidecar, component.identity, sidecar.ports, mounts) | {"restartPolicy": "Always"}
