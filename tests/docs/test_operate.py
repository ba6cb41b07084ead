"""docs/how-to/operate.md: the alert rules can be loaded, and ask for metrics and labels that are there."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from mcd.observability import metrics

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "how-to" / "operate.md").read_text(encoding="utf-8")
(TEXT,) = re.findall(r"^```yaml\n(groups:\n.*?)^```", PAGE, re.MULTILINE | re.DOTALL)
RULES: list[dict[str, Any]] = [rule for group in yaml.safe_load(TEXT)["groups"] for rule in group["rules"]]
LABELS = {
    name: set(getattr(collector, "_labelnames", ()))
    for collector, names in metrics.REGISTRY._collector_to_names.items()
    for name in names
}


@pytest.mark.parametrize("rule", RULES, ids=[rule["alert"] for rule in RULES])
def test_a_rule_asks_for_what_is_measured_and_says_what_to_do(rule: dict[str, Any]) -> None:
    asked = set(re.findall(r"\bmcd_\w+", rule["expr"]))
    assert asked
    assert asked <= set(LABELS)
    known = set().union(*(LABELS[name] for name in asked))
    by = set(re.findall(r"\w+", " ".join(re.findall(r"by \(([^)]*)\)", rule["expr"]))))
    matched = set(re.findall(r"[{,]\s*(\w+)\s*[=!]", rule["expr"]))
    told = set(re.findall(r"\$labels\.(\w+)", str(rule["annotations"])))
    assert by | matched <= known
    assert told <= by
    assert set(rule["annotations"]) == {"summary", "description"}


def test_every_metric_that_the_page_names_is_there() -> None:
    assert set(re.findall(r"\bmcd_[a-z_]+", PAGE)) <= set(LABELS)
