"""All alerts of an App (app-yaml 7): one PrometheusRule, and one ConfigMap of rules for Loki.

Here is what every rule has, whoever wrote it; expressions are made beside (builtin_alerts.py, own_alerts.py). It must
not ask anything of Prometheus.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcd.appyaml.render.builtin_alerts import RULES, permdir_full
from mcd.appyaml.render.labels import app_labels, made
from mcd.appyaml.render.own_alerts import logql, promql
from mcd.appyaml.render.series import Series, series_of
from mcd.appyaml.schema.alert import BUILTIN
from mcd.appyaml.spec.alert import AS_IT_IS, OwnAlert, Tuning
from mcd.appyaml.spec.app import AppSpec, ComponentSpec
from mcd.appyaml.text.units import duration_text, number_text
from mcd.objects import Object, to_yaml

PERMDIR_FULL = "PermdirFull"


def alerts(spec: AppSpec) -> list[Object]:
    """The PrometheusRule where the cluster reads one, and the rules for Loki where the App has some."""
    series = {component.name: series_of(spec, component) for component in spec.components}
    objects = []
    if spec.cluster.prometheus_operator:
        own = [_own(spec, alert, series) for alert in spec.alerts.own if alert.log is None]
        groups = [("mcd.builtin", _builtin(spec, series)), ("mcd.app", own)]
        labels = {**app_labels(spec), **spec.cluster.prometheus_labels}
        rule = made("monitoring.coreos.com/v1", "PrometheusRule", spec, spec.app, labels)
        rule["spec"] = {"groups": [{"name": name, "rules": rules} for name, rules in groups if rules]}
        if rule["spec"]["groups"]:
            objects.append(rule)
    return objects + _log_rules(spec, series)


# ── built in ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _builtin(spec: AppSpec, series: Mapping[str, Series]) -> list[dict[str, Any]]:
    """A rule for each alert and each component that has it: all of one alert beside one another."""
    rules = []
    for name in BUILTIN:
        if name == PERMDIR_FULL:
            rules += _permdir_full(spec)
            continue
        for component in spec.components:
            if component.type in BUILTIN[name].types:
                rules += _builtin_of(spec, component, name, series[component.name])
    return rules


def _builtin_of(spec: AppSpec, component: ComponentSpec, name: str, series: Series) -> list[dict[str, Any]]:
    rule = RULES[name]
    if rule.needs is not None and not rule.needs(component):
        return []
    tuning = spec.alerts.tuned.get((name, component.name), AS_IT_IS)
    if not tuning.enabled:
        return []
    threshold = _threshold(name, tuning)
    if component.idle_gpu is not None and name == "GpuIdle":
        threshold = threshold if tuning.threshold is not None else str(component.idle_gpu.below)
        wait = component.idle_gpu.wait if tuning.wait is None else tuning.wait
        tuning = Tuning(wait=wait, severity=tuning.severity)
    return [_tuned(spec, name, tuning, rule.expr(series, threshold), component.name)]


def _permdir_full(spec: AppSpec) -> list[dict[str, Any]]:
    tuning = spec.alerts.tuned.get((PERMDIR_FULL, ""), AS_IT_IS)
    if spec.permdir is None or not tuning.enabled:
        return []
    expr = permdir_full(spec.namespace, spec.permdir.claim, _threshold(PERMDIR_FULL, tuning))
    return [_tuned(spec, PERMDIR_FULL, tuning, expr, "")]


def _threshold(name: str, tuning: Tuning) -> str:
    return BUILTIN[name].threshold or "" if tuning.threshold is None else number_text(tuning.threshold)


def _tuned(spec: AppSpec, name: str, tuning: Tuning, expr: str, component: str) -> dict[str, Any]:
    row = BUILTIN[name]
    return {
        "alert": name,
        "annotations": {"summary": _summary(spec, name, component)},
        "expr": expr,
        "for": row.wait if tuning.wait is None else duration_text(tuning.wait),
        "labels": {**_labels(spec, component, tuning.severity or row.severity), "builtin": "true"},
    }


# ── the App's own ────────────────────────────────────────────────────────────────────────────────────────────────


def _own(spec: AppSpec, alert: OwnAlert, series: Mapping[str, Series]) -> dict[str, Any]:
    expr = promql(alert, series.get(alert.component))
    return _own_rule(spec, alert, expr, duration_text(alert.wait))


def _own_rule(spec: AppSpec, alert: OwnAlert, expr: str, wait: str) -> dict[str, Any]:
    labels = _labels(spec, alert.component, alert.severity)
    if alert.notify:
        labels["notify"] = ",".join(alert.notify)
    return {
        "alert": alert.name,
        "annotations": {"summary": alert.summary or _summary(spec, alert.name, alert.component)},
        "expr": expr,
        "for": wait,
        "labels": labels,
    }


def _log_rules(spec: AppSpec, series: Mapping[str, Series]) -> list[Object]:
    """The rule file that Loki's ruler finds by its label. It counts in the window itself, so it waits no more."""
    found = spec.cluster.loki_rules
    rules = [
        _own_rule(spec, alert, logql(alert, alert.log, series[alert.component]), "0m")
        for alert in spec.alerts.own
        if alert.log is not None
    ]
    if not rules or found is None:
        return []
    config = made("v1", "ConfigMap", spec, f"{spec.app}-log-rules", {**app_labels(spec), found.label: found.value})
    config["data"] = {f"{spec.app}.yaml": to_yaml([{"groups": [{"name": "mcd.app", "rules": rules}]}])}
    return [config]


# ── every rule ───────────────────────────────────────────────────────────────────────────────────────────────────


def _labels(spec: AppSpec, component: str, severity: str) -> dict[str, str]:
    labels = {"app": spec.app, "product_line": spec.product_line, "severity": severity}
    if component:
        labels["component"] = component
    if spec.owners:
        labels["owners"] = ",".join(spec.owners)
    if spec.ttl:
        labels["pre"] = "true"
    return labels


def _summary(spec: AppSpec, name: str, component: str) -> str:
    return f"{name} on {spec.app}/{component}" if component else f"{name} on {spec.app}"
