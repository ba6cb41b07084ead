"""How many pods there are by load: HorizontalPodAutoscaler, or ScaledObject and TriggerAuthentication (app-yaml 6.9).

It must not hold a credential: it names the Secret and its keys.
"""

from __future__ import annotations

from typing import Any

from mcd.appyaml.render.labels import component_labels, made, series
from mcd.appyaml.spec.app import AppSpec, ComponentSpec
from mcd.appyaml.spec.scaling import AutoscaleSpec, QueueSpec
from mcd.appyaml.text.units import number_text
from mcd.objects import Object

KEDA = "keda.sh/v1alpha1"

_CREDENTIALS = {
    "rabbitmq": (("host", "url"),),
    "kafka": (("sasl", "sasl"), ("username", "user"), ("password", "password")),
    "redis": (("host", "host"), ("port", "port"), ("username", "user"), ("password", "password")),
}
"""Kind of queue → parameter of the trigger and the key of the Secret that has it."""


def scaler(spec: AppSpec, component: ComponentSpec) -> list[Object]:
    """What moves `spec.replicas` of the workload; nothing without `autoscale`."""
    autoscale = component.autoscale
    if autoscale is None:
        return []
    if autoscale.by_resources:
        return [_hpa(spec, component, autoscale)]
    objects = [_scaled_object(spec, component, autoscale)]
    if autoscale.queue is not None:
        objects.append(_authentication(spec, component, autoscale.queue))
    return objects


def _target(component: ComponentSpec) -> dict[str, Any]:
    return {"apiVersion": "apps/v1", "kind": component.workload, "name": component.base}


def _behavior(autoscale: AutoscaleSpec) -> dict[str, Any]:
    return {"scaleDown": {"stabilizationWindowSeconds": autoscale.cooldown}}


def _hpa(spec: AppSpec, component: ComponentSpec, autoscale: AutoscaleSpec) -> Object:
    hpa = made("autoscaling/v2", "HorizontalPodAutoscaler", spec, component.base, component_labels(spec, component))
    hpa["spec"] = {
        "behavior": _behavior(autoscale),
        "maxReplicas": autoscale.max,
        "metrics": [
            {
                "type": "Resource",
                "resource": {"name": word, "target": {"averageUtilization": target, "type": "Utilization"}},
            }
            for word, target in (("cpu", autoscale.cpu), ("memory", autoscale.memory))
            if target is not None
        ],
        "minReplicas": autoscale.min,
        "scaleTargetRef": _target(component),
    }
    return hpa


def _scaled_object(spec: AppSpec, component: ComponentSpec, autoscale: AutoscaleSpec) -> Object:
    scaled = made(KEDA, "ScaledObject", spec, component.base, component_labels(spec, component))
    scaled["spec"] = {
        "advanced": {
            "horizontalPodAutoscalerConfig": {"behavior": _behavior(autoscale), "name": component.base},
        },
        "cooldownPeriod": autoscale.cooldown,
        "maxReplicaCount": autoscale.max,
        "minReplicaCount": autoscale.min,
        "scaleTargetRef": _target(component),
        "triggers": _triggers(spec, component, autoscale),
    }
    return scaled


def _triggers(spec: AppSpec, component: ComponentSpec, autoscale: AutoscaleSpec) -> list[dict[str, Any]]:
    """In the order of the page, whatever the order of the file."""
    triggers: list[dict[str, Any]] = [
        {"type": word, "metricType": "Utilization", "metadata": {"value": str(target)}}
        for word, target in (("cpu", autoscale.cpu), ("memory", autoscale.memory))
        if target is not None
    ]
    url, own = spec.cluster.prometheus_url, series(spec, component)
    if autoscale.rps is not None:
        query = f"sum(mcd:http_requests:rate1m{{{own}}})"
        triggers.append(_prometheus(url, query, str(autoscale.rps), average=True))
    if autoscale.p95 is not None:
        query = f"histogram_quantile(0.95, sum by (le) (mcd:http_seconds_bucket:rate1m{{{own}}}))"
        triggers.append(_prometheus(url, query, number_text(autoscale.p95), average=False))
    if autoscale.queue is not None:
        triggers.append(_backlog(component, autoscale.queue))
    if autoscale.promql is not None:
        promql = autoscale.promql
        triggers.append(_prometheus(url, promql.query, number_text(promql.target), average=promql.average))
    return triggers


def _prometheus(url: str, query: str, threshold: str, *, average: bool) -> dict[str, Any]:
    return {
        "type": "prometheus",
        "metricType": "AverageValue" if average else "Value",
        "metadata": {"query": query, "serverAddress": url, "threshold": threshold},
    }


def _backlog(component: ComponentSpec, queue: QueueSpec) -> dict[str, Any]:
    infra, length = queue.infra, str(queue.length)
    if infra.type == "kafka":
        metadata = {
            "bootstrapServersFromEnv": infra.variable("brokers"),
            "consumerGroup": queue.group,
            "lagThreshold": length,
            "topic": queue.name,
        }
    elif infra.type == "redis":
        metadata = {"listLength": length, "listName": queue.name}
    else:
        metadata = {"mode": "QueueLength", "protocol": "amqp", "queueName": queue.name, "value": length}
    return {"type": infra.type, "authenticationRef": {"name": component.base}, "metadata": metadata}


def _authentication(spec: AppSpec, component: ComponentSpec, queue: QueueSpec) -> Object:
    authentication = made(KEDA, "TriggerAuthentication", spec, component.base, component_labels(spec, component))
    authentication["spec"] = {
        "secretTargetRef": [
            {"parameter": parameter, "name": queue.infra.secret, "key": key}
            for parameter, key in _CREDENTIALS[queue.infra.type]
        ]
    }
    return authentication
