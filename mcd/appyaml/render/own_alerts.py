"""The App's own alerts (app-yaml 7.2): what Prometheus or Loki is asked for each of the four forms.

Expressions only. It must not know who is told.
"""

from __future__ import annotations

from mcd.appyaml.render.series import QUERIES, Series
from mcd.appyaml.schema.comparison import Comparison
from mcd.appyaml.schema.watched import Log, Trace
from mcd.appyaml.spec.alert import OwnAlert
from mcd.appyaml.text.quoted import quoted
from mcd.appyaml.text.units import duration_text, number_text


def promql(alert: OwnAlert, of: Series | None) -> str:
    """The expression of `expr`, `when` or `trace`; only `expr` may be about no component."""
    if of is None or alert.expr:
        return alert.expr
    if alert.trace is not None:
        return _trace(alert.trace, of)
    parts = [f"{QUERIES[each.metric](of)} {_limit(each)}" for each in alert.when]
    # The directory's series has labels of its own: without `on ()` it would match none of the others.
    alone = any(each.metric == "permdir" for each in alert.when)
    return (" and on () " if alone else " and ").join(parts)


def logql(alert: OwnAlert, log: Log, of: Series) -> str:
    """Lines counted in the window of `for`."""
    found = "|~" if log.expression else "|="
    lines = f"{{{of.own}}} {found} {quoted(log.text)} [{duration_text(alert.wait)}]"
    return f"sum(count_over_time({lines})) >= {alert.count}"


def _limit(comparison: Comparison) -> str:
    return f"{comparison.operator} {number_text(comparison.number)}"


def _trace(trace: Trace, of: Series) -> str:
    which = of.own + (f",operation={quoted(trace.operation)}" if trace.operation is not None else "")
    if trace.p95 is not None:
        return f"histogram_quantile(0.95, sum by (le) (mcd:span_seconds_bucket:rate1m{{{which}}})) {_limit(trace.p95)}"
    assert trace.error_rate is not None
    failed = f'sum(mcd:spans:rate1m{{{which},status="error"}})'
    return f"100 * {failed} / sum(mcd:spans:rate1m{{{which}}}) {_limit(trace.error_rate)}"
