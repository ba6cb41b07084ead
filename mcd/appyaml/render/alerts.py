"""All alerts of an App (app-yaml 7): one PrometheusRule, and one ConfigMap of rules for Loki.

Here is what every rule has, whoever wrote it; expressions are made beside (builtin_alerts.py, own_alerts.py). It must
not ask anything of Prometheus.
"""

from __future__ import annotations

from collections.abc import Mapping
from decimal import Decimal
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
    labels = _Labels(spec)
    objects = []
    if spec.cluster.prometheus_operator:
        own = [_own(labels, alert, series) for alert in spec.alerts.own if alert.log is None]
        groups = [("mcd.builtin", _builtin(labels, series)), ("mcd.app", own)]
        on_it = {**app_labels(spec), **spec.cluster.prometheus_labels}
        rule = made("monitoring.coreos.com/v1", "PrometheusRule", spec, spec.app, on_it)
        rule["spec"] = {"groups": [{"name": name, "rules": rules} for name, rules in groups if rules]}
        if rule["spec"]["groups"]:
            objects.append(rule)
    return objects + _log_rules(labels, series)


# ── built in ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _builtin(labels: _Labels, series: Mapping[str, Series]) -> list[dict[str, Any]]:
    """A rule for each alert and each component that has it: all of one alert beside one another."""
    rules: list[dict[str, Any]] = []
    for name, row in BUILTIN.items():
        if name == PERMDIR_FULL:
            rules += _permdir_full(labels)
            continue
        rule = RULES[name]
        for component in labels.spec.components:
            if component.type in row.types and (rule.needs is None or rule.needs(component)):
                tuning = _tuning(labels.spec, component, name)
                if tuning.enabled:
                    expr = rule.expr(series[component.name], _threshold(name, tuning))
                    rules.append(_tuned(labels, name, tuning, expr, component.name))
    return rules


def _tuning(spec: AppSpec, component: ComponentSpec, name: str) -> Tuning:
    """What people changed of the alert, for one component."""
    tuning = spec.alerts.tuned.get((name, component.name), AS_IT_IS) if spec.alerts.tuned else AS_IT_IS
    idle = component.idle_gpu
    if idle is None or name != "GpuIdle":
        return tuning
    return Tuning(
        enabled=tuning.enabled,
        threshold=Decimal(idle.below) if tuning.threshold is None else tuning.threshold,
        wait=idle.wait if tuning.wait is None else tuning.wait,
        severity=tuning.severity,
    )


def _permdir_full(labels: _Labels) -> list[dict[str, Any]]:
    spec = labels.spec
    tuning = spec.alerts.tuned.get((PERMDIR_FULL, ""), AS_IT_IS)
    if spec.permdir is None or not tuning.enabled:
        return []
    expr = permdir_full(spec.namespace, spec.permdir.claim, _threshold(PERMDIR_FULL, tuning))
    return [_tuned(labels, PERMDIR_FULL, tuning, expr, "")]


def _threshold(name: str, tuning: Tuning) -> str:
    return BUILTIN[name].threshold or "" if tuning.threshold is None else number_text(tuning.threshold)


def _tuned(labels: _Labels, name: str, tuning: Tuning, expr: str, component: str) -> dict[str, Any]:
    row = BUILTIN[name]
    return {
        "alert": name,
        "annotations": {"summary": _summary(labels.spec, name, component)},
        "expr": expr,
        "for": row.wait if tuning.wait is None else duration_text(tuning.wait),
        "labels": labels.builtin(component, tuning.severity or row.severity),
    }


# ── the App's own ────────────────────────────────────────────────────────────────────────────────────────────────


def _own(labels: _Labels, alert: OwnAlert, series: Mapping[str, Series]) -> dict[str, Any]:
    expr = promql(alert, series.get(alert.component))
    return _own_rule(labels, alert, expr, duration_text(alert.wait))


def _own_rule(labels: _Labels, alert: OwnAlert, expr: str, wait: str) -> dict[str, Any]:
    on_it = labels.of(alert.component, alert.severity)
    if alert.notify:
        on_it["notify"] = ",".join(alert.notify)
    return {
        "alert": alert.name,
        "annotations": {"summary": alert.summary or _summary(labels.spec, alert.name, alert.component)},
        "expr": expr,
        "for": wait,
        "labels": on_it,
    }


def _log_rules(labels: _Labels, series: Mapping[str, Series]) -> list[Object]:
    """The rule file that Loki's ruler finds by its label. It counts in the window itself, so it waits no more."""
    spec = labels.spec
    found = spec.cluster.loki_rules
    rules = [
        _own_rule(labels, alert, logql(alert, alert.log, series[alert.component]), "0m")
        for alert in spec.alerts.own
        if alert.log is not None
    ]
    if not rules or found is None:
        return []
    config = made("v1", "ConfigMap", spec, f"{spec.app}-log-rules", {**app_labels(spec), found.label: found.value})
    config["data"] = {f"{spec.app}.yaml": to_yaml([{"groups": [{"name": "mcd.app", "rules": rules}]}])}
    return [config]


# ── every rule ───────────────────────────────────────────────────────────────────────────────────────────────────


class _Labels:
    """The labels of every rule of an App. The built-in ones of a component share theirs, by severity."""

    __slots__ = ("_builtin", "_shared", "spec")

    def __init__(self, spec: AppSpec) -> None:
        self.spec = spec
        self._builtin: dict[tuple[str, str], dict[str, str]] = {}
        self._shared = {"app": spec.app, "product_line": spec.product_line}
        if spec.owners:
            self._shared["owners"] = ",".join(spec.owners)
        if spec.ttl:
            self._shared["pre"] = "true"

    def of(self, component: str, severity: str) -> dict[str, str]:
        labels = {**self._shared, "severity": severity}
        if component:
            labels["component"] = component
        return labels

    def builtin(self, component: str, severity: str) -> dict[str, str]:
        labels = self._builtin.get((component, severity))
        if labels is None:
            labels = self._builtin[component, severity] = {**self.of(component, severity), "builtin": "true"}
        return labels


def _summary(spec: AppSpec, name: str, component: str) -> str:
    return f"{name} on {spec.app}/{component}" if component else f"{name} on {spec.app}"
