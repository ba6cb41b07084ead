"""How a component runs and is reached, with nothing left open: rollout, hosts, schedule, runs.

Frozen values only. It must not know where a value came from.
"""

from __future__ import annotations

from dataclasses import dataclass

from mcd.appyaml.record import record


@record
class RolloutSpec:
    """How new pods replace old ones; `timeout` in seconds."""

    strategy: str
    max_surge: int | str
    max_unavailable: int | str
    timeout: int
    on_fail: str


@dataclass(frozen=True, slots=True, repr=False)
class HostSpec:
    """A host and the prefix of its paths."""

    host: str
    path: str


@record
class WebSpec:
    """What only a web has."""

    domain: str
    hosts: tuple[HostSpec, ...]
    h2c: bool
    request_timeout: int | None


@record
class ScheduleSpec:
    """What only a cron has; times in seconds."""

    schedule: str
    timezone: str
    concurrency: str
    start_within: int
    suspend: bool
    success: int
    failure: int


@record
class RunSpec:
    """What cron and job have; times in seconds. `keep` is for a job."""

    timeout: int
    retries: int
    keep: int
    trigger: str
