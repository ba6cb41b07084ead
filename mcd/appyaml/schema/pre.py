"""`pre` (app-yaml 3.20): what a pre-release environment of the App is like.

It must not know how one differs from its parent besides (resolve/pre.py).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcd.appyaml.record import record
from mcd.appyaml.schema import patterns
from mcd.appyaml.schema.defaults import DAY
from mcd.appyaml.schema.fields import BAD, Json, Kind, key, model, refused_shape
from mcd.appyaml.schema.infra import INFRA
from mcd.appyaml.schema.partial import check_part
from mcd.appyaml.schema.values import choice, duration, integer
from mcd.appyaml.schema.variable import ENV
from mcd.appyaml.text.nodes import Map, Node, Path, Scalar
from mcd.appyaml.text.problems import Report

_TTL = duration(3600, 90 * DAY)


def _read_ttl(report: Report, node: Node, path: Path) -> Any:
    """The text as it was written: the platform reads it from the annotation."""
    got = _TTL.read(report, node, path)
    return node.text if got is not BAD and type(node) is Scalar else BAD


def _laid_over(kind: Kind) -> Kind:
    """A mapping that is laid over another one: only its shape is read here, its values with those below."""

    def read(report: Report, node: Node, path: Path) -> Any:
        if type(node) is not Map:
            return refused_shape(report, node, path, "a mapping")
        check_part(report, node, path, kind)
        return {}

    def json() -> Json:
        value = kind.inner.json() if kind.inner is not None else {}
        named = patterns.names(kind.names)
        return {"type": "object", "additionalProperties": {"anyOf": [value, {"type": "null"}]}, **named}

    return Kind(kind.name, read, json)


@record
class Pre:
    """`pre`: pre-release environments of the App."""

    domain: str = key(
        choice(("fixed", "per_branch")),
        "fixed: one for all branches, <app>-pre; per_branch: one each, <app>-pre-<branch>.",
        value="fixed",
        effect="name of the Pre App; its internal domain",
        example="per_branch",
    )
    ttl: str = key(
        Kind("duration", _read_ttl, _TTL.json),
        "It is deleted when nobody has pushed for so long.",
        value="72h",
        limits="1h to 90d",
        effect="annotation mcd.internal/ttl",
        example="24h",
    )
    replicas: int = key(
        integer(0, 500),
        "Stands for replicas and autoscale of all components.",
        value=1,
        limits="0 to 500",
        effect="spec.replicas",
        example="2",
    )
    infra: Mapping[str, Any] = key(
        _laid_over(INFRA),
        "Laid over infra, as an environment is; null removes one.",
        value=dict,
        effect="Claims",
        example="{mysql: {plan: tiny}}",
    )
    env: Mapping[str, Any] = key(
        _laid_over(ENV),
        "Laid over env of the top level; null removes one.",
        value=dict,
        effect="containers[0].env",
        example="{MODE: test}",
    )


def _read_pre_short(report: Report, node: Node, path: Path) -> Any:
    if type(node) is Scalar and not node.style and node.text in ("false", "False", "FALSE"):
        return None
    return refused_shape(report, node, path, "a mapping, or false for none")


PRE = model(Pre, short=_read_pre_short, short_json=({"const": False},), name="mapping or false")
