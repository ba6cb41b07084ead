"""Why nobody reaches pods that are ready: Services that lead to none of them, routes that no gateway takes.

Pure, over live objects.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from mcd.errors import echo
from mcd.kube.explain.facts import Cause, app_of, clean, evidence
from mcd.model.why import Note, Told, Value, Why, told
from mcd.objects import Object


def explain_service(
    component: str, service: Object, pods: Sequence[Object], counts: Mapping[str, Value]
) -> Cause | None:
    """A Service that leads to none of the pods. None when it does, or when there are no pods to lead to."""
    spec = service.get("spec") or {}
    there = [p for p in pods if not p["metadata"].get("deletionTimestamp")]
    if not there or spec.get("type") == "ExternalName" or not spec.get("selector"):
        return None
    what = _leads_nowhere(spec, there)
    if what is None:
        return None
    name = echo(str(service["metadata"]["name"]))
    words = told(
        Why.SERVICE_WITHOUT_ENDPOINTS, **counts, name=name, what=what, app=app_of(service), component=echo(component)
    )
    return Cause(words, (), True)


def _leads_nowhere(spec: Mapping[str, Any], pods: Sequence[Object]) -> Told | None:
    wanted = dict(spec["selector"])
    chosen = [p for p in pods if wanted.items() <= (p["metadata"].get("labels") or {}).items()]
    if not chosen:
        words = ", ".join(f"{key}={value}" for key, value in sorted(wanted.items()))
        return told(Note.SELECTS_NONE, selector=echo(words, 200))
    for port in spec.get("ports") or ():
        target = port.get("targetPort")
        named = {
            p.get("name")
            for pod in chosen
            for container in [*(pod["spec"].get("initContainers") or ()), *(pod["spec"].get("containers") or ())]
            for p in container.get("ports") or ()
        }
        if isinstance(target, str) and not target.isdigit() and target not in named:
            return told(Note.NO_SUCH_PORT, port=echo(target))
    return None


def explain_route(component: str, route: Object, counts: Mapping[str, Value]) -> Cause | None:
    """A route that the gateway refuses (final), or that none has taken yet. None when it is taken."""
    name = echo(str(route["metadata"]["name"]))
    parents = (route.get("status") or {}).get("parents") or ()
    refusals = [c for p in parents for c in _refusing(p, int(route["metadata"].get("generation") or 0))]
    if refusals:
        said = clean(str(refusals[0].get("message") or refusals[0].get("reason")))
        words = told(
            Why.ROUTE_NOT_ACCEPTED, **counts, name=name, kind=echo(str(refusals[0].get("reason"))), said=said,
            component=echo(component),
        )  # fmt: skip
        return Cause(words, evidence("\n".join(str(c.get("message", "")) for c in refusals)), True)
    if not any(_accepting(p) for p in parents):
        return Cause(told(Why.ROUTE_WAITS, **counts, name=name, component=echo(component)))
    return None


def _refusing(parent: Mapping[str, Any], generation: int) -> list[Mapping[str, Any]]:
    return [
        c
        for c in parent.get("conditions") or ()
        if c.get("type") in ("Accepted", "ResolvedRefs")
        and c.get("status") == "False"
        and c.get("reason") not in ("Pending", "BackendNotFound")
        and int(c.get("observedGeneration") or generation) >= generation
    ]


def _accepting(parent: Mapping[str, Any]) -> bool:
    return any(c.get("type") == "Accepted" and c.get("status") == "True" for c in parent.get("conditions") or ())
