"""The storage classes of a cluster, and the process that makes their volumes, as values.

`standard` is the default class; `shared` may be mounted by many pods, which is true here because there is one real
node. It must not touch a volume: provisioner.py does.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

from scripts.cluster import credentials, processes
from scripts.cluster.api import Api
from scripts.cluster.layout import Cluster
from scripts.cluster.processes import Component

PROVISIONER = "mcd.internal/local-folder"
MODES = {"standard": ("ReadWriteOnce",), "shared": ("ReadWriteOnce", "ReadWriteMany")}
"""The classes, and who may mount a volume of each."""

_STATIC = "kubernetes.io/no-provisioner"
_SOURCES = ("provisioner.py", "storage.py", "api.py")


def facts() -> dict[str, Any]:
    """The classes in the form of `cluster.storage` of app-yaml.md 8.2. No folder is faster than another."""
    return {"default": "standard", "shared": "shared", "fast": None}


def manifest() -> str:
    """The objects, as YAML text."""
    return "".join(f"---\n{json.dumps(_class(name))}\n" for name in MODES)


def _class(name: str) -> dict[str, Any]:
    default = {"storageclass.kubernetes.io/is-default-class": "true"} if name == "standard" else {}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name, "annotations": default},
        "provisioner": PROVISIONER,
        "reclaimPolicy": "Delete",
        # The pod's node is chosen first: a folder can be mounted on one node only.
        "volumeBindingMode": "WaitForFirstConsumer",
        "allowVolumeExpansion": True,
    }


def forget_older(api: Api) -> None:
    """Take away the classes and the free volumes that earlier versions made beforehand: a class cannot be changed. A
    volume of theirs that is claimed stays with its folder."""
    for name in MODES:
        status, found = api.get(f"/apis/storage.k8s.io/v1/storageclasses/{name}")
        if status == 200 and found["provisioner"] == _STATIC:
            api.send("DELETE", f"/apis/storage.k8s.io/v1/storageclasses/{name}")
    status, answer = api.get("/api/v1/persistentvolumes")
    for each in answer["items"] if status == 200 else ():
        meta, kind = each["metadata"], each["spec"].get("storageClassName", "")
        if kind in MODES and meta["name"].startswith(f"local-{kind}-") and each["status"].get("phase") == "Available":
            body = {"preconditions": {"uid": meta["uid"], "resourceVersion": meta["resourceVersion"]}}
            api.send("DELETE", f"/api/v1/persistentvolumes/{meta['name']}", body)


def folder(cluster: Cluster) -> Path:
    """Where the volumes of a cluster lie."""
    return cluster.folder / "volumes"


def provisioner(cluster: Cluster) -> Component:
    """The process that makes and deletes volumes."""
    name, here = cluster.component("storage"), Path(__file__).parent
    volumes = folder(cluster)
    command = (sys.executable, "-m", "scripts.cluster.provisioner", str(volumes), str(cluster.port("api")))
    sign = volumes / ".watching"

    def ready() -> str:
        live = processes.running(cluster.home, name)
        told = sign.read_text() if sign.is_file() else ""
        return "" if live is not None and told == str(live.pid) else "it does not watch yet"

    files = (*(here / file for file in _SOURCES), credentials.kubeconfig(cluster.folder, "storage"))
    return Component(name, command, ready, {"PYTHONPATH": str(here.parents[1])}, files)
