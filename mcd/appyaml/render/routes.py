"""How requests from outside find a component: HTTPRoute, or Ingress without Gateway API (app-yaml 6.10).

It must not know pods.
"""

from __future__ import annotations

from typing import Any

from mcd.appyaml.names import route_of
from mcd.appyaml.render.canary import split
from mcd.appyaml.render.certificates import GATEWAY_API, certificates, ingress_tls, listeners
from mcd.appyaml.render.labels import component_labels, made
from mcd.appyaml.spec.app import AppSpec, ComponentSpec
from mcd.appyaml.spec.running import HostSpec, WebSpec
from mcd.objects import Object


def _by_path(web: WebSpec) -> dict[str, list[HostSpec]]:
    """Hosts grouped by path; the internal domain first, then as written."""
    paths: dict[str, list[HostSpec]] = {}
    for item in (HostSpec(web.domain, "/"), *web.hosts):
        paths.setdefault(item.path, []).append(item)
    return paths


def routes(spec: AppSpec, component: ComponentSpec, web: WebSpec) -> list[Object]:
    """Every object that names a host of the component."""
    if spec.cluster.gateway_api:
        found = [_route(spec, component, web, path, hosts) for path, hosts in _by_path(web).items()]
        found += listeners(spec, component, web.hosts)
    elif spec.cluster.ingress_class:
        found = [_ingress(spec, component, web)]
    else:
        return []
    return found + certificates(spec, component, web.hosts)


def _route(spec: AppSpec, component: ComponentSpec, web: WebSpec, path: str, hosts: list[HostSpec]) -> Object:
    name = route_of(component.base, path)
    route = made(GATEWAY_API, "HTTPRoute", spec, name, component_labels(spec, component))
    rule: dict[str, Any] = {
        "backendRefs": [{"name": component.base, "port": 80}],
        "matches": [{"path": {"type": "PathPrefix", "value": path}}],
    }
    if web.request_timeout is not None:
        rule["timeouts"] = {"request": f"{web.request_timeout}s"}
    route["spec"] = {
        "hostnames": [item.host for item in hosts],
        "parentRefs": _parents(spec, hosts),
        "rules": [rule] if component.canary is None else split(component, component.canary, rule),
    }
    return route


def _parents(spec: AppSpec, hosts: list[HostSpec]) -> list[dict[str, str]]:
    """The Gateway, and the ListenerSets that listen for one of the hosts."""
    gateway = spec.cluster.gateway
    group = GATEWAY_API.partition("/")[0]
    sets = dict.fromkeys(item.tls.listener for item in hosts if item.tls is not None)
    return [
        {"name": gateway.name, "namespace": gateway.namespace},
        *({"group": group, "kind": "ListenerSet", "name": name} for name in sets),
    ]


def _ingress(spec: AppSpec, component: ComponentSpec, web: WebSpec) -> Object:
    ingress = made("networking.k8s.io/v1", "Ingress", spec, component.base, component_labels(spec, component))
    backend = {"service": {"name": component.base, "port": {"number": 80}}}
    hosts: dict[str, list[dict[str, Any]]] = {}
    for item in (HostSpec(web.domain, "/"), *web.hosts):
        hosts.setdefault(item.host, []).append({"path": item.path, "pathType": "Prefix", "backend": backend})
    ingress["spec"] = {
        "ingressClassName": spec.cluster.ingress_class,
        "rules": [{"host": host, "http": {"paths": paths}} for host, paths in hosts.items()],
    }
    tls = ingress_tls(web.hosts)
    if tls:
        ingress["spec"]["tls"] = tls
    return ingress
