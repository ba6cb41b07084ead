"""Provokes states on a running cluster, all at once, waits until each is told, and keeps what was seen then.

Every wait has a deadline. It deletes what it made, and nothing else.
"""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from mcd.kube.explain import Seen, explain
from mcd.model.why import Language
from mcd.objects import COMPONENT as COMPONENT_LABEL
from mcd.objects import Object
from scripts.cluster.api import Api, kubectl
from tests.capture.given import COMPONENT
from tests.capture.judge import FOLDER, Case, component_health, explanation, from_yaml
from tests.capture.registry import NAME as REGISTRY_NAME
from tests.capture.states import REGISTRY, State
from tests.capture.trim import scrubbed, trimmed

EVERY = 0.5
"""Seconds between two looks at all of them."""

_LISTS = {
    "Pod": "/api/v1/pods",
    "Event": "/api/v1/events",
    "Node": "/api/v1/nodes",
    "ReplicaSet": "/apis/apps/v1/replicasets",
    "Deployment": "/apis/apps/v1/deployments",
    "Job": "/apis/batch/v1/jobs",
    "CronJob": "/apis/batch/v1/cronjobs",
    "Service": "/api/v1/services",
    "HorizontalPodAutoscaler": "/apis/autoscaling/v2/horizontalpodautoscalers",
    "HTTPRoute": "/apis/gateway.networking.k8s.io/v1/httproutes",
    "ListenerSet": "/apis/gateway.networking.k8s.io/v1/listenersets",
    "Certificate": "/apis/cert-manager.io/v1/certificates",
    "ScaledObject": "/apis/keda.sh/v1alpha1/scaledobjects",
}
_AROUND = ("Service", "HorizontalPodAutoscaler", "ListenerSet", "Certificate", "ScaledObject")
_VERSIONS = {
    "Pod": "v1", "Event": "v1", "Node": "v1", "ReplicaSet": "apps/v1", "Deployment": "apps/v1", "Job": "batch/v1",
    "CronJob": "batch/v1", "Service": "v1", "HorizontalPodAutoscaler": "autoscaling/v2",
    "HTTPRoute": "gateway.networking.k8s.io/v1", "ListenerSet": "gateway.networking.k8s.io/v1",
    "Certificate": "cert-manager.io/v1", "ScaledObject": "keda.sh/v1alpha1",
}  # fmt: skip


@dataclass
class Stage:
    """A cluster to provoke states on. `paths` are texts of the machine and what stands for them in what is kept."""

    api: Api
    kubeconfig: Path
    kubernetes: str
    registry: str
    paths: Mapping[str, str]
    taken: dict[str, float] = field(default_factory=dict)

    def kubectl(self, *words: str, text: str = "", seconds: float = 180) -> str:
        command = [kubectl(), "--kubeconfig", str(self.kubeconfig), *words]
        ended = subprocess.run(command, input=text, capture_output=True, text=True, check=False, timeout=seconds)
        if ended.returncode:
            raise RuntimeError(f"kubectl {' '.join(words[:3])}: {ended.stderr.strip()[-600:]}")
        return ended.stdout

    def apply(self, objects: Iterable[Object]) -> None:
        items = json.dumps({"apiVersion": "v1", "kind": "List", "items": list(objects)}).replace(
            REGISTRY, self.registry
        )
        self.kubectl("apply", "--server-side", "--force-conflicts", "-f", "-", text=items)


def namespace_of(state: State) -> str:
    return f"why-{state.case}"


def provoke(stage: Stage, states: Sequence[State]) -> None:
    """Namespaces, what stands outside of them, what has to be there first, and then the states themselves."""
    stage.apply([_namespace(state) for state in states] + [obj for state in states for obj in state.wide])
    first = [_in(state, obj) for state in states for obj in state.first]
    if first:
        stage.apply(first)
        for state in states:
            for _ in state.first:
                stage.kubectl("-n", namespace_of(state), "rollout", "status", "deployment/engine-train",
                              "--timeout=60s")  # fmt: skip


def begin(stage: Stage, states: Sequence[State]) -> None:
    """The states themselves, each at its own moment: what is told of one does not wait for the others."""
    for state in states:
        stage.apply([_in(state, obj) for obj in state.objects])


