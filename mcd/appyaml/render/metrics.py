"""Who reads a program's metrics: a PodMonitor, or annotations where no operator reads one (app-yaml 6.7, 6.15).

It must not be a ServiceMonitor: with sign-in or an entry sidecar the Service does not lead to the port of metrics.
"""

from __future__ import annotations

from mcd.appyaml.render.labels import component_labels, made, peers
from mcd.appyaml.spec.app import AppSpec, ComponentSpec
from mcd.objects import Object


def pod_monitor(spec: AppSpec, component: ComponentSpec) -> list[Object]:
    """The PodMonitor, where the cluster reads one."""
    metrics = component.metrics
    if metrics is None or not spec.cluster.prometheus_operator:
        return []
    labels = {**component_labels(spec, component), **spec.cluster.prometheus_labels}
    monitor = made("monitoring.coreos.com/v1", "PodMonitor", spec, component.base, labels)
    monitor["spec"] = {
        "podMetricsEndpoints": [
            {"port": metrics.name, "path": metrics.path, "interval": f"{metrics.interval}s"},
        ],
        "selector": {"matchLabels": peers(spec, component)},
    }
    return [monitor]


def scraped(spec: AppSpec, component: ComponentSpec) -> dict[str, str]:
    """The annotations of a pod that say the same to a Prometheus without an operator."""
    metrics = component.metrics
    if metrics is None or spec.cluster.prometheus_operator:
        return {}
    return {
        "prometheus.io/scrape": "true",
        "prometheus.io/port": str(metrics.port),
        "prometheus.io/path": metrics.path,
    }
