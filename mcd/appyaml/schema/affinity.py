"""`affinity` (app-yaml 3.18): where the pods of a component stand, and beside whom.

It must not know a pool (resolve/pools.py), nor whether what is named is there (resolve/affinity.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mcd.appyaml.record import record
from mcd.appyaml.schema.fields import BAD, either, items, key, mapping, model
from mcd.appyaml.schema.values import choice, text
from mcd.appyaml.text.nodes import Items, Node, Path, Place
from mcd.appyaml.text.problems import Report
from mcd.errors import echo

SPREADS = ("host", "zone", "strict", "none")
_PART = r"[A-Za-z0-9](?:[A-Za-z0-9._-]{0,61}[A-Za-z0-9])?"
_KEY = re.compile(rf"(?:[a-z0-9](?:[a-z0-9.-]{{0,251}}[a-z0-9])?/)?{_PART}")
_VALUE = text(
    shape=re.compile(_PART), what="a value of a label", hint="Use letters, digits and . _ -, at most 63 characters."
)


def check_label(report: Report, place: Place, path: Path, name: str) -> bool:
    if not _KEY.fullmatch(name):
        hint = "Write it like disk or topology.kubernetes.io/zone."
        report.refuse("name.invalid", place, path, f'"{echo(name)}" is not a name of a label.', hint)
        return False
    return True


_ONE_OR_MORE = items(_VALUE, most=50, single=True)


def _read_values(report: Report, node: Node, path: Path) -> Any:
    if type(node) is Items and not node.items:
        report.refuse("value.format", node.place, path, "it is empty.", "Write a value, or remove the key.")
        return BAD
    return _ONE_OR_MORE.read(report, node, path)


_VALUES = either("text or list", _read_values, [_ONE_OR_MORE.json()])
LABELS = mapping(_VALUES, name=check_label, most=20, nouns="labels")
_NAMES = items(
    text(
        shape=re.compile(r"(?!.*--)[a-z](?:[a-z0-9-]{0,38}[a-z0-9])?"),
        what="a name of a component or an App",
        hint='Use a-z, 0-9 and single "-", at most 40 characters, a letter first.',
        code="name.invalid",
    ),
    most=20,
)


@record
class Affinity:
    """`affinity`: where pods stand."""

    spread: str = key(
        choice(SPREADS),
        "host, zone: evenly over them if possible; strict: never two on one node; none: anywhere.",
        value="host",
        effect="topologySpreadConstraints from 2 replicas; strict: required podAntiAffinity",
        example="zone",
    )
    require: Mapping[str, tuple[str, ...]] = key(
        LABELS,
        "Labels that a node must have: one of these values each.",
        value=dict,
        limits="20",
        effect="nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution",
        example="{disk: ssd}",
    )
    prefer: Mapping[str, tuple[str, ...]] = key(
        LABELS,
        "Labels that a node should have, if possible.",
        value=dict,
        limits="20",
        effect="nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution, weight 50 each",
        example="{cpu-gen: [v3, v4]}",
    )
    avoid: tuple[str, ...] = key(
        _NAMES,
        "Components of this App, else Apps of the product line, that should not stand on the same node.",
        value=(),
        limits="20",
        effect="preferred podAntiAffinity, weight 100",
        example="[train]",
    )
    near: tuple[str, ...] = key(
        _NAMES,
        "Components of this App, else Apps of the product line, to stand on the same node with if possible.",
        value=(),
        limits="20",
        effect="preferred podAffinity, weight 100",
        example="[cache]",
    )


AFFINITY = model(Affinity)
