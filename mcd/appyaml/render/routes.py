"""How requests from outside find a component: HTTPRoute, or Ingress without Gateway API (app-yaml 6.10).

It must not know pods.
"""

from __future__ import annotations

from typing import Any

from mcd.appyaml.render.labels import component_labels, made
from mcd.appyaml.spec.app import AppSpec, ComponentSpec
from mcd.appyaml.spec.running import HostSpec, WebSpec
from mcd.objects import Object, h8

GATEWAY_API = "gateway.networking.k8s.io/v1"


def _by_path(web: WebSpec) -> dict[str, list[str]]:
    """Hosts grouped by path; the internal domain first, then as written."""
    paths: dict[str, list[str]] = {}
    for item in (HostSpec(web.domain, "/"), *web.hosts):
        paths.setdefault(item.path, []).append(item.host)
    return paths


def routes(spec: AppSpec, component: ComponentSpec, web: WebSpec) -> list[Object]:
    """Every object that names a host of the component."""
    if spec.cluster.gateway_api:
        return [_route(spec, component, web, path, hosts) for path, hosts in _by_path(web).items()]
    return [_ingress(spec, component, web)] if spec.cluster.ingress_class else []


def _route(spec: AppSpec, component: ComponentSpec, web: WebSpec, path: str, hosts: list[str]) -> Object:
    name = component.base if path == "/" else f"{component.base}-{h8(path)}"
    route = made(GATEWAY_API, "HTTPRoute", spec, name, component_labels(spec, component))
    rule: dict[str, Any] = {
        "backendRefs": [{"name": component.base, "port": 80}],
        "matches": [{"path": {"type": "PathPrefix", "value": path}}],
    }
    if web.request_timeout is not None:
        rule["timeouts"] = {"request": f"{web.request_timeout}s"}
    gateway = spec.cluster.gateway
    route["spec"] = {
        "hostnames": hosts,
        "parentRefs": [{"name": gateway.name, "namespace": gateway.namespace}],
        "rules": [rule],
    }
    return route


def _ingress(spec: AppSpec, component: ComponentSpec, web: WebSpec) -> Object:
    ingress = made("networking.k8s.io/v1", "Ingress", spec, component.base, component_labels(spec, component))
    backend = {"service": {"name": component.base, "port": {"number": 80}}}
    hosts: dict[str, list[dict[str, Any]]] = {}
    for path, names in _by_path(web).items():
        for host in names:
            hosts.setdefault(host, []).append({"path": path, "pathType": "Prefix", "backend": backend})
    ingress["spec"] = {
        "ingressClassName": spec.cluster.ingress_class,
        "rules": [{"host": host, "http": {"paths": paths}} for host, paths in hosts.items()],
    }
    return ingress
