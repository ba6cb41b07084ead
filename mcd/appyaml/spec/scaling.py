"""How many pods there are by load, with nothing left open.

Frozen values only. It must not know which scaler does it.
"""

from __future__ import annotations

from decimal import Decimal

from mcd.appyaml.record import record
from mcd.appyaml.spec.infra import InfraSpec


@record
class QueueSpec:
    """A backlog per replica; `group` is there for kafka."""

    infra: InfraSpec
    name: str
    length: int
    group: str = ""


@record
class PromqlSpec:
    """A number that Prometheus knows; `average`: divided by the replicas."""

    query: str
    target: Decimal
    average: bool


@record
class AutoscaleSpec:
    """Bounds and what is measured: at least one of the six. `cpu` and `memory` in per cent of what a pod asks for,
    `rps` per replica, `p95` and `cooldown` in seconds."""

    min: int
    max: int
    cooldown: int
    cpu: int | None = None
    memory: int | None = None
    rps: int | None = None
    p95: Decimal | None = None
    queue: QueueSpec | None = None
    promql: PromqlSpec | None = None

    @property
    def by_resources(self) -> bool:
        """Whether Kubernetes' own scaler can do it: it reads CPU and memory, and never goes to 0."""
        rest = (self.rps, self.p95, self.queue, self.promql)
        return self.min > 0 and all(trigger is None for trigger in rest)
