"""Fills the probes of a component: what nothing written means, and what a short form stands for (app-yaml 3.15).

It must not know Kubernetes' field names.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import field

from mcd.appyaml.record import record
from mcd.appyaml.resolve.commands import CommandError, for_kubernetes, split
from mcd.appyaml.resolve.pieces import TemplateError
from mcd.appyaml.schema.component import Component
from mcd.appyaml.schema.health import PROBE_TIMES, Health, Probe
from mcd.appyaml.schema.shapes import Words
from mcd.appyaml.spec.pod import Action, PortSpec, ProbeSpec
from mcd.appyaml.text.nodes import Path, Scalar, node_at
from mcd.appyaml.text.problems import Findings
from mcd.appyaml.text.words import suggest

KINDS = ("readiness", "liveness", "startup")


@record
class Asked:
    """Whom probes ask: the ports of one container, and what a message calls it. `short`: names that only the file has,
    and their numbers."""

    ports: Sequence[PortSpec]
    who: str
    short: Mapping[str, int] = field(default_factory=dict)

    @property
    def first(self) -> int:
        """The port that is asked where a probe names none; 0: there is none."""
        return next((p.port for p in self.ports if p.protocol == "TCP"), 0)


def resolve_probes(
    component: Component, ports: Sequence[PortSpec], path: Path, findings: Findings
) -> dict[str, ProbeSpec]:
    """The probes of a long component by kind."""
    health = component.health
    here = (*path, "health")
    if health is not None and component.type != "daemon" and _off(health):
        message = "nothing tells when it takes requests."
        findings.warn("health.none", here, message, "Write health: /path.")
    asked = Asked(ports, f"a {component.type}" if component.type == "daemon" else f"this {component.type}")
    probes = written_probes(health, asked, here, findings)
    if component.type != "daemon" and asked.first and (health is None or health.readiness is None):
        probes["readiness"] = _with_times("readiness", Action("tcp", port=asked.first), Probe())
    if "liveness" in probes and health is not None and health.startup is None:
        # A copy of the action only: a program that takes long to start must not be killed for it.
        probes["startup"] = _with_times("startup", probes["liveness"].action, Probe())
    return probes


def written_probes(health: Health | None, asked: Asked, path: Path, findings: Findings) -> dict[str, ProbeSpec]:
    """The probes that somebody wrote, by kind: all that a sidecar has."""
    probes: dict[str, ProbeSpec] = {}
    for kind in KINDS if health is not None else ():
        written = getattr(health, kind)
        if isinstance(written, Probe):
            action = _action(written, asked, (*path, kind), findings)
            if action is not None:
                probes[kind] = _with_times(kind, action, written)
    return probes


def _off(health: Health) -> bool:
    return health.startup is False and health.readiness is False and health.liveness is False


def _with_times(kind: str, action: Action, probe: Probe) -> ProbeSpec:
    default = PROBE_TIMES[kind]
    return ProbeSpec(
        action,
        period=probe.period or default.period,
        timeout=probe.timeout or default.timeout,
        failures=probe.failure_threshold or default.failures,
        delay=probe.delay,
        successes=(probe.success_threshold or 1) if kind == "readiness" else 1,
    )


def _action(probe: Probe, asked: Asked, path: Path, findings: Findings) -> Action | None:
    if probe.http is not None:
        port = _port(probe.port, asked, (*path, "port"), findings) if probe.port is not None else asked.first
        if not port:
            if probe.port is None:
                _no_port(probe.http, asked, path, findings)
            return None
        return Action("http", path=probe.http, port=port)
    for kind, wanted in (("tcp", probe.tcp), ("grpc", probe.grpc)):
        if wanted is not None:
            port = _port(wanted, asked, (*path, kind), findings)
            return Action(kind, port=port) if port else None
    return Action("exec", command=_command(probe.exec or Words(), (*path, "exec"), findings))


def _no_port(http: str, asked: Asked, path: Path, findings: Findings) -> None:
    """A path where there is no port to ask: said once for the short form, which stands for three probes."""
    if _is_short(findings, path):
        if path[-1] != KINDS[0]:
            return
        path = path[:-1]
    message = f"{asked.who} has no TCP port." if asked.ports else f"{asked.who} has no port."
    findings.refuse("combination", path, message, f"Write {{http: {http}, port: 8081}}.")


def _is_short(findings: Findings, path: Path) -> bool:
    return isinstance(node_at(findings.root, path[:-1]), Scalar)


def _port(wanted: int | str, asked: Asked, path: Path, findings: Findings) -> int | str:
    """As it was written; Kubernetes finds a name itself, except for grpc."""
    if isinstance(wanted, int):
        return wanted
    if wanted in asked.short:
        return asked.short[wanted]
    for port in asked.ports:
        if port.name == wanted:
            return port.port if path[-1] == "grpc" else wanted
    known = (*asked.short, *(port.name for port in asked.ports if port.port not in asked.short.values()))
    findings.refuse("ref.unknown", path, f'there is no port "{wanted}".', suggest(wanted, known))
    return 0


def _command(words: Words, path: Path, findings: Findings) -> tuple[str, ...]:
    """Probes know no templates and no variables: their words are literal."""
    if words.text is None:
        return tuple(for_kubernetes([word]) for word in words.words)
    try:
        return tuple(for_kubernetes(["".join(part for part, _ in word)]) for word in split(words.text, program=True))
    except (CommandError, TemplateError) as wrong:
        findings.refuse(wrong.code, path, wrong.message, wrong.hint)
        return ()
