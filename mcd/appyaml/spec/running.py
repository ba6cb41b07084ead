"""How a component runs and is reached, with nothing left open: rollout, hosts, schedule, runs.

Frozen values only. It must not know where a value came from.
"""

from __future__ import annotations

from mcd.appyaml.record import record
from mcd.appyaml.spec.canary import CanarySpec
from mcd.appyaml.spec.pod import PortSpec, SecretNeed


@record
class RolloutSpec:
    """How new pods replace old ones; `timeout` in seconds. `canary` is there for strategy canary only."""

    strategy: str
    max_surge: int | str
    max_unavailable: int | str
    timeout: int
    on_fail: str
    canary: CanarySpec | None = None


@record
class MetricsSpec:
    """Where a program tells its metrics: `name` is the container port with number `port`, `interval` in seconds.
    `extra` is that port where nothing else declares it; it is no port of the Service."""

    path: str
    port: int
    name: str
    interval: int
    extra: PortSpec | None


@record
class TlsSpec:
    """The certificate of a host: the Secret object that has it, whether the cluster issues it into there, and the base
    name of the one component that listens for the host, since several may serve paths of it."""

    secret: str
    issued: bool
    listener: str


@record
class HostSpec:
    """A host and the prefix of its paths."""

    host: str
    path: str
    tls: TlsSpec | None = None


@record
class WebSpec:
    """What only a web has."""

    domain: str
    hosts: tuple[HostSpec, ...]
    h2c: bool
    request_timeout: int | None
    certificates: tuple[SecretNeed, ...] = ()
    """Secrets that the entry reads, and no pod."""


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
class IdleSpec:
    """When devices count as idle: below so many per cent for `wait` seconds. `stop`: the run is ended."""

    below: int
    wait: int
    stop: bool


@record
class RunSpec:
    """What cron and job have; times in seconds. `keep` is for a job."""

    timeout: int
    retries: int
    keep: int
    trigger: str
