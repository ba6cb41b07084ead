"""The built-in alerts (app-yaml 7.1): for which components, and the expression of each.

A table. Names, times and severities are the schema's (schema/alert.py), because people tune them. It must not know who
is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

from mcd.appyaml.render.series import Series, latency, permdir_share, requests
from mcd.appyaml.spec.app import ComponentSpec


class Rule(NamedTuple):
    """`expr` takes the component and T; `needs` is what a component must have besides its type (None: nothing)."""

    expr: Callable[[Series, str], str]
    needs: Callable[[ComponentSpec], bool] | None = None


def _not_ready(of: Series, _: str) -> str:
    if of.workload == "StatefulSet":
        on = f'{{namespace="{of.namespace}",statefulset="{of.base}"}}'
        return f"kube_statefulset_status_replicas_ready{on} < kube_statefulset_replicas{on}"
    on = f'{{namespace="{of.namespace}",deployment="{of.base}"}}'
    return f"kube_deployment_status_replicas_available{on} < kube_deployment_spec_replicas{on}"


def _crash_looping(of: Series, threshold: str) -> str:
    return f"increase(kube_pod_container_status_restarts_total{{{of.p}}}[15m]) > {threshold}"


def _oom_killed(of: Series, _: str) -> str:
    if of.workload in ("cron", "job"):
        # Such a pod never starts again, so that it has no last reason.
        return f'kube_pod_container_status_terminated_reason{{{of.p},reason="OOMKilled"}} == 1'
    return (
        f'kube_pod_container_status_last_terminated_reason{{{of.p},reason="OOMKilled"}} == 1'
        f" and on (namespace, pod, container) increase(kube_pod_container_status_restarts_total{{{of.p}}}[10m]) > 0"
    )


def _image_pull(of: Series, _: str) -> str:
    reasons = "ImagePullBackOff|ErrImagePull|InvalidImageName"
    return f'kube_pod_container_status_waiting_reason{{{of.p},reason=~"{reasons}"}} == 1'


def _unschedulable(of: Series, _: str) -> str:
    return f"kube_pod_status_unschedulable{{{of.p}}} == 1"


def _memory_high(of: Series, threshold: str) -> str:
    return (
        f"max by (pod) (container_memory_working_set_bytes{{{of.c}}})"
        f' / max by (pod) (kube_pod_container_resource_limits{{{of.c},resource="memory"}}) > {threshold}'
    )


def _cpu_throttled(of: Series, threshold: str) -> str:
    return (
        f"rate(container_cpu_cfs_throttled_periods_total{{{of.c}}}[5m])"
        f" / rate(container_cpu_cfs_periods_total{{{of.c}}}[5m]) > {threshold}"
    )


def _error_rate(of: Series, threshold: str) -> str:
    return requests(of, ',code="5xx"') + f" / {requests(of)} > {threshold}"


def _slow(of: Series, threshold: str) -> str:
    return f"{latency(of, '0.95')} > {threshold}"


def _at_max_replicas(of: Series, _: str) -> str:
    on = f'{{namespace="{of.namespace}",horizontalpodautoscaler="{of.base}"}}'
    now, most = "kube_horizontalpodautoscaler_status_current_replicas", "kube_horizontalpodautoscaler_spec_max_replicas"
    return f"{now}{on} >= {most}{on}"


def _cron_missed(of: Series, threshold: str) -> str:
    on = f'{{namespace="{of.namespace}",cronjob="{of.base}"}}'
    return f"time() - kube_cronjob_next_schedule_time{on} > {threshold}"


def _job_failed(of: Series, _: str) -> str:
    on = f'{{namespace="{of.namespace}",job_name=~"{of.base}.*"}}'
    return (
        f"kube_job_status_failed{on} > 0 and on (namespace, job_name) time() - kube_job_status_start_time{on} < 86400"
    )


def _gpu_error(of: Series, _: str) -> str:
    return f"increase(mcd:gpu_errors:total{{{of.p}}}[10m]) > 0"


def _gpu_idle(of: Series, threshold: str) -> str:
    return f"avg(mcd:gpu_util:percent{{{of.p}}}) < {threshold}"


RULES: Mapping[str, Rule] = {
    "NotReady": Rule(_not_ready),
    "CrashLooping": Rule(_crash_looping),
    "OomKilled": Rule(_oom_killed),
    "ImagePull": Rule(_image_pull),
    "Unschedulable": Rule(_unschedulable),
    "MemoryHigh": Rule(_memory_high),
    "CpuThrottled": Rule(_cpu_throttled, lambda c: c.resources.limit_cpu is not None),
    "ErrorRate": Rule(_error_rate),
    "Slow": Rule(_slow),
    "AtMaxReplicas": Rule(_at_max_replicas, lambda c: c.autoscale is not None),
    "CronMissed": Rule(_cron_missed),
    "JobFailed": Rule(_job_failed),
    "GpuError": Rule(_gpu_error, lambda c: c.resources.devices > 0),
    "GpuIdle": Rule(_gpu_idle, lambda c: c.idle_gpu is not None),
}
"""All of BUILTIN but PermdirFull, which is about no component."""


def permdir_full(namespace: str, claim: str, threshold: str) -> str:
    return f"{permdir_share(namespace, claim)} > {threshold}"
