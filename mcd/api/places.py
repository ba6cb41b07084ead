"""Where an App is: its product line, its cluster, the pools, and the pods that are really its own.

One door for every route that looks into a cluster on behalf of a person: the permission is checked here, before the
cluster is asked anything.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from mcd import model
from mcd.errors import Code, McdError, echo, not_found
from mcd.kube.cluster import Cluster, Kind
from mcd.model import Actor, Noun, Verb
from mcd.objects import COMPONENT, INSTANCE, MANAGED_BY, Object, Ref
from mcd.runtime import Runtime
from mcd.store import reads
from mcd.store.lookup import permit
from mcd.store.tx import Tx

POD = Kind("v1", "Pod")
_PODS = (POD, Kind("apps/v1", "ReplicaSet"), Kind("batch/v1", "Job"))
"""What must be watched to know whose pods are whose."""

_PLAYED = "kwok.x-k8s.io/node"
"""The annotation by which KWOK knows the nodes whose kubelet it plays."""

_OWNERS = 4
"""Pod → Job → CronJob, or Pod → ReplicaSet → Deployment; no chain of ours is longer."""


@dataclass(frozen=True, slots=True)
class Place:
    app: model.App
    line: model.ProductLine
    cluster: model.Cluster
    inventory: tuple[model.InventoryEntry, ...]


async def place_of(actor: Actor, tx: Tx, name: str, verb: Verb) -> Place:
    """Raises McdError not_found, forbidden."""
    app = await reads.app(actor, tx, name)
    await permit(actor, tx, verb, Noun.APP, name, app.product_line)
    line = await reads.product_line(actor, tx, app.product_line)
    return Place(
        app=app,
        line=line,
        cluster=await reads.cluster(actor, tx, line.cluster),
        inventory=tuple(await reads.inventory(actor, tx, name)),
    )


async def pods_of(cluster: Cluster, place: Place, component: str | None = None) -> list[Object]:
    """The App's pods, by component and name: those with its labels that hang on an object of its inventory."""
    selector = {INSTANCE: place.app.name, MANAGED_BY: "mcd"}
    if component is not None:
        selector[COMPONENT] = component
    listing = await cluster.list(POD, place.line.namespace, selector)
    # Pods of one workload share their owner: it is looked at once.
    judged: dict[str, bool] = {}
    ours = []
    for pod in listing.objects:
        owner = _owner(pod)
        key = str(owner.get("uid", "")) if owner is not None else str(pod["metadata"].get("uid", ""))
        if key not in judged:
            judged[key] = await _hangs_on_ours(cluster, place, pod)
        if judged[key]:
            ours.append(pod)
    return sorted(ours, key=lambda p: (label(p, COMPONENT), p["metadata"]["name"]))


def pods_kept(runtime: Runtime, place: Place) -> list[Object] | None:
    """The same from what this process watches anyway; None where it does not. Asks nobody."""
    caches = runtime.watched(place.cluster.id)
    if caches is None or not all(caches.synced(kind) for kind in _PODS):
        return None
    uids = {entry.uid for entry in place.inventory if entry.uid}

    def ours(obj: Mapping[str, Any]) -> bool:
        for _ in range(_OWNERS):
            if obj["metadata"].get("uid") in uids:
                return True
            owner = _owner(obj)
            above = None
            if owner is not None:
                ref = Ref(owner["apiVersion"], owner["kind"], place.line.namespace, owner["name"])
                above = caches.get(ref)
            if owner is None or above is None or above["metadata"].get("uid") != owner.get("uid"):
                return False
            obj = above
        return False

    pods = [pod for pod in caches.of_instance(POD, place.line.namespace, place.app.name) if ours(pod)]
    return sorted(pods, key=lambda p: (label(p, COMPONENT), p["metadata"]["name"]))


async def client_of(runtime: Runtime, place: Place) -> Cluster:
    """Raises McdError unavailable when the cluster was never seen."""
    if not place.cluster.serves.kubernetes:
        raise McdError(
            Code.UNAVAILABLE,
            f'cluster "{place.cluster.name}" was not seen yet.',
            "Try again in a moment.",
            retry_after=5,
        )
    return await runtime.cluster(place.cluster.id, place.cluster.state.generation)


async def owned_pod(cluster: Cluster, place: Place, name: str) -> Object:
    """The pod of this name, if it hangs on an object of the App's inventory. Labels alone prove nothing: who may make a
    pod in the namespace may write any. Raises McdError not_found."""
    pod = await cluster.get(Ref("v1", "Pod", place.line.namespace, name))
    if pod is None or label(pod, INSTANCE) != place.app.name or not await _hangs_on_ours(cluster, place, pod):
        raise not_found("pod", name)
    return pod


async def refuse_simulated(cluster: Cluster, pod: Object) -> None:
    """Raises McdError(invalid) for a pod on a node that only plays one: nothing runs in it."""
    name = str(pod.get("spec", {}).get("nodeName") or "")
    node = await cluster.get(Ref("v1", "Node", "", name)) if name else None
    if node is not None and (node["metadata"].get("annotations") or {}).get(_PLAYED) is not None:
        raise McdError(
            Code.INVALID,
            f'the pod "{pod["metadata"]["name"]}" is on the simulated node {echo(name)}: nothing runs in it.',
            "Commands run in pods of real nodes only.",
        )


async def _hangs_on_ours(cluster: Cluster, place: Place, obj: Object) -> bool:
    uids = {entry.uid for entry in place.inventory if entry.uid}
    for _ in range(_OWNERS):
        if obj["metadata"].get("uid") in uids:
            return True
        owner = _owner(obj)
        if owner is None:
            return False
        above = await cluster.get(Ref(owner["apiVersion"], owner["kind"], place.line.namespace, owner["name"]))
        if above is None or above["metadata"].get("uid") != owner.get("uid"):
            return False
        obj = above
    return False


def _owner(obj: Mapping[str, Any]) -> Mapping[str, Any] | None:
    owners = obj["metadata"].get("ownerReferences") or ()
    return next((o for o in owners if o.get("controller")), owners[0] if owners else None)


def label(obj: Mapping[str, Any], name: str) -> str:
    return str((obj["metadata"].get("labels") or {}).get(name, ""))


def containers(pod: Mapping[str, Any]) -> Sequence[str]:
    """The names of the main containers; the first is the App's own, sidecars follow."""
    return [str(c["name"]) for c in pod.get("spec", {}).get("containers") or ()]


def container_of(pod: Mapping[str, Any], wanted: str | None) -> str:
    """Raises McdError not_found for a container that the pod does not have."""
    names = containers(pod)
    if wanted is None and names:
        default = str((pod["metadata"].get("annotations") or {}).get("kubectl.kubernetes.io/default-container", ""))
        return default if default in names else names[0]
    every = [*names, *(str(c["name"]) for c in pod.get("spec", {}).get("initContainers") or ())]
    if wanted not in every:
        raise McdError(
            Code.NOT_FOUND, f'the pod has no container "{echo(wanted or "")}".', f"It has: {', '.join(every)}."
        )
    return wanted


def statuses(pod: Mapping[str, Any]) -> dict[str, Mapping[str, Any]]:
    """Status of each container by its name."""
    return {str(s["name"]): s for s in pod.get("status", {}).get("containerStatuses") or ()}


def is_ready(pod: Mapping[str, Any]) -> bool:
    conditions = pod.get("status", {}).get("conditions") or ()
    return any(c.get("type") == "Ready" and c.get("status") == "True" for c in conditions)
