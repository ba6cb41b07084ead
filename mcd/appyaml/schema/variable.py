"""One entry of `env` (app-yaml 3.4): a value, or where the value comes from.

It must not know who wins over whom (resolve/variables.py).
"""

from __future__ import annotations

import re
from typing import Any

from mcd.appyaml.record import record
from mcd.appyaml.schema.fields import either, key, mapping, read_model, refused_shape
from mcd.appyaml.schema.shapes import (
    ANY,
    REFERENCE,
    check_variable,
)
from mcd.appyaml.schema.values import BOOLEAN, choice, integer, text
from mcd.appyaml.text import scalars
from mcd.appyaml.text.nodes import Map, Node, Path, Scalar
from mcd.appyaml.text.problems import Report

LONGEST_VALUE = 32_768
"""Bytes of one variable, as it is written and after its templates."""

_SOURCES = ("value", "secret", "from", "generate", "required")
_ONE = f"required, one of {', '.join(_SOURCES)}"


@record
class Variable:
    """One entry of `env`: a value, or where it comes from."""

    value: str | None = key(
        text(longest=LONGEST_VALUE),
        "The text itself. Templates are expanded.",
        limits="32 KiB",
        default=_ONE,
        effect="env[].value",
        example="hello",
    )
    description: str = key(
        text(longest=200),
        "What it is for.",
        value="",
        limits="200 characters",
        effect="nothing in the cluster; the portal shows it beside the variable",
        example="Name of the harbour",
    )
    secret: str | None = key(
        text(shape=REFERENCE, what="a secret", hint="Write name/key."),
        "A secret that the portal holds for the App, else for the product line.",
        default=_ONE,
        effect="env[].valueFrom.secretKeyRef",
        example="payment/token",
    )
    from_: str | None = key(
        text(
            shape=re.compile(r"(?:infra|app_dep)\.[^.\s]+\.[^.\s]+"),
            what="an injected value",
            hint="Write infra.NAME.KEY or app_dep.NAME.url.",
        ),
        "A value that infra or app_dep injects, under another name.",
        limits="infra.NAME.KEY, app_dep.NAME.url, .host, .port",
        default=_ONE,
        effect="env[].valueFrom.secretKeyRef; of an app_dep env[].value",
        example="infra.mysql.host",
    )
    generate: str | None = key(
        choice(("secret",)),
        "A text of letters and digits that is made once, and kept over deploys, rollbacks and renames of components.",
        default=_ONE,
        effect="env[].valueFrom.secretKeyRef to Secret <app>-generated",
        example="secret",
    )
    length: int = key(
        integer(16, 128),
        "Characters of a generated text.",
        value=32,
        limits="16 to 128",
        effect="how long the generated text is",
        example="64",
    )
    required: bool = key(
        BOOLEAN,
        "A person fills it in, in the portal or at import. Until then nothing is rendered.",
        value=False,
        effect="env[].value from Settings",
        example="true",
    )


def _read_variable(report: Report, node: Node, path: Path) -> Any:
    if type(node) is Scalar:
        if len(node.text.encode()) > LONGEST_VALUE:
            report.refuse("value.range", node.place, path, f"{len(node.text.encode()):,} bytes.", "Use at most 32,768.")
            return Variable(value="")
        if wrong := scalars.controlled(node.text):
            report.refuse(wrong.code, node.place, path, wrong.message, wrong.hint)
        return Variable(value=node.text)
    if type(node) is not Map:
        refused_shape(report, node, path, "text or {value: …}")
        return Variable(value="")
    errors = report.errors
    got = read_model(report, node, path, Variable)
    written = [word for word in node.entries if word in _SOURCES and (word != "required" or got.required)]
    here = node.key or node.place
    if "length" in node.entries and "generate" not in node.entries:
        report.refuse("schema.missing", here, (*path, "generate"), '"generate" is missing.', "Write generate: secret.")
    elif not written and report.errors == errors:
        hint = f"Write {', '.join(_SOURCES[:-1])} or {_SOURCES[-1]}."
        report.refuse("schema.missing", here, (*path, "value"), '"value" is missing.', hint)
    for other in written[1:]:
        message = f"{written[0]} and {other} exclude each other."
        report.refuse("exclusive", node.entries[other][0], (*path, other), message, "Keep one.")
    # After a problem the name still counts as set, so that nothing else is said to miss it.
    found = (got.value, got.secret, got.from_, got.generate, got.required or None)
    return got if sum(one is not None for one in found) == 1 else Variable(value="")


VARIABLE = either(
    "text or mapping",
    _read_variable,
    [ANY.json(), {"$ref": "#/$defs/Variable"}],
    Variable,
    whole=lambda _, __: True,  # where a value comes from is never a mix of two entries
)
ENV = mapping(VARIABLE, name=check_variable, most=500, nouns="variables")
