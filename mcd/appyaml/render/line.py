"""The objects of a product line (app-yaml 6.16): namespace, quota, defaults, readers, the deny of everything unsaid.

Namespace-wide objects are named `mcd-*`. It must not know any App.
"""

from __future__ import annotations

from typing import Any

from mcd.appyaml.context import ClusterFacts, ProductLineFacts, Quota
from mcd.appyaml.schema.defaults import DEFAULT_CPU, DEFAULT_DISK, DEFAULT_MEMORY
from mcd.appyaml.text.units import cpu_text
from mcd.objects import MANAGED_BY, PART_OF, PRODUCT_LINE, Object, in_apply_order

NAMESPACE_NAME = "kubernetes.io/metadata.name"
_READ = (
    ("", ("pods", "pods/log", "events", "services", "configmaps")),
    ("apps", ("deployments", "statefulsets", "replicasets")),
    ("batch", ("jobs", "cronjobs")),
)


def line_objects(line: str, facts: ProductLineFacts, cluster: ClusterFacts) -> list[Object]:
    """Everything that a namespace has before the first App."""
    namespace = facts.namespace or line

    def made(api: str, kind: str, name: str) -> Object:
        return {"apiVersion": api, "kind": kind, "metadata": {"name": name, "namespace": namespace, "labels": labels}}

    labels = {PART_OF: line, MANAGED_BY: "mcd"}
    head: Object = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace}}
    head["metadata"]["labels"] = {**labels, PRODUCT_LINE: line, **_security(facts.security)}
    objects = [head]
    if facts.quota is not None:
        objects.append({**made("v1", "ResourceQuota", "mcd-quota"), "spec": {"hard": _hard(facts.quota)}})
    objects.append({**made("v1", "LimitRange", "mcd-limits"), "spec": {"limits": [_limits()]}})
    rbac = "rbac.authorization.k8s.io"
    rules = [{"apiGroups": [g], "resources": list(r), "verbs": ["get", "list", "watch"]} for g, r in _READ]
    objects.append({**made(f"{rbac}/v1", "Role", "mcd-reader"), "rules": rules})
    objects.append(
        {
            **made(f"{rbac}/v1", "RoleBinding", "mcd-readers"),
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "mcd-reader"},
            "subjects": [{"apiGroup": rbac, "kind": "Group", "name": f"mcd:{line}"}],
        }
    )
    account = {"kind": "ServiceAccount", "name": "mcd-controller", "namespace": cluster.control_namespace}
    objects.append(
        {
            **made(f"{rbac}/v1", "RoleBinding", "mcd-controller"),
            "roleRef": {"apiGroup": rbac, "kind": "ClusterRole", "name": "mcd-line-controller"},
            "subjects": [account],
        }
    )
    deny = made("networking.k8s.io/v1", "NetworkPolicy", "mcd-default-deny")
    objects.append({**deny, "spec": {"podSelector": {}, "policyTypes": ["Ingress", "Egress"]}})
    leave = made("networking.k8s.io/v1", "NetworkPolicy", "mcd-egress")
    rules_out = {"egress": _egress(facts, cluster), "podSelector": {}, "policyTypes": ["Egress"]}
    objects.append({**leave, "spec": rules_out})
    return in_apply_order(objects)


def _security(level: str) -> dict[str, str]:
    labels = {}
    for mode in ("enforce", "audit", "warn"):
        labels[f"pod-security.kubernetes.io/{mode}"] = level
        labels[f"pod-security.kubernetes.io/{mode}-version"] = "latest"
    return labels


def _hard(quota: Quota) -> dict[str, str]:
    hard: dict[str, str] = {}
    if quota.cpu is not None:
        hard["requests.cpu"] = cpu_text(quota.cpu)
    if quota.memory is not None:
        hard["requests.memory"] = hard["limits.memory"] = str(quota.memory)
    if quota.storage is not None:
        hard["requests.storage"] = str(quota.storage)
    if quota.pods is not None:
        hard["pods"] = str(quota.pods)
    for device, count in quota.gpu.items():
        hard[f"requests.{device}"] = str(count)
    return hard


def _limits() -> dict[str, Any]:
    """For pods that nobody gave a size. No CPU limit: it only slows a program down."""
    return {
        "type": "Container",
        "default": {"ephemeral-storage": str(DEFAULT_DISK), "memory": str(DEFAULT_MEMORY)},
        "defaultRequest": {
            "cpu": cpu_text(DEFAULT_CPU),
            "ephemeral-storage": "256Mi",
            "memory": str(DEFAULT_MEMORY),
        },
    }


def _egress(facts: ProductLineFacts, cluster: ClusterFacts) -> list[dict[str, Any]]:
    dns: list[dict[str, Any]] = [{"namespaceSelector": {"matchLabels": {NAMESPACE_NAME: "kube-system"}}}]
    dns += [{"ipBlock": {"cidr": cidr}} for cidr in cluster.dns_cidrs]
    ports = [{"port": 53, "protocol": "UDP"}, {"port": 53, "protocol": "TCP"}]
    monitoring = {"namespaceSelector": {"matchLabels": {NAMESPACE_NAME: cluster.monitoring_namespace}}}
    rules: list[dict[str, Any]] = [
        {"to": dns, "ports": ports},
        {"to": [{"podSelector": {}}]},
        {"to": [monitoring]},
    ]
    if facts.egress != "closed":
        inside = [*cluster.pod_cidrs, *cluster.service_cidrs, "169.254.0.0/16"]
        rules.append({"to": [{"ipBlock": {"cidr": "0.0.0.0/0", "except": inside}}]})
    return rules
