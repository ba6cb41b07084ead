"""The commands of the control plane: etcd, API server, controller manager, scheduler, kwok.

It only describes processes and writes their files. It must not start anything: up.py does.
"""

from __future__ import annotations

import base64
import urllib.request
from pathlib import Path

from scripts.cluster import binaries, certificates, credentials, layout, places, stages, state
from scripts.cluster.api import Api
from scripts.cluster.layout import Cluster
from scripts.cluster.processes import Component


def answers(url: str) -> str:
    """ "" when the URL answers 200, else what it said."""
    try:
        with urllib.request.urlopen(url, timeout=2) as answer:
            return "" if answer.status == 200 else f"{url} answers {answer.status}"
    except (OSError, ValueError) as error:
        return f"{url}: {error}"


def etcd(home: Path, ports: dict[str, int]) -> Component:
    """The one etcd of the home. Without fsync: what a power cut loses here, `reset` and `up` bring back."""
    client, peer = (f"http://127.0.0.1:{ports[name]}" for name in ("etcd", "etcd-peer"))
    command = (
        str(binaries.path("etcd")),
        *("--data-dir", str(home / "etcd")),
        *("--listen-client-urls", client, "--advertise-client-urls", client),
        *("--listen-peer-urls", peer, "--initial-advertise-peer-urls", peer, "--initial-cluster", f"default={peer}"),
        *("--unsafe-no-fsync", "--log-level", "warn", "--quota-backend-bytes", str(4 * 1024**3)),
    )
    return Component("etcd", command, lambda: answers(f"{client}/health"))


def prepare(cluster: Cluster) -> None:
    """Write keys, tokens, kubeconfigs and policies of one cluster."""
    cluster.folder.mkdir(parents=True, exist_ok=True)
    certificates.ensure(cluster.folder)
    credentials.ensure(cluster.folder, f"https://127.0.0.1:{cluster.port('api')}")
    state.write(cluster.folder / "audit-policy.yaml", (places.MANIFESTS / "audit-policy.yaml").read_text())
    logs = cluster.folder / "simulated.log", cluster.folder / "simulated-previous.log"
    for file, text in zip(logs, (stages.LOG, stages.PREVIOUS_LOG), strict=True):
        state.write(file, text)
    state.write(cluster.folder / "kwok.yaml", stages.configuration(*logs))


def api_server(cluster: Cluster, api: Api) -> Component:
    folder = cluster.folder
    command = (
        str(binaries.path("kube-apiserver")),
        f"--etcd-servers=http://127.0.0.1:{cluster.ports['etcd']}",
        f"--etcd-prefix=/{cluster.name}",
        f"--secure-port={cluster.port('api')}",
        "--bind-address=127.0.0.1",
        "--advertise-address=127.0.0.1",
        f"--cert-dir={folder}",
        f"--tls-cert-file={folder}/server.crt",
        f"--tls-private-key-file={folder}/server.key",
        f"--service-account-key-file={folder}/sa.key",
        f"--service-account-signing-key-file={folder}/sa.key",
        "--service-account-issuer=https://kubernetes.default.svc",
        f"--token-auth-file={folder}/tokens.csv",
        "--authorization-mode=Node,RBAC",
        f"--service-cluster-ip-range={layout.SERVICE_RANGE}",
        "--allow-privileged",
        "--endpoint-reconciler-type=none",
        "--kubelet-preferred-address-types=Hostname",
        f"--requestheader-client-ca-file={folder}/ca.crt",
        f"--proxy-client-cert-file={folder}/proxy-client.crt",
        f"--proxy-client-key-file={folder}/proxy-client.key",
        "--requestheader-allowed-names=proxy-client",
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
        "--requestheader-extra-headers-prefix=X-Remote-Extra-",
        "--enable-aggregator-routing=true",
        f"--audit-policy-file={folder}/audit-policy.yaml",
        f"--audit-log-path={cluster.audit_log}",
        # One file for a long time: tests count lines of it from an offset.
        "--audit-log-maxsize=512",
        "--audit-log-maxbackup=3",
    )
    files = tuple(folder / name for name in ("tokens.csv", "audit-policy.yaml", "server.crt", "sa.key"))

    def ready() -> str:
        status, answer = api.get("/readyz")
        return "" if status == 200 else f"/readyz answers {status or 'nothing'}: {str(answer)[-200:]}"

    return Component(cluster.component("kube-apiserver"), command, ready, files=files, stop_seconds=8)


def _running_only() -> str:
    """For processes without an address of their own: what they do is waited for elsewhere."""
    return ""


def controller_manager(cluster: Cluster) -> Component:
    command = (
        str(binaries.path("kube-controller-manager")),
        f"--kubeconfig={credentials.kubeconfig(cluster.folder, 'kube-controller-manager')}",
        f"--service-account-private-key-file={cluster.folder}/sa.key",
        f"--root-ca-file={cluster.folder}/ca.crt",
        "--leader-elect=false",
        "--secure-port=0",
        "--controllers=*,-nodeipam",
        # Else it makes a folder below /usr/libexec.
        f"--flex-volume-plugin-dir={cluster.folder}/volume-plugins",
        "--use-service-account-credentials",
        # The default clients are made for large clusters' fairness, not for a person who waits.
        "--kube-api-qps=200",
        "--kube-api-burst=400",
        "--horizontal-pod-autoscaler-sync-period=5s",
    )
    return Component(cluster.component("kube-controller-manager"), command, _running_only)


def scheduler(cluster: Cluster) -> Component:
    command = (
        str(binaries.path("kube-scheduler")),
        f"--kubeconfig={credentials.kubeconfig(cluster.folder, 'kube-scheduler')}",
        "--leader-elect=false",
        "--secure-port=0",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    )
    return Component(cluster.component("kube-scheduler"), command, _running_only)


def kwok(cluster: Cluster) -> Component:
    folder = cluster.folder
    command = (
        str(binaries.path("kwok")),
        f"--kubeconfig={credentials.kubeconfig(folder, 'kwok')}",
        "--manage-nodes-with-annotation-selector=kwok.x-k8s.io/node=fake",
        f"--cidr={layout.SIMULATED_POD_RANGE}",
        "--node-ip=127.0.0.1",
        "--node-lease-duration-seconds=40",
        f"--server-address=127.0.0.1:{cluster.port('kwok')}",
        f"--node-port={cluster.port('kwok')}",
        # The API server asks it, as it would a kubelet, for logs and exec of simulated pods.
        f"--tls-cert-file={folder}/server.crt",
        f"--tls-private-key-file={folder}/server.key",
        f"--config={folder}/kwok.yaml",
        "-v=WARN",
    )
    address = f"http://127.0.0.1:{cluster.port('kwok')}/readyz"
    return Component(cluster.component("kwok"), command, lambda: answers(address), files=(folder / "kwok.yaml",))


def forget(ports: dict[str, int], name: str) -> str:
    """Delete everything that a cluster has in etcd; returns "" or what went wrong."""
    # A range that ends at the prefix with its last byte raised by one is "everything with this prefix".
    body = f'{{"key": "{_base64(f"/{name}/")}", "range_end": "{_base64(f"/{name}0")}"}}'.encode()
    request = urllib.request.Request(f"http://127.0.0.1:{ports['etcd']}/v3/kv/deleterange", body, method="POST")
    try:
        with urllib.request.urlopen(request, timeout=30):
            return ""
    except OSError as error:
        return str(error)


def _base64(text: str) -> str:
    return base64.b64encode(text.encode()).decode()
