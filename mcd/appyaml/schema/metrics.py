"""Where a program tells its metrics (app-yaml 3.9 metrics).

It must not know who reads them.
"""

from __future__ import annotations

import re
from typing import Any

from mcd.appyaml.record import record
from mcd.appyaml.schema.defaults import DAY
from mcd.appyaml.schema.expand import switch
from mcd.appyaml.schema.fields import BAD, key, model, refused_shape
from mcd.appyaml.schema.shapes import URL_JSON
from mcd.appyaml.schema.values import duration, integer, text
from mcd.appyaml.text.nodes import Node, Path, Scalar
from mcd.appyaml.text.problems import Report

_PATH = text(
    "path",
    shape=re.compile(r"/[A-Za-z0-9._~!$&'()*+,;=:@/-]{0,199}"),
    what="a path",
    hint="Write it like /metrics.",
)


@record
class Metrics:
    """`metrics`: where a program tells its metrics."""

    path: str = key(_PATH, "Where they are.", value="/metrics", effect="PodMonitor path", example="/prometheus")
    port: int | None = key(
        integer(1, 65535, port=True),
        "Who answers there.",
        default="the first port; a daemon must write it",
        limits="1 to 65535",
        effect="PodMonitor port; container port metrics if the number is undeclared",
        example="9100",
    )
    interval: int = key(
        duration(5, DAY),
        "How often they are read.",
        value=30,
        limits="at least 5s",
        effect="PodMonitor interval",
        example="10s",
    )


def _read_short(report: Report, node: Node, path: Path) -> Any:
    """`true` or a path."""
    if type(node) is not Scalar:
        return refused_shape(report, node, path, "true, a path or a mapping")
    if not node.style and node.text in ("true", "True", "TRUE"):
        return Metrics()
    if not node.style and node.text in ("false", "False", "FALSE"):
        message = "there are none unless they are asked for."
        report.refuse("value.choice", node.place, path, message, "Remove it.")
        return BAD
    got = _PATH.read(report, node, path)
    return BAD if got is BAD else Metrics(path=got)


METRICS = model(
    Metrics,
    short=_read_short,
    short_json=({"const": True}, URL_JSON),
    name="true, path or mapping",
    expand=switch("path"),
)
