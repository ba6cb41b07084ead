"""Volumes and mounts of a pod, sorted, so that the order of the file never restarts anything.

It must not know what a program does with them.
"""

from __future__ import annotations

from typing import Any

from mcd.appyaml.render.files import file_mounts, files_volume
from mcd.appyaml.render.storage import DATA
from mcd.appyaml.spec.app import ComponentSpec
from mcd.appyaml.spec.sidecars import SidecarSpec
from mcd.objects import h8

SHM, TMP = "/dev/shm", "/tmp"  # noqa: S108 - paths inside the pod
FILES = "files"
"""The volume with the files of the main container."""


def volumes_and_mounts(component: ComponentSpec) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """`volumes` by name and `volumeMounts` by path."""
    volumes: list[dict[str, Any]] = []
    mounts: list[dict[str, Any]] = []

    def empty(name: str, path: str, source: dict[str, Any]) -> None:
        volumes.append({"name": name, "emptyDir": source})
        mounts.append({"name": name, "mountPath": path})

    volumes += (files_volume(component.files, volume) for volume in component.files.volumes)
    for volume in component.files.volumes[:1]:
        if volume.name == FILES:
            mounts += file_mounts(volume)
    if component.permdir is not None:
        claim = {"claimName": component.permdir.claim}
        volumes.append({"name": "permdir", "persistentVolumeClaim": claim})
        mounts.append({"name": "permdir", "mountPath": component.permdir.path})
    if component.stateful is not None and component.stateful.path:
        mounts.append({"name": DATA, "mountPath": component.stateful.path})
    for path, size in component.scratch.items():
        empty(f"scratch-{h8(path)}", path, {"sizeLimit": str(size)})
    if component.resources.shm is not None:
        empty("shm", SHM, {"medium": "Memory", "sizeLimit": str(component.resources.shm)})
    if component.identity.read_only and TMP not in component.scratch:  # a path inside the pod
        empty("tmp", TMP, {})
    for sidecar in component.sidecars:
        if sidecar.resources.shm is not None:
            source = {"medium": "Memory", "sizeLimit": str(sidecar.resources.shm)}
            volumes.append({"name": f"shm-{sidecar.name}", "emptyDir": source})
    volumes.sort(key=lambda v: v["name"])
    mounts.sort(key=lambda m: m["mountPath"])
    return volumes, mounts


def sidecar_mounts(component: ComponentSpec, sidecar: SidecarSpec) -> list[dict[str, Any]]:
    """`volumeMounts` of a sidecar by path: the folders that may be written, and what it has of its own."""
    mounts: list[dict[str, Any]] = []
    if sidecar.shares:
        mounts += [{"name": f"scratch-{h8(path)}", "mountPath": path} for path in component.scratch]
        if component.identity.read_only and TMP not in component.scratch:
            mounts.append({"name": "tmp", "mountPath": TMP})
    for volume in component.files.volumes:
        if volume.name == f"{FILES}-{sidecar.name}":
            mounts += file_mounts(volume)
    if sidecar.resources.shm is not None:
        mounts.append({"name": f"shm-{sidecar.name}", "mountPath": SHM})
    return sorted(mounts, key=lambda m: m["mountPath"])
