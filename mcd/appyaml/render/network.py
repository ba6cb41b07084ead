"""How requests reach the pods of a component inside the cluster: Service and NetworkPolicy (app-yaml 6.7).

It must not know hosts (routes.py), nor how the pod answers.
"""

from __future__ import annotations

from typing import Any

from mcd.appyaml.render.labels import component_labels, made, peers, stable
from mcd.appyaml.render.routes import routes
from mcd.appyaml.spec.app import AppSpec, ComponentSpec
from mcd.appyaml.spec.pod import PortSpec
from mcd.objects import INSTANCE, Object

H2C = "kubernetes.io/h2c"
NAMESPACE_NAME = "kubernetes.io/metadata.name"


def network(spec: AppSpec, component: ComponentSpec) -> list[Object]:
    """Everything between a request and the pods of a component."""
    if component.type not in ("web", "service"):
        return []
    objects = [_policy(spec, component), _service(spec, component)]
    if component.web is not None:
        objects += routes(spec, component, component.web)
    return objects


def _ports(component: ComponentSpec) -> list[PortSpec]:
    """The port of a web first, then the others by name."""
    return sorted(component.ports, key=lambda p: (component.web is None or p.name != "http", p.name))


def _service(spec: AppSpec, component: ComponentSpec) -> Object:
    labels = {**component_labels(spec, component), "mcd.internal/track": "stable"}
    service = made("v1", "Service", spec, component.base, labels)
    ports: list[dict[str, Any]] = []
    for port in _ports(component):
        entry: dict[str, Any] = {
            "name": port.name,
            "port": port.port,
            "protocol": port.protocol,
            "targetPort": port.port,
        }
        h2c = port.name == "grpc" and port.protocol == "TCP"
        if component.web is not None and port.name == "http":
            entry["port"] = 80
            h2c = component.web.h2c
        if h2c:
            entry["appProtocol"] = H2C
        ports.append(entry)
    service["spec"] = {"ports": ports, "selector": stable(spec, component), "type": "ClusterIP"}
    if component.headless:
        service["spec"]["clusterIP"] = "None"
    return service


def _policy(spec: AppSpec, component: ComponentSpec) -> Object:
    policy = made("networking.k8s.io/v1", "NetworkPolicy", spec, component.base, component_labels(spec, component))
    ports = [{"port": p.port, "protocol": p.protocol} for p in _ports(component)]
    rules = []
    if component.web is not None:
        gateway = spec.cluster.gateway
        namespace = gateway.pods_namespace or gateway.namespace
        entry = [p for p in ports if p["port"] == component.port and p["protocol"] == "TCP"]
        rules.append({"from": [{"namespaceSelector": {"matchLabels": {NAMESPACE_NAME: namespace}}}], "ports": entry})
    callers: list[dict[str, Any]] = [{"podSelector": {}}]
    callers += [
        {
            "namespaceSelector": {"matchLabels": {NAMESPACE_NAME: dependent.namespace}},
            "podSelector": {"matchLabels": {INSTANCE: dependent.app}},
        }
        for dependent in sorted(component.dependents, key=lambda d: (d.namespace, d.app))
    ]
    rules.append({"from": callers, "ports": ports})
    policy["spec"] = {
        "ingress": rules,
        "podSelector": {"matchLabels": peers(spec, component)},
        "policyTypes": ["Ingress"],
    }
    return policy
