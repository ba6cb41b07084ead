"""How a component is replaced, stopped and kept (app-yaml 3.16, 3.19, 3.20): rollout, stop, history of runs.

It must not know a controller.
"""

from __future__ import annotations

from typing import Any

from mcd.appyaml.record import record
from mcd.appyaml.schema.canary import Canary
from mcd.appyaml.schema.defaults import (
    DAY,
    SIGNALS,
)
from mcd.appyaml.schema.fields import BAD, key, model
from mcd.appyaml.schema.shapes import SHARE
from mcd.appyaml.schema.values import choice, duration, integer
from mcd.appyaml.text.nodes import Node, Path
from mcd.appyaml.text.problems import Report


@record
class Share:
    """So many pods more and fewer than replicas while new ones replace old ones."""

    surge: int | str
    unavailable: int | str


SHARE_WITHOUT, SHARE_WITH_GPU = Share("25%", 0), Share(0, 1)
"""Where nobody wrote it: there is no spare device for a pod more."""


STRATEGIES = choice(("rolling", "recreate", "canary"))


@record
class Rollout:
    """`rollout`: how new pods replace old ones."""

    strategy: str | None = key(
        STRATEGIES,
        "rolling: without a gap; recreate: the old ones stop first; canary: requests move in steps, web only.",
        default="rolling; recreate with permdir.single_writer",
        effect="spec.strategy.type; canary: a second Deployment and weights in the HTTPRoute besides",
        example="recreate",
    )
    max_surge: int | str | None = key(
        SHARE,
        "So many pods more than replicas.",
        default=f"{SHARE_WITHOUT.surge}; with gpu {SHARE_WITH_GPU.surge}",
        limits="not both 0",
        effect="rollingUpdate.maxSurge",
        example="1",
    )
    max_unavailable: int | str | None = key(
        SHARE,
        "So many pods fewer than replicas.",
        default=f"{SHARE_WITHOUT.unavailable}; with gpu {SHARE_WITH_GPU.unavailable}",
        limits="not both 0",
        effect="rollingUpdate.maxUnavailable",
        example="1",
    )
    timeout: int = key(
        duration(1, 30 * DAY),
        "No progress for this long fails the Rollout.",
        value=600,
        effect="progressDeadlineSeconds; a StatefulSet has none and is given 600 s, or the startup check and 300 s",
        example="20m",
    )
    on_fail: str = key(
        choice(("rollback", "keep")),
        "What happens after a failed Rollout.",
        value="rollback",
        effect="read by the controllers",
        example="keep",
    )
    canary: Canary = key(
        model(Canary),
        "How requests move to the new version, with strategy canary.",
        value=Canary,
        effect="HTTPRoute",
        example="{steps: [{weight: 10, pause: 30m}], header: X-Canary}",
    )


def read_rollout_short(report: Report, node: Node, path: Path) -> Any:
    got = STRATEGIES.read(report, node, path)
    return BAD if got is BAD else Rollout(strategy=got)


@record
class Stop:
    """`stop`: how a program is asked to end."""

    grace: int = key(
        duration(1, 3600),
        "Time for the program after the signal.",
        value=30,
        limits="1s to 1h",
        effect="terminationGracePeriodSeconds; 5 more for web and service",
        example="60s",
    )
    signal: str = key(
        choice(SIGNALS),
        "The signal. Another one than SIGTERM needs /bin/sh in the image.",
        value="SIGTERM",
        effect="lifecycle.preStop",
        example="SIGINT",
    )


@record
class History:
    """`history`: finished runs that are kept."""

    success: int = key(
        integer(0, 100),
        "Runs that succeeded.",
        value=3,
        limits="0 to 100",
        effect="successfulJobsHistoryLimit",
        example="1",
    )
    failure: int = key(
        integer(0, 100),
        "Runs that failed.",
        value=5,
        limits="0 to 100",
        effect="failedJobsHistoryLimit",
        example="10",
    )
