"""The variables that one component has: the file's, the product line's and the platform's (app-yaml 4.3, 5.3).

Who wins over whom is decided in variables.py. It must not hold the value of a secret.
"""

from __future__ import annotations

from collections.abc import Mapping

from mcd.appyaml.resolve.run import Resolving, template_names
from mcd.appyaml.resolve.variables import Environment, check_literal, secret_need
from mcd.appyaml.schema.component import Component
from mcd.appyaml.schema.variable import Variable
from mcd.appyaml.spec.pod import PortSpec
from mcd.appyaml.text.nodes import Path


def environment_of(run: Resolving, name: str, component: Component, ports: list[PortSpec]) -> Environment:
    """What the file says, over what the product line says."""
    env = Environment(run.findings, run.text, template_names(run))
    line = run.context.product_line.config
    env.plain |= line
    for level, path in ((run.app.env, ("env",)), (component.env, ("components", name, "env"))):
        for word, variable in level.items():
            _add_variable(run, env, word, variable, (*path, word), line)
    if ports and "PORT" in env.written:
        holder = "port" if component.type == "web" or component.port is not None else "ports"
        message = f"PORT comes from components.{name}.{holder}."
        run.findings.refuse("env.reserved", env.written["PORT"][1], message, "Remove it.", key=True)
        del env.written["PORT"]
    return env


def _add_variable(
    run: Resolving, env: Environment, name: str, variable: Variable, path: Path, line: Mapping[str, str]
) -> None:
    check_literal(run.findings, name, variable, path)
    if name in line:
        run.findings.warn("env.shadows", path, f"{name} hides the value of the product line.")
    if variable.secret is not None:
        need = secret_need(run.findings, run.context, run.name, variable, path)
        if need is not None:
            env.needs[variable.secret.partition("/")[0]] = need
    env.written[name] = (variable, path)


def platform_variables(
    run: Resolving, name: str, component: Component, ports: list[PortSpec], base: str, who: tuple[str, str, str]
) -> dict[str, str]:
    """The variables of 5.3; those that only a pod knows are added by the renderer's field paths."""
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
    if ports:
        plain["PORT"] = str(ports[0].port)
    if component.resources.gpu is not None:
        plain["MCD_GPU_COUNT"] = str(component.resources.gpu.count)
    if component.user != "image" and "HOME" not in run.context.product_line.config:
        plain["HOME"] = "/tmp"  # noqa: S108 - inside the pod, for a uid that has no home
    if cluster.otel.endpoint:
        weak = {
            "OTEL_EXPORTER_OTLP_ENDPOINT": cluster.otel.endpoint,
            "OTEL_SERVICE_NAME": base,
            "OTEL_RESOURCE_ATTRIBUTES": f"service.namespace={run.line},service.version={version}",
        }
        plain |= {k: v for k, v in weak.items() if k not in run.context.product_line.config}
    return plain
