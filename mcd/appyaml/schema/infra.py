"""One entry of `infra` (app-yaml 3.5): what is needed beside the App's own programs, and how much of it.

Which kinds there are is not known here: the catalogue's kinds are a value that comes later (resolve/infra.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mcd.appyaml.record import record
from mcd.appyaml.schema.expand import switch
from mcd.appyaml.schema.fields import BAD, Json, either, key, mapping, read_model, refuse_null, refused_shape
from mcd.appyaml.schema.shapes import is_switch, read_true
from mcd.appyaml.schema.values import BOOLEAN, choice, text
from mcd.appyaml.text.nodes import Map, Node, Path, Place, Scalar
from mcd.appyaml.text.problems import Report
from mcd.errors import echo

_NAME = re.compile(r"[a-z](?:[a-z0-9-]*[a-z0-9])?")
_SHORT_VERSION = re.compile(r"v?[0-9][0-9A-Za-z._+-]{0,62}")
_LONGEST_NAME = 20
_LONGEST_PREFIX = 64

ISOLATIONS = ("app", "product_line", "cluster", "idc")
"""Whose server it is: `app` has one of its own, the others share one."""


def check_infra_name(report: Report, place: Place, path: Path, name: str) -> bool:
    """At most 20 characters; no `-` at the end, because the Secret is named by it."""
    if _NAME.fullmatch(name) and len(name) <= _LONGEST_NAME:
        return True
    hint = f"Use a-z, 0-9 and -, at most {_LONGEST_NAME} characters, a letter first, no - at the end."
    report.refuse("name.invalid", place, path, f'"{echo(name)}" is not a name for an infra.', hint)
    return False


def _read_plain(report: Report, node: Node, path: Path) -> Any:
    """Any value, each scalar as the text that was written: whoever made the parameter knows its type."""
    if isinstance(node, Scalar):
        if node.null:
            refuse_null(report, node.place, path)
            return BAD
        return node.text
    if isinstance(node, Map):
        return {word: _read_plain(report, value, (*path, word)) for word, (_, value) in node.entries.items()}
    return tuple(_read_plain(report, item, (*path, number)) for number, item in enumerate(node.items))


_JSON_ANYTHING: Json = {"type": ["string", "number", "boolean", "array", "object"]}
_PARAMS = mapping(either("value", _read_plain, [_JSON_ANYTHING]))


@record
class Infra:
    """One need of the App: a database, a queue, a bucket."""

    type: str | None = key(
        text(),
        "What it is: mysql, redis, kafka, oss and the other kinds of the catalogue.",
        default="the name itself",
        limits="a kind of the catalogue",
        effect="Claim; Secret <app>-infra-<name>",
        example="mysql",
    )
    version: str = key(
        text(
            shape=re.compile(r"[0-9A-Za-z][0-9A-Za-z._+-]{0,63}"),
            what="a version",
            hint='Write it like "8.0".',
        ),
        "Which version of it.",
        value="",
        default="the kind's own",
        effect="Claim",
        example='"8.0"',
    )
    plan: str = key(
        text(shape=re.compile(r"[a-z][a-z0-9-]{0,29}"), what="a plan", hint="Use a plan like small."),
        "How large it is: tiny, small, medium, large, xlarge or a plan of the catalogue.",
        value="small",
        effect="Claim",
        example="large",
    )
    ha: bool = key(BOOLEAN, "Whether it survives the loss of a node.", value=False, effect="Claim", example="true")
    isolation: str = key(
        choice(ISOLATIONS),
        "Its own server (app), or one that is shared, with a database, user, vhost or bucket of its own.",
        value="app",
        effect="Claim; NetworkPolicy <app>-egress",
        example="cluster",
    )
    env_prefix: str | None = key(
        text(
            shape=re.compile(rf"[A-Z][A-Z0-9_]{{0,{_LONGEST_PREFIX - 1}}}"),
            what="a prefix of variables",
            hint="Use A-Z, 0-9 and _, a letter first.",
        ),
        "What the names of its variables begin with.",
        default="the name in capitals, - as _",
        effect="env[].name",
        example="DB",
    )
    params: Mapping[str, Any] = key(
        _PARAMS,
        "What only this kind knows; the catalogue checks it.",
        value=dict,
        effect="Claim",
        example="{max_connections: 200}",
    )
    database: str | None = key(
        text(
            shape=re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,62}"),
            what="a name of a database",
            hint="Use letters, digits and _, no digit first.",
        ),
        "Name of the database, of a kind that has one.",
        default="the App's name, - as _",
        effect="Claim; word database",
        example="app_main",
    )
    bucket: str | None = key(
        text(
            shape=re.compile(r"[a-z0-9](?:[a-z0-9.-]{1,61})[a-z0-9]"),
            what="a name of a bucket",
            hint="Use a-z, 0-9, - and dots, 3 to 63 characters.",
        ),
        "Name of the bucket, of a kind that has one.",
        default="the App's name",
        effect="Claim; word bucket",
        example="shop-pictures",
    )
    access: str | None = key(
        choice(("read", "write")),
        "Whether the App may write to its bucket.",
        default="write",
        effect="Claim",
        example="read",
    )


def _read_infra(report: Report, node: Node, path: Path) -> Any:
    """`true`, a version, or a mapping. What goes wrong inside leaves its key at the default."""
    if type(node) is Map:
        return read_model(report, node, path, Infra)
    if type(node) is not Scalar:
        return refused_shape(report, node, path, "true, a version or a mapping")
    if is_switch(node):
        read_true(report, node, path)
        return Infra()
    if not _SHORT_VERSION.fullmatch(node.text):
        hint = 'Write true, a version like "8.0", or remove the key.'
        report.refuse("value.format", node.place, path, f'"{echo(node.text)}" is not a version.', hint)
        return Infra()
    return Infra(version=node.text)


INFRA = mapping(
    either(
        "true, version or mapping",
        _read_infra,
        [{"const": True}, {"type": ["string", "number"]}, {"$ref": "#/$defs/Infra"}],
        Infra,
        expand=switch("version"),
    ),
    name=check_infra_name,
    most=100,
    nouns="needs",
)
