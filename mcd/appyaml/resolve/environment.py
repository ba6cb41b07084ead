"""The variables that one component has: the file's, the product line's and the platform's (app-yaml 4.3, 5.3).

Who wins over whom is decided in variables.py. It must not hold the value of a secret.
"""

from __future__ import annotations

from collections.abc import Mapping

from mcd.appyaml.resolve.run import Resolving, template_names
from mcd.appyaml.resolve.sources import read_source
from mcd.appyaml.resolve.variables import Environment, check_literal
from mcd.appyaml.schema.component import Component
from mcd.appyaml.schema.variable import Variable
from mcd.appyaml.spec.pod import EnvEntry, PortSpec
from mcd.appyaml.text.nodes import Path

IN_POD: Mapping[str, EnvEntry] = {
    "MCD_NODE": EnvEntry("MCD_NODE", field_path="spec.nodeName"),
    "MCD_POD": EnvEntry("MCD_POD", field_path="metadata.name"),
}
"""The variables of 5.3 that only a pod knows."""


def environment_of(run: Resolving, name: str, component: Component, ports: list[PortSpec]) -> Environment:
    """What the file says, over what the product line says. The top level is read once for all components, unless it has
    a name that this one gets from the platform."""
    reserved: dict[str, str] = {}
    if ports:
        holder = "port" if component.type == "web" or component.port is not None else "ports"
        reserved["PORT"] = f"components.{name}.{holder}"
    if run.permdir is not None and component.permdir:
        reserved["PERMDIR"] = "permdir.path"
    if reserved.keys().isdisjoint(run.app.env):
        if not run.top:
            run.top.append(_top_level(run, {}))
        env = run.top[0].for_a_component()
        env.reserved = reserved
    else:
        env = _top_level(run, reserved)
    if component.env:
        write_variables(run, env, component.env, ("components", name, "env"))
    env.in_pod = IN_POD
    return env


def _top_level(run: Resolving, reserved: dict[str, str]) -> Environment:
    """The variables that infra, the line and the top level of the file give."""
    env = Environment(
        run.findings, run.text, template_names(run), run.injected, reserved, run.context.product_line.config,
        needs={**run.credentials}, spent=run.spent,
    )  # fmt: skip
    write_variables(run, env, run.app.env, ("env",))
    return env


def write_variables(run: Resolving, env: Environment, variables: Mapping[str, Variable], path: Path) -> None:
    """Sets what the mapping at `path` says, over what is there. What is hidden by it is told."""
    line = run.context.product_line.config if env.beside is None else {}
    for name, variable in variables.items():
        here = (*path, name)
        if name in env.reserved:
            if here not in run.told:
                run.told.add(here)
                message = f"{name} comes from {env.reserved[name]}."
                run.findings.refuse("env.reserved", here, message, "Remove it.", key=True)
            continue
        if here not in run.looked_at:  # those of the top level come once for each component
            run.looked_at.add(here)
            check_literal(run.findings, name, variable, here)
        if name in line:
            run.findings.warn("env.shadows", here, f"{name} hides the value of the product line.")
        elif name in env.injected.entries:
            run.findings.warn("env.shadows", here, f"{name} hides the value of {env.injected.who(name)}.")
        env.write(name, variable, here)
        if variable.value is None:
            read_source(run, env, name, variable, here)


def resource_attributes(line: str, version: str) -> str:
    """OTEL_RESOURCE_ATTRIBUTES where nobody writes another."""
    return f"service.namespace={line},service.version={version}"


def platform_variables(
    run: Resolving, name: str, component: Component, ports: list[PortSpec], base: str, who: tuple[str, str, str]
) -> dict[str, str]:
    """The variables of 5.3 that are known here."""
    commit, version, domain = who
    cluster = run.context.cluster
    plain = {
        "MCD_APP": run.name,
        "MCD_CLUSTER": cluster.name,
        "MCD_COMMIT": commit,
        "MCD_COMPONENT": name,
        "MCD_PRODUCT_LINE": run.line,
        "MCD_VERSION": version,
    }
    if domain:
        plain["MCD_DOMAIN"] = domain
    if run.context.pre is not None:
        plain["MCD_PRE"] = "true"
    if ports:
        plain["PORT"] = str(ports[0].port)
    if run.permdir is not None and component.permdir:
        plain["PERMDIR"] = run.permdir.path
    if component.resources.gpu is not None:
        plain["MCD_GPU_COUNT"] = str(component.resources.gpu.count)
    weak = {}
    if component.user != "image":
        weak["HOME"] = "/tmp"  # noqa: S108 - inside the pod, for a uid that has no home
    if cluster.otel.endpoint:
        weak["OTEL_EXPORTER_OTLP_ENDPOINT"] = cluster.otel.endpoint
        weak["OTEL_SERVICE_NAME"] = base
        weak["OTEL_RESOURCE_ATTRIBUTES"] = resource_attributes(run.line, version)
    line = run.context.product_line.config
    return plain | {k: v for k, v in weak.items() if k not in line and k not in run.injected.entries}
