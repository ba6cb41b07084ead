"""What stands around the control plane: gateway, registry, DNS and metrics. Describes processes and writes their files.

It must not start anything: up.py does.
"""

from __future__ import annotations

import socket
from pathlib import Path
from string import Template

from scripts.cluster import binaries, credentials, layout, packages, places, state
from scripts.cluster.api import Api, traefik
from scripts.cluster.controlplane import answers
from scripts.cluster.layout import Cluster
from scripts.cluster.processes import Component


def gateway(cluster: Cluster) -> Component:
    """Traefik, on this machine's loopback address."""
    ping = cluster.ports["gateway-ping"]
    command = (
        traefik(),
        "--providers.kubernetesgateway=true",
        "--providers.kubernetesgateway.statusaddress.ip=127.0.0.1",
        "--providers.kubernetesgateway.throttleduration=100ms",
        # Two seconds by default, in which a pod that is to stop is still sent requests.
        "--providers.providersthrottleduration=200ms",
        f"--entrypoints.web.address=127.0.0.1:{cluster.ports['gateway']}",
        f"--entrypoints.ping.address=127.0.0.1:{ping}",
        "--ping.entrypoint=ping",
        "--global.checknewversion=false",
        "--global.sendanonymoususage=false",
        "--accesslog=true",
        "--log.level=INFO",
    )
    environment = {"KUBECONFIG": str(credentials.kubeconfig(cluster.folder, "traefik"))}
    address = f"http://127.0.0.1:{ping}/ping"
    return Component(cluster.component("traefik"), command, lambda: answers(address), environment)


def gateway_programmed(api: Api) -> str:
    """ "" when the Gateway is served, else what its conditions say."""
    status, answer = api.get(f"/apis/gateway.networking.k8s.io/v1/namespaces/{layout.GATEWAY_NAMESPACE}/gateways/mcd")
    if status != 200:
        return f"Gateway mcd: {status}"
    conditions = {each["type"]: each for each in answer.get("status", {}).get("conditions", ())}
    if conditions.get("Programmed", {}).get("status") == "True":
        return ""
    said = conditions.get("Programmed") or conditions.get("Accepted") or {}
    return f"Gateway mcd is not programmed: {said.get('message', 'no controller has seen it')}"


def gateway_manifest(cluster: Cluster) -> str:
    text = (places.MANIFESTS / "gateway.yaml").read_text()
    return Template(text).substitute(gateway_port=cluster.ports["gateway"])


def metrics_manifest(cluster: Cluster) -> str:
    text = (places.MANIFESTS / "metrics.yaml").read_text()
    return Template(text).substitute(metrics_port=cluster.port("metrics"), bridge_address=layout.BRIDGE_ADDRESS)


def registry(home: Path, ports: dict[str, int]) -> Component | None:
    """The OCI registry; None where docker-registry is not installed."""
    program = packages.program("docker-registry")
    if program is None:
        return None
    config = home / "registry.yaml"
    state.write(
        config,
        f"""version: 0.1
log: {{level: warn}}
storage:
  filesystem: {{rootdirectory: {home}/registry}}
  delete: {{enabled: true}}
http:
  addr: 127.0.0.1:{ports["registry"]}
""",
    )
    address = f"http://127.0.0.1:{ports['registry']}/v2/"
    return Component("registry", (program, "serve", str(config)), lambda: answers(address), files=(config,))


def coredns(cluster: Cluster) -> Component:
    """Names of Services for real pods, on the bridge's address."""
    config = cluster.folder / "Corefile"
    state.write(
        config,
        f""".:53 {{
    bind {layout.BRIDGE_ADDRESS}
    errors
    health 127.0.0.1:{cluster.port("coredns-health")}
    ready {layout.BRIDGE_ADDRESS}:{cluster.port("coredns-health")}
    kubernetes cluster.local in-addr.arpa {{
        kubeconfig {credentials.kubeconfig(cluster.folder, "coredns")} local
        pods insecure
        ttl 5
    }}
    cache 5
}}
""",
    )
    command = (str(binaries.path("coredns")), "-conf", str(config))
    address = f"http://127.0.0.1:{cluster.port('coredns-health')}/health"
    return Component(cluster.component("coredns"), command, lambda: answers(address), files=(config,))


def metrics_server(cluster: Cluster) -> Component:
    kubeconfig = str(credentials.kubeconfig(cluster.folder, "metrics-server"))
    command = (
        str(binaries.path("metrics-server")),
        f"--kubeconfig={kubeconfig}",
        f"--authentication-kubeconfig={kubeconfig}",
        f"--authorization-kubeconfig={kubeconfig}",
        "--authentication-skip-lookup",
        f"--requestheader-client-ca-file={cluster.folder}/ca.crt",
        "--requestheader-allowed-names=proxy-client",
        "--kubelet-insecure-tls",
        "--kubelet-use-node-status-port",
        "--kubelet-use-node-status-port",
        "--kubelet-preferred-address-types=Hostname",
        f"--bind-address={layout.BRIDGE_ADDRESS}",
        f"--secure-port={cluster.port('metrics')}",
        f"--cert-dir={cluster.folder}/metrics-server",
        "--metric-resolution=15s",
        # Simulated nodes have nothing to measure.
        "--node-selector=type!=kwok",
    )
    port = cluster.port("metrics")

    def listening() -> str:
        try:
            with socket.create_connection((layout.BRIDGE_ADDRESS, port), timeout=1):
                return ""
        except OSError as error:
            return str(error)

    return Component(cluster.component("metrics-server"), command, listening)
