"""A user of the API server itself: quick direct requests for trials that are timed, where kubectl would be too slow.

It speaks for a person who edits by hand, never for MCD.
"""

from __future__ import annotations

import base64
import ssl
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import httpx
import yaml

from tests.acceptance.rows import Miss

GROUPS = {
    "deployments": "/apis/apps/v1",
    "configmaps": "/api/v1",
    "services": "/api/v1",
    "pods": "/api/v1",
    "networkpolicies": "/apis/networking.k8s.io/v1",
    "resourcequotas": "/api/v1",
}


class Referee:
    """One user of one API server, from a kubeconfig with a token."""

    def __init__(self, kubeconfig: Path) -> None:
        told = yaml.safe_load(kubeconfig.read_text())
        cluster, user = told["clusters"][0]["cluster"], told["users"][0]["user"]
        trust = ssl.create_default_context(cadata=base64.b64decode(cluster["certificate-authority-data"]).decode())
        self._client = httpx.Client(
            base_url=cluster["server"], headers={"Authorization": f"Bearer {user['token']}"}, verify=trust, timeout=15.0
        )

    def __enter__(self) -> Referee:
        return self

    def __exit__(self, *_: object) -> None:
        self._client.close()

    def get(self, resource: str, namespace: str, name: str) -> dict[str, Any] | None:
        """The object, or None when the API server says that there is none."""
        answer = self._client.get(_path(resource, namespace, name))
        return None if answer.status_code == 404 else _body(answer)

    def names(self, resource: str, namespace: str, selector: str = "") -> list[str]:
        query = {"labelSelector": selector} if selector else {}
        found = _body(self._client.get(_path(resource, namespace), params=query))["items"]
        return [item["metadata"]["name"] for item in found]

    def create(self, resource: str, namespace: str, obj: dict[str, Any], *, dry_run: bool = False) -> httpx.Response:
        """The bare answer: a refusal is often what is wanted."""
        query = "?dryRun=All" if dry_run else ""
        return self._client.post(_path(resource, namespace) + query, json=obj)

    def delete(self, resource: str, namespace: str, name: str) -> dict[str, Any]:
        return _body(self._client.delete(_path(resource, namespace, name)))

    def edit(self, resource: str, namespace: str, name: str, patch: dict[str, Any]) -> dict[str, Any]:
        """What `kubectl edit` sends, with its name."""
        query = urlencode({"fieldManager": "kubectl-edit"})
        headers = {"Content-Type": "application/strategic-merge-patch+json"}
        where = f"{_path(resource, namespace, name)}?{query}"
        return _body(self._client.patch(where, json=patch, headers=headers))


def _path(resource: str, namespace: str, name: str = "") -> str:
    plain = f"{GROUPS[resource]}/namespaces/{namespace}/{resource}"
    return f"{plain}/{name}" if name else plain


def _body(answer: httpx.Response) -> dict[str, Any]:
    if answer.status_code >= 300:
        raise Miss(f"{answer.request.method} {answer.request.url.path}: {answer.status_code} {answer.text[:200]}")
    found: dict[str, Any] = answer.json()
    return found