def _namespace(state: State) -> Object:
    labels = {"pod-security.kubernetes.io/enforce": "privileged", "mcd.internal/capture": "why", **state.labels}
    return {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": namespace_of(state), "labels": labels}}


def _in(state: State, obj: Object) -> Object:
    return {**obj, "metadata": {**obj["metadata"], "namespace": namespace_of(state)}}


@dataclass
class World:
    """All objects of the captured namespaces at one moment."""

    now: datetime
    by_kind: Mapping[str, Sequence[Object]]

    def of(self, kind: str, namespace: str) -> list[Object]:
        return [obj for obj in self.by_kind[kind] if obj["metadata"].get("namespace") == namespace]


def look(stage: Stage) -> World:
    found: dict[str, Sequence[Object]] = {}
    for kind, path in _LISTS.items():
        status, answer = stage.api.get(path)
        if status != 200:
            raise RuntimeError(f"{path}: {status} {answer}")
        found[kind] = [{"apiVersion": _VERSIONS[kind], "kind": kind, **item} for item in answer["items"]]
    return World(datetime.now(UTC), found)


def seen(stage: Stage, state: State, world: World) -> Case:
    """What there is of one state, as the explanation is given it."""
    space = namespace_of(state)
    own = {obj["metadata"]["name"] for obj in state.wide if obj["kind"] == "Node"}
    nodes = [n for n in world.by_kind["Node"] if not n["metadata"]["name"].startswith("why-")
             or n["metadata"]["name"] in own]  # fmt: skip
    pods = world.of("Pod", space)
    ours = [p for p in pods if p["metadata"]["labels"].get(COMPONENT_LABEL) == COMPONENT]
    waits = any(_is_false(p, "PodScheduled") or _is_false(p, "Ready") for p in ours)
    case: Case = {
        "state": state.why.value,
        "source": state.source,
        "kubernetes": stage.kubernetes,
        "taken": f"{world.now:%Y-%m-%d}",
        "kind": state.kind,
        "now": world.now.replace(microsecond=0).isoformat(),
        "workload": next((o for o in world.of(state.kind, space) if o["metadata"]["name"] == "shop-web"), None),
        "replica_sets": [r for r in world.of("ReplicaSet", space) if r["metadata"]["name"].startswith("shop-web")],
        "pods": ours,
        "events": world.of("Event", space),
        "nodes": nodes if waits else [],
        "placed": [p for p in pods if (p.get("spec") or {}).get("nodeName")] if waits else [],
        "routes": world.of("HTTPRoute", space),
        "around": [obj for kind in _AROUND for obj in world.of(kind, space)],
        "log": [],
    }
    return case


def _is_false(pod: Object, name: str) -> bool:
    conditions = (pod.get("status") or {}).get("conditions") or ()
    return any(c["type"] == name and c["status"] != "True" for c in conditions)


def with_log(stage: Stage, state: State, case: Case) -> Case:
    """With the last lines of the container that died, as MCD reads them."""
    cause = explain(COMPONENT, Seen(case["pods"], case["events"]))
    if cause is None or not cause.container:
        return case
    base = f"/api/v1/namespaces/{namespace_of(state)}/pods/{cause.pod}/log?container={cause.container}&tailLines=20"
    for previous in ("&previous=true", ""):
        status, text = stage.api.get(base + previous)
        lines = [line for line in str(text).splitlines() if "unable to retrieve container logs" not in line]
        if status == 200 and lines:
            return {**case, "log": lines[-20:]}
    return case


def kept(case: Case, stage: Stage) -> Case:
    """What is stored: cut, and free of what differs each time."""
    small = {**case}
    for key in ("replica_sets", "pods", "events", "nodes", "placed", "routes", "around"):
        small[key] = [trimmed(obj) for obj in case[key]]
    small["events"] = _last_events(small["events"])
    small["workload"] = trimmed(case["workload"]) if case["workload"] is not None else None
    small["pods"] = _telling(small)
    found: Case = from_yaml(scrubbed(as_yaml(small), {**stage.paths, stage.registry: REGISTRY_NAME}))
    return found


_PODS = 3


def _telling(case: Case) -> list[Object]:
    """The pods that are told of: of many that end alike, some."""
    cause = explain(COMPONENT, Seen(case["pods"], case["events"], case["nodes"], case["placed"]))
    first = [p for p in case["pods"] if cause is not None and p["metadata"]["name"] == cause.pod]
    return [*first, *(p for p in case["pods"] if p not in first)][:_PODS]


class _Plain(yaml.SafeDumper):
    """Without anchors: each object can be read alone."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def as_yaml(value: Any) -> str:
    return str(yaml.dump(value, Dumper=_Plain, sort_keys=False, allow_unicode=True, width=200))


_EVENTS = 12


def _last_events(events: Sequence[Object]) -> list[Object]:
    return sorted(events, key=lambda e: str(e.get("lastTimestamp") or e.get("eventTime") or ""))[-_EVENTS:]


def write(case: Case, name: str, seconds: float) -> None:
    """`objects.yaml` with its header, and what is told of it in both languages."""
    folder = FOLDER / name
    folder.mkdir(parents=True, exist_ok=True)
    where = "the real node" if case["source"] == "real" else f"nodes that are {case['source']} (real control plane)"
    head = f"# Captured by `make capture` from {where}, Kubernetes {case['kubernetes']}, {case['taken']}.\n"
    whole = {**case, "seconds": round(max(seconds, 0.0), 1)}
    (folder / "objects.yaml").write_text(head + as_yaml(whole), encoding="utf-8")


_TIMED = ("workload", "pods", "events", "routes", "around", "namespace")


def newest_stamp(case: Case, now: datetime, keys: Sequence[str] = _TIMED) -> datetime:
    """When the cluster knew: the newest time in the objects that explain."""
    found: list[datetime] = []

    def walk(value: Any) -> None:
        if isinstance(value, Mapping):
            for each in value.values():
                walk(each)
        elif isinstance(value, list):
            for each in value:
                walk(each)
        elif isinstance(value, str) and len(value) in (20, 27) and value.endswith("Z"):
            try:
                found.append(datetime.fromisoformat(value))
            except ValueError:
                return

    for key in keys:
        walk(case.get(key))
    return max((t for t in found if t <= now), default=now)


def told(case: Case, state: State) -> bool:
    found = explanation(case, Language.EN)
    return found.why is state.why and state.has in found.sentence and bool(component_health(case).told)


def take(stage: Stage, states: Sequence[State], say: Any) -> list[State]:
    """Waits for all of them and keeps each as it comes. Answers those that did not come."""
    pending = {state.case: state for state in states}
    changed: set[tuple[str, int]] = set()
    began = time.monotonic()
    while pending and time.monotonic() - began < max(s.seconds + s.patience for s in pending.values()):
        world = look(stage)
        for state in list(pending.values()):
            _change(stage, state, changed)
            case = seen(stage, state, world)
            if not told(case, state):
                case = with_log(stage, state, case)
                if not told(case, state):
                    continue
            else:
                case = with_log(stage, state, case)
            known = datetime.now(UTC)
            small = kept(case, stage)
            if not told(small, state):
                say(f"{state.case}: is told of what was seen, and not of what would be kept")
                continue
            stamp = newest_stamp(small, world.now, ("around",) if state.patience else _TIMED)
            seconds = (known - stamp).total_seconds() - state.patience
            write(small, state.case, seconds)
            say(f"{state.case}: {seconds:.1f} s")
            del pending[state.case]
        time.sleep(EVERY)
    for state in pending.values():
        case = with_log(stage, state, seen(stage, state, look(stage)))
        found = explanation(case, Language.EN)
        say(f"{state.case}: did not come; it says {found.why.value}: {found.sentence}")
    return list(pending.values())


def _change(stage: Stage, state: State, changed: set[tuple[str, int]]) -> None:
    space = namespace_of(state)
    for number, change in enumerate(state.then):
        if (state.case, number) in changed:
            continue
        if change.after is not None:
            status, answer = stage.api.get(change.watch.format(namespace=space))
            if status != 200 or not change.after(answer):
                return
        status, answer = stage.api.send(change.method, change.path.format(namespace=space), change.body)
        if status not in (200, 201, 202):
            raise RuntimeError(f"{state.case}: {change.method} {change.path}: {status} {answer}")
        changed.add((state.case, number))


def clean_up(stage: Stage, states: Sequence[State]) -> None:
    """Takes away what `provoke` made; finalizers of ours first, or nothing would end."""
    for state in states:
        for obj in state.objects:
            if obj["metadata"].get("finalizers"):
                stage.kubectl("-n", namespace_of(state), "patch", obj["kind"], obj["metadata"]["name"], "--type=merge",
                              "-p", '{"metadata":{"finalizers":null}}')  # fmt: skip
        for obj in state.wide:
            stage.kubectl("delete", obj["kind"], obj["metadata"]["name"], "--ignore-not-found", "--wait=false")
    stage.kubectl("delete", "namespace", "-l", "mcd.internal/capture=why", "--wait=false")
