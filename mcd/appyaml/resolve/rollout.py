"""How new pods replace old ones (app-yaml 3.16, 3.22): a strategy that fits the component, steps that rise.

It must not know how far a Rollout is (canary.py).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import pairwise

from mcd.appyaml.context import ClusterFacts
from mcd.appyaml.record import replace
from mcd.appyaml.schema.canary import APPROVE, DEFAULT_PAUSE, Canary, Step
from mcd.appyaml.schema.component import Component
from mcd.appyaml.schema.lifecycle import SHARE_WITH_GPU, SHARE_WITHOUT
from mcd.appyaml.spec.canary import CanarySpec, CheckSpec, StepSpec, TesterSpec
from mcd.appyaml.spec.pod import ProbeSpec, ResourceSpec
from mcd.appyaml.spec.running import RolloutSpec
from mcd.appyaml.text.nodes import Path, Scalar, node_at
from mcd.appyaml.text.problems import Findings

CANARY = "canary"


def strategy_path(path: Path, findings: Findings) -> Path:
    """Where the strategy of a component stands: at `rollout` itself in the short form."""
    short = isinstance(node_at(findings.root, (*path, "rollout")), Scalar)
    return (*path, "rollout") if short else (*path, "rollout", "strategy")


def resolve_rollout(
    component: Component, resources: ResourceSpec, probes: Mapping[str, ProbeSpec], path: Path, findings: Findings
) -> RolloutSpec:
    """The rollout with nothing left open. Steps are checked though another strategy is used: an environment may use
    them."""
    written = component.rollout
    strategy = written.strategy or "rolling"
    if strategy == CANARY and component.type != "web":
        findings.refuse("combination", strategy_path(path, findings), "only a web can split traffic.", "Use rolling.")
    share = SHARE_WITH_GPU if resources.devices > 0 else SHARE_WITHOUT
    surge = share.surge if written.max_surge is None else written.max_surge
    unavailable = share.unavailable if written.max_unavailable is None else written.max_unavailable
    if strategy != "recreate":
        _check_surge(surge, unavailable, path, findings)
    _check_steps(written.canary.steps, (*path, "rollout", "canary", "steps"), findings)
    startup = probes.get("startup")
    budget = startup.delay + startup.period * startup.failures if startup else 0
    return RolloutSpec(
        strategy=strategy,
        max_surge=surge,
        max_unavailable=unavailable,
        timeout=max(written.timeout, budget + 300),
        on_fail=written.on_fail,
        canary=_canary(written.canary) if strategy == CANARY else None,
    )


def _check_surge(surge: int | str, unavailable: int | str, path: Path, findings: Findings) -> None:
    """A rolling update that may neither add nor remove a pod."""
    if surge in (0, "0%") and unavailable in (0, "0%"):
        message = "max_surge and max_unavailable are both 0, so nothing could ever move."
        findings.refuse("combination", (*path, "rollout", "max_unavailable"), message, "Raise one.")


def _check_steps(steps: Sequence[Step], path: Path, findings: Findings) -> None:
    for before, step in pairwise(steps):
        if step.weight <= before.weight:
            message = f"{step.weight} does not rise after {before.weight}."
            findings.refuse("combination", (*path, step.number, "weight"), message, "Weights must rise.")


def _canary(written: Canary) -> CanarySpec:
    steps = [_step(step) for step in written.steps]
    if not steps or steps[-1].weight != 100:
        steps.append(StepSpec(100))
    cookies = [TesterSpec(name, value) for name, value in written.cookie.items()]
    check = written.check
    return CanarySpec(
        steps=tuple(steps),
        headers=tuple(TesterSpec(name, value) for name, value in written.header.items()),
        cookie=cookies[0] if cookies else None,
        together=written.match == "all",
        check=CheckSpec(check.error_rate, check.p95, check.on_fail),
    )


def _step(step: Step) -> StepSpec:
    """At 100 the new version is the one that runs, so there is nothing to wait for."""
    if step.weight == 100:
        return StepSpec(100)
    if step.pause == APPROVE:
        return StepSpec(step.weight, approve=True)
    return StepSpec(step.weight, DEFAULT_PAUSE if step.pause is None else int(step.pause))


def without_a_gateway(rollout: RolloutSpec, cluster: ClusterFacts, path: Path, findings: Findings) -> RolloutSpec:
    """What is left of a canary where requests cannot be split, or headers not be matched by expression."""
    canary = rollout.canary
    if canary is None:
        return rollout
    if not cluster.gateway_api:
        message = f'cluster "{cluster.name}" has no Gateway API: canary becomes rolling.'
        findings.warn("cluster.degraded", strategy_path(path, findings), message)
        return replace(rollout, strategy="rolling", canary=None)
    if cluster.gateway.regex_headers:
        return rollout
    exact = tuple(header for header in canary.headers if header.value is not None)
    left = replace(canary, headers=exact, cookie=None)
    for word, lost in (("header", left.headers != canary.headers), ("cookie", canary.cookie is not None)):
        if lost:
            message = f'gateway "{cluster.gateway.name}" matches exact values only: canary.{word} is left out.'
            findings.warn("cluster.degraded", (*path, "rollout", "canary", word), message)
    return replace(rollout, canary=left)
