"""Who listens for a host with a certificate, and the certificates that the cluster issues (app-yaml 6.10).

It must not know which paths of a host lead where (routes.py).
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from mcd.appyaml.render.labels import component_labels, made
from mcd.appyaml.spec.app import AppSpec, ComponentSpec
from mcd.appyaml.spec.running import HostSpec
from mcd.objects import Object, h8

GATEWAY_API = "gateway.networking.k8s.io/v1"


def listeners(spec: AppSpec, component: ComponentSpec, hosts: Iterable[HostSpec]) -> list[Object]:
    """The ListenerSet of a component that listens for hosts of its own beside the Gateway."""
    mine = {h.host: h.tls.secret for h in hosts if h.tls is not None and h.tls.listener == component.base}
    if not mine:
        return []
    gateway = spec.cluster.gateway
    listener_set = made(GATEWAY_API, "ListenerSet", spec, component.base, component_labels(spec, component))
    listener_set["spec"] = {
        "listeners": [_listener(host, secret) for host, secret in mine.items()],
        "parentRef": {"name": gateway.name, "namespace": gateway.namespace},
    }
    return [listener_set]


def _listener(host: str, secret: str) -> dict[str, Any]:
    return {
        "name": f"h-{h8(host)}",
        "hostname": host,
        "port": 443,
        "protocol": "HTTPS",
        "tls": {"certificateRefs": [{"name": secret}], "mode": "Terminate"},
    }


def certificates(spec: AppSpec, component: ComponentSpec, hosts: Iterable[HostSpec]) -> list[Object]:
    """One Certificate for each host of the component for which the cluster issues it."""
    mine = {
        h.host: h.tls.secret for h in hosts if h.tls is not None and h.tls.issued and h.tls.listener == component.base
    }
    made_ones = []
    for host, secret in mine.items():
        certificate = made("cert-manager.io/v1", "Certificate", spec, secret, component_labels(spec, component))
        certificate["spec"] = {
            "dnsNames": [host],
            "issuerRef": {"kind": "ClusterIssuer", "name": spec.cluster.cert_issuer},
            "secretName": secret,
        }
        made_ones.append(certificate)
    return made_ones


def ingress_tls(hosts: Iterable[HostSpec]) -> list[dict[str, Any]]:
    """`tls` of an Ingress: the hosts of each secret."""
    by_secret: dict[str, list[str]] = {}
    for item in hosts:
        if item.tls is not None and item.host not in by_secret.setdefault(item.tls.secret, []):
            by_secret[item.tls.secret].append(item.host)
    return [{"hosts": names, "secretName": secret} for secret, names in by_secret.items()]
