"""The rules of alerts are asked of Prometheus itself: it reads all of them, and they fire when they should."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import promql_parser
import pytest
import yaml

from mcd.appyaml.compiler import Source, check, compile_app
from mcd.appyaml.context import NO_CONTEXT, Context, read_context
from mcd.appyaml.render.alerts import PERMDIR_FULL
from mcd.appyaml.render.builtin_alerts import RULES
from mcd.appyaml.render.series import QUERIES
from mcd.appyaml.schema.alert import BUILTIN
from mcd.appyaml.schema.comparison import METRICS
from mcd.infra.catalog import KINDS
from mcd.objects import Object
from tests.appyaml.cases_on_disk import COMMIT, all_cases
from tests.servers.promtool import check_rules, test_rules

PAGE = Path(__file__).parent / "page" / "cases"


def compiled(text: bytes, context: Context = NO_CONTEXT) -> list[Object]:
    return list(compile_app(check(text, "app.yaml"), context, Source(COMMIT)).objects)


def of_the_page(folder: Path) -> list[Object]:
    context = NO_CONTEXT
    if not (folder / "app.yaml").exists():
        return []
    if (folder / "context.yaml").exists():
        found, _ = read_context((folder / "context.yaml").read_bytes(), "context.yaml")
        context = found or NO_CONTEXT
    return compiled((folder / "app.yaml").read_bytes(), replace(context, kinds=KINDS))


def rules_of(objects: list[Object]) -> dict[str, Any]:
    """What Prometheus reads of an App."""
    groups = [group for obj in objects if obj["kind"] == "PrometheusRule" for group in obj["spec"]["groups"]]
    return {"groups": groups}


@pytest.fixture(scope="module")
def everything() -> dict[str, dict[str, Any]]:
    """Case → its rules, for every case that has some."""
    found = {case.name: rules_of(case.objects()) for case in all_cases()}
    found |= {f"page-{folder.name}": rules_of(of_the_page(folder)) for folder in PAGE.iterdir()}
    return {name: rules for name, rules in found.items() if rules["groups"]}


def test_every_rule_of_every_case_is_promql(everything: dict[str, dict[str, Any]]) -> None:
    expressions = {
        rule["expr"] for rules in everything.values() for group in rules["groups"] for rule in group["rules"]
    }
    assert len(expressions) > 500
    for expression in expressions:
        promql_parser.parse(expression)


def test_prometheus_takes_the_rules_of_every_case(everything: dict[str, dict[str, Any]], tmp_path: Path) -> None:
    files = []
    for name, rules in everything.items():
        files.append(tmp_path / f"{name}.yaml")
        files[-1].write_text(yaml.safe_dump(rules))
    taken, said = check_rules(files)
    assert taken, said


def test_prometheus_would_refuse_a_wrong_rule(tmp_path: Path) -> None:
    rule = {"alert": "x", "expr": "up", "annotations": {"summary": "{{ .Commit }"}}
    (tmp_path / "wrong.yaml").write_text(yaml.safe_dump({"groups": [{"name": "g", "rules": [rule]}]}))
    taken, said = check_rules([tmp_path / "wrong.yaml"])
    assert not taken, said


def test_every_name_that_may_be_written_has_its_expression() -> None:
    assert [*BUILTIN] == [*list(RULES)[:12], PERMDIR_FULL, *list(RULES)[12:]]
    assert METRICS.keys() == QUERIES.keys()


APP = b"""
appname: shop
permdir: true
components:
  web: {type: web, image: "nginx:1.29.3", autoscale: {max: 3}}
  db: {type: service, port: 5432, image: "nginx:1.29.3", stateful: true, permdir: false}
  clean: {type: cron, schedule: "0 3 * * *", image: "nginx:1.29.3"}
  train: {type: job, image: "nginx:1.29.3", resources: {gpu: 1}, idle_gpu: {for: 10m}}
