"""Where a program tells its metrics, with its port found and named (app-yaml 3.9 metrics).

It must not know who reads them.
"""

from __future__ import annotations

from collections.abc import Sequence

from mcd.appyaml.schema.component import Component
from mcd.appyaml.spec.pod import PortSpec
from mcd.appyaml.spec.running import MetricsSpec
from mcd.appyaml.text.nodes import Path
from mcd.appyaml.text.problems import Findings

PORT = "metrics"
"""Name of the container port that is declared only for whoever reads metrics."""


def resolve_metrics(
    component: Component, ports: Sequence[PortSpec], path: Path, findings: Findings
) -> MetricsSpec | None:
    """None without `metrics`, or after a problem was reported."""
    asked = component.metrics
    if asked is None:
        return None
    here = (*path, "metrics", "port")
    number = asked.port or next((port.port for port in ports if port.protocol == "TCP"), 0)
    if not number:
        findings.refuse("schema.missing", here, '"port" is missing.', "Write the port that answers there.")
        return None
    declared = next((port for port in ports if port.port == number and port.protocol == "TCP"), None)
    extra = None
    if declared is None:
        named = next((port for port in ports if port.name == PORT), None)
        if named is not None:
            message = f"port {PORT} is {named.port} already."
            findings.refuse("combination", here, message, f"Use {named.port}, or declare {number} under ports.")
            return None
        declared = extra = PortSpec(PORT, number)
    return MetricsSpec(asked.path, number, declared.name, asked.interval, extra)
