"""What Prometheus reads: names, units and labels follow the conventions, every value of a label is foreseen, and the
text is the one that Prometheus' own library would write."""

from __future__ import annotations

import re

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram
from prometheus_client import metrics as library
from prometheus_client.exposition import generate_latest
from prometheus_client.parser import text_string_to_metric_families

from mcd.model import RECONCILED, Action, AppState, Ready, Stalled, Waiting
from mcd.observability import metrics
from mcd.observability.exposition import Exposition


def test_every_metric_of_the_registry_is_declared_with_its_labels() -> None:
    shown = {
        family.name + ("_total" if family.type == "counter" else ""): family for family in metrics.REGISTRY.collect()
    }
    assert set(shown) == set(metrics.FAMILIES)
    for name, family in metrics.FAMILIES.items():
        assert tuple(family.labels) == family.made._labelnames, name


@pytest.mark.parametrize("name", list(metrics.FAMILIES))
def test_a_metric_has_our_prefix_its_unit_and_an_explanation(name: str) -> None:
    made = metrics.FAMILIES[name].made
    assert re.fullmatch(r"mcd_[a-z]+(_[a-z]+)*", name)
    assert len(made._documentation) > 20
    if isinstance(made, Histogram):
        assert name.endswith(("_seconds", "_bytes"))
    assert isinstance(made, Counter) == name.endswith("_total")


@pytest.mark.parametrize("name", list(metrics.FAMILIES))
def test_no_label_can_be_an_object_or_a_person(name: str) -> None:
    open_ended = {label for label, values in metrics.FAMILIES[name].labels.items() if isinstance(values, str)}
    assert open_ended <= {"version", "revision", "route", "cluster", "reason"}


def test_the_words_of_labels_are_those_of_the_model() -> None:
    assert tuple(noun.value for noun in RECONCILED) == metrics.NOUNS
    outcomes = {outcome.__name__.lower() for outcome in (Ready, Waiting, Stalled)} | {"error", "dropped"}
    assert set(metrics.FAMILIES["mcd_reconcile_seconds"].labels["outcome"]) == outcomes
    assert set(metrics.FAMILIES["mcd_apps"].labels["state"]) == {state.value for state in AppState}
    done = {action.value for action in Action} - {"unchanged"} | {"healed"}
    assert set(metrics.FAMILIES["mcd_changes_total"].labels["action"]) == done


@pytest.fixture
def hostile(monkeypatch: pytest.MonkeyPatch) -> list[Counter | Gauge | Histogram]:
    """One of each kind, with labels that would break a line."""
    monkeypatch.setattr(library, "_use_created", False)
    registry = CollectorRegistry()
    made = [
        Histogram("t_seconds", "Two\nlines \\ of it.", ["b", "a"], buckets=(0.1, 1, 2.5, 2e6), registry=registry),
        Histogram("t_bare_seconds", "No labels.", buckets=(1,), registry=registry),
        Counter("t_things", "Counted.", ["what"], registry=registry),
        Gauge("t_level", "Set.", ["what"], registry=registry),
        Gauge("t_empty", "Never set.", ["what"], registry=registry),
    ]
    made[0].labels('quo"te', "back\\slash").observe(0.4)
    made[0].labels("new\nline", "中文").observe(3e6)
    made[1].observe(0.5)
    made[2].labels("x").inc(12345678)
    for word, value in (("nan", float("nan")), ("big", 1e21), ("small", 1e-7), ("minus", -3.5), ("inf", float("inf"))):
        made[3].labels(word).set(value)
    return [*made, registry]


def test_the_text_is_byte_for_byte_what_the_library_writes(hostile: list[Counter]) -> None:
    *made, registry = hostile
    ours = Exposition(made)
    expected = {block for block in generate_latest(registry).decode().split("# HELP ") if block}
    assert {block for block in ours.text().decode().split("# HELP ") if block} == expected
    made[3].labels("late").set(7)
    made[3].remove("nan")
    again = {block for block in ours.text().decode().split("# HELP ") if block}
    assert again == {block for block in generate_latest(registry).decode().split("# HELP ") if block}


def test_what_a_process_tells_is_readable_whole_and_documented() -> None:
    metrics.BUILD_INFO.labels("0", "none").set(1)
    text = metrics.exposition().decode()
    assert 'mcd_build_info{revision="none",version="0"} 1.0' in text
    found = {family.name for family in text_string_to_metric_families(text)}
    declared = {name.removesuffix("_total") for name in (*metrics.FAMILIES, *metrics.PROCESS)}
    assert found <= declared
    assert found >= {name.removesuffix("_total") for name in metrics.PROCESS}
    assert "_created" not in text


def test_the_numbers_of_a_cluster_that_is_gone_go_with_it() -> None:
    metrics.CHANGES.labels("gone-one", "created").inc()
    metrics.KUBE_SECONDS.labels("gone-one", "GET", "2xx").observe(1)
    assert b'cluster="gone-one"' in metrics.exposition()
    metrics.forget_cluster("gone-one")
    assert b'cluster="gone-one"' not in metrics.exposition()


def test_code_classes() -> None:
    assert [metrics.code_class(s) for s in (101, 200, 404, 503, 999, None)] == [
        "2xx", "2xx", "4xx", "5xx", "none", "none",
    ]  # fmt: skip
