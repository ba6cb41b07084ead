"""How far a canary Rollout is (app-yaml 6.11): the stable component and, beside it, the new one with its share.

The context says the step and what is stable; nothing here decides when to go on. It must not make objects.
"""

from __future__ import annotations

from dataclasses import replace

from mcd.appyaml.context import CanaryFacts
from mcd.appyaml.resolve.components import resolve_component
from mcd.appyaml.resolve.degrade import without_what_the_cluster_lacks
from mcd.appyaml.resolve.run import Resolving
from mcd.appyaml.spec.app import CanaryStep, ComponentSpec
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
        new,
        base=f"{new.base}-canary",
        track="canary",
        replicas=max(1, -(-live * weight // 100)),
        autoscale=None,
    )
    return replace(stable, web=new.web, canary=CanaryStep(weight, beside))


def _stable(run: Resolving, name: str, facts: CanaryFacts) -> ComponentSpec:
    """The component with the image and the commit that are stable. What is wrong with it is told for the new one."""
    context, source, stable = run.context, run.source, facts.stable
    then = replace(
        run,
        context=replace(context, commits={**context.commits, name: stable.commit}),
        source=replace(source, commit=stable.commit, tag="", images={**(source.images or {}), name: stable.image}),
        findings=Findings(Report(run.findings.report.file), run.findings.root),
    )
    component = resolve_component(then, name, run.app.components[name])
    return without_what_the_cluster_lacks(component, context.cluster, then.findings)
