"""What alerts ask Prometheus about one component: its labels, its pods, and the metrics that people name (app-yaml 7).

Expressions only; nothing is asked here. It must not know who is told.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from mcd.appyaml.record import record
from mcd.appyaml.render.labels import series
from mcd.appyaml.spec.app import AppSpec, ComponentSpec

_OF_DEPLOYMENT = "{base}-[a-z0-9]+-[a-z0-9]{{5}}"
_PODS: Mapping[str, str] = {
    "Deployment": _OF_DEPLOYMENT,
    "StatefulSet": "{base}-[0-9]+",
    "cron": "{base}-[0-9]+-[a-z0-9]{{5}}",
    "job": "{base}(-r[0-9]+)?-[a-z0-9]{{5}}",
}


@record
class Series:
    """What the expressions about one component are made of: labels that select its pods (`p`), its main containers
    (`c`) and the series that MCD records of it (`own`, S of the specification); `claim` names the App's shared
    directory."""

    namespace: str
    base: str
    workload: str
    p: str
    c: str
    own: str
    claim: str


def series_of(spec: AppSpec, component: ComponentSpec) -> Series:
    """A component, as Prometheus knows it."""
    workload = component.workload if component.long else component.type
    pods = _PODS[workload].format(base=component.base + ("(-canary)?" if component.canary else ""))
    p = f'namespace="{spec.namespace}",pod=~"{pods}"'
    return Series(
        namespace=spec.namespace,
        base=component.base,
        workload=workload,
        p=p,
        c=f'{p},container="{component.name}"',
        own=series(spec, component),
        claim=spec.permdir.claim if spec.permdir is not None else "",
    )


def requests(of: Series, more: str = "") -> str:
    """Requests per second, all or those with more labels."""
    return f"sum(mcd:http_requests:rate1m{{{of.own}{more}}})"


def latency(of: Series, quantile: str) -> str:
    """The time in seconds in which so large a share of the requests is answered."""
    return f"histogram_quantile({quantile}, sum by (le) (mcd:http_seconds_bucket:rate1m{{{of.own}}}))"


def permdir_share(namespace: str, claim: str) -> str:
    """How full the shared directory is, 0 to 1."""
    on = f'{{namespace="{namespace}",persistentvolumeclaim="{claim}"}}'
    return f"kubelet_volume_stats_used_bytes{on} / kubelet_volume_stats_capacity_bytes{on}"


def _cpu(of: Series) -> str:
    used = f"sum(rate(container_cpu_usage_seconds_total{{{of.c}}}[5m]))"
    return f'100 * {used} / sum(kube_pod_container_resource_requests{{{of.c},resource="cpu"}})'


def _memory(of: Series) -> str:
    used = f"max(container_memory_working_set_bytes{{{of.c}}})"
    return f'100 * {used} / max(kube_pod_container_resource_limits{{{of.c},resource="memory"}})'


QUERIES: Mapping[str, Callable[[Series], str]] = {
    "cpu": _cpu,
    "memory": _memory,
    "restarts": lambda of: f"sum(increase(kube_pod_container_status_restarts_total{{{of.p}}}[15m]))",
    "ready": lambda of: f'sum(kube_pod_status_ready{{{of.p},condition="true"}})',
    "rps": requests,
    "error_rate": lambda of: "100 * " + requests(of, ',code="5xx"') + " / " + requests(of),
    "p50": lambda of: latency(of, "0.5"),
    "p95": lambda of: latency(of, "0.95"),
    "p99": lambda of: latency(of, "0.99"),
    "gpu_util": lambda of: f"avg(mcd:gpu_util:percent{{{of.p}}})",
    "gpu_memory": lambda of: f"avg(mcd:gpu_memory:percent{{{of.p}}})",
    "permdir": lambda of: f"100 * {permdir_share(of.namespace, of.claim)}",
}
"""Metric of `when` → what Prometheus is asked."""
