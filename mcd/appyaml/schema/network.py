"""Ports and external hosts of a component (app-yaml 3.10, 3.11).

It must not compare two of them.
"""

from __future__ import annotations

import re
from typing import Any

from mcd.appyaml.record import record, replace
from mcd.appyaml.schema.expand import into
from mcd.appyaml.schema.fields import BAD, either, key, read_model, refused_shape
from mcd.appyaml.schema.shapes import (
    ANY,
    ROUTE_PATH,
    PortNumber,
    read_port,
)
from mcd.appyaml.schema.values import choice, integer, text
from mcd.appyaml.text.nodes import Map, Node, Path, Scalar
from mcd.appyaml.text.problems import Report

AUTO = "auto"
"""The word of `tls` for a certificate that the cluster issues."""

_TLS = re.compile(r"(?!(?:true|false)$)[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?")
_TLS_HINT = "Write the name of a secret with tls.crt and tls.key, or auto."


@record
class LongPort:
    """A port in long form: `{port, protocol}`."""

    port: int = key(
        integer(1, 65535, port=True),
        "Where the program listens.",
        required="Write a number.",
        limits="1 to 65535",
        effect="containerPort; Service port",
        example="9000",
    )
    protocol: str = key(choice(("tcp", "udp")), "tcp or udp.", value="tcp", effect="protocol", example="udp")


def _read_port(report: Report, node: Node, path: Path) -> Any:
    got = read_port(report, node, path, lambda r, n, p: read_model(r, n, p, LongPort))
    return PortNumber(got.port, got.protocol.upper()) if isinstance(got, LongPort) else got


PORT = either(
    "integer or mapping",
    _read_port,
    [
        *integer(1, 65535).json()["anyOf"],
        {"$ref": "#/$defs/LongPort"},
    ],
    LongPort,
    expand=into("port"),
)


@record
class Domain:
    """One item of `domains`."""

    host: str = key(
        ANY,
        "A DNS name, or *.name. Templates are expanded.",
        required="Write a host.",
        limits="not below the platform's own domain",
        effect="HTTPRoute hostnames",
        example="shop.example.com",
    )
    path: str = key(
        ROUTE_PATH,
        "Prefix of the paths that come here.",
        value="/",
        limits="200 characters",
        effect="HTTPRoute matches",
        example="/api",
    )
    tls: str | None = key(
        text(shape=_TLS, longest=200, what="a name of a secret", hint=_TLS_HINT, code="name.invalid"),
        "The certificate: name of a secret with tls.crt and tls.key, or auto.",
        default="none",
        limits="no auto for a wildcard",
        effect="ListenerSet, Certificate; Ingress tls",
        example="auto",
    )
    number: int = 0
    """Its place in the list as written."""
    long: bool = False
    """Whether it was written as a mapping."""


def _read_domain(report: Report, node: Node, path: Path) -> Any:
    """A host, or a mapping. One with a mistake is left out, so that its defaults are compared with nothing."""
    number = path[-1]
    assert isinstance(number, int)
    if type(node) is Scalar:
        return Domain(host=node.text, number=number)
    if type(node) is not Map:
        return refused_shape(report, node, path, "a host or a mapping")
    errors = report.errors
    domain = read_model(report, node, path, Domain)
    return BAD if report.errors > errors else replace(domain, number=number, long=True)


DOMAIN = either("host or mapping", _read_domain, [{"type": "string"}, {"$ref": "#/$defs/Domain"}], Domain)
