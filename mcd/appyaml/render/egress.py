"""What an App may call beyond its product line: its infra, and Apps of other lines (app-yaml 6.7).

NetworkPolicies add up, so this opens something only where the line's own egress is closed. It must not know who
answers.
"""

from __future__ import annotations

from typing import Any

from mcd.appyaml.render.labels import app_labels, made
from mcd.appyaml.spec.app import AppSpec
from mcd.objects import COMPONENT, INSTANCE, Object

_NAMESPACE_NAME = "kubernetes.io/metadata.name"


def egress(spec: AppSpec) -> list[Object]:
    """The policy `<app>-egress`, if there is anything to open: one rule each, by name."""
    rules = [_to_infra(need.namespace, need.port) for _, need in sorted(spec.infra.items()) if need.namespace]
    rules += [
        _to_app(other.namespace, {INSTANCE: other.name, COMPONENT: other.component})
        for _, other in sorted(spec.app_dep.items())
        if other.elsewhere
    ]
    if not rules:
        return []
    policy = made("networking.k8s.io/v1", "NetworkPolicy", spec, f"{spec.app}-egress", app_labels(spec))
    policy["spec"] = {
        "egress": rules,
        "podSelector": {"matchLabels": {INSTANCE: spec.app}},
        "policyTypes": ["Egress"],
    }
    return [policy]


def _to_infra(namespace: str, port: int | None) -> dict[str, Any]:
    rule: dict[str, Any] = {"to": [{"namespaceSelector": _of(namespace)}]}
    if port is not None:
        rule["ports"] = [{"port": port, "protocol": "TCP"}]
    return rule


def _to_app(namespace: str, labels: dict[str, str]) -> dict[str, Any]:
    return {"to": [{"namespaceSelector": _of(namespace), "podSelector": {"matchLabels": labels}}]}


def _of(namespace: str) -> dict[str, Any]:
    return {"matchLabels": {_NAMESPACE_NAME: namespace}}
