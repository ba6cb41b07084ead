"""The alerts of an App with nothing left open (app-yaml 7.1, 7.2): what tunes a built-in one, the App's own, and what
Settings change of both or add (4.3).

It must not know PromQL.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal

from mcd.appyaml.context import SettingsFacts
from mcd.appyaml.record import record, replace
from mcd.appyaml.resolve.overrides import OVERRIDE, said_by
from mcd.appyaml.resolve.run import Resolving
from mcd.appyaml.schema.alert import BUILTIN, DEFAULT_WAIT, FORMS, Alert
from mcd.appyaml.spec.alert import AS_IT_IS, NO_ALERTS, AlertsSpec, OwnAlert, Tuning
from mcd.appyaml.spec.app import ComponentSpec
from mcd.appyaml.text.nodes import Path
from mcd.appyaml.text.problems import Findings
from mcd.appyaml.text.units import duration_text, number_text
from mcd.appyaml.text.words import suggest
from mcd.errors import echo

_WORDS = {"enabled": "enabled", "threshold": "threshold", "for": "for_", "severity": "severity"}
"""What Settings may say of an alert that is there: key → attribute."""

_OF_A_WEB = frozenset({"rps", "error_rate", "p50", "p95", "p99"})
_OF_A_GPU = frozenset({"gpu_util", "gpu_memory"})


@record
class _Teller:
    """Where problems of one alert go: those of the file are refused, those of Settings are told and the alert is left
    out, because what the portal holds must not stop a push."""

    findings: Findings
    path: Path
    settings: str

    def refuse(self, code: str, word: str, message: str, hint: str, *, at: bool = False) -> None:
        path = (*self.path, word)
        if self.settings:
            hint = f"It is left out. {self.settings} have it."
            self.findings.warn(OVERRIDE, path, message, hint)
        else:
            self.findings.refuse(code, path, message, hint, key=at)


def resolve_alerts(run: Resolving, components: Sequence[ComponentSpec]) -> AlertsSpec:
    """What the App wants of alerts, Settings laid over it."""
    written: Sequence[Alert] = run.app.alerts
    settings = run.context.settings
    if not written and not settings.alerts:
        return NO_ALERTS
    there = {component.name: component for component in components}
    _refuse_twice(written, run.findings)
    tuned = _tunings([alert for alert in written if alert.builtin is not None], there, run)
    own = []
    for alert in written:
        if alert.builtin is None:
            teller = _Teller(findings=run.findings, path=("alerts", alert.index), settings="")
            found = _tuned_own(alert, settings, run.findings)
            if found is not None:
                own.append(_own(found, run, there, teller))
    own += [_own(alert, run, there, teller) for alert, teller in _added(written, settings, run)]
    return AlertsSpec(own=tuple(alert for alert in own if alert is not None), tuned=tuned)


def _refuse_twice(written: Sequence[Alert], findings: Findings) -> None:
    """A name is unique, and so is what is tuned."""
    seen: set[tuple[str | None, ...]] = set()
    for alert in written:
        name = (alert.name,) if alert.builtin is None else (alert.builtin, alert.component)
        if name in seen and alert.builtin is None:
            where = ("alerts", alert.index, "name")
            findings.refuse("exclusive", where, f'"{name[0]}" is the name of two alerts.', "Rename one.", key=True)
        elif name in seen:
            where = ("alerts", alert.index, "builtin")
            findings.refuse("exclusive", where, f"{name[0]} is tuned twice.", "Keep one of them.", key=True)
        seen.add(name)


# ── built-in alerts ──────────────────────────────────────────────────────────────────────────────────────────────


def _tunings(
    written: Sequence[Alert], there: Mapping[str, ComponentSpec], run: Resolving
) -> Mapping[tuple[str, str], Tuning]:
    """For all components first, then for the one that is named, then Settings."""
    tuned: dict[tuple[str, str], Tuning] = {}
    for alert in sorted(written, key=lambda alert: alert.component is not None):
        for name in _concerned(alert, there, run.findings):
            tuned[alert.builtin or "", name] = _over(tuned.get((alert.builtin or "", name), AS_IT_IS), alert)
    for word, setting in run.context.settings.alerts.items():
        if word in BUILTIN:
            mine = [alert for alert in written if alert.builtin == word]
            _tell(word, mine, setting, run.context.settings, run.findings)
            for name in _of_types(word, there):
                tuned[word, name] = _over(tuned.get((word, name), AS_IT_IS), setting)
    return tuned


def _of_types(builtin: str, there: Mapping[str, ComponentSpec]) -> list[str]:
    """The components that may have it; "" for an alert of the App as a whole."""
    types = BUILTIN[builtin].types
    return [name for name, component in there.items() if component.type in types] if types else [""]


def _concerned(alert: Alert, there: Mapping[str, ComponentSpec], findings: Findings) -> list[str]:
    """The components that an entry tunes."""
    builtin = alert.builtin or ""
    path: Path = ("alerts", alert.index)
    names = _of_types(builtin, there)
    if alert.component is None:
        if not names:
            kinds = " or ".join(BUILTIN[builtin].types)
            message = f"{builtin} is for a {kinds}, and there is none."
            findings.refuse("combination", (*path, "builtin"), message, "Remove it.")
        return names
    if names == [""]:
        message = f"{builtin} is about the App, not about a component."
        findings.refuse("combination", (*path, "component"), message, "Remove component.")
    elif alert.component not in there:
        _no_component(_Teller(findings=findings, path=path, settings=""), alert.component, there)
    elif alert.component not in names:
        message = f"a {there[alert.component].type} has no {builtin}."
        findings.refuse("combination", (*path, "component"), message, f"Name a {' or '.join(BUILTIN[builtin].types)}.")
    return [name for name in names if name == alert.component]


def _over(tuning: Tuning, alert: Alert) -> Tuning:
    return Tuning(
        enabled=tuning.enabled if alert.enabled is None else alert.enabled,
        threshold=tuning.threshold if alert.threshold is None else alert.threshold,
        wait=tuning.wait if alert.for_ is None else alert.for_,
        severity=alert.severity or tuning.severity,
    )


# ── Settings ─────────────────────────────────────────────────────────────────────────────────────────────────────


def _tell(name: str, written: Sequence[Alert], setting: Alert, settings: SettingsFacts, findings: Findings) -> None:
    """`2 here, 4 in Settings revision 7 (…). Settings win.` at each value that is overridden, or where it would be."""
    for word, attribute in _WORDS.items():
        there = getattr(setting, attribute)
        if there is None:
            continue
        says = [alert for alert in written if getattr(alert, attribute) is not None]
        for alert in says or written[:1]:
            here = getattr(alert, attribute)
            if here != there:
                said = f"{_text(here)} here, {_text(there)} in {said_by(settings)}."
                findings.warn(OVERRIDE, ("alerts", alert.index, word), said, "Settings win.")
        if not written:
            said = f"nothing here, {_text(there)} in {said_by(settings)}."
            findings.warn(OVERRIDE, ("alerts", name, word), said, "Settings win.")


def _text(value: object) -> str:
    """A value in the words of app.yaml."""
    if value is None:
        return "nothing"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, Decimal):
        return number_text(value)
    return duration_text(value) if isinstance(value, int) else str(value)


def _tuned_own(alert: Alert, settings: SettingsFacts, findings: Findings) -> Alert | None:
    """An own alert as Settings want it; nothing when they switch it off."""
    setting = settings.alerts.get(alert.name or "")
    if setting is None:
        return alert
    if any(getattr(setting, form) is not None for form in FORMS):
        message = f"{said_by(settings)} say something else to watch."
        findings.warn(OVERRIDE, ("alerts", alert.index), message, "app.yaml wins.")
    if alert.log is not None and setting.for_ == 0:
        message = f"{said_by(settings)} have no window for it to count in."
        findings.warn(OVERRIDE, ("alerts", alert.index), message, "That is left out.")
        setting = replace(setting, for_=None)
    _tell(alert.name or "", [alert], replace(setting, threshold=None), settings, findings)
    when = alert.when
    if setting.threshold is not None:
        if when is None or len(when) > 1:
            message = f"{said_by(settings)} have a threshold for it, and it compares with no single number."
            findings.warn(OVERRIDE, ("alerts", alert.index), message, "That is left out.")
        elif when[0].number != setting.threshold:
            here, there = number_text(when[0].number), number_text(setting.threshold)
            message = f"{here} here, {there} in {said_by(settings)}."
            findings.warn(OVERRIDE, ("alerts", alert.index, "when"), message, "Settings win.")
            when = (replace(when[0], number=setting.threshold),)
    if setting.enabled is False:
        return None
    wait = alert.for_ if setting.for_ is None else setting.for_
    return replace(alert, when=when, for_=wait, severity=setting.severity or alert.severity)


def _added(written: Sequence[Alert], settings: SettingsFacts, run: Resolving) -> list[tuple[Alert, _Teller]]:
    """What Settings have of their own."""
    mine = {alert.name for alert in written}
    found = []
    for name, setting in settings.alerts.items():
        if name in BUILTIN or name in mine:
            continue
        teller = _Teller(findings=run.findings, path=("alerts", name), settings=said_by(settings))
        if all(getattr(setting, form) is None for form in FORMS):
            message = f'{said_by(settings)} tune "{name}", and there is no such alert.'
            run.findings.warn(OVERRIDE, teller.path, message, "That is left out.")
        elif setting.enabled is not False:
            found.append((setting, teller))
    return found


# ── own alerts ───────────────────────────────────────────────────────────────────────────────────────────────────


def _own(alert: Alert, run: Resolving, there: Mapping[str, ComponentSpec], teller: _Teller) -> OwnAlert | None:
    """One alert with nothing left open, or nothing after a problem."""
    name = alert.component
    if name is None and len(there) == 1:
        name = next(iter(there))
    if name is None and alert.expr is None:
        hint = f"Use one of {', '.join(there)}."
        teller.refuse("schema.missing", "component", '"component" is missing.', hint)
        return None
    if name is not None and name not in there:
        _no_component(teller, name, there)
        return None
    component = there[name] if name is not None else None
    if component is not None and not _measured(alert, component, teller, permdir=run.permdir is not None):
        return None
    cluster = run.context.cluster
    if alert.log is not None and cluster.loki_rules is None:
        message = f'cluster "{cluster.name}" has no Loki: this alert is left out.'
        run.findings.warn("cluster.degraded", (*teller.path, "log"), message)
        return None
    return OwnAlert(
        name=alert.name or "",
        component=name or "",
        wait=DEFAULT_WAIT if alert.for_ is None else alert.for_,
        severity=alert.severity or "warning",
        notify=alert.notify or (),
        summary=alert.summary or "",
        count=alert.count or 1,
        expr=alert.expr or "",
        when=alert.when or (),
        log=alert.log,
        trace=alert.trace,
    )


def _no_component(teller: _Teller, name: str, there: Mapping[str, ComponentSpec]) -> None:
    message = f'there is no component "{echo(name)}".'
    teller.refuse("ref.unknown", "component", message, suggest(name, there))


def _measured(alert: Alert, component: ComponentSpec, teller: _Teller, *, permdir: bool) -> bool:
    """Whether the component has what is compared: else the alert would be quiet for ever."""
    for metric in dict.fromkeys(comparison.metric for comparison in alert.when or ()):
        message = ""
        if metric in _OF_A_WEB and component.type != "web":
            message = f"{metric} is measured of a web, and {component.name} is a {component.type}."
        elif metric in _OF_A_GPU and not component.resources.devices:
            message = f"{metric} is measured of a gpu, and {component.name} has none."
        elif metric == "permdir" and not permdir:
            message = "there is no permdir to be measured."
        if message:
            teller.refuse("combination", "when", message, "Use another metric.")
            return False
    return True
