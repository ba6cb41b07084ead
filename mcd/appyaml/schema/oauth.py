"""`oauth` of a web (app-yaml 3.12): sign-in in front of it, for whom, and which paths need none.

What may be written is narrow, because the proxy splits its options at commas and reads `=` in a path as an HTTP method:
a wider form could open more than was meant. It must not know those options (resolve/oauth.py).
"""

from __future__ import annotations

import re
from typing import Any

from mcd.appyaml.record import record
from mcd.appyaml.schema import patterns
from mcd.appyaml.schema.expand import switch
from mcd.appyaml.schema.fields import BAD, either, items, key, model, refused_shape
from mcd.appyaml.schema.values import BOOLEAN, text
from mcd.appyaml.text.nodes import Node, Path, Scalar
from mcd.appyaml.text.problems import Report
from mcd.errors import echo

_GROUP = re.compile(r"""[^\s,"{}](?:[^,"{}\x00-\x1f\x7f]*[^\s,"{}\x00-\x1f\x7f])?""")
_SKIPPED = re.compile(r"/[A-Za-z0-9._~!$&'()+;:@/-]*")


def _read_skip(report: Report, node: Node, path: Path) -> Any:
    """A path, or one that ends in `/*`."""
    if type(node) is not Scalar:
        return refused_shape(report, node, path, "a path like /healthz")
    value = node.text
    stem = value[:-1] if value.endswith("/*") else value
    if not _SKIPPED.fullmatch(stem) or len(value) > 200 or "//" in stem or ".." in stem.split("/"):
        message = f'"{echo(value)}" is not a path without sign-in.'
        report.refuse("value.format", node.place, path, message, "Write it like /healthz, or /api/* for all below.")
        return BAD
    return value


@record
class SignIn:
    """`oauth`: people sign in before a request reaches the program."""

    enabled: bool = key(
        BOOLEAN, "false: as if oauth were not there.", value=True, effect="the whole sidecar", example="false"
    )
    allow: tuple[str, ...] = key(
        items(text(shape=_GROUP, longest=200, what="a group", hint="Write each group as an item of its own."), most=50),
        "Groups that may come in.",
        value=(),
        default="any signed-in user",
        limits="50",
        effect="--allowed-group of mcd-oauth",
        example="[staff]",
    )
    skip: tuple[str, ...] = key(
        items(either("path", _read_skip, [{"type": "string", "pattern": patterns.SKIPPED, "maxLength": 200}]), most=50),
        "Paths without sign-in: /healthz is that one, /api/* all below.",
        value=(),
        limits="50",
        effect="--skip-auth-route of mcd-oauth",
        example="[/healthz, /api/*]",
    )


def _read_short(report: Report, node: Node, path: Path) -> Any:
    """`true` or `false`."""
    if type(node) is not Scalar:
        return refused_shape(report, node, path, "true or a mapping")
    said = BOOLEAN.read(report, node, path)
    return BAD if said is BAD else SignIn(enabled=said)


OAUTH = model(SignIn, short=_read_short, short_json=({"type": "boolean"},), name="boolean or mapping", expand=switch())
