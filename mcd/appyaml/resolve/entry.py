"""Where requests come in: the ports of a component, its hosts, the internal domain (app-yaml 3.10, 3.11, 6.1).

It must not make routes.
"""

from __future__ import annotations

import re

from mcd.appyaml.resolve import combinations as combine
from mcd.appyaml.resolve.run import Resolving
from mcd.appyaml.resolve.texts import plain_text
from mcd.appyaml.resolve.variables import Environment
from mcd.appyaml.schema.component import Component
from mcd.appyaml.schema.defaults import (
    DEFAULT_PORT,
)
from mcd.appyaml.spec.pod import PortSpec
from mcd.appyaml.spec.running import HostSpec, WebSpec
from mcd.appyaml.text.nodes import Path
from mcd.appyaml.text.problems import Findings
from mcd.errors import echo
from mcd.objects import short

_HOST = re.compile(r"(?:\*\.)?(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)*[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?")


def resolve_ports(component: Component, path: Path, findings: Findings) -> list[PortSpec]:
    """The ports in the order of the file: the first one is PORT."""
    found: list[tuple[Path, PortSpec]] = []
    if component.type == "web":
        found.append(((*path, "port"), PortSpec("http", component.port or DEFAULT_PORT)))
    elif component.port is not None:
        found.append(((*path, "port"), PortSpec("main", component.port)))
        if "main" in component.ports:
            message = "port and ports.main say the same thing."
            findings.refuse("exclusive", (*path, "port"), message, "Keep ports.main.", key=True)
    for name, port in component.ports.items():
        found.append(((*path, "ports", name), PortSpec(name, port.port, port.protocol)))
    combine.check_ports(component, found, path, findings)
    return [port for _, port in found]


def domain_of(run: Resolving, name: str) -> str:
    short_one = run.webs == 1 or name == "web"
    label = run.name if short_one else short(f"{run.name}--{name}", 63)
    return f"{label}.{run.context.cluster.base_domain}"


def resolve_web(run: Resolving, component: Component, domain: str, env: Environment, path: Path) -> WebSpec:
    hosts = []
    for item in component.domains:
        here = (*path, "domains", item.number)
        host = plain_text(run, item.host, here, env, "a host name")
        if host is not None and (not _HOST.fullmatch(host) or len(host) > 253):
            hint = "Use lower-case letters, digits, - and dots."
            run.findings.refuse("value.format", here, f'"{echo(host)}" is not a host name.', hint)
            host = None
        if host is not None:
            hosts.append(HostSpec(host, item.path))
            combine.check_host(hosts, run.context.cluster.base_domain, here, run.findings)
    return WebSpec(domain, tuple(hosts), component.protocol == "h2c", component.request_timeout)
