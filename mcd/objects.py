"""Kubernetes objects as plain dicts: how one is referred to, named, ordered, hashed, masked.

Pure functions over the dicts that become YAML or JSON. It must not know a cluster, a noun of ours or app.yaml.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

Object = dict[str, Any]
"""One Kubernetes object, in the shape of the YAML that it becomes."""

PREFIX = "mcd.internal/"
"""The prefix of our labels and annotations. Nobody else can own `.internal`."""

INSTANCE = "app.kubernetes.io/instance"
NAME = "app.kubernetes.io/name"
PART_OF = "app.kubernetes.io/part-of"
MANAGED_BY = "app.kubernetes.io/managed-by"
COMPONENT = "app.kubernetes.io/component"
VERSION = "app.kubernetes.io/version"
TYPE = PREFIX + "type"
TRACK = PREFIX + "track"
COMMIT = PREFIX + "commit"
HASH = PREFIX + "hash"
"""Annotation: the hash of the applied set that we sent last (`content_hash`). Added by the apply step only."""
OWNER = PREFIX + "owner"
"""Annotation: the id of the MCD that made the object. Added by the apply step only."""
PRODUCT_LINE = PREFIX + "product-line"

APPLY_ORDER = (
    "Namespace", "ResourceQuota", "LimitRange", "ServiceAccount", "Role", "RoleBinding", "NetworkPolicy", "ConfigMap",
    "Secret", "PersistentVolumeClaim", "Job/pre_deploy", "Service", "Deployment", "StatefulSet", "CronJob",
    "PodDisruptionBudget", "HorizontalPodAutoscaler", "TriggerAuthentication", "ScaledObject", "Certificate",
    "ListenerSet", "HTTPRoute", "Ingress", "PodMonitor", "PrometheusRule", "Job/post_deploy", "Job/on_failure",
    "Job/manual",
)  # fmt: skip
"""The order of app-yaml 6.3. Deletion goes backwards. A Job stands where its trigger says."""

_RANK = {kind: rank for rank, kind in enumerate(APPLY_ORDER)}

FIRST_WAVE = frozenset(APPLY_ORDER[: APPLY_ORDER.index("PersistentVolumeClaim") + 1])
"""What must exist before any workload: it is applied and answered before the rest is sent."""

KEPT = frozenset({"PersistentVolumeClaim"})
"""Kinds that hold data. Never pruned; what is no longer wanted becomes "unclaimed"."""

TRIGGER = PREFIX + "trigger"
"""Annotation of a Job: pre_deploy, post_deploy, on_failure or manual."""


@dataclass(frozen=True, slots=True, order=True)
class Ref:
    """What names one object in one cluster. `namespace` is empty for what has none."""

    api_version: str
    kind: str
    namespace: str
    name: str

    def __str__(self) -> str:
        """`Deployment/hello-web`, as it is said to people who know their namespace."""
        return f"{self.kind}/{self.name}"

    @property
    def group(self) -> str:
        """The API group, empty for the core group."""
        return self.api_version.rpartition("/")[0]


def ref_of(obj: Mapping[str, Any]) -> Ref:
    meta = obj["metadata"]
    return Ref(obj["apiVersion"], obj["kind"], meta.get("namespace", ""), meta["name"])


def _rank(obj: Mapping[str, Any]) -> int:
    kind = obj["kind"]
    if kind == "Job":
        trigger = obj["metadata"].get("annotations", {}).get(TRIGGER, "manual")
        kind = f"Job/{trigger}"
    return _RANK.get(kind, len(_RANK))


def in_apply_order(objects: Iterable[Object]) -> list[Object]:
    """Sorted by app-yaml 6.3, ties by kind, namespace, name: the output never depends on the order of the input."""
    return sorted(
        objects,
        key=lambda o: (_rank(o), o["kind"], o["metadata"].get("namespace", ""), o["metadata"]["name"]),
    )


def kind_rank(kind: str) -> int:
    """The place of a kind in the apply order, for references whose object is not at hand. A Job ranks as manual."""
    return _RANK.get("Job/manual" if kind == "Job" else kind, len(_RANK))


def h8(text: str) -> str:
    """The first 8 hex digits of SHA-256 of a text."""
    return hashlib.sha256(text.encode()).hexdigest()[:8]


def short(text: str, limit: int) -> str:
    """The text if it has at most `limit` characters, else its beginning and `-` and `h8` of the whole."""
    if len(text) <= limit:
        return text
    return f"{text[: limit - 9].rstrip('-')}-{h8(text)}"


def canonical(value: Any) -> bytes:
    """The one JSON text of a value: sorted keys, no blanks, UTF-8. What is hashed, stored and compared."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def content_hash(obj: Mapping[str, Any]) -> str:
    """32 hex digits that change when, and only when, what we would send of this object changes. The annotation that
    carries the hash is not part of itself."""
    annotations = obj["metadata"].get("annotations")
    if annotations and HASH in annotations:
        meta = {**obj["metadata"], "annotations": {k: v for k, v in annotations.items() if k != HASH}}
        obj = {**obj, "metadata": meta}
    return hashlib.sha256(canonical(obj)).hexdigest()[:32]


MASK = "***"


def masked(obj: Object) -> Object:
    """The object as a person may see it: every value of a Secret is `***`. Keys stay, so that a change of shape
    shows."""
    if obj.get("kind") != "Secret":
        return obj
    clean = dict(obj)
    for field in ("data", "stringData"):
        if isinstance(clean.get(field), dict):
            clean[field] = dict.fromkeys(clean[field], MASK)
    annotations = clean.get("metadata", {}).get("annotations")
    if annotations and "kubectl.kubernetes.io/last-applied-configuration" in annotations:
        # kubectl keeps the whole Secret in this annotation.
        kept = {k: v for k, v in annotations.items() if k != "kubectl.kubernetes.io/last-applied-configuration"}
        clean["metadata"] = {**clean["metadata"], "annotations": kept}
    return clean
