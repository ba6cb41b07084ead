"""What a cluster must have before the objects of an App can run there, read from the objects themselves.

Pure. It must not know app.yaml: what is not in an object is not needed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from mcd.objects import OLDEST_MINOR, Object

PLAIN = frozenset({"", "apps", "batch", "autoscaling", "policy", "networking.k8s.io", "rbac.authorization.k8s.io"})
"""API groups that every Kubernetes has."""

_FROM = {
    "gateway.networking.k8s.io": "Gateway API",
    "keda.sh": "KEDA",
    "monitoring.coreos.com": "the Prometheus operator",
    "cert-manager.io": "cert-manager",
}


def pod_specs(objects: Iterable[Object]) -> Iterator[dict[str, Any]]:
    """The pod of every workload."""
    for obj in objects:
        spec = obj.get("spec") or {}
        template = spec.get("jobTemplate", {}).get("spec", spec).get("template")
        if isinstance(template, dict):
            yield template["spec"]


def containers(pod: dict[str, Any]) -> list[dict[str, Any]]:
    return [*pod.get("initContainers", ()), *pod["containers"]]


def images(objects: Iterable[Object]) -> list[str]:
    """Every image that a pod runs, once."""
    return sorted({container["image"] for pod in pod_specs(objects) for container in containers(pod)})


def cluster_needs(objects: Sequence[Object], made_here: Iterable[str]) -> list[str]:
    """One sentence for each thing. `made_here` are the names of Secrets that the folder makes."""
    pods = list(pod_specs(objects))
    lines = [f"Kubernetes 1.{OLDEST_MINOR} or newer, and kubectl 1.27 or newer."]
    lines += _namespaces(objects)
    lines += _kinds(objects)
    lines += [f"A storage class `{name}`." for name in sorted(_storage_classes(objects))]
    lines += [f"A Gateway `{gateway}` that takes its routes." for gateway in sorted(_gateways(objects))]
    lines += [f"An ingress class `{name}`." for name in sorted(_ingress_classes(objects))]
    if any(obj["kind"] == "HorizontalPodAutoscaler" for obj in objects):
        lines.append("metrics-server, or another source of the metrics of pods: without it nothing is scaled.")
    lines += [f"A runtime class `{pod['runtimeClassName']}`." for pod in pods if "runtimeClassName" in pod]
    lines += [f"Nodes with the device `{name}`." for name in sorted(_devices(pods))]
    lines += [f"Nodes with the label `{label}`." for label in sorted(_node_labels(pods))]
    lines += [f"The Secret `{name}`, made by hand." for name in sorted(_secrets(objects, pods) - set(made_here))]
    return list(dict.fromkeys(lines))


def _namespaces(objects: Sequence[Object]) -> Iterator[str]:
    made = {obj["metadata"]["name"] for obj in objects if obj["kind"] == "Namespace"}
    used = {obj["metadata"].get("namespace", "") for obj in objects} - {""}
    for name in sorted(used - made):
        yield f"The namespace `{name}`: `kubectl create namespace {name}`."


def _kinds(objects: Sequence[Object]) -> Iterator[str]:
    found: dict[str, set[str]] = {}
    for obj in objects:
        group = obj["apiVersion"].rpartition("/")[0]
        if group not in PLAIN:
            found.setdefault(group, set()).add(obj["kind"])
    for group in sorted(found):
        yield f"{_FROM.get(group, group)}, for {', '.join(sorted(found[group]))}."


def _storage_classes(objects: Sequence[Object]) -> set[str]:
    specs = [obj["spec"] for obj in objects if obj["kind"] == "PersistentVolumeClaim"]
    specs += [
        claim["spec"]
        for obj in objects
        if obj["kind"] == "StatefulSet"
        for claim in obj["spec"].get("volumeClaimTemplates", ())
    ]
    return {spec["storageClassName"] for spec in specs if "storageClassName" in spec}


def _gateways(objects: Sequence[Object]) -> set[str]:
    parents = [parent for obj in objects for parent in (obj.get("spec") or {}).get("parentRefs", ())]
    return {f"{p.get('namespace', '')}/{p['name']}" for p in parents if p.get("kind", "Gateway") == "Gateway"}


def _ingress_classes(objects: Sequence[Object]) -> set[str]:
    specs = [obj["spec"] for obj in objects if obj["kind"] == "Ingress"]
    return {spec["ingressClassName"] for spec in specs if "ingressClassName" in spec}


def _devices(pods: Sequence[dict[str, Any]]) -> set[str]:
    limits = [container.get("resources", {}).get("limits", {}) for pod in pods for container in containers(pod)]
    return {name for limit in limits for name in limit if "/" in name}


def _node_labels(pods: Sequence[dict[str, Any]]) -> set[str]:
    found = set()
    for pod in pods:
        required = (
            (pod.get("affinity") or {})
            .get("nodeAffinity", {})
            .get("requiredDuringSchedulingIgnoredDuringExecution", {})
        )
        for term in required.get("nodeSelectorTerms", ()):
            for rule in term["matchExpressions"]:
                found.add(f"{rule['key']}={' or '.join(rule.get('values', ['*']))}")
    return found


def _secrets(objects: Sequence[Object], pods: Sequence[dict[str, Any]]) -> set[str]:
    """Every Secret that is read by name."""
    found = {ref["name"] for pod in pods for ref in pod.get("imagePullSecrets", ())}
    for pod in pods:
        for container in containers(pod):
            refs = [entry.get("valueFrom", {}).get("secretKeyRef") for entry in container.get("env", ())]
            found |= {ref["name"] for ref in refs if ref}
        for volume in pod.get("volumes", ()):
            sources = [volume, *volume.get("projected", {}).get("sources", ())]
            found |= {s["secret"].get("name") or s["secret"]["secretName"] for s in sources if "secret" in s}
    for obj in objects:
        spec = obj.get("spec") or {}
        found |= {ref["name"] for ref in spec.get("secretTargetRef", ())}
        listeners = [listener.get("tls", {}) for listener in spec.get("listeners", ())]
        found |= {ref["name"] for tls in listeners for ref in tls.get("certificateRefs", ())}
        if obj["kind"] == "Ingress":
            found |= {tls["secretName"] for tls in spec.get("tls", ()) if "secretName" in tls}
    made = {obj["spec"]["secretName"] for obj in objects if obj["kind"] == "Certificate"}
    return found - made
