"""Where pods may stand and how many may leave at once: affinity, tolerations, spread, disruption budget.

It must not choose a pool: resolve has.
"""

from __future__ import annotations

from typing import Any

from mcd.appyaml.render.labels import component_labels, made, peers, stable
from mcd.appyaml.spec.app import AppSpec, ComponentSpec
from mcd.appyaml.spec.pod import Expression, Placement, PodTerm
from mcd.objects import COMPONENT, INSTANCE, Object

HOST = "kubernetes.io/hostname"
ZONE = "topology.kubernetes.io/zone"
_MUST, _MAY = "requiredDuringSchedulingIgnoredDuringExecution", "preferredDuringSchedulingIgnoredDuringExecution"


def placed(spec: AppSpec, component: ComponentSpec) -> dict[str, Any]:
    """The fields of a pod that hold it to its place."""
    placement = component.placement
    fields: dict[str, Any] = {}
    affinity = {
        "nodeAffinity": _to_nodes(placement),
        "podAffinity": _preferred(placement.near),
        "podAntiAffinity": _apart(spec, component),
    }
    if affinity := {name: rules for name, rules in affinity.items() if rules}:
        fields["affinity"] = affinity
    if placement.tolerations:
        fields["tolerations"] = [
            {"key": t.key, "operator": "Equal", "value": t.value, "effect": t.effect}
            if t.value
            else {"key": t.key, "operator": "Exists", "effect": t.effect}
            for t in placement.tolerations
        ]
    if placement.runtime_class:
        fields["runtimeClassName"] = placement.runtime_class
    return fields


def _to_nodes(placement: Placement) -> dict[str, Any]:
    """All that a node must have is one term: terms are alternatives."""
    rules: dict[str, Any] = {}
    if placement.expressions:
        rules[_MUST] = {"nodeSelectorTerms": [{"matchExpressions": [_in(each) for each in placement.expressions]}]}
    if placement.preferred:
        rules[_MAY] = [{"preference": {"matchExpressions": [_in(each)]}, "weight": 50} for each in placement.preferred]
    return rules


def _in(expression: Expression) -> dict[str, Any]:
    return {"key": expression.key, "operator": "In", "values": list(expression.values)}


def _preferred(terms: tuple[PodTerm, ...]) -> dict[str, Any]:
    """Beside them, or apart from them, on one node if possible."""
    if not terms:
        return {}
    return {_MAY: [{"podAffinityTerm": _on_one_host(_labels(term)), "weight": 100} for term in terms]}


def _labels(term: PodTerm) -> dict[str, str]:
    labels = {INSTANCE: term.app}
    if term.component:
        labels[COMPONENT] = term.component
    return labels


def _on_one_host(labels: dict[str, str]) -> dict[str, Any]:
    return {"labelSelector": {"matchLabels": labels}, "topologyKey": HOST}


def _apart(spec: AppSpec, component: ComponentSpec) -> dict[str, Any]:
    """Apart from others if possible; `strict`: from its own kind, always."""
    rules = _preferred(component.placement.avoid)
    if component.placement.spread == "strict":
        own = stable(spec, component) if component.long else peers(spec, component)
        rules[_MUST] = [_on_one_host(own)]
    return rules


def spread(spec: AppSpec, component: ComponentSpec) -> list[dict[str, Any]]:
    """Evenly over the nodes or zones if possible, from 2 replicas."""
    if not component.long or component.most < 2 or component.placement.spread not in ("host", "zone"):
        return []
    constraint: dict[str, Any] = {
        "maxSkew": 1,
        "topologyKey": ZONE if component.placement.spread == "zone" else HOST,
        "whenUnsatisfiable": "ScheduleAnyway",
        "labelSelector": {"matchLabels": stable(spec, component)},
    }
    if component.stateful is None:
        constraint["matchLabelKeys"] = ["pod-template-hash"]
    return [constraint]


def disruption_budget(spec: AppSpec, component: ComponentSpec) -> list[Object]:
    """From 2 replicas: one pod may leave at a time, and a pod that is broken already may always leave."""
    if not component.long or component.most < 2:
        return []
    budget = made("policy/v1", "PodDisruptionBudget", spec, component.base, component_labels(spec, component))
    budget["spec"] = {
        "maxUnavailable": 1,
        "selector": {"matchLabels": stable(spec, component)},
        "unhealthyPodEvictionPolicy": "AlwaysAllow",
    }
    return [budget]
