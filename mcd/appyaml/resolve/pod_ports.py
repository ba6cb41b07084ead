"""Every port of a pod is used once (app-yaml 3.22): all its containers share one network.

Reads what is written and reports. It must not change anything.
"""

from __future__ import annotations

from collections.abc import Iterator

from mcd.appyaml.schema.component import Component
from mcd.appyaml.schema.defaults import DEFAULT_PORT
from mcd.appyaml.schema.shapes import PortNumber
from mcd.appyaml.text.nodes import Path, dotted
from mcd.appyaml.text.problems import Findings

OAUTH_PORT = 4180
"""Where the sign-in listens (app-yaml 6.7)."""


def signs_in(component: Component) -> bool:
    """Whether people sign in before a request reaches the program."""
    return component.oauth is not None and component.oauth.enabled


def check_ports(component: Component, path: Path, findings: Findings) -> None:
    """No number twice in the pod, no name twice, and nothing that belongs to the platform."""
    holders: dict[tuple[int, str], Path] = {}
    for where, port in _ports(component, path):
        holder = holders.setdefault((port.port, port.protocol), where)
        if holder != where:
            message = f"{port.port} is taken by {dotted(holder)}."
            findings.refuse("combination", where, message, "Every port of a pod is used once.")
    if component.type == "web":
        _check_web(component, path, findings)
    if component.sidecars:
        _check_names(component, path, findings)


def _ports(component: Component, path: Path) -> Iterator[tuple[Path, PortNumber]]:
    """The ports of the pod, those first that others must give way to."""
    if signs_in(component):
        yield (*path, "oauth"), PortNumber(OAUTH_PORT)
    own = set(component.ports.values())
    if component.type == "web" or component.port is not None:
        main = PortNumber(component.port or DEFAULT_PORT)
        own.add(main)
        yield (*path, "port"), main
    for name, port in component.ports.items():
        yield (*path, "ports", name), port
    metrics = component.metrics.port if component.metrics is not None else None
    if metrics is not None and not any(port.port == metrics and port.protocol == "TCP" for port in own):
        yield (*path, "metrics", "port"), PortNumber(metrics)
    for name, sidecar in component.sidecars.items():
        if sidecar.port is not None:
            yield (*path, "sidecars", name, "port"), PortNumber(sidecar.port)
        for word, port in sidecar.ports.items():
            yield (*path, "sidecars", name, "ports", word), port


def _check_web(component: Component, path: Path, findings: Findings) -> None:
    """The Service of a web has 80 for itself, and two names."""
    for name, extra in component.ports.items():
        here = (*path, "ports", name)
        if name in ("http", "oauth"):
            findings.refuse("name.reserved", here, f'"{name}" belongs to the platform.', "Choose another.", key=True)
        if extra.port == 80 and extra.protocol == "TCP":
            message = "80 is where Apps reach the web itself."
            findings.refuse("combination", here, message, "Use another port.")


def port_names(component: Component) -> set[str]:
    """The names of all ports of the pod, as far as they are written or always the same."""
    return {*_holders(component, ()), *(name for sidecar in component.sidecars.values() for name in sidecar.ports)}


def _holders(component: Component, path: Path) -> dict[str, Path]:
    """The names of the ports that are no sidecar's, and what each comes from."""
    holders: dict[str, Path] = {name: (*path, "ports", name) for name in component.ports}
    if component.type == "web" or component.port is not None:
        holders["http" if component.type == "web" else "main"] = (*path, "port")
    if component.metrics is not None and component.metrics.port is not None:
        holders.setdefault("metrics", (*path, "metrics", "port"))
    if signs_in(component):
        holders["oauth"] = (*path, "oauth")
    return holders


def _check_names(component: Component, path: Path, findings: Findings) -> None:
    """By the name of a port its metrics are read: one name must lead to one container."""
    holders = _holders(component, path)
    for sidecar, written in component.sidecars.items():
        for name in written.ports:
            where = (*path, "sidecars", sidecar, "ports", name)
            holder = holders.setdefault(name, where)
            if holder != where:
                message = f'"{name}" is taken by {dotted(holder)}.'
                findings.refuse("name.taken", where, message, "Choose another.", key=True)
