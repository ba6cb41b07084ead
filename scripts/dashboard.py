"""Writes charts/mcd/files/dashboard.json: one Grafana dashboard of MCD itself, in rows by whom they concern.

A table of panels in, JSON out; a test compares the file and asks promtool about each expression. It must not name a
metric that mcd/observability/metrics.py does not have.
"""

from __future__ import annotations

import json
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

FILE = Path(__file__).resolve().parent.parent / "charts" / "mcd" / "files" / "dashboard.json"
_SOURCE = {"type": "prometheus", "uid": "${source}"}
_WIDTH, _HEIGHT, _COLUMNS = 8, 8, 24
RANGE = "$__rate_interval"


@dataclass(frozen=True, slots=True)
class Panel:
    """`asks` are pairs of an expression and the legend of its lines. `look` is Grafana's word for the kind of panel."""

    title: str
    unit: str
    asks: tuple[tuple[str, str], ...]
    look: str = "timeseries"


def _quantiles(metric: str, by: str = "", legend: str = "") -> tuple[tuple[str, str], ...]:
    labels = f"le, {by}" if by else "le"
    return tuple(
        (f"histogram_quantile({q}, sum by ({labels}) (rate({metric}_bucket[{RANGE}])))", f"{legend} {name}".strip())
        for q, name in ((0.5, "p50"), (0.99, "p99"))
    )


def _rate(metric: str, by: str, more: str = "") -> str:
    return f"sum by ({by}) (rate({metric}{more}[{RANGE}]))"


ROWS: dict[str, tuple[Panel, ...]] = {
    "How it stands": (
        Panel("Controllers alive", "short", (("max(mcd_controllers_alive)", ""),), "stat"),
        Panel("Parts that serve", "short", (("count by (role) (mcd_serving)", "{{role}}"),), "stat"),
        Panel("Clusters up", "short", (("sum(max by (cluster) (mcd_cluster_up))", "up"),
                                       ("count(max by (cluster) (mcd_cluster_up))", "registered")), "stat"),
        Panel("Apps", "short", (("max by (state) (mcd_apps)", "{{state}}"),), "stat"),
        Panel("Waits for a person", "short", (("max by (noun, reason) (mcd_stalled)", "{{noun}} {{reason}}"),),
              "table"),
        Panel("Versions", "short", (("count by (version, revision) (mcd_build_info)", "{{version}} {{revision}}"),),
              "table"),
        Panel("Disk free", "bytes", (("min(mcd_data_free_bytes)", ""),), "stat"),
    ),
    "People: the API and git": (
        Panel("Requests", "reqps", ((_rate("mcd_http_request_seconds_count", "code_class"), "{{code_class}}"),)),
        Panel("Errors of MCD", "percentunit", ((
            f'sum(rate(mcd_http_request_seconds_count{{code_class="5xx"}}[{RANGE}])) '
            f"/ sum(rate(mcd_http_request_seconds_count[{RANGE}]))", "5xx"),)),
        Panel("Duration", "s", _quantiles("mcd_http_request_seconds")),
        Panel("Slowest routes", "s", ((
            "topk(10, histogram_quantile(0.99, sum by (le, method, route) "
            f"(rate(mcd_http_request_seconds_bucket[{RANGE}]))))", "{{method}} {{route}}"),)),
        Panel("In flight and streams", "short", (("sum(mcd_http_requests_in_flight)", "requests"),
                                                 ("sum by (kind) (mcd_http_streams)", "{{kind}}"))),
        Panel("Refused as too many, bugs", "short", (
            (_rate("mcd_http_rate_limited_total", "bucket"), "{{bucket}}"),
            (f"sum(rate(mcd_http_bugs_total[{RANGE}]))", "bugs"))),
        Panel("Pushes", "short", ((_rate("mcd_git_pushes_total", "result"), "{{result}}"),)),
        Panel("Push duration", "s", _quantiles("mcd_git_push_seconds")),
        Panel("Builds", "s", (*_quantiles("mcd_build_seconds", "result", "{{result}}"),
                              *_quantiles("mcd_image_push_seconds", "result", "image push {{result}}"))),
        Panel("Builds spared", "short", ((f"sum(increase(mcd_builds_reused_total[{RANGE}]))", "reused"),)),
    ),
    "The loop": (
        Panel("Queue", "short", (("max by (noun) (mcd_due_rows)", "{{noun}}"),)),
        Panel("Longest wait", "s", (("max by (noun) (mcd_due_age_seconds)", "{{noun}}"),)),
        Panel("Workers", "short", (("sum(mcd_workers)", "there"), ("sum by (noun) (mcd_leases_held)", "{{noun}}"))),
        Panel("Passes", "ops", ((_rate("mcd_reconcile_seconds_count", "noun, outcome"), "{{noun}} {{outcome}}"),)),
        Panel("Pass duration", "s", _quantiles("mcd_reconcile_seconds", "noun", "{{noun}}")),
        Panel("Leases lost, taken over", "short", (
            (_rate("mcd_leases_lost_total", "noun"), "lost {{noun}}"),
            (_rate("mcd_leases_taken_over_total", "noun"), "taken over {{noun}}"))),
    ),
    "Clusters": (
        Panel("Up", "short", (("max by (cluster) (mcd_cluster_up)", "{{cluster}}"),)),
        Panel("Away since", "s", ((
            "time() - max by (cluster) (mcd_cluster_last_seen_timestamp_seconds)", "{{cluster}}"),)),
        Panel("Objects changed", "ops", ((_rate("mcd_changes_total", "cluster, action"), "{{cluster}} {{action}}"),)),
        Panel("Writes", "s", _quantiles("mcd_apply_seconds", "cluster, verdict", "{{cluster}} {{verdict}}")),
        Panel("Requests to clusters", "reqps", ((
            _rate("mcd_kube_request_seconds_count", "cluster, code_class"), "{{cluster}} {{code_class}}"),)),
        Panel("Answers of clusters", "s", _quantiles("mcd_kube_request_seconds", "cluster", "{{cluster}}")),
        Panel("Watches", "short", (("max by (cluster) (mcd_kube_watches)", "{{cluster}}"),
                                   ("max by (cluster) (mcd_kube_watch_unsynced)", "{{cluster}} missing"))),
        Panel("Quietest watch", "s", (("max by (cluster) (mcd_kube_watch_age_seconds)", "{{cluster}}"),)),
        Panel("Watches opened again", "ops", ((
            _rate("mcd_kube_watch_restarts_total", "cluster, cause"), "{{cluster}} {{cause}}"),)),
    ),
    "Database and processes": (
        Panel("Transactions", "s", _quantiles("mcd_db_transaction_seconds", "mode", "{{mode}}")),
        Panel("Wait for the database", "s", _quantiles("mcd_db_wait_seconds", "mode", "{{mode}}")),
        Panel("Asked the long way", "ops", ((_rate("mcd_db_long_way_total", "why"), "{{why}}"),)),
        Panel("Failures, connections", "short", (
            (_rate("mcd_db_failures_total", "code"), "{{code}}"),
            ("sum by (state) (mcd_db_connections)", "{{state}}"))),
        Panel("Processor", "percentunit", ((
            f"rate(process_cpu_seconds_total[{RANGE}]) and on (job, instance) mcd_build_info", "{{instance}}"),)),
        Panel("Memory", "bytes", ((
            "process_resident_memory_bytes and on (job, instance) mcd_build_info", "{{instance}}"),)),
        Panel("Files and sockets", "short", ((
            "process_open_fds and on (job, instance) mcd_build_info", "{{instance}}"),)),
        Panel("Comes late by", "s", _quantiles("mcd_event_loop_lag_seconds", "instance", "{{instance}}")),
        Panel("Runs since", "dateTimeFromNow", ((
            "process_start_time_seconds * 1000 and on (job, instance) mcd_build_info", "{{instance}}"),), "stat"),
    ),
}  # fmt: skip


