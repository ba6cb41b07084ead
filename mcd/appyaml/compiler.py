"""The compiler's one door: text → Checked, Checked + Context + Source → Compiled, Context → objects of a product line.

Pure and deterministic: the same values give the same objects, on every machine. It must not read, write or wait.
"""

from __future__ import annotations

import copy
import hashlib
from collections.abc import Mapping, Sequence

from mcd.appyaml.context import NO_CONTEXT, Context
from mcd.appyaml.parse import AppFile, Checked, check
from mcd.appyaml.record import record
from mcd.appyaml.render.app import render, twice
from mcd.appyaml.render.line import line_objects
from mcd.appyaml.render.pod import template
from mcd.appyaml.resolve.app import resolve
from mcd.appyaml.resolve.environment import resource_attributes
from mcd.appyaml.resolve.environments import environment_name, laid_over, line_name, unmatched
from mcd.appyaml.resolve.source_paths import source_paths
from mcd.appyaml.schema.environments import too_much
from mcd.appyaml.spec.app import AppSpec, ComponentSpec, Source
from mcd.appyaml.spec.pod import SecretNeed
from mcd.appyaml.text.problems import Findings, Report, all_of
from mcd.errors import Problem, has_errors
from mcd.objects import COMPONENT, VERSION, Object, canonical

__all__ = [
    "NO_CONTEXT",
    "AppFile",
    "AppSpec",
    "Checked",
    "Compiled",
    "ComponentSpec",
    "Context",
    "SecretNeed",
    "Source",
    "check",
    "compile_app",
    "render_line",
    "source_paths",
    "template_digests",
    "validate",
]

_FOLLOWS_THE_COMMIT = frozenset({"MCD_COMMIT", "MCD_VERSION"})
"""Only the platform writes these. OTEL_RESOURCE_ATTRIBUTES may be a person's, so it is looked at by its value."""


@record
class Compiled:
    """What an App becomes. With an error among `problems`, `objects` is empty and nothing may be applied.

    `objects` are in apply order; `secrets` are the Secret objects that must exist before them; `spec` is None when the
    text was no app.yaml at all.
    """

    objects: tuple[Object, ...]
    secrets: tuple[SecretNeed, ...]
    problems: tuple[Problem, ...]
    spec: AppSpec | None

    @property
    def ok(self) -> bool:
        return self.spec is not None and not has_errors(self.problems)


def compile_app(checked: Checked, context: Context = NO_CONTEXT, source: Source | None = None) -> Compiled:
    """Everything that a checked app.yaml becomes in a context. Problems of the text itself are among the answer's."""
    if checked.app_file is None:
        return Compiled((), (), checked.problems, None)
    app_file, merged = laid_over(
        checked.app_file, environment_name(checked.app_file, context), pre=context.pre is not None
    )
    spec, found = resolve(app_file, context, source or Source())
    alone = unmatched(app_file, context) if app_file is checked.app_file else ()
    problems = all_of(checked.problems, alone, (*merged, *found))
    if has_errors(problems):
        return Compiled((), (), problems, spec)
    objects = render(spec)
    if taken := twice(objects):
        return Compiled((), (), all_of(problems, _taken(app_file, taken)), spec)
    return Compiled(tuple(objects), spec.secrets, problems, spec)


def _taken(app_file: AppFile, objects: Sequence[Object]) -> tuple[Problem, ...]:
    """What nothing before has found: two names of the file that make one object. Never does one replace the other."""
    report = Report(app_file.file)
    told: set[str] = set()
    for obj in objects:
        component = obj["metadata"].get("labels", {}).get(COMPONENT, "")
        if component not in told:
            told.add(component)
            path = ("components", component) if component else ("appname",)
            message = f"{obj['kind']} {obj['metadata']['name']} would be made twice."
            Findings(report, app_file.root).refuse("name.taken", path, message, "Rename one.", key=True)
    return tuple(report.found)


def validate(checked: Checked, context: Context = NO_CONTEXT, source: Source | None = None) -> tuple[Problem, ...]:
    """Every problem of a file: of itself alone, and once more of what each entry of `environments` makes of it
    (app-yaml 4.1); where the context names one environment, of that alone."""
    file = checked.app_file
    if file is None or context.environment:
        return compile_app(checked, context, source).problems
    source = source or Source()
    _, found = resolve(file, context, source)
    told: list[Sequence[Problem]] = [checked.problems, found]
    for name in () if too_much(file.root) else file.app.environments:
        app_file, merged = laid_over(file, name)
        if app_file is not file:
            _, found = resolve(app_file, context, source)
            told.append((*merged, *found))
    return all_of(*told)


def render_line(context: Context, app_file: AppFile | None = None) -> list[Object]:
    """The objects of the context's product line; where it has no name, of the one that the file is for."""
    return line_objects(line_name(app_file, context), context.product_line, context.cluster)


def template_digests(compiled: Compiled) -> Mapping[str, str]:
    """32 hex digits per component that change when its pods would change for another reason than the commit alone.

    Equal digests of two Releases mean: this component may keep its MCD_COMMIT (app-yaml 5.3, context `commits`), and
    then its pods are left alone. Templates that name the commit make a component change with each one, as they say.
    """
    spec = compiled.spec
    if spec is None:
        return {}
    return {component.name: _digest(spec, component.newest) for component in spec.components}


def _without_the_commit(container: Object, attributes: Object) -> Object:
    kept = [entry for entry in container["env"] if entry["name"] not in _FOLLOWS_THE_COMMIT and entry != attributes]
    return {**container, "env": kept}


def _digest(spec: AppSpec, component: ComponentSpec) -> str:
    pods = copy.copy(template(spec, component))
    labels = {k: v for k, v in pods["metadata"]["labels"].items() if k != VERSION}
    pods["metadata"] = {**pods["metadata"], "labels": labels}
    pods["spec"] = dict(pods["spec"])
    told = resource_attributes(spec.product_line, component.version)
    attributes = {"name": "OTEL_RESOURCE_ATTRIBUTES", "value": told}
    for word in ("initContainers", "containers"):
        if word in pods["spec"]:
            pods["spec"][word] = [_without_the_commit(container, attributes) for container in pods["spec"][word]]
    return hashlib.sha256(canonical(pods)).hexdigest()[:32]
