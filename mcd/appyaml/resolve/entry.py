"""Where requests come in: the ports of a component, its hosts, the internal domain (app-yaml 3.10, 3.11, 6.1).

It must not make routes.
"""

from __future__ import annotations

from mcd.appyaml.resolve.hosts import ask_for_hosts
from mcd.appyaml.resolve.pod_ports import check_ports
from mcd.appyaml.resolve.run import Resolving
from mcd.appyaml.resolve.variables import Environment
from mcd.appyaml.schema.component import Component
from mcd.appyaml.schema.defaults import (
    DEFAULT_PORT,
)
from mcd.appyaml.spec.pod import PortSpec
from mcd.appyaml.spec.running import WebSpec
from mcd.appyaml.text.nodes import Path
from mcd.appyaml.text.problems import Findings
from mcd.objects import short


def resolve_ports(component: Component, path: Path, findings: Findings) -> list[PortSpec]:
    """The ports in the order of the file: the first one is PORT."""
    found: list[PortSpec] = []
    if component.type == "web":
        found.append(PortSpec("http", component.port or DEFAULT_PORT))
    elif component.port is not None:
        found.append(PortSpec("main", component.port))
        if "main" in component.ports:
            message = "port and ports.main say the same thing."
            findings.refuse("exclusive", (*path, "port"), message, "Keep ports.main.", key=True)
    found += [PortSpec(name, port.port, port.protocol) for name, port in component.ports.items()]
    check_ports(component, path, findings)
    return found


def domain_of(run: Resolving, name: str) -> str:
    short_one = run.webs == 1 or name == "web"
    label = run.name if short_one else short(f"{run.name}--{name}", 63)
    return f"{label}.{run.context.cluster.base_domain}"


def resolve_web(run: Resolving, name: str, component: Component, domain: str, env: Environment) -> WebSpec:
    """What only a web has; its hosts are settled with those of the others (hosts.py)."""
    ask_for_hosts(run, name, component, env)
    return WebSpec(domain, (), component.protocol == "h2c", component.request_timeout)
