"""`alerts` (app-yaml 7): the built-in alerts by name, and what an entry of the list may say.

An entry is read whole here, so that what it lacks or has too much of is told at its place. It must not know a component
of the App, nor how an expression becomes PromQL (render/).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal
from typing import Any, NamedTuple

from mcd.appyaml.record import record, replace
from mcd.appyaml.schema import patterns
from mcd.appyaml.schema.comparison import WHEN, Comparison
from mcd.appyaml.schema.defaults import DAY, LONG, TYPES
from mcd.appyaml.schema.fields import BAD, either, items, key, read_model, refuse_null, refused_shape
from mcd.appyaml.schema.values import BOOLEAN, choice, duration, integer, text
from mcd.appyaml.schema.watched import EXPR, LOG, SUMMARY, TRACE, Log, Trace
from mcd.appyaml.text import scalars
from mcd.appyaml.text.nodes import Map, Node, Path, Place, Scalar
from mcd.appyaml.text.problems import Report
from mcd.appyaml.text.units import number_text
from mcd.appyaml.text.words import suggest
from mcd.errors import echo


class Builtin(NamedTuple):
    """A row of 7.1: the types that it is for, `for`, T (None: it compares with nothing of a person's), severity; and
    what T counts, which has no unit in the file: the largest that anybody can mean, and of what."""

    types: tuple[str, ...]
    wait: str
    threshold: str | None
    severity: str
    most: int = 0
    unit: str = ""


_SHARE = (1, "a share")

BUILTIN: Mapping[str, Builtin] = {
    "NotReady": Builtin(LONG, "10m", None, "critical"),
    "CrashLooping": Builtin(LONG, "0m", "3", "critical", 1000, "restarts in 15 minutes"),
    "OomKilled": Builtin(TYPES, "0m", None, "warning"),
    "ImagePull": Builtin(TYPES, "5m", None, "critical"),
    "Unschedulable": Builtin(TYPES, "10m", None, "warning"),
    "MemoryHigh": Builtin(LONG, "10m", "0.9", "warning", *_SHARE),
    "CpuThrottled": Builtin(TYPES, "15m", "0.25", "info", *_SHARE),
    "ErrorRate": Builtin(("web",), "5m", "0.05", "critical", *_SHARE),
    "Slow": Builtin(("web",), "10m", "1", "warning", 60, "seconds"),
    "AtMaxReplicas": Builtin(LONG, "15m", None, "warning"),
    "CronMissed": Builtin(("cron",), "0m", "900", "critical", 30 * DAY, "seconds"),
    "JobFailed": Builtin(("cron", "job"), "0m", None, "warning"),
    "PermdirFull": Builtin((), "10m", "0.85", "warning", *_SHARE),
    "GpuError": Builtin(TYPES, "0m", None, "critical"),
    "GpuIdle": Builtin(TYPES, "its idle_gpu.for", "its idle_gpu.below", "info", 100, "per cent"),
}
"""The built-in alerts, in the order in which they stand in the rule. Without types: of the App as a whole."""

DEFAULT_WAIT = 300
"""Seconds of `for` of an alert of one's own."""

SEVERITIES = ("info", "warning", "critical")
FORMS = ("expr", "when", "log", "trace", "builtin")
OF_BUILTIN = frozenset({"builtin", "component", "threshold", "enabled", "for", "severity"})
ONLY_BUILTIN = ("threshold", "enabled")

_NAME = re.compile(r"[a-z][a-z0-9-]{0,39}")
_NAME_HINT = "Use a-z, 0-9 and -, at most 40, a letter first."
_RECEIVER = re.compile(r"[A-Za-z0-9][A-Za-z0-9._@:-]{0,99}")


def _read_threshold(report: Report, node: Node, path: Path) -> Any:
    if type(node) is not Scalar:
        return refused_shape(report, node, path, "a number")
    number = scalars.number(node, Decimal(0), Decimal(10**12))
    if isinstance(number, scalars.Wrong):
        with_unit = number.code == "value.number" and node.text[:1].isdigit() and not node.text[-1:].isdigit()
        hint = "Write it without a unit; mcd explain alerts.threshold names that of each alert."
        report.refuse(number.code, node.place, path, number.message, hint if with_unit else number.hint)
        return BAD
    return number


def _check_threshold(report: Report, node: Map, path: Path, name: str, threshold: Decimal) -> None:
    """90 is a share for nobody, and 300 no seconds: such an alert would never fire, or always."""
    builtin, (place, value) = BUILTIN[name], node.entries["threshold"]
    if builtin.threshold is None:
        message = f"{name} has no threshold."
        report.refuse("schema.not_for_type", place, (*path, "threshold"), message, "Remove it.")
    elif threshold > builtin.most:
        hint = f"Use 0 to {builtin.most}: {name} counts {builtin.unit}."
        if builtin.most == 1 and threshold <= 100:
            hint = f"Use 0 to 1: {name} counts a share, and {threshold:f} % is {number_text(threshold / 100)}."
        report.refuse("value.range", value.place, (*path, "threshold"), f"{threshold:f} is out of range.", hint)


def _limits_of_thresholds() -> str:
    """`0 to 1, a share (MemoryHigh, …); …`"""
    named: dict[tuple[int, str], list[str]] = {}
    for name, builtin in BUILTIN.items():
        if builtin.most:
            named.setdefault((builtin.most, builtin.unit), []).append(name)
    return "; ".join(f"0 to {most}, {unit} ({', '.join(names)})" for (most, unit), names in named.items())


# ── an entry ─────────────────────────────────────────────────────────────────────────────────────────────────────


@record
class Alert:
    """One entry of `alerts`: an alert of one's own, or what is tuned of a built-in one."""

    index: int = 0
    """Where it stands in the list."""
    name: str | None = key(
        text(shape=_NAME, what="a name for an alert", hint=_NAME_HINT, code="name.invalid"),
        "What people are told; becomes `alert`.",
        default="required, except with builtin",
        limits="a-z, 0-9 and -, at most 40, unique",
        effect="PrometheusRule alert",
        example="no-orders",
    )
    component: str | None = key(
        text(),
        "The component that it is about.",
        default="the only one; required with when, log and trace if there are several",
        effect="label component; the pods and series that are looked at",
        example="web",
    )
    expr: str | None = key(
        EXPR,
        "PromQL as it is. One of expr, when, log, trace, builtin.",
        default="none",
        limits="4000 characters",
        effect="expr",
        example="sum(rate(orders_total[5m])) < 1",
    )
    when: tuple[Comparison, ...] | None = key(
        WHEN,
        "Metrics and numbers, joined by and: cpu memory restarts ready rps error_rate p50 p95 p99 gpu_util gpu_memory "
        "permdir.",
        default="none",
        limits="> >= < <=; % of what is asked for or allowed, s and ms for latency",
        effect="expr",
        example="cpu > 80% and p95 >= 300ms",
    )
    log: Log | None = key(
        LOG,
        "Lines of the log that have this in them.",
        default="none",
        effect="ConfigMap <app>-log-rules, read by Loki",
        example="/ERROR|FATAL/",
    )
    trace: Trace | None = key(
        TRACE,
        "What is watched of the calls that were traced.",
        default="none",
        effect="expr",
        example='{p95: "> 500ms", operation: "GET /x"}',
    )
    builtin: str | None = key(
        choice(tuple(BUILTIN)),
        "Tunes a built-in alert, of one component or of all that have it.",
        default="none",
        effect="the rule of that name",
        example="ErrorRate",
    )
    for_: int | None = key(
        duration(0, 30 * DAY),
        "How long it must be so; with log the window that is counted in.",
        default="5m; of a built-in alert its own",
        effect="for",
        example="15m",
    )
    severity: str | None = key(
        choice(SEVERITIES),
        "How loud it is.",
        default="warning; of a built-in alert its own",
        effect="label severity",
        example="critical",
    )
    notify: tuple[str, ...] | None = key(
        items(text(shape=_RECEIVER, what="a receiver", hint="Use letters, digits and . _ @ : -."), most=20),
        "Who is told.",
        default="the owners' channels",
        limits="20",
        effect="label notify",
        example="[oncall]",
    )
    summary: str | None = key(
        SUMMARY,
        "What people read.",
        default="its name on app/component",
        limits="500 characters; {{ $value }} and {{ $labels.NAME }} are filled in",
        effect="annotation summary",
        example="'only {{ $value }} orders per second'",
    )
    count: int | None = key(
        integer(1, 10**9),
        "log only: at least so many lines.",
        default="1",
        limits="1 to 1000000000",
        effect="expr",
        example="10",
    )
    threshold: Decimal | None = key(
        either("number", _read_threshold, [{"type": "number", "minimum": 0}, patterns.NUMBER]),
        "builtin only: the number that it compares with, without a unit.",
        default="its own",
        limits=_limits_of_thresholds(),
        effect="expr",
        example="0.01",
    )
    enabled: bool | None = key(
        BOOLEAN, "builtin only: false leaves it out.", default="true", effect="the rule is there", example="false"
    )


def _read_alert(report: Report, node: Node, path: Path) -> Any:
    if type(node) is not Map:
        return refused_shape(report, node, path, 'a mapping like {name: hot, when: "cpu > 80%"}')
    alert = read_model(report, node, path, Alert)
    forms = [word for word in node.entries if word in FORMS]
    if not forms:
        report.refuse("schema.missing", node.place, path, f"write one of {', '.join(FORMS)}.")
        return BAD
    if len(forms) > 1:
        report.refuse("exclusive", node.entries[forms[1]][0], (*path, forms[1]), f"write one of {', '.join(FORMS)}.")
        return BAD
    builtin = forms[0] == "builtin"
    _refuse_foreign(report, node, path, builtin=builtin)
    if not builtin and "name" not in node.entries:
        report.refuse("schema.missing", node.place, (*path, "name"), '"name" is missing.', _NAME_HINT)
    _check_values(report, node, path, alert)
    index = path[-1]
    if getattr(alert, forms[0]) is None or (not builtin and alert.name is None):
        return BAD  # told above
    return replace(alert, index=index) if isinstance(index, int) else alert


def _refuse_foreign(report: Report, node: Map, path: Path, *, builtin: bool) -> None:
    """Keys that this form does not have."""
    for word, (place, _) in node.entries.items():
        where = (*path, word)
        if builtin and word in _ALERT_KEYS and word not in OF_BUILTIN:
            report.refuse("schema.not_for_type", place, where, f"a built-in alert has no {word}.", "Remove it.")
        elif not builtin and word in ONLY_BUILTIN:
            hint = "Write the number into the alert." if word == "threshold" else "Remove the alert instead."
            report.refuse("schema.not_for_type", place, where, f"only a built-in alert has {word}.", hint)


def _check_values(report: Report, node: Map, path: Path, alert: Alert) -> None:
    """What depends on the form: lines are counted in a log only, in a window; not every alert has a threshold."""
    entries = node.entries
    if "count" in entries and "log" not in entries and "builtin" not in entries:
        message = "lines are counted in a log only."
        report.refuse("schema.not_for_type", entries["count"][0], (*path, "count"), message, "Remove count.")
    if alert.log is not None and alert.for_ == 0:
        report.refuse("value.range", entries["for"][1].place, (*path, "for"), "0s is out of range.", "Use 1s to 30d.")
    if alert.builtin is not None and alert.threshold is not None:
        _check_threshold(report, node, path, alert.builtin, alert.threshold)


_ALERT_KEYS = frozenset(
    {"name", "component", "expr", "when", "log", "trace", "for", "severity", "notify", "summary", "count"}
)
ALERTS = items(either("mapping", _read_alert, [{"$ref": "#/$defs/Alert"}], Alert), most=100)


# ── Settings ─────────────────────────────────────────────────────────────────────────────────────────────────────


def read_settings_alerts(report: Report, node: Node, path: Path) -> Any:
    """`settings.alerts` of a context: name → what is tuned, or an alert more."""
    if type(node) is not Map:
        return refused_shape(report, node, path, "a mapping")
    found = {}
    for name, (place, value) in node.entries.items():
        here = (*path, name)
        if type(value) is Scalar and value.null:
            refuse_null(report, place, here)
        elif _is_alert_name(report, place, here, name):
            alert = _read_setting(report, value, here, name)
            if alert is not BAD:
                found[name] = alert
    return found


def _is_alert_name(report: Report, place: Place, path: Path, name: str) -> bool:
    if name in BUILTIN or _NAME.fullmatch(name):
        return True
    report.refuse("value.choice", place, path, f'there is no alert "{echo(name)}".', suggest(name, BUILTIN))
    return False


def _read_setting(report: Report, node: Node, path: Path, name: str) -> Any:
    if type(node) is not Map:
        return refused_shape(report, node, path, "a mapping like {enabled: false}")
    alert = read_model(report, node, path, Alert)
    forms = [word for word in node.entries if word in FORMS]
    for word in ("name", "builtin", *forms[1:]):
        if word in node.entries:
            message = f"write one of {', '.join(FORMS[:-1])}."
            if word in ("name", "builtin"):
                message = f"it is named {name} already. Remove {word}."
            report.refuse("exclusive", node.entries[word][0], (*path, word), message)
    _check_values(report, node, path, alert)
    if name in BUILTIN:
        _refuse_foreign(report, node, path, builtin=True)
        if alert.threshold is not None:
            _check_threshold(report, node, path, name, alert.threshold)
    return replace(alert, name=name)
