"""`idle_gpu` (app-yaml 3.9): what is done about devices that do nothing.

It must not know a device.
"""

from __future__ import annotations

from mcd.appyaml.record import record
from mcd.appyaml.schema.defaults import DAY
from mcd.appyaml.schema.fields import key, model
from mcd.appyaml.schema.values import choice, duration, integer


@record
class IdleGpu:
    """`idle_gpu`: when a device counts as idle, and what then."""

    below: int = key(
        integer(1, 100),
        "Idle is less use than this, in per cent, as the average over all its devices.",
        value=10,
        limits="1 to 100",
        effect="alert GpuIdle",
        example="5",
    )
    for_: int = key(
        duration(60, 30 * DAY),
        "For how long.",
        value=3600,
        limits="1m to 30d",
        effect="for of the alert",
        example="2h",
    )
    action: str = key(
        choice(("notify", "stop")),
        "notify: people are told; stop: the run is ended, so only cron and job.",
        value="notify",
        effect="read by the platform, which stops the run",
        example="stop",
    )


IDLE_GPU = model(IdleGpu)
