"""How requests reach the pods of a component inside the cluster: Service and NetworkPolicy (app-yaml 6.7).

It must not know hosts (routes.py), nor how the pod answers.
"""

from __future__ import annotations

from typing import Any

from mcd.appyaml.render.labels import component_labels, made, peers, stable
from mcd.appyaml.render.routes import routes
from mcd.appyaml.spec.app import AppSpec, ComponentSpec
from mcd.appyaml.spec.pod import PortSpec
from mcd.objects import INSTANCE, TRACK, Object

H2C = "kubernetes.io/h2c"
NAMESPACE_NAME = "kubernetes.io/metadata.name"


def network(spec: AppSpec, component: ComponentSpec) -> list[Object]:
    """Everything between a request and the pods of a component."""
    if component.type not in ("web", "service"):
        return [_policy(spec, component)] if component.metrics is not None else []
    objects = [_policy(spec, component), service(spec, component)]
    if component.web is not None:
        objects += routes(spec, component, component.web)
    return objects


def _ports(component: ComponentSpec) -> list[PortSpec]:
    """The port of a web first, then the others by name."""
    return sorted(component.ports, key=lambda p: (component.web is None or p.name != "http", p.name))


def service(spec: AppSpec, component: ComponentSpec) -> Object:
    """The Service of one track of a web or service."""
    labels = {**component_labels(spec, component), TRACK: component.track}
    made_service = made("v1", "Service", spec, component.base, labels)
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
    made_service["spec"] = {"ports": ports, "selector": stable(spec, component), "type": "ClusterIP"}
    if component.headless:
        made_service["spec"]["clusterIP"] = "None"
    return made_service


def _policy(spec: AppSpec, component: ComponentSpec) -> Object:
    policy = made("networking.k8s.io/v1", "NetworkPolicy", spec, component.base, component_labels(spec, component))
    ports = [{"port": p.port, "protocol": p.protocol} for p in _ports(component)]
    rules = []
    if component.web is not None:
        gateway = spec.cluster.gateway
        namespace = gateway.pods_namespace or gateway.namespace
        entry = [p for p in ports if p["port"] == component.port and p["protocol"] == "TCP"]
        rules.append({"from": [{"namespaceSelector": {"matchLabels": {NAMESPACE_NAME: namespace}}}], "ports": entry})
    if ports:
        rules.append({"from": _callers(component), "ports": ports})
    if component.metrics is not None:
        readers = {"namespaceSelector": {"matchLabels": {NAMESPACE_NAME: spec.cluster.monitoring_namespace}}}
        rules.append({"from": [readers], "ports": [{"port": component.metrics.port, "protocol": "TCP"}]})
    policy["spec"] = {
        "ingress": rules,
        "podSelector": {"matchLabels": peers(spec, component)},
        "policyTypes": ["Ingress"],
    }
    return policy


def _callers(component: ComponentSpec) -> list[dict[str, Any]]:
    """All pods of the namespace, and the Apps of other product lines that may call it."""
    callers: list[dict[str, Any]] = [{"podSelector": {}}]
    callers += [
        {
            "namespaceSelector": {"matchLabels": {NAMESPACE_NAME: dependent.namespace}},
            "podSelector": {"matchLabels": {INSTANCE: dependent.app}},
        }
        for dependent in sorted(component.dependents, key=lambda d: (d.namespace, d.app))
    ]
    return callers
