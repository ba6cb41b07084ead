"""Sets up a fresh MCD as its administrator would: an admin, the local cluster with its pools, the product line `demo`.

Everything goes through the public API and is done only once; what a person changed afterwards is left alone. It must
not touch the database.
"""

from __future__ import annotations

import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import httpx

from scripts.cluster.problems import ClusterProblem
from scripts.up.server import Server, run

ADMIN = "admin"
LINE = "demo"
CLUSTER = "local"
_READY_SECONDS = 60.0


class Api:
    """The API as the administrator, with one short-lived session."""

    def __init__(self, server: Server, token: str) -> None:
        self._client = httpx.Client(
            base_url=f"{server.url}/api/v1", headers={"Authorization": f"Bearer {token}"}, timeout=20.0
        )

    def get(self, path: str) -> dict[str, Any] | None:
        answer = self._client.get(path)
        return None if answer.status_code == 404 else self._body(answer)

    def send(self, method: str, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return self._body(self._client.request(method, path, json=body))

    @staticmethod
    def _body(answer: httpx.Response) -> dict[str, Any]:
        if answer.status_code >= 400:
            problem = answer.json() if answer.headers.get("content-type", "").endswith("json") else {}
            said = problem.get("detail") or f"status {answer.status_code}"
            raise ClusterProblem(f"{answer.request.method} {answer.request.url.path}: {said}")
        found: dict[str, Any] = answer.json() if answer.content else {}
        return found


def administrator(server: Server) -> str:
    """Makes the admin on the first run and answers the password, which nobody is told again; empty afterwards."""
    mark = server.home / "admin"
    if mark.exists():
        return ""
    password = run(server, "admin", "create-admin", ADMIN).strip()
    mark.touch()
    return password


def places(api: Api, cluster: Mapping[str, Any]) -> None:
    """The cluster, its node pools and the product line, unless they are there."""
    if api.get(f"/clusters/{CLUSTER}") is None:
        api.send("POST", "/clusters", _cluster(cluster))
    _refresh_credential(api, cluster)
    for pool in cluster["clusters"][CLUSTER]["node_pools"]:
        path = f"/node-pools/{CLUSTER}/{pool['name']}"
        if api.get(path) is None:
            api.send("PUT", path, {key: value for key, value in pool.items() if key not in ("name", "nodes")})
    if api.get(f"/product-lines/{LINE}") is None:
        api.send("POST", "/product-lines", {"name": LINE, "cluster": CLUSTER, "wishes": {}})
        api.send("PATCH", f"/people/{ADMIN}", {"default_product_line": LINE})
    _wait_ready(api)


def _cluster(cluster: Mapping[str, Any]) -> dict[str, Any]:
    gateway = cluster["gateway"]
    mine = cluster["clusters"][CLUSTER]
    return {
        "name": CLUSTER,
        "idc": "here",
        "kubeconfig": Path(mine["kubeconfigs"]["mcd"]).read_text(),
        "facts": {
            "base_domain": cluster["base_domain"],
            "gateway": {"name": gateway["name"], "namespace": gateway["namespace"]},
            "registry": cluster["registry"],
            "pod_cidrs": mine["pod_cidrs"],
            "service_cidrs": mine["service_cidrs"],
            "dns_cidrs": mine["dns_cidrs"],
            "storage": mine["storage"],
        },
    }


def _refresh_credential(api: Api, cluster: Mapping[str, Any]) -> None:
    """A local cluster that was forgotten and made again has a new certificate and token."""
    shown = api.get(f"/clusters/{CLUSTER}")
    assert shown is not None
    stalled = [c for c in shown.get("conditions", []) if c["type"] == "Stalled" and c["status"] == "True"]
    if any(c["reason"] == "ClusterAuthFailed" for c in stalled):
        api.send("PATCH", f"/clusters/{CLUSTER}", {"kubeconfig": _cluster(cluster)["kubeconfig"]})


def _wait_ready(api: Api) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    said = "it was not looked at yet"
    while time.monotonic() < deadline:
        shown = api.get(f"/product-lines/{LINE}") or {}
        ready = next((c for c in shown.get("conditions", []) if c["type"] == "Ready"), None)
        if ready and ready["status"] == "True":
            return
        said = ready["message"] if ready else said
        time.sleep(0.2)
    raise ClusterProblem(f"product line {LINE} was not ready after {_READY_SECONDS:.0f} s: {said}")
