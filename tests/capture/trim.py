"""Live objects cut to what explains them, under names that are the same each time: no path of the machine, no address.

It must not leave out a field that a judgement reads: the judgement of what is kept is compared with that of what was
seen.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mcd.objects import Object

_META = ("name", "namespace", "uid", "labels", "creationTimestamp", "deletionTimestamp", "generation", "finalizers",
         "ownerReferences", "annotations")  # fmt: skip
_SPEC_OUT = frozenset({"schedulerName", "dnsPolicy", "enableServiceLinks", "preemptionPolicy", "securityContext",
                       "priority", "serviceAccountName", "serviceAccount", "clusterIPs", "clusterIP", "ipFamilies",
                       "ipFamilyPolicy", "internalTrafficPolicy", "sessionAffinity", "selector_"})  # fmt: skip
_STATUS_OUT = frozenset({"podIP", "podIPs", "hostIP", "hostIPs", "qosClass", "daemonEndpoints", "nodeInfo", "images",
                         "addresses", "capacity", "resourceClaimStatuses",
                         "allocatedResources", "resources"})  # fmt: skip
_CONTAINER_OUT = frozenset({"terminationMessagePath", "terminationMessagePolicy", "volumeMounts", "securityContext"})
_STATUS_OF_CONTAINER_OUT = frozenset({"containerID", "imageID", "volumeMounts", "allocatedResources", "resources",
                                      "user"})  # fmt: skip
_KEPT_ANNOTATIONS = ("deployment.kubernetes.io/revision",)


def trimmed(obj: Object) -> Object:
    meta = {key: value for key, value in obj["metadata"].items() if key in _META}
    meta["annotations"] = {k: v for k, v in (meta.get("annotations") or {}).items() if k in _KEPT_ANNOTATIONS}
    meta["ownerReferences"] = [{k: o[k] for k in ("kind", "name", "uid")} for o in meta.get("ownerReferences") or ()]
    meta = {key: value for key, value in meta.items() if value}
    if obj["kind"] == "Node":
        return _node(obj, meta)
    if obj["kind"] == "Event":
        return _event(obj, meta)
    made: Object = {"apiVersion": obj["apiVersion"], "kind": obj["kind"], "metadata": meta}
    if "spec" in obj:
        made["spec"] = {k: _spec(k, v) for k, v in obj["spec"].items() if k not in _SPEC_OUT}
    if obj.get("status"):
        made["status"] = {k: _status(k, v) for k, v in obj["status"].items() if k not in _STATUS_OUT}
    return made


def _spec(name: str, value: Any) -> Any:
    if name == "template" and isinstance(value, Mapping):
        return {"metadata": {"labels": value.get("metadata", {}).get("labels", {})}}
    if name in ("containers", "initContainers"):
        return [{k: v for k, v in one.items() if k not in _CONTAINER_OUT} for one in value]
    if name == "tolerations":
        return [t for t in value if not str(t.get("key", "")).startswith("node.kubernetes.io/")]
    return value


def _status(name: str, value: Any) -> Any:
    if name.endswith("ontainerStatuses"):
        return [{k: v for k, v in one.items() if k not in _STATUS_OF_CONTAINER_OUT} for one in value]
    return value


def _node(obj: Object, meta: dict[str, Any]) -> Object:
    spec = {k: v for k, v in obj.get("spec", {}).items() if k in ("taints", "unschedulable")}
    status = obj.get("status", {})
    ready = [c for c in status.get("conditions", ()) if c["type"] == "Ready"]
    keep = {"allocatable": status.get("allocatable", {}), "conditions": ready}
    meta = {key: meta[key] for key in ("name", "labels") if key in meta}
    return {"apiVersion": "v1", "kind": "Node", "metadata": meta, "spec": spec, "status": keep}


def _event(obj: Object, meta: dict[str, Any]) -> Object:
    keep = ("involvedObject", "reason", "message", "type", "lastTimestamp", "firstTimestamp", "eventTime", "count",
            "series")  # fmt: skip
    found = {key: obj[key] for key in keep if obj.get(key)}
    of = {k: found["involvedObject"][k] for k in ("kind", "name", "uid") if k in found["involvedObject"]}
    short = {key: meta[key] for key in ("name", "namespace", "creationTimestamp") if key in meta}
    return {"apiVersion": "v1", "kind": "Event", "metadata": short, **found, "involvedObject": of}


_UID = re.compile(r"\b[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}\b")
_DIGEST = re.compile(r"\b[0-9a-f]{64}\b")
_HASHED = re.compile(r"\b((?:shop-web|engine-train)-[0-9a-f]{8,10})(-[a-z0-9]{5})?(?![a-z0-9-])")
_JOB_POD = re.compile(r"\b((?:shop-web|engine-train)-[bcdfghjklmnpqrstvwxz2456789]{5})(?![a-z0-9-])")
_EVENT = re.compile(r"\.[0-9a-f]{14,16}\b")
_SOURCE_PORT = re.compile(r"(?<=127\.0\.0\.1:)\d{5}(?=->)|(?<=10\.88\.0\.1:)\d{4,5}(?=->)")


def scrubbed(text: str, replaced: Mapping[str, str]) -> str:
    """Names that differ each time become the same ones, numbered as they come."""
    for found, stands in replaced.items():
        text = text.replace(found, stands)
    text = _numbered(_DIGEST, text, lambda n: f"{n:064x}")
    text = _numbered(_UID, text, lambda n: f"00000000-0000-4000-8000-{n:012x}")
    sets: dict[str, str] = {}
    pods: dict[str, str] = {}

    def hashed(found: re.Match[str]) -> str:
        name = sets.setdefault(found[1], f"{found[1].rsplit('-', 1)[0]}-{len(sets) + 1:010d}")
        return name if found[2] is None else pods.setdefault(found[0], f"{name}-{len(pods) + 1:05d}")

    text = _HASHED.sub(hashed, text)
    for full, name in sets.items():
        text = text.replace(full.rsplit("-", 1)[1], name.rsplit("-", 1)[1])
    text = _JOB_POD.sub(lambda found: pods.setdefault(found[0], f"{found[0].rsplit('-', 1)[0]}-{len(pods) + 1:05d}")
                        if not found[0].rsplit("-", 1)[1].isdigit() else found[0], text)  # fmt: skip
    text = _numbered(_EVENT, text, lambda n: f".{n:016x}")
    text = _SOURCE_PORT.sub("40000", text)
    return re.sub(r"\b10\.88\.0\.\d{1,3}\b", "10.88.0.7", text)


def _numbered(pattern: re.Pattern[str], text: str, name: Any) -> str:
    known: dict[str, str] = {}
    return pattern.sub(lambda found: known.setdefault(found[0], name(len(known) + 1)), text)
