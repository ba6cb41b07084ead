"""The states that MCD itself decides: what it will not write, may not write, or cannot reach. Provoked with MCD's own
apply against the real API server; what is kept is the condition that a Rollout would show.

It must not judge anything.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import socket
import time
from collections.abc import Awaitable, Callable, Iterator
from datetime import UTC, datetime
from typing import Any

from mcd.errors import McdError
from mcd.kube.apply import reason_for
from mcd.kube.client import KubeClient
from mcd.kube.cluster import KubeError
from mcd.kube.kubeconfig import Connection, parse_kubeconfig
from mcd.kube.verdict import outcome_of
from mcd.model import Ready, Reason
from mcd.model.why import Note, Why, say, words_of
from mcd.objects import Object, ref_of
from mcd.store.nouns import told_json
from tests.capture.judge import Case
from tests.capture.take import Stage, kept, newest_stamp, write
from tests.kube import given

NAMESPACE = "why-platform"
DYING = "why-dying"
OF_NOBODY = "nobody"
"""A user of the local cluster who may do nothing."""


async def conditions(stage: Stage, say: Callable[[str], None], only: frozenset[str]) -> list[str]:
    """Takes each of them; answers the cases that did not come."""
    missed = []
    client = KubeClient(parse_kubeconfig(stage.kubeconfig.read_text()))
    try:
        for why, provoke in PROVOKED.items():
            if only and why.value not in only:
                continue
            stage.apply([_space(NAMESPACE)])
            try:
                case = {**_head(stage, why), **await provoke(stage, client)}
            except (McdError, AssertionError, RuntimeError) as error:
                say(f"{why.value}: did not come: {error}")
                missed.append(why.value)
                continue
            seconds = case.pop("took")
            small = kept(case, stage)
            write(small, why.value, seconds)
            say(f"{why.value}: {seconds:.1f} s")
    finally:
        await client.close()
    return missed


def clean_up(stage: Stage) -> None:
    with contextlib.suppress(RuntimeError):
        stage.kubectl(
            "-n", DYING, "patch", "configmap", "held", "--type=merge", "-p", '{"metadata":{"finalizers":null}}'
        )
    stage.kubectl("delete", "namespace", NAMESPACE, DYING, "--ignore-not-found", "--wait=false")


def _space(name: str) -> Object:
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name}}


def _head(stage: Stage, why: Why) -> Case:
    now = datetime.now(UTC)
    return {
        "state": why.value, "source": "real", "kubernetes": stage.kubernetes, "taken": f"{now:%Y-%m-%d}", "kind": "",
        "now": now.replace(microsecond=0).isoformat(), "workload": None, "replica_sets": [], "pods": [], "events": [],
        "nodes": [], "placed": [], "routes": [], "around": [], "log": [], "namespace": _space(NAMESPACE),
    }  # fmt: skip


async def _settled(client: KubeClient, objects: list[Object], fence: given.Held, **terms: Any) -> Case:
    """One pass of MCD, and the condition that comes of it."""
    began = time.monotonic()
    try:
        applied = await given.settle(client, objects, fence, namespace=NAMESPACE, **terms)
    except KubeError as error:
        return {"condition": _written(reason_for(error), words_of(error)), "took": time.monotonic() - began}
    stop = outcome_of(applied)
    assert stop is not None, "nothing stood in its way"
    assert not isinstance(stop, Ready)
    took = time.monotonic() - began
    return {"condition": _written(stop.reason, stop.message), "took": took}


def _written(reason: Reason, message: str) -> Case:
    """As the store keeps it."""
    return {"reason": reason.value, "message": str(message), **told_json(message)}


def _web(**more: str) -> Object:
    return given.deployment(namespace=NAMESPACE, image="localhost/pause:1", **more)


async def _foreign(stage: Stage, client: KubeClient) -> Case:
    other = _web()
    other["metadata"] = {"name": "shop-web", "namespace": NAMESPACE}
    stage.kubectl("delete", "-n", NAMESPACE, "deployment", "shop-web", "--ignore-not-found")
    stage.apply([other])
    found = await _settled(client, [_web()], given.Held())
    stage.kubectl("delete", "-n", NAMESPACE, "deployment", "shop-web")
    return found


async def _fight(stage: Stage, client: KubeClient) -> Case:
    """Somebody changes it back; that it is the third time is what the Rollout remembers."""
    stage.kubectl("delete", "-n", NAMESPACE, "deployment", "shop-web", "--ignore-not-found")
    fence = given.Held()
    await given.settle(client, [_web()], fence, namespace=NAMESPACE)
    change = '{"spec":{"template":{"spec":{"containers":[{"name":"web","image":"localhost/other:1"}]}}}}'
    stage.kubectl("-n", NAMESPACE, "patch", "deployment", "shop-web", "-p", change, "--field-manager=rancher")
    found = await _settled(client, [_web()], fence, yielded={ref_of(_web())})
    stage.kubectl("delete", "-n", NAMESPACE, "deployment", "shop-web")
    return found


async def _immutable(stage: Stage, client: KubeClient) -> Case:
    stage.kubectl("delete", "-n", NAMESPACE, "deployment", "shop-web", "--ignore-not-found")
    fence = given.Held()
    await given.settle(client, [_web()], fence, namespace=NAMESPACE)
    other = _web()
    labels = {"app.kubernetes.io/component": "web"}
    other["spec"]["selector"] = {"matchLabels": labels}
    found = await _settled(client, [other], fence)
    stage.kubectl("delete", "-n", NAMESPACE, "deployment", "shop-web")
    return found


_CRD = "podmonitors.monitoring.coreos.com"


async def _not_served(stage: Stage, client: KubeClient) -> Case:
    """A cluster without the Prometheus operator: its definition is taken away for a moment."""
    definition = json.loads(stage.kubectl("get", "crd", _CRD, "-o", "json"))
    for name in ("resourceVersion", "uid", "creationTimestamp", "generation", "managedFields"):
        definition["metadata"].pop(name, None)
    definition.pop("status", None)
    stage.kubectl("delete", "crd", _CRD)
    try:
        wanted = given.obj("monitoring.coreos.com/v1", "PodMonitor", "shop-web", NAMESPACE, spec={})
        return await _settled(client, [wanted], given.Held())
    finally:
        stage.apply([definition])


async def _no_right(stage: Stage, client: KubeClient) -> Case:
    text = stage.kubeconfig.with_name(f"kubeconfig-{OF_NOBODY}").read_text()
    other = KubeClient(parse_kubeconfig(text))
    try:
        return await _settled(other, [given.config(namespace=NAMESPACE)], given.Held())
    finally:
        await other.close()


async def _terminating(stage: Stage, client: KubeClient) -> Case:
    _dying(stage)
    began = time.monotonic()
    applied = await given.settle(client, [given.config(namespace=DYING)], given.Held(), namespace=DYING)
    stop = outcome_of(applied)
    assert stop is not None
    assert not isinstance(stop, Ready)
    took = time.monotonic() - began
    return {"condition": _written(stop.reason, stop.message), "namespace": _space(DYING), "took": took}


async def _finalizer(stage: Stage, client: KubeClient) -> Case:
    _dying(stage)
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        _, found = stage.api.get(f"/api/v1/namespaces/{DYING}")
        left = [c for c in found["status"].get("conditions") or () if c["type"] == "NamespaceFinalizersRemaining"]
        if left and left[0]["status"] == "True":
            meta = {k: found["metadata"][k] for k in ("name", "deletionTimestamp")}
            case = {"kind": "Namespace", "namespace": {"apiVersion": "v1", "kind": "Namespace", "metadata": meta,
                                                       "status": found["status"]}}  # fmt: skip
            now = datetime.now(UTC)
            return {**case, "took": (now - newest_stamp(case, now)).total_seconds()}
        await asyncio.sleep(0.5)
    raise AssertionError("the namespace does not say what it waits for")


def _dying(stage: Stage) -> None:
    status, found = stage.api.get(f"/api/v1/namespaces/{DYING}")
    if status == 200 and found["metadata"].get("deletionTimestamp"):
        return
    held = given.config("held", namespace=DYING)
    held["metadata"]["finalizers"] = ["backup.example.com/snapshot"]
    stage.apply([_space(DYING)])
    stage.apply([held])
    stage.kubectl("delete", "namespace", DYING, "--wait=false")


async def _unreachable(stage: Stage, client: KubeClient) -> Case:
    """A cluster of which nothing listens any more, in the words of its controller."""
    with _closed_port() as port:
        other = KubeClient(Connection(f"https://127.0.0.1:{port}", "", "nothing"))
        began = time.monotonic()
        try:
            await other.serves()
        except KubeError as error:
            since = datetime.now(UTC).replace(microsecond=0).isoformat()
            message = say(Note.CLUSTER_SILENT, name="local", said=error.message.replace(f":{port}", ":6443"))
            said = {"cluster": "local", "since": since, "message": str(message), **told_json(message)}
            return {"away": said, "took": time.monotonic() - began}
        finally:
            await other.close()
    raise AssertionError("somebody listens there")


@contextlib.contextmanager
def _closed_port() -> Iterator[int]:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        yield int(taken.getsockname()[1])


PROVOKED: dict[Why, Callable[[Stage, KubeClient], Awaitable[Case]]] = {
    Why.FOREIGN_OBJECT: _foreign,
    Why.FIELD_FIGHT: _fight,
    Why.IMMUTABLE_FIELD: _immutable,
    Why.KIND_NOT_SERVED: _not_served,
    Why.RIGHT_MISSING: _no_right,
    Why.NAMESPACE_TERMINATING: _terminating,
    Why.NAMESPACE_FINALIZER: _finalizer,
    Why.CLUSTER_UNREACHABLE: _unreachable,
}
