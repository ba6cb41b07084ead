"""How far a canary Rollout is (app-yaml 6.11): the stable component and, beside it, the new one with its share.

The context says the step and what is stable; nothing here decides when to go on. It must not make objects.
"""

from __future__ import annotations

from collections.abc import Mapping

from mcd.appyaml.context import CanaryFacts
from mcd.appyaml.names import files_config, files_secret
from mcd.appyaml.record import replace
from mcd.appyaml.resolve.components import resolve_component
from mcd.appyaml.resolve.degrade import without_what_the_cluster_lacks
from mcd.appyaml.resolve.run import Resolving
from mcd.appyaml.spec.app import CanaryStep, ComponentSpec
from mcd.appyaml.spec.pod import SecretNeed
from mcd.appyaml.spec.storage import FilesSpec
from mcd.appyaml.text.problems import Findings, Report


def at_its_step(run: Resolving, new: ComponentSpec) -> ComponentSpec:
    """The component as it is outside a Rollout, or the stable one with the new one beside it."""
    facts = run.context.canary.get(new.name)
    plan = new.rollout.canary
    if facts is None or plan is None:
        return new
    weight = plan.steps[min(facts.step, len(plan.steps)) - 1].weight
    stable = _stable(run, new.name, facts)
    live = facts.replicas
    if live is None:
        live = stable.replicas if stable.autoscale is None else stable.autoscale.min
    beside = replace(
        _with_own_files(new, stable),
        base=f"{new.base}-canary",
        track="canary",
        replicas=max(1, -(-live * weight // 100)),
        autoscale=None,
    )
    return replace(stable, web=new.web, canary=CanaryStep(weight, beside))


def _with_own_files(new: ComponentSpec, stable: ComponentSpec) -> ComponentSpec:
    """The new component with objects of its own for its files, where they are not the stable one's."""
    if _held(new.files) == _held(stable.files):
        return new
    base = f"{new.base}-canary"
    named = {new.files.secret: files_secret(base)}
    needs = {need.name: need for need in (_renamed(need, named) for need in new.needs.values())}
    files = replace(new.files, config=files_config(base), secret=files_secret(base))
    return replace(new, files=files, needs=needs)


def _held(files: FilesSpec) -> list[object]:
    """What stands in the ConfigMap and the Secret that we make."""
    return [(file.key, file.text, file.data, file.pieces) for volume in files.volumes for file in volume.files]


def _renamed(need: SecretNeed, named: Mapping[str, str]) -> SecretNeed:
    return replace(need, name=named[need.name]) if need.name in named else need


def _stable(run: Resolving, name: str, facts: CanaryFacts) -> ComponentSpec:
    """The component with the image and the commit that are stable. What is wrong with it is told for the new one."""
    context, source, stable = run.context, run.source, facts.stable
    then = replace(
        run,
        context=replace(context, commits={**context.commits, name: stable.commit}),
        source=replace(source, commit=stable.commit, tag="", images={**(source.images or {}), name: stable.image}),
        findings=Findings(Report(run.findings.report.file), run.findings.root),
        top=[],
        files={},
    )
    component = resolve_component(then, name, run.app.components[name])
    return without_what_the_cluster_lacks(component, context.cluster, then.findings)
