"""Storage classes and volumes of the local cluster: folders of the home, made beforehand, because nothing provisions.

`standard` is the default class; `shared` may be mounted by many pods, which is true here because there is one node. It
must not delete the content of a volume that is still claimed.
"""

from __future__ import annotations

import json
import shutil
from typing import Any

from scripts.cluster import simulated
from scripts.cluster.api import Api
from scripts.cluster.layout import Cluster

_CLASSES = {"standard": ["ReadWriteOnce"], "shared": ["ReadWriteOnce", "ReadWriteMany"]}
_PER_CLASS = 12
# A claim is bound to the first volume that is at least as large; nothing enforces a size.
_SIZE = "1Ti"


def manifest(cluster: Cluster) -> str:
    """The objects, as YAML text."""
    objects = [_class(name) for name in _CLASSES]
    objects += [_volume(cluster, name, number) for name in _CLASSES for number in range(1, _PER_CLASS + 1)]
    return "".join(f"---\n{json.dumps(each)}\n" for each in objects)


def prepare(cluster: Cluster, api: Api) -> None:
    """Make the folders, and take back the volumes whose claims are gone: an applied manifest makes them anew."""
    for name in _CLASSES:
        for number in range(1, _PER_CLASS + 1):
            folder = cluster.folder / "volumes" / _name(name, number)
            if not folder.is_dir():
                folder.mkdir(parents=True)
                folder.chmod(0o777)
    status, answer = api.get("/api/v1/persistentvolumes")
    released = [each for each in answer["items"] if each["status"].get("phase") == "Released"] if status == 200 else []
    for each in released:
        name, uid = each["metadata"]["name"], each["metadata"]["uid"]
        if each["spec"].get("storageClassName") not in _CLASSES or not name.startswith("local-"):
            continue
        status, _ = api.send("DELETE", f"/api/v1/persistentvolumes/{name}", {"preconditions": {"uid": uid}})
        if status == 200:
            folder = cluster.folder / "volumes" / name
            shutil.rmtree(folder, ignore_errors=True)
            folder.mkdir(parents=True, exist_ok=True)
            folder.chmod(0o777)


def _name(storage_class: str, number: int) -> str:
    return f"local-{storage_class}-{number}"


def _class(name: str) -> dict[str, Any]:
    default = {"storageclass.kubernetes.io/is-default-class": "true"} if name == "standard" else {}
    return {
        "apiVersion": "storage.k8s.io/v1",
        "kind": "StorageClass",
        "metadata": {"name": name, "annotations": default},
        "provisioner": "kubernetes.io/no-provisioner",
        "volumeBindingMode": "WaitForFirstConsumer",
    }


def _volume(cluster: Cluster, storage_class: str, number: int) -> dict[str, Any]:
    name = _name(storage_class, number)
    where = {"key": simulated.POOL, "operator": "In", "values": ["general"]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": _SIZE},
            "accessModes": _CLASSES[storage_class],
            "persistentVolumeReclaimPolicy": "Retain",
            "storageClassName": storage_class,
            "local": {"path": str(cluster.folder / "volumes" / name)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [{"matchExpressions": [where]}]}},
        },
    }
