"""A program beside the main one, with nothing left open: one of the file's, or the platform's sign-in.

Frozen values only. It must not know where a value came from.
"""

from __future__ import annotations

from collections.abc import Mapping

from mcd.appyaml.record import record
from mcd.appyaml.spec.pod import EnvEntry, PortSpec, ProbeSpec, ResourceSpec


@record
class SidecarSpec:
    """A container that starts before the main one and stops after it. `shares` says whether the component's writable
    folders are mounted here too, `own_image` whether the file names the image."""

    name: str
    image: str
    command: tuple[str, ...]
    args: tuple[str, ...]
    workdir: str
    env: tuple[EnvEntry, ...]
    ports: tuple[PortSpec, ...]
    probes: Mapping[str, ProbeSpec]
    resources: ResourceSpec
    shares: bool = True
    own_image: bool = True
