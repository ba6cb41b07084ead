"""Plays what a bare API server has not: the controllers that make pods ready, bind claims and end namespaces.

It watches the real API as the admin and writes statuses, nothing else, so that a Deployment is ready a moment after it
was applied. Pods are played in numbers: there is no Pod object. It must not write what MCD writes.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import ssl
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import aiohttp

from tests.acceptance.witness import plural

Object = dict[str, Any]

PLAYED = {
    "deployments": "/apis/apps/v1",
    "statefulsets": "/apis/apps/v1",
    "httproutes": "/apis/gateway.networking.k8s.io/v1",
    "persistentvolumeclaims": "/api/v1",
    "namespaces": "/api/v1",
}
_NOW = "2026-01-01T00:00:00Z"


@dataclass
class Api:
    """The API server as one user, without MCD's client: what is judged must not be asked through it."""

    server: str
    authority: Path
    token: str
    _session: aiohttp.ClientSession | None = None

    @contextlib.asynccontextmanager
    async def open(self) -> AsyncIterator[Api]:
        tls = ssl.create_default_context(cafile=str(self.authority))
        headers = {"Authorization": f"Bearer {self.token}"}
        connector = aiohttp.TCPConnector(ssl=tls, limit=0)
        async with aiohttp.ClientSession(connector=connector, headers=headers, read_bufsize=2**20) as session:
            self._session = session
            yield self

    async def send(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> tuple[int, Any]:
        """Status and answer. A server that is not ready for a kind yet (429) is asked again, for 30 s."""
        assert self._session is not None
        data = None if body is None else json.dumps(body).encode()
        deadline = asyncio.get_running_loop().time() + 30
        while True:
            async with self._session.request(
                method, self.server + path, data=data, headers={"Content-Type": kind} if data else {}
            ) as answer:
                text = await answer.read()
            if answer.status != 429 or asyncio.get_running_loop().time() >= deadline:
                return answer.status, json.loads(text) if text.startswith(b"{") else text.decode(errors="replace")
            await asyncio.sleep(0.2)

    async def ok(self, method: str, path: str, body: Any = None, kind: str = "application/json") -> Any:
        status, answer = await self.send(method, path, body, kind)
        if status >= 300:
            raise RuntimeError(f"{method} {path}: {status} {str(answer)[:300]}")
        return answer

    async def items(self, path: str) -> list[Object]:
        """The objects of a collection; none where the kind is not served."""
        status, answer = await self.send("GET", path)
        if status == 404:
            return []
        if status != 200:
            raise RuntimeError(f"GET {path}: {status} {str(answer)[:300]}")
        kind = str(answer["kind"]).removesuffix("List")
        return [{"apiVersion": answer["apiVersion"], "kind": kind, **item} for item in answer["items"]]

    async def watch(self, path: str, version: str) -> AsyncIterator[Object]:
        assert self._session is not None
        async with self._session.get(
            f"{self.server}{path}?watch=1&resourceVersion={version}", timeout=aiohttp.ClientTimeout(total=None)
        ) as answer:
            async for line in answer.content:
                yield json.loads(line)


@dataclass
class Kubelet:
    """Plays while `running`. A workload whose name is in `failing` never becomes ready."""

    api: Api
    failing: set[str] = field(default_factory=set)
    paused: bool = False
    broken: BaseException | None = None

    @contextlib.asynccontextmanager
    async def running(self) -> AsyncIterator[Kubelet]:
        tasks = [asyncio.create_task(self._follow(resource, f"{root}/{resource}")) for resource, root in PLAYED.items()]
        try:
            yield self
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def look_again(self) -> None:
        """Plays everything once more: after pods that failed are to be ready."""
        for resource, root in PLAYED.items():
            if resource != "namespaces":
                _, listed = await self.api.send("GET", f"{root}/{resource}")
                for item in listed["items"]:
                    await self._play(resource, item)

    async def _follow(self, resource: str, path: str) -> None:
        while True:
            try:
                _, listed = await self.api.send("GET", path)
                for item in listed["items"]:
                    await self._play(resource, item)
                async for event in self.api.watch(path, listed["metadata"]["resourceVersion"]):
                    if event["type"] in ("ADDED", "MODIFIED"):
                        await self._play(resource, event["object"])
                    elif event["type"] == "ERROR":
                        break
            except (aiohttp.ClientError, OSError, TypeError, KeyError):
                # The API server is killed now and then; it comes back.
                await asyncio.sleep(0.1)

    async def _play(self, resource: str, obj: Object) -> None:
        if self.paused:
            return
        if resource == "namespaces":
            if obj["metadata"].get("deletionTimestamp"):
                await end_namespace(self.api, obj)
            return
        if obj["metadata"].get("deletionTimestamp"):
            return
        status = {**(obj.get("status") or {}), **self._status(resource, obj)}
        if status == (obj.get("status") or {}):
            return
        meta = obj["metadata"]
        path = f"{PLAYED[resource]}/namespaces/{meta['namespace']}/{resource}/{meta['name']}/status"
        body = {"metadata": {"uid": meta["uid"]}, "status": status}
        await self.api.send("PATCH", path, body, "application/merge-patch+json")

    def _status(self, resource: str, obj: Object) -> Object:
        if resource == "persistentvolumeclaims":
            return {"phase": "Bound"}
        if resource == "httproutes":
            said = {
                "type": "Accepted",
                "status": "True",
                "reason": "Accepted",
                "message": "",
                "lastTransitionTime": _NOW,
            }
            parents = [
                {"parentRef": ref, "controllerName": "rig.test/played", "conditions": [said]}
                for ref in (obj.get("spec") or {}).get("parentRefs") or ()
            ]
            return {"parents": parents}
        want = int((obj.get("spec") or {}).get("replicas", 1))
        ready = 0 if obj["metadata"]["name"] in self.failing else want
        counted: Object = {
            "replicas": want,
            "updatedReplicas": want,
            "readyReplicas": ready,
            "availableReplicas": ready,
        }
        if resource == "statefulsets":
            counted |= {"currentRevision": "r", "updateRevision": "r", "currentReplicas": want}
        return {"observedGeneration": obj["metadata"].get("generation", 1), **counted}


async def end_namespace(api: Api, namespace: Object) -> None:
    """What the namespace controller does: everything in it goes, then it does."""
    name = namespace["metadata"]["name"]
    await empty(api, name)
    await api.send(
        "PUT", f"/api/v1/namespaces/{name}/finalize",
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}, "spec": {"finalizers": []}},
    )  # fmt: skip


