"""`health` (app-yaml 3.15): the probes of a component and what they are where nobody wrote them.

It must not know a port's number (resolve/probes.py).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from mcd.appyaml.record import record
from mcd.appyaml.schema.expand import into, unless_false
from mcd.appyaml.schema.fields import BAD, either, key, read_model, refused_shape
from mcd.appyaml.schema.shapes import (
    URL_JSON,
    URL_PATH,
    WORDS,
    Words,
)
from mcd.appyaml.schema.values import duration, integer
from mcd.appyaml.text.nodes import Map, Node, Path, Scalar
from mcd.appyaml.text.problems import Report
from mcd.appyaml.text.units import duration_text

ACTIONS = ("http", "tcp", "grpc", "exec")
"""Of these a probe has exactly one."""
_ONE = f"required, one of {', '.join(ACTIONS)}"
_SECONDS = duration(1, 3600)


@record
class Times:
    """Of a probe: seconds between two and for one, and so many failures in a row."""

    period: int
    timeout: int
    failures: int


PROBE_TIMES: Mapping[str, Times] = {
    "readiness": Times(5, 2, 3),
    "liveness": Times(10, 5, 6),
    "startup": Times(5, 2, 60),
}
"""What a probe has where nobody wrote it."""


def _of_each(word: str, written: Callable[[int], str]) -> str:
    """`5s (liveness 10s)`: what most have, and who has another one."""
    texts = {kind: written(getattr(times, word)) for kind, times in PROBE_TIMES.items()}
    most = texts.pop("readiness")
    others = ", ".join(f"{kind} {text}" for kind, text in texts.items() if text != most)
    return f"{most} ({others})" if others else most


def _read_port_or_name(report: Report, node: Node, path: Path) -> Any:
    if type(node) is Scalar and node.text[:1].isalpha() and node.text[:1].islower():
        return node.text
    return integer(1, 65535, port=True).read(report, node, path)


PORT_REF = either(
    "port number or name", _read_port_or_name, [{"type": "integer", "minimum": 1, "maximum": 65535}, {"type": "string"}]
)


@record
class Probe:
    """One probe: exactly one of http, tcp, grpc, exec."""

    http: str | None = key(
        URL_PATH, "Asks this path; 200 to 399 is well.", default=_ONE, effect="httpGet", example="/healthz"
    )
    tcp: int | str | None = key(PORT_REF, "Opens this port.", default=_ONE, effect="tcpSocket", example="9000")
    grpc: int | str | None = key(
        PORT_REF, "Asks the gRPC health service on this port.", default=_ONE, effect="grpc", example="9000"
    )
    exec: Words | None = key(
        WORDS, "Runs this in the container; 0 is well.", default=_ONE, effect="exec", example="[cat, /tmp/ready]"
    )
    port: int | str | None = key(
        PORT_REF,
        "Port for http.",
        default="port of a web, first TCP port of a service; a daemon must write it",
        effect="httpGet.port",
        example="8081",
    )
    period: int | None = key(
        _SECONDS,
        "Time between two.",
        default=_of_each("period", duration_text),
        limits="whole seconds",
        effect="periodSeconds",
        example="10s",
    )
    timeout: int | None = key(
        _SECONDS,
        "Time for one.",
        default=_of_each("timeout", duration_text),
        limits="whole seconds",
        effect="timeoutSeconds",
        example="3s",
    )
    delay: int = key(duration(0, 3600), "Before the first.", value=0, effect="initialDelaySeconds", example="5s")
    failure_threshold: int | None = key(
        integer(1, 10_000),
        "So many failures in a row.",
        default=_of_each("failures", str),
        effect="failureThreshold",
        example="5",
    )
    success_threshold: int | None = key(
        integer(1, 1000),
        "So many successes in a row; readiness only.",
        default="1",
        effect="successThreshold",
        example="2",
    )


def _read_probe(report: Report, node: Node, path: Path) -> Any:
    """A path, `false` or a probe."""
    if type(node) is Scalar:
        if not node.style and node.text in ("false", "False", "FALSE"):
            return False
        got = URL_PATH.read(report, node, path)
        return BAD if got is BAD else Probe(http=got)
    if type(node) is not Map:
        return refused_shape(report, node, path, "a path, false or a probe")
    probe = read_model(report, node, path, Probe)
    actions = [word for word in ACTIONS if word in node.entries]
    if not actions:
        report.refuse(
            "schema.missing",
            node.key or node.place,
            (*path, "http"),
            '"http" is missing.',
            "Use one of http, tcp, grpc, exec.",
        )
        return BAD
    if len(actions) > 1:
        extra = actions[1]
        report.refuse(
            "exclusive",
            node.entries[extra][0],
            (*path, extra),
            f"{actions[0]} and {extra} exclude each other.",
            "Keep one.",
        )
        return BAD
    if probe.port is not None and actions != ["http"]:
        report.refuse(
            "schema.not_for_type",
            node.entries["port"][0],
            (*path, "port"),
            f"{actions[0]} has its port already.",
            "Remove it.",
        )
    if probe.success_threshold is not None and path[-1] != "readiness":
        message = f"a {path[-1]} probe has no success_threshold."
        report.refuse(
            "schema.not_for_type",
            node.entries["success_threshold"][0],
            (*path, "success_threshold"),
            message,
            "Remove it.",
        )
    return probe if getattr(probe, actions[0]) is not None else BAD


PROBE = either(
    "path, false or mapping",
    _read_probe,
    [{"const": False}, URL_JSON, {"$ref": "#/$defs/Probe"}],
    Probe,
    expand=unless_false(into("http")),
)


_PATIENCE = duration_text(PROBE_TIMES["startup"].period * PROBE_TIMES["startup"].failures)


@record
class Health:
    """`health`: how the platform sees that a pod has started, takes requests and still lives."""

    startup: Probe | bool | None = key(
        PROBE,
        "Until it succeeds the other two wait.",
        default=f"a copy of the action of liveness, {_PATIENCE}",
        effect="startupProbe",
        example="{http: /up}",
    )
    readiness: Probe | bool | None = key(
        PROBE,
        "Whether requests may come.",
        default="web, service: tcp on the first port; daemon: none",
        effect="readinessProbe",
        example="/ready",
    )
    liveness: Probe | bool | None = key(
        PROBE,
        "Whether the container is restarted.",
        default="none, because a restart rarely helps a slow App",
        effect="livenessProbe",
        example="/alive",
    )


expand_health = into("startup", "readiness", "liveness")
"""`health: /p` is the same probe in all three, `health: false` none in all three."""


def read_health_short(report: Report, node: Node, path: Path) -> Any:
    if type(node) is Scalar and not node.style and node.text in ("false", "False", "FALSE"):
        return Health(startup=False, readiness=False, liveness=False)
    got = URL_PATH.read(report, node, path)
    return BAD if got is BAD else Health(Probe(http=got), Probe(http=got), Probe(http=got))
