"""Where pods may stand and how many may leave at once: affinity, tolerations, spread, disruption budget.

It must not choose a pool: resolve has.
"""

from __future__ import annotations

from typing import Any

from mcd.appyaml.render.labels import component_labels, made, stable
from mcd.appyaml.spec.app import AppSpec, ComponentSpec
from mcd.appyaml.spec.pod import Placement
from mcd.objects import Object


def placed(placement: Placement) -> dict[str, Any]:
    """The fields of a pod that hold it to its pool."""
    fields: dict[str, Any] = {}
    if placement.expressions:
        terms = [
            {
                "matchExpressions": [
                    {"key": e.key, "operator": "In", "values": list(e.values)} for e in placement.expressions
                ]
            }
        ]
        required = {"requiredDuringSchedulingIgnoredDuringExecution": {"nodeSelectorTerms": terms}}
        fields["affinity"] = {"nodeAffinity": required}
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


def spread(spec: AppSpec, component: ComponentSpec) -> list[dict[str, Any]]:
    """Evenly over the nodes if possible, from 2 replicas."""
    if not component.long or component.most < 2:
        return []
    constraint: dict[str, Any] = {
        "maxSkew": 1,
        "topologyKey": "kubernetes.io/hostname",
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
