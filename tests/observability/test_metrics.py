"""What Prometheus reads: names, units and labels follow the conventions, and every metric is explained."""

from __future__ import annotations

from mcd.observability import metrics

CLOSED_LABELS = {
    "version", "revision", "method", "route", "code_class", "kind", "noun", "outcome", "reason", "action", "verb",
    "result", "bucket", "cause", "state",
    # As many as an administrator registers; the series of one that is gone goes with it.
    "cluster",
}  # fmt: skip


def test_every_metric_has_our_prefix_a_unit_and_an_explanation() -> None:
    for family in metrics.REGISTRY.collect():
        assert family.name.startswith("mcd_"), family.name
        assert len(family.documentation) > 20, family.name
        if family.type == "histogram":
            assert family.name.endswith(("_seconds", "_bytes")), family.name


def test_labels_come_from_the_closed_list() -> None:
    for collector in set(metrics.REGISTRY._collector_to_names):
        assert set(getattr(collector, "_labelnames", ())) <= CLOSED_LABELS, collector


def test_the_exposition_is_readable_and_holds_nothing_of_others() -> None:
    metrics.BUILD_INFO.labels("0", "none").set(1)
    text = metrics.exposition().decode()
    assert 'mcd_build_info{revision="none",version="0"} 1.0' in text
    assert all(line.startswith(("# ", "mcd_")) for line in text.splitlines())


def test_code_classes() -> None:
    assert [metrics.code_class(s) for s in (200, 404, 503, None)] == ["2xx", "4xx", "5xx", "none"]
