"""What a context may say of alerts in `settings`: tuned ones by their name, and others that are whole."""

from __future__ import annotations

import pytest

from mcd.appyaml.context import read_context


def said(alerts: str) -> list[str]:
    _, problems = read_context(f"settings:\n  alerts: {alerts}\n".encode(), "context.yaml")
    return [str(problem) for problem in problems]


@pytest.mark.parametrize(
    "alerts",
    [
        "{}",
        "{Slow: {enabled: false, threshold: 2, for: 1m, severity: info}}",
        "{hot: {severity: critical}}",
        "{late: {expr: vector(1), component: web, notify: [a], summary: x, for: 1m}}",
        "{lines: {log: ERROR, count: 3}, calls: {trace: {p95: '> 1s'}}, busy: {when: cpu > 1}}",
    ],
)
def test_what_tunes_or_adds_an_alert_is_taken(alerts: str) -> None:
    assert said(alerts) == []


@pytest.mark.parametrize(
    ("alerts", "problem"),
    [
        ("[]", "context.yaml:2:11: settings.alerts: a list stands here. Write a mapping."),
        ("{Slwo: {enabled: false}}", '2:12: settings.alerts.Slwo: there is no alert "Slwo". Did you mean "Slow"?'),
        ("{Slow: null}", "2:12: settings.alerts.Slow: it has no value. Remove the key, or write a value."),
        ("{Slow: off}", '2:18: settings.alerts.Slow: "off" is text. Write a mapping like {enabled: false}.'),
        ("{Slow: {summary: x}}", "2:19: settings.alerts.Slow.summary: a built-in alert has no summary. Remove it."),
        ("{Slow: {expr: up}}", "2:19: settings.alerts.Slow.expr: a built-in alert has no expr. Remove it."),
        (
            "{NotReady: {threshold: 1}}",
            "2:23: settings.alerts.NotReady.threshold: NotReady has no threshold. Remove it.",
        ),
        ("{x: {name: y}}", "2:16: settings.alerts.x.name: it is named x already. Remove name."),
        ("{x: {builtin: Slow}}", "2:16: settings.alerts.x.builtin: it is named x already. Remove builtin."),
        ("{x: {expr: up, log: y}}", "2:26: settings.alerts.x.log: write one of expr, when, log, trace."),
        ("{x: {expr: up, count: 2}}", "2:26: settings.alerts.x.count: lines are counted in a log only. Remove count."),
        ("{x: {when: cpuu > 1}}", '2:22: settings.alerts.x.when: "cpuu" is not a metric. Did you mean "cpu"?'),
    ],
)
def test_what_is_no_alert_is_refused_at_its_place(alerts: str, problem: str) -> None:
    assert [line.removeprefix("context.yaml:") for line in said(alerts)] == [problem.removeprefix("context.yaml:")]
