"""Alerts with nothing left open: what people changed of the built-in ones, and their own.

Frozen values only. It must not know PromQL, nor where a value came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from decimal import Decimal

from mcd.appyaml.record import record
from mcd.appyaml.schema.comparison import Comparison
from mcd.appyaml.schema.watched import Log, Trace


@record
class Tuning:
    """What is changed of a built-in alert of one component; None: as app-yaml 7.1 has it. `wait` in seconds."""

    enabled: bool = True
    threshold: Decimal | None = None
    wait: int | None = None
    severity: str | None = None


AS_IT_IS = Tuning()


@record
class OwnAlert:
    """An alert of the App's own: exactly one of `expr`, `when`, `log` and `trace` is there. `component` is empty for
    one that is about the App as a whole; `wait` in seconds, which is the window of `log`."""

    name: str
    component: str
    wait: int
    severity: str
    notify: tuple[str, ...]
    summary: str
    count: int = 1
    expr: str = ""
    when: tuple[Comparison, ...] = ()
    log: Log | None = None
    trace: Trace | None = None


@record
class AlertsSpec:
    """`own` in the order written; `tuned` by the name of a built-in alert and of a component (empty: of the App)."""

    own: tuple[OwnAlert, ...] = ()
    tuned: Mapping[tuple[str, str], Tuning] = field(default_factory=dict)


NO_ALERTS = AlertsSpec()
