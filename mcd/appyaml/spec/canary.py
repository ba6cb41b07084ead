"""How a canary Rollout moves requests, with nothing left open.

Frozen values only. It must not know a gateway, nor how far a Rollout is.
"""

from __future__ import annotations

from decimal import Decimal

from mcd.appyaml.record import record


@record
class StepSpec:
    """So many per cent of the requests, then a pause in seconds; None: until a person approves, and at 100."""

    weight: int
    pause: int | None = None
    approve: bool = False


@record
class TesterSpec:
    """A header or a cookie that leads to the new version; `value` None: any value."""

    name: str
    value: str | None = None


@record
class CheckSpec:
    """What must stay good over each pause: `error_rate` in per cent, `p95` in seconds; rollback or pause if not."""

    error_rate: Decimal
    p95: Decimal | None
    on_fail: str


@record
class CanarySpec:
    """The last step is 100. `together`: header and cookie, else one of them."""

    steps: tuple[StepSpec, ...]
    headers: tuple[TesterSpec, ...]
    cookie: TesterSpec | None
    together: bool
    check: CheckSpec