def dashboard() -> dict[str, Any]:
    """Grafana's JSON model, for any data source that speaks PromQL."""
    panels: list[dict[str, Any]] = []
    top = 0
    for row, members in ROWS.items():
        at = {"h": 1, "w": _COLUMNS, "x": 0, "y": top}
        panels.append({"type": "row", "id": len(panels) + 1, "title": row, "collapsed": False, "gridPos": at})
        top += 1
        for number, panel in enumerate(members):
            line, column = divmod(number, _COLUMNS // _WIDTH)
            at = {"h": _HEIGHT, "w": _WIDTH, "x": column * _WIDTH, "y": top + line * _HEIGHT}
            panels.append(_panel(panel, len(panels) + 1, at))
        top += -(-len(members) // (_COLUMNS // _WIDTH)) * _HEIGHT
    source = {"name": "source", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    return {
        "uid": "mcd", "title": "MCD", "tags": ["mcd"], "schemaVersion": 39, "editable": True, "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"}, "templating": {"list": [source]}, "panels": panels,
    }  # fmt: skip


def _panel(panel: Panel, number: int, at: dict[str, int]) -> dict[str, Any]:
    targets = [
        {"refId": chr(ord("A") + i), "datasource": _SOURCE, "expr": expression, "legendFormat": legend,
         **({"instant": True, "format": "table"} if panel.look == "table" else {})}
        for i, (expression, legend) in enumerate(panel.asks)
    ]  # fmt: skip
    return {
        "type": panel.look, "id": number, "title": panel.title, "datasource": _SOURCE, "gridPos": at,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []}, "targets": targets,
    }  # fmt: skip


def text() -> str:
    return json.dumps(dashboard(), indent=1) + "\n"


def main() -> int:
    FILE.write_text(text(), encoding="utf-8")
    print(f"wrote {FILE.relative_to(FILE.parents[3])}", file=sys.stderr)
    return 0


if __name__ == "__main__":
    sys.exit(main())
