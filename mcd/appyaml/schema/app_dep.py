"""One entry of `app_dep` (app-yaml 3.6): another App that this one calls, and under which names it is told where.

Whether that App is there is not known here (resolve/app_dep.py).
"""

from __future__ import annotations

from typing import Any

from mcd.appyaml.record import record
from mcd.appyaml.schema import patterns
from mcd.appyaml.schema.expand import switch
from mcd.appyaml.schema.fields import BAD, either, key, mapping, read_model, refused_shape
from mcd.appyaml.schema.shapes import COMPONENT_NAME, PORT_NAME, check_app_name, check_variable, is_switch, read_true
from mcd.appyaml.schema.values import BOOLEAN, text
from mcd.appyaml.text.nodes import Map, Node, Path, Scalar
from mcd.appyaml.text.problems import Report

_THE_PLATFORMS = ("PORT", "PERMDIR")


def _read_as(report: Report, node: Node, path: Path) -> Any:
    """The name of a variable that the platform does not need itself."""
    if type(node) is not Scalar:
        return refused_shape(report, node, path, "a name of a variable")
    if not check_variable(report, node.place, path, node.text):
        return BAD
    if node.text in _THE_PLATFORMS:
        message = f"{node.text} belongs to the platform."
        report.refuse("env.reserved", node.place, path, message, "Choose another.")
        return BAD
    return node.text


@record
class AppDep:
    """Another App that this one calls."""

    component: str = key(
        text(
            shape=COMPONENT_NAME,
            longest=30,
            what="a name of a component",
            hint="Use a-z, 0-9 and -.",
            code="name.invalid",
        ),
        "Which of its components is called.",
        value="web",
        effect="the URL",
        example="api",
    )
    port: str | None = key(
        text(shape=PORT_NAME, longest=15, what="a name of a port", hint="Use the port's name.", code="name.invalid"),
        "A named port of a service.",
        default="its first port",
        effect="the URL",
        example="grpc",
    )
    as_: str | None = key(
        either("name of a variable", _read_as, [{"type": "string", "pattern": patterns.NAMES["check_variable"]}]),
        "Name of the variable with the URL; _HOST and _PORT follow if it ends in _URL.",
        default="the App's name in capitals, - as _, and _URL",
        effect="env[].name",
        example="ACCOUNT_URL",
    )
    optional: bool = key(
        BOOLEAN,
        "An App that is not there injects nothing and is warned, not refused.",
        value=False,
        effect="env",
        example="true",
    )


def _read_app_dep(report: Report, node: Node, path: Path) -> Any:
    """`true`, or a mapping."""
    if type(node) is Map:
        return read_model(report, node, path, AppDep)
    if type(node) is not Scalar:
        return refused_shape(report, node, path, "true or a mapping")
    if is_switch(node):
        read_true(report, node, path)
    else:
        refused_shape(report, node, path, "true or a mapping")
    return AppDep()


APP_DEP = mapping(
    either("true or mapping", _read_app_dep, [{"const": True}, {"$ref": "#/$defs/AppDep"}], AppDep, expand=switch()),
    name=check_app_name,
    most=100,
    nouns="Apps",
)
