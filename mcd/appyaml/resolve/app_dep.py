"""`app_dep` with nothing left open (app-yaml 3.6, 5.2): where the other App answers.

Offline every App is taken to be a web of the same product line. It must not know what the other App says in its file.
"""

from __future__ import annotations

from mcd.appyaml.context import OtherApp, OtherComponent
from mcd.appyaml.names import base_of
from mcd.appyaml.resolve.infra import check_prefix
from mcd.appyaml.resolve.run import Resolving
from mcd.appyaml.schema.app_dep import AppDep
from mcd.appyaml.spec.app_dep import AppDepSpec
from mcd.appyaml.text.nodes import Path
from mcd.appyaml.text.words import suggest
from mcd.errors import echo

_HTTP = 80
"""The port of a web's Service."""
_CALLED = ("web", "service")


def resolve_app_dep(run: Resolving) -> dict[str, AppDepSpec]:
    """Each App by its name. One that need not be there and is not is left out. One that is wrong is told, and stands
    for a web, so that nothing else is said to miss it."""
    found = {}
    for name, asked in run.app.app_dep.items():
        spec = _one(run, name, asked, ("app_dep", name))
        if spec is not None:
            found[name] = spec
    return found


def _one(run: Resolving, name: str, asked: AppDep, path: Path) -> AppDepSpec | None:
    findings, apps = run.findings, run.context.apps
    if asked.as_ is None:
        check_prefix(name.upper().replace("-", "_"), "Set as.", path, findings, key=True)
    as_a_web = _spec(run, name, asked, run.namespace, (_HTTP, "http"))
    if name in (run.name, run.parent):
        findings.refuse("ref.unknown", path, "an App cannot depend on itself.", "Remove it.", key=True)
        return as_a_web
    if apps is None:
        return as_a_web
    other = apps.get(name)
    if other is not None and other.cluster not in ("", run.context.cluster.name):
        message = f'App "{name}" is on cluster "{other.cluster}", this one on "{run.context.cluster.name}".'
        findings.refuse("ref.unknown", path, message, "Call it by its domain.", key=True)
        return as_a_web
    if other is not None and not other.known:
        message = f'App "{name}" was never deployed.'
        findings.warn("app_dep.absent", path, message, "It is taken for a web until it is.", key=True)
        return _spec(run, name, asked, _namespace(run, other), (_HTTP, "http"))
    if other is not None:
        answers = _where(run, name, asked, other, path)
        return as_a_web if answers is None else _spec(run, name, asked, _namespace(run, other), answers)
    message = f'there is no App "{name}".'
    if asked.optional:
        findings.warn("app_dep.absent", path, message, "Its variables are left out.", key=True)
        return None
    findings.refuse("ref.unknown", path, message, "Create it first, or write optional: true.", key=True)
    return as_a_web


def _namespace(run: Resolving, other: OtherApp) -> str:
    return other.namespace or other.product_line or run.namespace


def _spec(run: Resolving, name: str, asked: AppDep, namespace: str, answers: tuple[int, str]) -> AppDepSpec:
    port, scheme = answers
    return AppDepSpec(
        name=name,
        component=asked.component,
        namespace=namespace,
        host=f"{base_of(name, asked.component)}.{namespace}.svc",
        port=port,
        scheme=scheme,
        variable=asked.as_ or f"{name.upper().replace('-', '_')}_URL",
        elsewhere=namespace != run.namespace,
    )


def _where(run: Resolving, name: str, asked: AppDep, other: OtherApp, path: Path) -> tuple[int, str] | None:
    """The port and the scheme of the component that is called."""
    component = other.components.get(asked.component)
    if component is None:
        message = f'App "{name}" has no component "{echo(asked.component)}".'
        hint = suggest(asked.component, other.components)
        run.findings.refuse("ref.unknown", (*path, "component"), message, hint)
        return None
    if component.type not in _CALLED:
        message = f"{name}/{asked.component} is a {component.type}, which nobody can call."
        run.findings.refuse("ref.unknown", (*path, "component"), message, "Name a web or a service.")
        return None
    ports = _ports(component)
    if not ports:
        message = f"{name}/{asked.component} has no port."
        run.findings.refuse("ref.unknown", (*path, "component"), message, "Name another component.")
        return None
    wanted = asked.port or next(iter(ports))
    if wanted not in ports:
        message = f'{name}/{asked.component} has no port "{echo(wanted)}".'
        run.findings.refuse("ref.unknown", (*path, "port"), message, suggest(wanted, ports))
        return None
    scheme = "http" if component.type == "web" and wanted == "http" else "grpc" if wanted == "grpc" else "tcp"
    return ports[wanted], scheme


def _ports(component: OtherComponent) -> dict[str, int]:
    """By name, the first one first. Of a web that is the one behind its Service's port 80."""
    ports = {name: port.port for name, port in component.ports.items()}
    return {"http": _HTTP, **ports} if component.type == "web" else ports
