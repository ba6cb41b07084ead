"""How many pods there are by load (app-yaml 3.14, 3.22, 6.15): bounds that fit, a queue that exists, what the cluster
can measure.

It must not make objects.
"""

from __future__ import annotations

from mcd.appyaml.context import ClusterFacts
from mcd.appyaml.record import replace
from mcd.appyaml.resolve.run import Resolving
from mcd.appyaml.schema.component import Component
from mcd.appyaml.schema.scaling import DEFAULT_CPU_TARGET, QUEUES, Autoscale, Queue
from mcd.appyaml.spec.scaling import AutoscaleSpec, PromqlSpec, QueueSpec
from mcd.appyaml.text.nodes import Path
from mcd.appyaml.text.problems import Findings
from mcd.appyaml.text.words import suggest
from mcd.errors import echo

WITH_KEDA = ("rps", "p95", "queue", "promql")
"""What Kubernetes' own scaler cannot measure."""


def resolve_autoscale(run: Resolving, component: Component, path: Path) -> AutoscaleSpec | None:
    """None without `autoscale`."""
    asked, findings = component.autoscale, run.findings
    if asked is None:
        return None
    if component.replicas is not None:
        message = "replicas and autoscale exclude each other."
        hint = "Keep autoscale and put the number into autoscale.min."
        findings.refuse("exclusive", (*path, "replicas"), message, hint, key=True)
    here = (*path, "autoscale")
    _check_bounds(component.type, asked, here, findings)
    for word in ("rps", "p95"):
        if component.type != "web" and getattr(asked, word) is not None:
            message = "requests are counted for a web only."
            findings.refuse("combination", (*here, word), message, "Use cpu, memory, queue or promql.")
    nothing = all(getattr(asked, word) is None for word in ("cpu", "memory", *WITH_KEDA))
    return AutoscaleSpec(
        min=asked.min,
        max=asked.max,
        cooldown=asked.cooldown,
        cpu=DEFAULT_CPU_TARGET if nothing else asked.cpu,
        memory=asked.memory,
        rps=asked.rps,
        p95=asked.p95,
        queue=_queue(run, asked.queue, (*here, "queue")) if asked.queue is not None else None,
        promql=_promql(asked),
    )


def _check_bounds(kind: str, asked: Autoscale, path: Path, findings: Findings) -> None:
    here = (*path, "min")
    if asked.min > asked.max:
        findings.refuse("combination", here, f"{asked.min} is more than max {asked.max}.", "Lower min or raise max.")
    if asked.min == 0 and kind != "daemon":
        findings.refuse("combination", here, f"a {kind} with 0 replicas answers nobody.", "Use 1 or more.")
    elif asked.min == 0 and asked.queue is None and asked.promql is None:
        findings.refuse("combination", here, "0 needs a queue or promql to wake it up.", "Add one, or use 1.")


def _promql(asked: Autoscale) -> PromqlSpec | None:
    promql = asked.promql
    return PromqlSpec(promql.query, promql.target, promql.type == "average") if promql is not None else None


def _queue(run: Resolving, asked: Queue, path: Path) -> QueueSpec | None:
    """The queue, or None after a problem was reported."""
    holder, findings = run.infra.get(asked.infra), run.findings
    if holder is None:
        if asked.infra not in run.app.infra:
            message = f'there is no infra "{echo(asked.infra)}".'
            findings.refuse("ref.unknown", (*path, "infra"), message, suggest(asked.infra, run.app.infra))
        return None
    if holder.type not in QUEUES:
        message = f"infra.{holder.name} is a {holder.type}, which has no queue."
        findings.refuse("combination", (*path, "infra"), message, "Use rabbitmq, kafka or redis.")
        return None
    if holder.type == "kafka" and asked.group is None:
        message = f"infra.{holder.name} is a kafka, which needs a group."
        findings.refuse("combination", (*path, "group"), message, "Write the consumer group.")
    if holder.type != "kafka" and asked.group is not None:
        message = f"infra.{holder.name} is a {holder.type}, which has no group."
        findings.refuse("combination", (*path, "group"), message, "Remove it.")
    return QueueSpec(holder, asked.name, asked.length, asked.group or "")


def without_keda(
    autoscale: AutoscaleSpec | None, cluster: ClusterFacts, path: Path, findings: Findings
) -> AutoscaleSpec | None:
    """What is left where only CPU and memory can be measured; each trigger that goes is a warning."""
    if autoscale is None or cluster.keda or autoscale.by_resources:
        return autoscale
    for word in WITH_KEDA:
        if getattr(autoscale, word) is not None:
            message = f'cluster "{cluster.name}" has no KEDA: scaling by {word} is left out.'
            findings.warn("cluster.degraded", (*path, "autoscale", word), message)
    left = replace(autoscale, min=max(autoscale.min, 1), rps=None, p95=None, queue=None, promql=None)
    return left if left.cpu or left.memory else replace(left, cpu=DEFAULT_CPU_TARGET)
