"""Looks at the components of an App: gathers what `health.py` needs to judge, and the last words of what died.

With synced caches a healthy App costs no request; events, nodes and logs are asked for only when something is wrong. It
must not judge or wait.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import compress
from types import MappingProxyType

from mcd.errors import echo
from mcd.kube import around
from mcd.kube.cluster import Kind, KubeError
from mcd.kube.explain import EVIDENCE_LINES, Cause, Seen, explain, with_last_lines
from mcd.kube.handover import versions
from mcd.kube.health import WORKLOADS, Found, health, looked_at, needs
from mcd.kube.kinds import NODE
from mcd.kube.lines import text_of
from mcd.kube.live import LiveObjects
from mcd.model import ComponentHealth, HealthState, Reason
from mcd.model.why import Note, told, whole
from mcd.objects import COMPONENT, Object, Ref, ref_of

POD = Kind("v1", "Pod")
REPLICA_SET = Kind("apps/v1", "ReplicaSet")
EVENT = Kind("v1", "Event")

_NO_LOG = b"unable to retrieve container logs for "
"""What a kubelet says, as if it were a line of the log, when the container is gone with its log."""

_DIED = frozenset({Reason.CRASH_LOOPING, Reason.OOM_KILLED})
_FINE = frozenset({HealthState.HEALTHY, HealthState.STOPPED})


@dataclass(frozen=True, slots=True)
class _Component:
    name: str
    kind: str
    found: Found


async def look(
    live: LiveObjects,
    namespace: str,
    app: str,
    objects: Sequence[Object],
    now: datetime,
    *,
    answers: Mapping[Ref, Object] = MappingProxyType({}),
    simulated: Collection[str] = (),
) -> tuple[ComponentHealth, ...]:
    """The health of each component that has a workload among the desired `objects`, by name. What was written a moment
    ago is taken as the API server answered: a cache may still hold what was there before, healthy as it was.
    `simulated` are the nodes in which nothing runs, whatever their pods say."""
    components = await _gather(live, namespace, app, objects, answers)
    judged = [health(c.name, c.kind, c.found, now) for c in components]
    unclear = [j.state not in _FINE and _explicable(c) for c, j in zip(components, judged, strict=True)]
    if not any(unclear):
        return tuple(_played(c, j, simulated) for c, j in zip(components, judged, strict=True))
    told = await _told(live, namespace, list(compress(components, unclear)))
    told_of = []
    for component, first, ask in zip(components, judged, unclear, strict=True):
        if not ask:
            told_of.append(first)
            continue
        seen = replace(told, pods=component.found.seen.pods, now=now)
        again = health(component.name, component.kind, replace(component.found, seen=seen), now)
        told_of.append(await _last_words(live, namespace, component, seen, again))
    return tuple(_played(c, a, simulated) for c, a in zip(components, told_of, strict=True))


def _explicable(component: _Component) -> bool:
    """Whether the cluster can have said why it is as it is: of what was written a moment ago it has said nothing."""
    return component.found.workload is not None and looked_at(component.found.workload)


def _played(component: _Component, judged: ComponentHealth, simulated: Collection[str]) -> ComponentHealth:
    """With how many of its pods are played by a simulated node."""
    pods = [p for p in component.found.seen.pods if p["spec"].get("nodeName") in simulated]
    if not pods or not judged.told:
        return judged
    says = (*judged.told, told(Note.SIMULATED, n=len(pods)))
    return replace(judged, told=says, message=whole(says))


async def _gather(
    live: LiveObjects, namespace: str, app: str, objects: Sequence[Object], answers: Mapping[Ref, Object]
) -> list[_Component]:
    wanted = sorted((o for o in objects if o["kind"] in WORKLOADS), key=lambda o: str(_component(o)))
    routes = [o for o in objects if o["kind"] == "HTTPRoute"]
    beside = [o for o in objects if o["kind"] in around.KINDS]
    refs = [ref_of(o) for o in (*wanted, *routes, *beside)]
    found = {**await live.get(ref for ref in refs if ref not in answers), **answers}
    pods = await live.of_app(POD, namespace, app)
    replica_sets = await live.of_app(REPLICA_SET, namespace, app)
    return [
        _Component(
            _component(workload),
            workload["kind"],
            Found(
                found[ref_of(workload)],
                [r for r in replica_sets if _component(r) == _component(workload)],
                [r for o in routes if _component(o) == _component(workload) and (r := found[ref_of(o)]) is not None],
                [b for o in beside if _component(o) == _component(workload) and (b := found[ref_of(o)]) is not None],
                Seen([p for p in pods if _component(p) == _component(workload)]),
            ),
        )
        for workload in wanted
    ]


def _component(obj: Object) -> str:
    return str((obj["metadata"].get("labels") or {}).get(COMPONENT, ""))


async def _told(live: LiveObjects, namespace: str, components: Sequence[_Component]) -> Seen:
    """Events of the namespace; nodes and all pods when a pod waits for a node. What may not be read is left out: the
    sentence is then less exact, and true all the same."""
    pods = [p for c in components for p in c.found.seen.pods]
    events, placing = needs(pods)
    no_pods = any(not c.found.seen.pods for c in components)
    return Seen(
        events=await _listed(live, EVENT, namespace) if events or no_pods else (),
        nodes=await _listed(live, NODE) if placing else (),
        placed=await _listed(live, POD) if placing else (),
    )


async def _listed(live: LiveObjects, kind: Kind, namespace: str = "") -> Sequence[Object]:
    try:
        return (await live.cluster.list(kind, namespace)).objects
    except KubeError:
        return ()


async def _last_words(
    live: LiveObjects, namespace: str, component: _Component, seen: Seen, judged: ComponentHealth
) -> ComponentHealth:
    """Adds the last lines of the log of the container that died."""
    if judged.reason not in _DIED:
        return judged
    newest = seen.pods
    if component.found.workload is not None:
        newest = versions(component.found.workload, component.found.replica_sets, seen.pods).new
    cause = explain(component.name, replace(seen, pods=newest))
    if cause is None or not cause.container:
        return judged
    # Between two tries the log of the dead container is the present one; "previous" would be the run before it.
    for previous in (cause.previous, not cause.previous):
        try:
            stream = live.cluster.logs(namespace, cause.pod, cause.container, previous=previous, tail=EVIDENCE_LINES)
            told = [line async for line in stream if not line.startswith(_NO_LOG)]
            lines = tuple(echo(text_of(line), 400) for line in told)
        except KubeError:
            # The dead container's log may be gone with it, or the node may not answer: the sentence stands alone.
            continue
        if lines:
            return told_with(judged, cause, with_last_lines(cause, lines), lines)
    return judged


def told_with(judged: ComponentHealth, before: Cause, after: Cause, lines: Sequence[str]) -> ComponentHealth:
    """The judgement with the last lines of what died, and with what they tell of its cause."""
    known = replace(judged, evidence=(*judged.evidence, *lines))
    if after.told == before.told or judged.told[:1] != (before.told,):
        return known
    says = (after.told, *judged.told[1:])
    return replace(known, told=says, message=whole(says))