KINDS = (
    "/apis/apps/v1/deployments", "/apis/apps/v1/statefulsets", "/apis/batch/v1/cronjobs", "/apis/batch/v1/jobs",
    "/api/v1/services", "/api/v1/configmaps", "/api/v1/secrets", "/api/v1/persistentvolumeclaims",
    "/api/v1/serviceaccounts", "/api/v1/resourcequotas", "/api/v1/limitranges",
    "/apis/autoscaling/v2/horizontalpodautoscalers", "/apis/policy/v1/poddisruptionbudgets",
    "/apis/networking.k8s.io/v1/networkpolicies", "/apis/rbac.authorization.k8s.io/v1/roles",
    "/apis/rbac.authorization.k8s.io/v1/rolebindings", "/apis/gateway.networking.k8s.io/v1/httproutes",
    "/apis/monitoring.coreos.com/v1/podmonitors", "/apis/monitoring.coreos.com/v1/prometheusrules",
)  # fmt: skip
"""Collections of everything that MCD writes into a namespace of the rig."""


def within(path: str, namespace: str) -> str:
    """The path of a collection in one namespace."""
    root, _, resource = path.rpartition("/")
    return f"{root}/namespaces/{namespace}/{resource}"


async def live(api: Api, namespace: str) -> list[Object]:
    """Everything that is in a namespace, of the kinds that MCD writes."""
    found = await asyncio.gather(*(api.items(within(path, namespace)) for path in KINDS))
    return [obj for items in found for obj in items]


async def empty(api: Api, namespace: str) -> None:
    """Deletes everything in a namespace, finalizers or not."""
    for obj in await live(api, namespace):
        meta = obj["metadata"]
        path = next(p for p in KINDS if p.endswith(f"/{plural(obj['kind'])}"))
        where = f"{within(path, namespace)}/{meta['name']}"
        if meta.get("finalizers"):
            await api.send("PATCH", where, {"metadata": {"finalizers": None}}, "application/merge-patch+json")
        await api.send("DELETE", where, {"gracePeriodSeconds": 0, "propagationPolicy": "Background"})
