"""Volumes and mounts of a pod, sorted, so that the order of the file never restarts anything.

It must not know what a program does with them.
"""

from __future__ import annotations

from typing import Any

from mcd.appyaml.spec.app import ComponentSpec
from mcd.objects import h8

SHM, TMP = "/dev/shm", "/tmp"  # noqa: S108 - paths inside the pod


def volumes_and_mounts(component: ComponentSpec) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    """`volumes` by name and `volumeMounts` by path."""
    volumes: list[dict[str, Any]] = []
    mounts: list[dict[str, Any]] = []

    def empty(name: str, path: str, source: dict[str, Any]) -> None:
        volumes.append({"name": name, "emptyDir": source})
        mounts.append({"name": name, "mountPath": path})

    for path, size in component.scratch.items():
        empty(f"scratch-{h8(path)}", path, {"sizeLimit": str(size)})
    if component.resources.shm is not None:
        empty("shm", SHM, {"medium": "Memory", "sizeLimit": str(component.resources.shm)})
    if component.identity.read_only and TMP not in component.scratch:  # a path inside the pod
        empty("tmp", TMP, {})
    volumes.sort(key=lambda v: v["name"])
    mounts.sort(key=lambda m: m["mountPath"])
    return volumes, mounts
