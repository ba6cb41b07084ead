"""How requests reach the pods of a component inside the cluster: Service and NetworkPolicy (app-yaml 6.7).

It must not know hosts (routes.py), nor how the pod answers.
"""

from __future__ import annotations

from typing import Any

from mcd.appyaml.names import peers_service
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
    """Where requests enter a web first, then the others by name. The program's own port is nobody's but the pod's where
    a sidecar takes the requests for it."""
    if component.web is None:
        return list(component.ports)
    others = [port for port in component.ports if port.name != "http"]
    return [PortSpec("http", component.first_stop), *others]


def service(spec: AppSpec, component: ComponentSpec) -> Object:
    """The Service of one track of a web or service."""
    labels = {**component_labels(spec, component), TRACK: component.track}
    made_service = made("v1", "Service", spec, component.base, labels)
    ports = _service_ports(component)
    if component.web is not None:
        ports[0]["port"] = 80
    made_service["spec"] = {"ports": ports, "selector": stable(spec, component), "type": "ClusterIP"}
    if component.headless:
        made_service["spec"]["clusterIP"] = "None"
    return made_service


def _service_ports(component: ComponentSpec) -> list[dict[str, Any]]:
    """Each port under its own number."""
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
            h2c = component.web.h2c
        if h2c:
            entry["appProtocol"] = H2C
        ports.append(entry)
    return ports


def governing(spec: AppSpec, component: ComponentSpec) -> list[Object]:
    """The Service that gives each pod of a StatefulSet a name, ready or not. Who asks it talks to the pod itself."""
    if component.stateful is None:
        return []
    labels = {**component_labels(spec, component), TRACK: component.track}
    peers_of_it = made("v1", "Service", spec, peers_service(component.base), labels)
    peers_of_it["spec"] = {
        "clusterIP": "None",
        "publishNotReadyAddresses": True,
        "selector": stable(spec, component),
        "type": "ClusterIP",
    }
    ports = _service_ports(component)
    if ports:
        peers_of_it["spec"]["ports"] = ports
    return [peers_of_it]


def _policy(spec: AppSpec, component: ComponentSpec) -> Object:
    policy = made("networking.k8s.io/v1", "NetworkPolicy", spec, component.base, component_labels(spec, component))
    ports = [{"port": p.port, "protocol": p.protocol} for p in _ports(component)]
    rules = []
    if component.web is not None:
        gateway = spec.cluster.gateway
        namespace = gateway.pods_namespace or gateway.namespace
        from_gateway = {"namespaceSelector": {"matchLabels": {NAMESPACE_NAME: namespace}}}
        rules.append({"from": [from_gateway], "ports": ports[:1]})
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
