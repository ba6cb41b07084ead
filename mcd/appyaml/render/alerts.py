"""The built-in alerts of an App as one PrometheusRule (app-yaml 7.1).

A table of expressions; nothing is asked of Prometheus here. It must not know who is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mcd.appyaml.record import record
from mcd.appyaml.render.labels import app_labels, made
from mcd.appyaml.spec.app import AppSpec, ComponentSpec
from mcd.objects import Object


@record
class _Words:
    """What the expressions of one component are made of."""

    namespace: str
    base: str
    pods: str
    container: str
    series: str
    type: str

    @property
    def p(self) -> str:
        return f'namespace="{self.namespace}",pod=~"{self.pods}"'

    @property
    def c(self) -> str:
        return f'{self.p},container="{self.container}"'


@record
class _Alert:
    name: str
    concerns: Callable[[ComponentSpec], bool]
    expr: Callable[[_Words, str], str]
    wait: str
    threshold: str
    severity: str


_PODS: Mapping[str, str] = {
    "web": "{base}-[a-z0-9]+-[a-z0-9]{{5}}",
    "service": "{base}-[a-z0-9]+-[a-z0-9]{{5}}",
    "daemon": "{base}-[a-z0-9]+-[a-z0-9]{{5}}",
    "cron": "{base}-[0-9]+-[a-z0-9]{{5}}",
    "job": "{base}(-r[0-9]+)?-[a-z0-9]{{5}}",
}


def _long(component: ComponentSpec) -> bool:
    return component.long


def _always(component: ComponentSpec) -> bool:
    return True


def _web(component: ComponentSpec) -> bool:
    return component.type == "web"


def _not_ready(w: _Words, _: str) -> str:
    on = f'{{namespace="{w.namespace}",deployment="{w.base}"}}'
    return f"kube_deployment_status_replicas_available{on} < kube_deployment_spec_replicas{on}"


def _crash_looping(w: _Words, threshold: str) -> str:
    return f"increase(kube_pod_container_status_restarts_total{{{w.p}}}[15m]) > {threshold}"


def _oom_killed(w: _Words, _: str) -> str:
    if w.type in ("cron", "job"):
        return f'kube_pod_container_status_terminated_reason{{{w.p},reason="OOMKilled"}} == 1'
    return (
        f'kube_pod_container_status_last_terminated_reason{{{w.p},reason="OOMKilled"}} == 1'
        f" and on (namespace, pod, container) increase(kube_pod_container_status_restarts_total{{{w.p}}}[10m]) > 0"
    )


def _image_pull(w: _Words, _: str) -> str:
    reasons = "ImagePullBackOff|ErrImagePull|InvalidImageName"
    return f'kube_pod_container_status_waiting_reason{{{w.p},reason=~"{reasons}"}} == 1'


def _unschedulable(w: _Words, _: str) -> str:
    return f"kube_pod_status_unschedulable{{{w.p}}} == 1"


def _memory_high(w: _Words, threshold: str) -> str:
    return (
        f"max by (pod) (container_memory_working_set_bytes{{{w.c}}})"
        f' / max by (pod) (kube_pod_container_resource_limits{{{w.c},resource="memory"}}) > {threshold}'
    )


def _cpu_throttled(w: _Words, threshold: str) -> str:
    return (
        f"rate(container_cpu_cfs_throttled_periods_total{{{w.c}}}[5m])"
        f" / rate(container_cpu_cfs_periods_total{{{w.c}}}[5m]) > {threshold}"
    )


def _error_rate(w: _Words, threshold: str) -> str:
    return (
        f'sum(mcd:http_requests:rate1m{{{w.series},code="5xx"}})'
        f" / sum(mcd:http_requests:rate1m{{{w.series}}}) > {threshold}"
    )


def _slow(w: _Words, threshold: str) -> str:
    return f"histogram_quantile(0.95, sum by (le) (mcd:http_seconds_bucket:rate1m{{{w.series}}})) > {threshold}"


def _cron_missed(w: _Words, threshold: str) -> str:
    on = f'{{namespace="{w.namespace}",cronjob="{w.base}"}}'
    return f"time() - kube_cronjob_next_schedule_time{on} > {threshold}"


def _job_failed(w: _Words, _: str) -> str:
    on = f'{{namespace="{w.namespace}",job_name=~"{w.base}.*"}}'
    return (
        f"kube_job_status_failed{on} > 0 and on (namespace, job_name) time() - kube_job_status_start_time{on} < 86400"
    )


def _gpu_error(w: _Words, _: str) -> str:
    return f"increase(mcd:gpu_errors:total{{{w.p}}}[10m]) > 0"


BUILTIN = (
    _Alert("NotReady", _long, _not_ready, "10m", "", "critical"),
    _Alert("CrashLooping", _long, _crash_looping, "0m", "3", "critical"),
    _Alert("OomKilled", _always, _oom_killed, "0m", "", "warning"),
    _Alert("ImagePull", _always, _image_pull, "5m", "", "critical"),
    _Alert("Unschedulable", _always, _unschedulable, "10m", "", "warning"),
    _Alert("MemoryHigh", _long, _memory_high, "10m", "0.9", "warning"),
    _Alert("CpuThrottled", lambda c: c.resources.limit_cpu is not None, _cpu_throttled, "15m", "0.25", "info"),
    _Alert("ErrorRate", _web, _error_rate, "5m", "0.05", "critical"),
    _Alert("Slow", _web, _slow, "10m", "1", "warning"),
    _Alert("CronMissed", lambda c: c.type == "cron", _cron_missed, "0m", "900", "critical"),
    _Alert("JobFailed", lambda c: not c.long, _job_failed, "0m", "", "warning"),
    _Alert("GpuError", lambda c: c.resources.devices > 0, _gpu_error, "0m", "", "critical"),
)


def alerts(spec: AppSpec) -> list[Object]:
    """The PrometheusRule of the App, where the cluster reads one."""
    if not spec.cluster.prometheus_operator:
        return []
    labels = {**app_labels(spec), **spec.cluster.prometheus_labels}
    rule = made("monitoring.coreos.com/v1", "PrometheusRule", spec, spec.app, labels)
    rules = [
        _rule(spec, component, alert) for component in spec.components for alert in BUILTIN if alert.concerns(component)
    ]
    rule["spec"] = {"groups": [{"name": "mcd.builtin", "rules": rules}]}
    return [rule]


def _rule(spec: AppSpec, component: ComponentSpec, alert: _Alert) -> dict[str, Any]:
    words = _Words(
        namespace=spec.namespace,
        base=component.base,
        pods=_PODS[component.type].format(base=component.base),
        container=component.name,
        series=f'namespace="{spec.namespace}",app="{spec.app}",component="{component.name}"',
        type=component.type,
    )
    labels = {
        "app": spec.app,
        "builtin": "true",
        "component": component.name,
        "product_line": spec.product_line,
        "severity": alert.severity,
    }
    if spec.owners:
        labels["owners"] = ",".join(spec.owners)
    return {
        "alert": alert.name,
        "annotations": {"summary": f"{alert.name} on {spec.app}/{component.name}"},
        "expr": alert.expr(words, alert.threshold),
        "for": alert.wait,
        "labels": labels,
    }
