"""What every component of one run shares, and the names that follow from it.

It must not resolve anything.
"""

from __future__ import annotations

from collections.abc import Mapping

from mcd.appyaml.context import Context
from mcd.appyaml.record import record
from mcd.appyaml.schema.app import App
from mcd.appyaml.spec.app import Source
from mcd.appyaml.spec.infra import InfraSpec
from mcd.appyaml.text.problems import Findings


@record
class Resolving:
    """What every component of one run shares."""

    app: App
    name: str
    line: str
    namespace: str
    context: Context
    source: Source
    text: str
    findings: Findings
    webs: int
    """How many web components there are: the only one gets the short domain."""
    infra: Mapping[str, InfraSpec]


def template_names(run: Resolving) -> dict[str, str]:
    """What templates may name besides variables."""
    source = run.source
    return {
        "App": run.name,
        "Commit": source.commit,
        "Branch": source.branch,
        "Tag": source.tag,
        "ProductLine": run.line,
        "Cluster": run.context.cluster.name,
    }
