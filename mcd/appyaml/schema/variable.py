"""One entry of `env` (app-yaml 3.4): a value, or where the value comes from.

It must not know who wins over whom (resolve/variables.py).
"""

from __future__ import annotations

import re
from typing import Any

from mcd.appyaml.record import record
from mcd.appyaml.schema.fields import (
    either,
    key,
    mapping,
    read_model,
    refused_shape,
    text,
)
from mcd.appyaml.schema.shapes import (
    ANY,
    check_variable,
    later,
)
from mcd.appyaml.text.nodes import Map, Node, Path, Scalar
from mcd.appyaml.text.problems import Report

_SECRET = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,200}[a-z0-9])?/[A-Za-z0-9._-]{1,253}")


@record
class Variable:
    """One entry of `env`: a value, or a reference to a secret."""

    value: str | None = key(
        text(longest=32_768),
        "The text itself. Templates are expanded.",
        limits="32 KiB",
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
        text(shape=_SECRET, what="a secret", hint="Write name/key."),
        "A secret that the portal holds for the App, else for the product line.",
        effect="env[].valueFrom.secretKeyRef",
        example="payment/token",
    )
    from_: str | None = later("An injected value under another name.")
    generate: str | None = later("A text that is made once and kept.")
    length: int | None = later("Characters of a generated text.")
    required: bool = later("A person fills it in the portal.")


def _read_variable(report: Report, node: Node, path: Path) -> Any:
    if type(node) is Scalar:
        if len(node.text.encode()) > 32_768:
            report.refuse("value.range", node.place, path, f"{len(node.text.encode()):,} bytes.", "Use at most 32,768.")
            return Variable(value="")
        return Variable(value=node.text)
    if type(node) is not Map:
        refused_shape(report, node, path, "text or {value: …}")
        return Variable(value="")
    got = read_model(report, node, path, Variable)
    if not node.entries.keys() - {"description"}:
        report.refuse(
            "schema.missing", node.key or node.place, (*path, "value"), '"value" is missing.', "Write value or secret."
        )
    if got.value is not None and got.secret is not None:
        place = node.entries["secret"][0]
        report.refuse("exclusive", place, (*path, "secret"), "value and secret exclude each other.", "Keep one.")
    # After a problem the name still counts as set, so that nothing else is said to miss it.
    return got if (got.value is None) != (got.secret is None) else Variable(value="")


VARIABLE = either(
    "text or mapping",
    _read_variable,
    [ANY.json(), {"$ref": "#/$defs/Variable"}],
    Variable,
    whole=lambda _, __: True,  # where a value comes from is never a mix of two entries
)
ENV = mapping(VARIABLE, name=check_variable, most=500, nouns="variables")
