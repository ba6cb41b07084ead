"""Which instrumentation a component gets (app-yaml 3.9 tracing).

It must not know how an operator injects it.
"""

from __future__ import annotations

from mcd.appyaml.resolve.run import Resolving
from mcd.appyaml.schema.component import Component
from mcd.appyaml.text.nodes import Path

LANGUAGES = {"java": "java", "python": "python", "node": "nodejs", "dotnet": "dotnet"}
"""Family of `runtime` → what the OpenTelemetry operator calls it."""

UNASKED = frozenset({"java"})
"""Whose agent changes nothing that a program can notice."""


def resolve_tracing(run: Resolving, component: Component, path: Path) -> str:
    """The operator's word for the language, "" for none."""
    family = run.app.runtime.rstrip("0123456789.")
    wanted = component.tracing == "on" or (component.tracing == "auto" and family in UNASKED)
    if not wanted or family not in LANGUAGES:
        return ""
    cluster = run.context.cluster
    if cluster.otel.operator:
        return LANGUAGES[family]
    if component.tracing == "on" and run.context.known:
        message = f'cluster "{cluster.name}" has no OpenTelemetry operator: tracing is left out.'
        run.findings.warn("cluster.degraded", (*path, "tracing"), message)
    return ""