alerts:
- {name: hot, component: web, when: cpu > 80%}
- {name: full-and-busy, component: web, when: permdir > 50% and cpu > 80%}
- {name: few, component: web, when: ready < 2}
- {name: slow-calls, component: web, trace: {p95: "> 500ms", operation: "GET /x"}}
- {builtin: ErrorRate, threshold: 0.01}
"""
POD = 'namespace="demo",pod="shop-web-6b7f9c-x2x2x"'
SCALER = 'namespace="demo",horizontalpodautoscaler="shop-web"'
SERIES = {
    f'container_cpu_usage_seconds_total{{{POD},container="web"}}': "0+60x120",
    f'kube_pod_container_resource_requests{{{POD},container="web",resource="cpu"}}': "0.1x120",
    'kubelet_volume_stats_used_bytes{namespace="demo",persistentvolumeclaim="shop-permdir",node="n1"}': "60x120",
    'kubelet_volume_stats_capacity_bytes{namespace="demo",persistentvolumeclaim="shop-permdir",node="n1"}': "100x120",
    f'kube_pod_status_ready{{{POD},condition="true"}}': "1x120",
    'mcd:span_seconds_bucket:rate1m{namespace="demo",app="shop",component="web",operation="GET /x",le="0.5"}': "0x120",
    'mcd:span_seconds_bucket:rate1m{namespace="demo",app="shop",component="web",operation="GET /x",le="1"}': "9x120",
    'mcd:span_seconds_bucket:rate1m{namespace="demo",app="shop",component="web",operation="GET /x",le="+Inf"}': "9x120",
    'mcd:http_requests:rate1m{namespace="demo",app="shop",component="web",code="2xx"}': "97x120",
    'mcd:http_requests:rate1m{namespace="demo",app="shop",component="web",code="5xx"}': "3x120",
    f"kube_horizontalpodautoscaler_status_current_replicas{{{SCALER}}}": "3x120",
    f"kube_horizontalpodautoscaler_spec_max_replicas{{{SCALER}}}": "3x120",
    'kube_statefulset_status_replicas_ready{namespace="demo",statefulset="shop-db"}': "0x120",
    'kube_statefulset_replicas{namespace="demo",statefulset="shop-db"}': "1x120",
    'kube_pod_container_status_last_terminated_reason{namespace="demo",pod="shop-db-0",container="db",'
    'reason="OOMKilled"}': "1x120",
    'kube_pod_container_status_restarts_total{namespace="demo",pod="shop-db-0",container="db"}': "0+1x120",
    'kube_pod_container_status_terminated_reason{namespace="demo",pod="shop-clean-29000000-x2x2x",'
    'container="clean",reason="OOMKilled"}': "1x120",
    'kube_job_status_failed{namespace="demo",job_name="shop-clean-29000000"}': "1x120",
    'kube_job_status_start_time{namespace="demo",job_name="shop-clean-29000000"}': "0x120",
    'mcd:gpu_util:percent{namespace="demo",pod="shop-train-r7-x2x2x"}': "3x120",
    # Another App's, with a name that begins alike: nobody here is told of it.
    'mcd:gpu_util:percent{namespace="demo",pod="shop-two-train-r7-x2x2x"}': "90x120",
    'kube_pod_status_ready{namespace="demo",pod="shop-web-two-6b7f9c-x2x2x",condition="true"}': "1x120",
}  # fmt: skip

FIRES = {
    "hot": ("web", "warning", {}),
    "full-and-busy": (
        "web", "warning", {"namespace": "demo", "persistentvolumeclaim": "shop-permdir", "node": "n1"},
    ),
    "few": ("web", "warning", {}),
    "slow-calls": ("web", "warning", {}),
    "ErrorRate": ("web", "critical", {}),
    "AtMaxReplicas": ("web", "warning", {"namespace": "demo", "horizontalpodautoscaler": "shop-web"}),
    "NotReady": ("db", "critical", {"namespace": "demo", "statefulset": "shop-db"}),
    "JobFailed": ("clean", "warning", {"namespace": "demo", "job_name": "shop-clean-29000000"}),
    "GpuIdle": ("train", "info", {}),
    "Slow": None,
    "PermdirFull": None,
    "MemoryHigh": None,
    "CronMissed": None,
    "GpuError": None,
}  # fmt: skip
"""Alert → component, severity and the labels that come from the series; None: it must be quiet."""


def fired(name: str) -> dict[str, Any]:
    """What promtool is told to expect of one alert after an hour."""
    wanted = FIRES[name]
    expected = []
    if wanted is not None:
        component, severity, more = wanted
        labels = {"app": "shop", "component": component, "product_line": "demo", "severity": severity, **more}
        if name in BUILTIN:
            labels["builtin"] = "true"
        summary = f"{name} on shop/{component}"
        expected.append({"exp_labels": labels, "exp_annotations": {"summary": summary}})
    return {"eval_time": "1h", "alertname": name, "exp_alerts": expected}


def scenario(folder: Path, series: dict[str, str], alerts: list[dict[str, Any]]) -> Path:
    (folder / "rules.yaml").write_text(yaml.safe_dump(rules_of(compiled(APP))))
    test = {
        "interval": "1m",
        "input_series": [{"series": name, "values": values} for name, values in series.items()],
        "alert_rule_test": alerts,
    }
    file = folder / "test.yaml"
    file.write_text(yaml.safe_dump({"rule_files": ["rules.yaml"], "evaluation_interval": "1m", "tests": [test]}))
    return file


def test_alerts_fire_when_they_should_and_are_quiet_otherwise(tmp_path: Path) -> None:
    passed, said = test_rules(scenario(tmp_path, SERIES, [fired(name) for name in FIRES]))
    assert passed, said


def test_a_killed_container_is_told_with_its_pod(tmp_path: Path) -> None:
    def killed(component: str, pod: str) -> dict[str, Any]:
        labels = {
            "app": "shop", "component": component, "product_line": "demo", "severity": "warning", "builtin": "true",
            "namespace": "demo", "pod": pod, "container": component, "reason": "OOMKilled",
        }  # fmt: skip
        return {"exp_labels": labels, "exp_annotations": {"summary": f"OomKilled on shop/{component}"}}

    both = [killed("clean", "shop-clean-29000000-x2x2x"), killed("db", "shop-db-0")]
    alerts = [{"eval_time": "1h", "alertname": "OomKilled", "exp_alerts": both}]
    passed, said = test_rules(scenario(tmp_path, SERIES, alerts))
    assert passed, said


def test_the_scenario_notices_an_alert_that_does_not_fire(tmp_path: Path) -> None:
    """Without the directory's series nothing is full."""
    series = {name: values for name, values in SERIES.items() if not name.startswith("kubelet_volume")}
    passed, said = test_rules(scenario(tmp_path, series, [fired("full-and-busy")]))
    assert not passed
    assert "full-and-busy" in said
