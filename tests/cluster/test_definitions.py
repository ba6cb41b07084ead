"""When definitions count as served: each of their resources, not the first of a group."""

from __future__ import annotations

from typing import Any

from scripts.cluster.definitions import unserved

TEXT = """kind: CustomResourceDefinition
metadata:
  name: prometheusrules.monitoring.coreos.com
---
kind: CustomResourceDefinition
metadata:
  name: "servicemonitors.monitoring.coreos.com"
"""


def test_a_group_with_its_first_resource_is_not_yet_served() -> None:
    listed: list[dict[str, str]] = []

    def get(path: str) -> tuple[int, Any]:
        if path == "/apis/monitoring.coreos.com":
            return 200, {"versions": [{"groupVersion": "monitoring.coreos.com/v1"}]}
        assert path == "/apis/monitoring.coreos.com/v1"
        return 200, {"resources": listed}

    both = "prometheusrules.monitoring.coreos.com, servicemonitors.monitoring.coreos.com not served"
    assert unserved(lambda _path: (0, "nobody answers"), TEXT) == both
    assert unserved(get, TEXT) == both
    listed.append({"name": "servicemonitors"})
    assert unserved(get, TEXT) == "prometheusrules.monitoring.coreos.com not served"
    listed.append({"name": "prometheusrules"})
    assert unserved(get, TEXT) == ""
