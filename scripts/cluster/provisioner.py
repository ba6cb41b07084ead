"""Makes a folder and a volume for each claim of the local storage classes, and takes both away with the claim.

Everything it knows is in the cluster and in the folder's names, so it may be killed at any moment and goes on. It must
not delete anything that it did not make, nor anything outside its folder; for a simulated node it touches no disk.
"""

from __future__ import annotations

import os
import re
import shutil
import signal
import sys
import threading
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any

from scripts.cluster import layout, state
from scripts.cluster.api import Api
from scripts.cluster.storage import MODES, PROVISIONER

_MADE_BY = "pv.kubernetes.io/provisioned-by"
_NODE = "volume.kubernetes.io/selected-node"
_ASKED = ("volume.kubernetes.io/storage-provisioner", "volume.beta.kubernetes.io/storage-provisioner")
_NAME = re.compile(r"pvc-[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_CLAIMS, _VOLUMES = "/api/v1/persistentvolumeclaims", "/api/v1/persistentvolumes"
_LOOK_SECONDS = 30.0
"""How often everything is looked at when no watch says anything: what was refused is tried again."""

Object = Mapping[str, Any]


class Provisioner:
    """One cluster's. `folder` is the volumes' own."""

    def __init__(self, folder: Path, api: Api) -> None:
        self.folder = folder
        self.api = api

    def look(self) -> bool:
        """Make what is asked for, delete what is released, and grow what should be larger. Says whether the API server
        answered."""
        status, claims = self.api.get(_CLAIMS)
        also, volumes = self.api.get(_VOLUMES)
        if status != 200 or also != 200:
            return False
        mine = {v["metadata"]["name"]: v for v in volumes["items"] if _is_mine(v)}
        for claim in claims["items"]:
            volume = mine.get(_name(claim))
            if volume is not None:
                self._grow(claim, volume)
            elif _waits(claim):
                self._make(claim)
        for name, volume in mine.items():
            if (
                volume["status"].get("phase") == "Released"
                and volume["spec"]["persistentVolumeReclaimPolicy"] == "Delete"
            ):
                self._delete(name, volume)
        self._sweep({*mine, *(_name(claim) for claim in claims["items"])})
        return True

    def _make(self, claim: Object) -> None:
        name, kind = _name(claim), claim["spec"]["storageClassName"]
        if refused := sorted(set(claim["spec"]["accessModes"]) - set(MODES[kind])):
            self._say(claim, f'storage class "{kind}" has no {refused[0]} volumes. Use the class "shared".')
            return
        if claim["spec"].get("volumeMode") == "Block":
            self._say(claim, f'storage class "{kind}" has folders only, no block devices.')
            return
        if claim["metadata"]["annotations"][_NODE] == layout.REAL_NODE:
            try:
                (self.folder / name).mkdir(parents=True, exist_ok=True)
                # Pods of any user write here; nobody else on this machine gets through the folder above.
                (self.folder / name).chmod(0o777)
            except OSError as error:
                self._say(claim, f"the folder cannot be made: {error.strerror}.")
                return
        status, answer = self.api.send("POST", _VOLUMES, _volume(self.folder / name, claim))
        if status not in (201, 409):
            print(f"{name}: not made: {status} {answer}", flush=True)
            return
        print(f"{name}: made for {_called(claim)}", flush=True)

    def _grow(self, claim: Object, volume: Object) -> None:
        """A folder has no size of its own; the objects say the new one, as they would of a disk."""
        wanted = claim["spec"]["resources"]["requests"]["storage"]
        bound = claim["status"].get("phase") == "Bound"
        if not bound or claim["status"].get("capacity", {}).get("storage") == wanted:
            return
        name, meta = _name(claim), claim["metadata"]
        if volume["spec"]["capacity"]["storage"] != wanted:
            larger = {"spec": {"capacity": {"storage": wanted}}}
            if self.api.send("PATCH", f"{_VOLUMES}/{name}", larger)[0] != 200:
                return
        told = {"capacity": {"storage": wanted}, "conditions": None, "allocatedResourceStatuses": None}
        path = f"/api/v1/namespaces/{meta['namespace']}/persistentvolumeclaims/{meta['name']}/status"
        status, _ = self.api.send("PATCH", path, {"metadata": {"uid": meta["uid"]}, "status": told})
        print(f"{name}: {wanted} of {_called(claim)}: {status}", flush=True)

    def _delete(self, name: str, volume: Object) -> None:
        """The folder first: when this is killed in between, the volume is still there to be found again."""
        folder = self.folder / name
        if volume["spec"]["local"]["path"] != str(folder) or folder.is_symlink():
            return
        try:
            if folder.exists():
                shutil.rmtree(folder)
        except OSError as error:
            print(f"{name}: its folder cannot be deleted: {error}", flush=True)
            return
        status, _ = self.api.send("DELETE", f"{_VOLUMES}/{name}", {"preconditions": {"uid": volume["metadata"]["uid"]}})
        print(f"{name}: deleted: {status}", flush=True)

    def _sweep(self, known: set[str]) -> None:
        """Folders of claims that were deleted while their volume was being made. One with anything in it stays."""
        for entry in self.folder.iterdir() if self.folder.is_dir() else ():
            if _NAME.fullmatch(entry.name) and entry.name not in known and not entry.is_symlink():
                try:
                    entry.rmdir()
                except OSError:
                    continue

    def _say(self, claim: Object, words: str) -> None:
        """Why a claim waits, where people look: at its events."""
        meta = claim["metadata"]
        about = {key: meta[key] for key in ("name", "namespace", "uid", "resourceVersion")}
        event = {
            "apiVersion": "v1",
            "kind": "Event",
            "metadata": {"name": f"{meta['name'][:200]}.{meta['uid'][:8]}", "namespace": meta["namespace"]},
            "involvedObject": {"apiVersion": "v1", "kind": "PersistentVolumeClaim", **about},
            "reason": "ProvisioningFailed",
            "message": words,
            "type": "Warning",
            "source": {"component": PROVISIONER},
        }
        # The same event a second time is refused, which is as well.
        self.api.send("POST", f"/api/v1/namespaces/{meta['namespace']}/events", event)


def _is_mine(volume: Object) -> bool:
    meta, spec = volume["metadata"], volume["spec"]
    made = (meta.get("annotations") or {}).get(_MADE_BY) == PROVISIONER
    return bool(made and _NAME.fullmatch(meta["name"]) and spec.get("storageClassName") in MODES and "local" in spec)


def _waits(claim: Object) -> bool:
    marks = claim["metadata"].get("annotations") or {}
    asked = any(marks.get(word) == PROVISIONER for word in _ASKED)
    there = claim["status"].get("phase") == "Pending" and not claim["metadata"].get("deletionTimestamp")
    return bool(asked and there and marks.get(_NODE) and claim["spec"].get("storageClassName") in MODES)


def _name(claim: Object) -> str:
    return f"pvc-{claim['metadata']['uid']}"


def _called(claim: Object) -> str:
    return f"{claim['metadata']['namespace']}/{claim['metadata']['name']}"


def _volume(folder: Path, claim: Object) -> dict[str, Any]:
    meta, spec = claim["metadata"], claim["spec"]
    node = meta["annotations"][_NODE]
    # On simulated nodes nothing is on a disk, so all of them have it.
    where = ("type", "kwok") if node != layout.REAL_NODE else ("kubernetes.io/hostname", node)
    term = {"matchExpressions": [{"key": where[0], "operator": "In", "values": [where[1]]}]}
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": folder.name, "annotations": {_MADE_BY: PROVISIONER}},
        "spec": {
            "capacity": {"storage": spec["resources"]["requests"]["storage"]},
            "accessModes": list(MODES[spec["storageClassName"]]),
            "persistentVolumeReclaimPolicy": "Delete",
            "storageClassName": spec["storageClassName"],
            "local": {"path": str(folder)},
            "nodeAffinity": {"required": {"nodeSelectorTerms": [term]}},
            "claimRef": {
                "apiVersion": "v1",
                "kind": "PersistentVolumeClaim",
                **{key: meta[key] for key in ("namespace", "name", "uid")},
            },
        },
    }


def _watch(api: Api, path: str, news: threading.Event, ended: threading.Event) -> None:
    """Say that something happened, for as long as the API server is there; when it is not, ask again a little later."""
    while not ended.is_set():
        for _ in api.lines(f"{path}?watch=1&timeoutSeconds=240", 300.0):
            news.set()
        news.set()
        ended.wait(1.0)


def main() -> int:
    folder, port = Path(sys.argv[1]), int(sys.argv[2])
    folder.mkdir(parents=True, exist_ok=True)
    folder.chmod(0o700)
    cluster = folder.parent
    news, ended = threading.Event(), threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        ended.set()
        news.set()

    signal.signal(signal.SIGTERM, end)
    for path in (_CLAIMS, _VOLUMES):
        arguments = (Api(cluster, port, "storage"), path, news, ended)
        threading.Thread(target=_watch, args=arguments, daemon=True).start()
    provisioner = Provisioner(folder, Api(cluster, port, "storage"))
    while not ended.is_set():
        news.clear()
        if provisioner.look():
            state.write(folder / ".watching", str(os.getpid()))
            news.wait(_LOOK_SECONDS)
        else:
            ended.wait(0.5)
    return 0


if __name__ == "__main__":
    sys.exit(main())
