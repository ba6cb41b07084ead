"""The alerts and the dashboard that the chart installs: Prometheus takes each, each asks for what is measured, each
fires when its cause is there and is quiet when all is well, and each has a runbook."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml
from typer.main import get_command

from mcd.cli.main import app
from mcd.observability import metrics
from scripts import dashboard
from scripts.metrics_page import DASHBOARD, ROOT, RULES, alerts, panels
from tests.servers.promtool import check_rules
from tests.servers.promtool import test_rules as promtool_test

RUNBOOKS = ROOT / "docs" / "runbooks"
ALERTS = alerts()
NAMES = [rule["alert"] for rule in ALERTS]
EXPRESSIONS = [(rule["alert"], rule["expr"]) for rule in ALERTS] + [
    (title, text) for title, texts in panels() for text in texts
]
PROMETHEUS = {"le", "instance", "job"}
"""Labels that Prometheus itself puts there."""


def _asked(expression: str) -> set[str]:
    """The metrics of an expression, each as it is declared."""
    found = set(re.findall(r"\b(?:mcd|process)_[a-z_]+", expression))
    return {re.sub(r"_(bucket|sum|count)$", "", name) if name not in _LABELS else name for name in found}


_LABELS = {name: set(family.labels) for name, family in metrics.FAMILIES.items()} | {
    name: set[str]() for name in metrics.PROCESS
}


@pytest.mark.parametrize(("name", "expression"), EXPRESSIONS, ids=[f"{n}-{i}" for i, (n, _) in enumerate(EXPRESSIONS)])
def test_an_expression_asks_for_metrics_labels_and_values_that_are_there(name: str, expression: str) -> None:
    promql_parser.parse(expression.replace(dashboard.RANGE, "5m"))
    asked = _asked(expression)
    assert asked
    assert asked <= set(_LABELS)
    known = set().union(*(_LABELS[metric] for metric in asked)) | PROMETHEUS
    by = set(re.findall(r"\w+", " ".join(re.findall(r"(?:by|on) \(([^)]*)\)", expression))))
    assert by <= known
    for metric, matched in re.findall(r"\b(mcd_[a-z_]+)\{([^}]*)\}", expression):
        (declared,) = _asked(metric)
        for label, words in re.findall(r'(\w+)\s*[=!]~?"([^"]*)"', matched):
            values = metrics.FAMILIES[declared].labels[label]
            assert isinstance(values, str) or set(words.split("|")) <= set(values), (metric, label)


def test_prometheus_takes_every_rule_and_every_expression_of_the_dashboard(tmp_path: Path) -> None:
    record = [
        {"record": f"panel:{number}", "expr": text.replace(dashboard.RANGE, "5m")}
        for number, (_, text) in enumerate(EXPRESSIONS)
    ]
    shown = tmp_path / "panels.yaml"
    shown.write_text(yaml.safe_dump({"groups": [{"name": "panels", "rules": record}]}))
    taken, said = check_rules([RULES, shown])
    assert taken, said


def test_the_dashboard_is_the_one_that_is_written_and_nothing_covers_anything() -> None:
    assert DASHBOARD.read_text("utf-8") == dashboard.text(), "run: make docs"
    board = json.loads(DASHBOARD.read_text("utf-8"))
    cells = [
        (x, y)
        for panel in board["panels"]
        for x in range(panel["gridPos"]["x"], panel["gridPos"]["x"] + panel["gridPos"]["w"])
        for y in range(panel["gridPos"]["y"], panel["gridPos"]["y"] + panel["gridPos"]["h"])
    ]
    assert len(cells) == len(set(cells))
    assert max(x for x, _ in cells) < 24
    assert len({panel["id"] for panel in board["panels"]}) == len(board["panels"])


def test_every_metric_is_on_the_dashboard() -> None:
    shown = set().union(*(_asked(text) for _, texts in panels() for text in texts))
    assert set(metrics.FAMILIES) <= shown


# --- runbooks --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("rule", ALERTS, ids=NAMES)
def test_an_alert_says_what_it_is_and_leads_to_its_runbook(rule: dict[str, Any]) -> None:
    assert rule["labels"] in ({"severity": s} for s in ("critical", "warning", "info"))
    notes = rule["annotations"]
    assert set(notes) == {"summary", "description", "runbook_url"}
    assert notes["runbook_url"] == f"https://mcd.internal/docs/runbooks/{rule['alert']}"
    assert len(notes["summary"]) < 100
    told = set(re.findall(r"\$labels\.(\w+)", str(notes)))
    by = set(re.findall(r"\w+", " ".join(re.findall(r"(?:by|on) \(([^)]*)\)", rule["expr"]))))
    assert told <= by


@pytest.mark.parametrize("rule", ALERTS, ids=NAMES)
def test_a_runbook_says_how_to_look_and_what_to_do(rule: dict[str, Any]) -> None:
    text = (RUNBOOKS / f"{rule['alert']}.md").read_text("utf-8")
    assert text.startswith(f"# {rule['alert']}\n")
    assert re.search(r"^## Look\n\n1\. ", text, re.MULTILINE)
    assert re.search(r"^## Do\n\n- ", text, re.MULTILINE)
    assert re.search(r"^It is over when ", text, re.MULTILINE)
    assert f"({rule['alert']}.md)" in (RUNBOOKS / "README.md").read_text("utf-8")


def test_there_is_no_runbook_of_an_alert_that_is_gone() -> None:
    assert {page.stem for page in RUNBOOKS.glob("*.md")} == {*NAMES, "README"}


@pytest.mark.parametrize("page", sorted(RUNBOOKS.glob("*.md")), ids=lambda page: page.stem)
def test_what_a_runbook_names_is_there(page: Path) -> None:
    text = page.read_text("utf-8")
    for link in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        assert (page.parent / link).is_file(), link
    assert set(re.findall(r"\bmcd_[a-z_]+", text)) <= {
        *metrics.FAMILIES, *(f"{name}{end}" for name in metrics.FAMILIES for end in ("_bucket", "_sum", "_count")),
    }  # fmt: skip
    for title in re.findall(r"panel \*([^*]+)\*", text.replace("\n   ", " ")):
        assert title in {panel for panel, _ in panels()}, title
    for words in re.findall(r"`mcd ([a-z][^`]*)`", text):
        _command(words.split())


def _command(words: list[str]) -> None:
    """Raises where there is no such command or option."""
    at: Any = get_command(app)
    while words and hasattr(at, "get_command"):
        name = words.pop(0)
        at = at.get_command(None, name)
        assert at is not None, name
    options = {option for parameter in at.params for option in parameter.opts}
    assert {word for word in words if word.startswith("-")} <= options, words


# --- when they fire --------------------------------------------------------------------------------------------------

BUCKETS = {0.25: 0, 0.5: 0, 1.0: 0, 5.0: 0, 10.0: 0}


def _histogram(name: str, labels: str, seconds: float) -> dict[str, str]:
    """One observation a second, each of so many seconds."""
    bounds = {str(bound): "0+60x120" if seconds <= bound else "0x120" for bound in BUCKETS} | {"+Inf": "0+60x120"}
    made = {f'{name}_bucket{{{labels},le="{bound}"}}': values for bound, values in bounds.items()}
    return made | {f"{name}_count{{{labels}}}": "0+60x120"}


AT = 'instance="a:7070",job="mcd"'
WELL: dict[str, str] = {
    f'mcd_build_info{{version="1",revision="r",{AT}}}': "1x120",
    f'mcd_serving{{role="api",{AT}}}': "1x120",
    f'mcd_serving{{role="controllers",{AT}}}': "1x120",
    f"mcd_controllers_alive{{{AT}}}": "2x120",
    f'mcd_due_age_seconds{{noun="rollout",{AT}}}': "5x120",
    f'mcd_reconcile_seconds_count{{noun="rollout",outcome="ready",{AT}}}': "0+60x120",
    f'mcd_reconcile_seconds_count{{noun="rollout",outcome="error",{AT}}}': "0+1x120",
    f'mcd_leases_lost_total{{noun="rollout",{AT}}}': "0x120",
    f'mcd_apps{{state="stalled",{AT}}}': "0x120",
    f'mcd_apps{{state="ready",{AT}}}': "9x120",
    f'mcd_cluster_up{{cluster="bj1",{AT}}}': "1x120",
    f'mcd_kube_watch_unsynced{{cluster="bj1",{AT}}}': "0x120",
    f'mcd_kube_watch_age_seconds{{cluster="bj1",{AT}}}': "40x120",
    f'mcd_kube_watch_restarts_total{{cluster="bj1",cause="expired",{AT}}}': "0x120",
    f'mcd_kube_watch_restarts_total{{cluster="bj1",cause="ended",{AT}}}': "0+20x120",
    f'mcd_apply_seconds_count{{cluster="bj1",action="apply",verdict="done",{AT}}}': "0+60x120",
    f'mcd_apply_seconds_count{{cluster="bj1",action="apply",verdict="refused",{AT}}}': "0+1x120",
    **_histogram("mcd_kube_request_seconds", f'cluster="bj1",method="GET",code_class="2xx",{AT}', 0.1),
    **_histogram("mcd_http_request_seconds", f'method="GET",route="/api/v1/apps",code_class="2xx",{AT}', 0.1),
    f'mcd_http_request_seconds_count{{method="GET",route="/api/v1/apps",code_class="5xx",{AT}}}': "0x120",
    f"mcd_http_bugs_total{{{AT}}}": "0x120",
    f'mcd_db_failures_total{{code="unavailable",{AT}}}': "0x120",
    f'mcd_db_failures_total{{code="conflict",{AT}}}': "0+1x120",
    **_histogram("mcd_db_transaction_seconds", f'mode="read",{AT}', 0.1),
    **_histogram("mcd_db_wait_seconds", f'mode="write",{AT}', 0.1),
    f'mcd_image_push_seconds_count{{result="pushed",{AT}}}': "0+1x120",
    f'mcd_image_push_seconds_count{{result="failed",{AT}}}': "0x120",
    f'mcd_git_pushes_total{{result="failed",{AT}}}': "0x120",
    f'mcd_git_pushes_total{{result="refused",{AT}}}': "0+1x120",
    f"mcd_data_free_bytes{{{AT}}}": "9e9x120",
    f"process_start_time_seconds{{{AT}}}": "1000x120",
    'process_start_time_seconds{instance="b:9",job="other"}': "0+60x120",
    f"process_open_fds{{{AT}}}": "100x120",
    f"process_max_fds{{{AT}}}": "1024x120",
    **_histogram("mcd_event_loop_lag_seconds", AT, 0.1),
}

GONE = "_x120"
WRONG: dict[str, tuple[dict[str, str], str]] = {
    "McdDown": ({'mcd_build_info{version="1",revision="r",': GONE}, ""),
    "McdApiDown": ({'mcd_serving{role="api"': GONE}, 'role="api"'),
    "McdNobodyWorks": ({"mcd_controllers_alive": "0x120"}, ""),
    "McdLate": ({"mcd_due_age_seconds": "300x120"}, 'noun="rollout"'),
    "McdPassesFail": ({'mcd_reconcile_seconds_count{noun="rollout",outcome="error"': "0+90x120"}, 'noun="rollout"'),
    "McdLeasesLost": ({"mcd_leases_lost_total": "0+2x120"}, ""),
    "McdAppsStandStill": ({'mcd_apps{state="stalled"': "3x120"}, 'state="stalled"'),
    "McdClusterAway": ({"mcd_cluster_up": "0x120"}, 'cluster="bj1"'),
    "McdWatchesBroken": ({"mcd_kube_watch_unsynced": "2x120"}, 'cluster="bj1"'),
    "McdWatchesRestart": (
        {'mcd_kube_watch_restarts_total{cluster="bj1",cause="expired"': "0+20x120"}, 'cluster="bj1",cause="expired"',
    ),
    "McdWritesRefused": (
        {'mcd_apply_seconds_count{cluster="bj1",action="apply",verdict="refused"': "0+90x120"}, 'cluster="bj1"',
    ),
    "McdClusterSlow": (
        _histogram("mcd_kube_request_seconds", f'cluster="bj1",method="GET",code_class="2xx",{AT}', 8), 'cluster="bj1"',
    ),
    "McdErrors": ({'mcd_http_request_seconds_count{method="GET",route="/api/v1/apps",code_class="5xx"': "0+6x120"}, ""),
    "McdBugs": ({"mcd_http_bugs_total": "0+1x120"}, ""),
    "McdSlow": (
        _histogram("mcd_http_request_seconds", f'method="GET",route="/api/v1/apps",code_class="2xx",{AT}', 4), "",
    ),
    "McdDatabaseFails": ({'mcd_db_failures_total{code="unavailable"': "0+1x120"}, 'code="unavailable"'),
    "McdDatabaseSlow": (_histogram("mcd_db_wait_seconds", f'mode="write",{AT}', 4), 'mode="write"'),
    "McdImagesNotPushed": (
        {'mcd_image_push_seconds_count{result="failed"': "0+1x120",
         'mcd_image_push_seconds_count{result="pushed"': "0x120"}, "",
    ),
    "McdPushesFail": ({'mcd_git_pushes_total{result="failed"': "0+1x120"}, ""),
    "McdDiskNearlyFull": ({"mcd_data_free_bytes": "1e9x120"}, ""),
    "McdRestarts": ({'process_start_time_seconds{instance="a:7070"': "0+60x120"}, AT),
    "McdBlocked": (_histogram("mcd_event_loop_lag_seconds", AT, 0.9), AT),
    "McdFilesNearlyOut": ({"process_open_fds": "1000x120"}, AT),
    "McdTwoVersions": ({'mcd_build_info{version="2",revision="r",instance="c:7070",job="mcd"}': "1x120"}, ""),
}  # fmt: skip
"""Alert → what is changed of what is well (by the beginning of a series' name), and the labels of the alert."""


def _with(changed: dict[str, str]) -> dict[str, str]:
    series = dict(WELL)
    for beginning, values in changed.items():
        named = [name for name in series if name.startswith(beginning)]
        for name in named or [beginning]:
            series[name] = values
    return series


PLANNED = {'process_start_time_seconds{instance="a:7070"': "0x80 1x5 2x5 3x5 4x30"}
"""An upgrade and a rotation of keys in one go: four starts within half an hour, as install.md types them."""


def _scenarios() -> list[dict[str, Any]]:
    firing = 'ALERTS{alertstate="firing"}'
    wells = [{"expr": firing, "eval_time": at, "exp_samples": []} for at in ("30m", "105m", "119m")]
    made = [
        {"interval": "1m", "name": name, "input_series": _input(_with(changed)), "promql_expr_test": wells}
        for name, changed in (("well", {}), ("planned", PLANNED))
    ]
    severity = {rule["alert"]: rule["labels"]["severity"] for rule in ALERTS}
    for name, (changed, labels) in WRONG.items():
        said = f'alertname="{name}",alertstate="firing",severity="{severity[name]}"' + (f",{labels}" if labels else "")
        fires = [{"expr": firing, "eval_time": "119m", "exp_samples": [{"labels": f"ALERTS{{{said}}}", "value": 1}]}]
        series = _input(_with(changed))
        made.append({"interval": "1m", "name": name, "input_series": series, "promql_expr_test": fires})
    return made


def _input(series: dict[str, str]) -> list[dict[str, str]]:
    return [{"series": name, "values": values} for name, values in series.items()]


def _tested(tmp_path: Path, scenarios: list[dict[str, Any]]) -> tuple[bool, str]:
    file = tmp_path / "scenarios.yaml"
    file.write_text(yaml.safe_dump({"rule_files": [str(RULES)], "evaluation_interval": "1m", "tests": scenarios}))
    return promtool_test(file)


def test_every_alert_has_a_cause_that_is_tried() -> None:
    assert set(WRONG) == set(NAMES)


def test_each_alert_fires_alone_when_its_cause_is_there_and_none_when_all_is_well(tmp_path: Path) -> None:
    passed, said = _tested(tmp_path, _scenarios())
    assert passed, said


def test_a_rule_that_never_fires_would_be_noticed(tmp_path: Path) -> None:
    late = [made for made in _scenarios() if made["name"] == "McdLate"]
    late[0]["input_series"] = _input(WELL)
    passed, said = _tested(tmp_path, late)
    assert not passed
    assert "McdLate" in said


def test_what_a_person_reads_is_whole(tmp_path: Path) -> None:
    told = {
        "exp_labels": {"severity": "critical", "cluster": "bj1"},
        "exp_annotations": {
            "summary": "cluster bj1 is away",
            "description": 'Its Apps run on, nothing is deployed there. "mcd cluster show bj1" says why.',
            "runbook_url": "https://mcd.internal/docs/runbooks/McdClusterAway",
        },
    }
    asked = [{"alertname": "McdClusterAway", "eval_time": "10m", "exp_alerts": [told]}]
    series = _input(_with(WRONG["McdClusterAway"][0]))
    passed, said = _tested(tmp_path, [{"interval": "1m", "input_series": series, "alert_rule_test": asked}])
    assert passed, said
