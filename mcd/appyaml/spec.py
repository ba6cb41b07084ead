"""AppSpec: an App with nothing optional left, which is all that the renderers read.

Frozen values only. It must not know where a value came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from mcd.appyaml.context import ClusterFacts, Dependent
from mcd.appyaml.record import record
from mcd.appyaml.text.units import Bytes


@record
class Source:
    """What is to run: the commit, and the images that were built from it or pinned.

    `image` is the image of every component that names none (empty: derived from registry, App and commit); `images`
    are references pinned to a digest, by component, and win over everything that the file says.
    """

    commit: str = "0" * 40
    branch: str = ""
    tag: str = ""
    image: str = ""
    images: Mapping[str, str] | None = None


@record
class EnvEntry:
    """One variable of a container: a value, a field of the pod, or a key of a Secret."""

    name: str
    value: str = ""
    field_path: str = ""
    secret: tuple[str, str] | None = None


@record
class PortSpec:
    """A port of the main container."""

    name: str
    port: int
    protocol: str = "TCP"


@record
class Action:
    """What a probe does: one of the four, `port` for all but exec."""

    kind: str
    path: str = ""
    port: int = 0
    command: tuple[str, ...] = ()


@record
class ProbeSpec:
    """One probe; times in seconds."""

    action: Action
    period: int
    timeout: int
    failures: int
    delay: int = 0
    successes: int = 1


@record
class ResourceSpec:
    """Requests and limits; CPU in thousandths."""

    cpu: int
    memory: Bytes
    disk: Bytes
    limit_cpu: int | None
    limit_memory: Bytes
    limit_disk: Bytes
    device: str = ""
    devices: int = 0
    shm: Bytes | None = None


@record
class Expression:
    """A node label and the values that fit."""

    key: str
    values: tuple[str, ...]


@record
class Toleration:
    key: str
    value: str
    effect: str


@record
class Placement:
    """Where pods of a component may stand."""

    pool: str = ""
    expressions: tuple[Expression, ...] = ()
    tolerations: tuple[Toleration, ...] = ()
    runtime_class: str = ""


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


@record
class Identity:
    """Who the program is in its pod. `user` is a uid, or None for the image's own."""

    user: int | None
    read_only: bool
    grace: int
    signal: str


@record
class SecretNeed:
    """A Secret object that must exist before the workloads do. `source` is settings or line; `secret` is its name in
    the portal."""

    name: str
    keys: tuple[str, ...]
    source: str
    version: str
    secret: str = ""


@record
class ComponentSpec:
    """A component with nothing left open."""

    name: str
    type: str
    base: str
    image: str
    own_image: bool
    command: tuple[str, ...]
    args: tuple[str, ...]
    workdir: str
    env: tuple[EnvEntry, ...]
    commit: str
    version: str
    replicas: int
    resources: ResourceSpec
    placement: Placement
    ports: tuple[PortSpec, ...]
    port: int
    probes: Mapping[str, ProbeSpec]
    rollout: RolloutSpec
    identity: Identity
    scratch: Mapping[str, Bytes]
    headless: bool
    web: WebSpec | None
    schedule: ScheduleSpec | None
    run: RunSpec | None
    needs: Mapping[str, SecretNeed]
    overrides: Mapping[str, tuple[object, object]]
    restart: str
    dependents: tuple[Dependent, ...]

    @property
    def long(self) -> bool:
        """Whether it runs on and on: web, service, daemon."""
        return self.run is None


@record
class BuildSpec:
    """How the image is made; paths are relative to the folder of app.yaml. `runtime` has the default Dockerfile."""

    context: str
    dockerfile: str
    target: str
    args: Mapping[str, str]
    platforms: tuple[str, ...]
    runtime: str


@record
class AppSpec:
    """An App with nothing left open. `build` is None when every component names its image."""

    app: str
    label_name: str
    product_line: str
    namespace: str
    description: str
    owners: tuple[str, ...]
    cluster: ClusterFacts
    components: tuple[ComponentSpec, ...]
    build: BuildSpec | None
    secrets: tuple[SecretNeed, ...]
    settings_revision: int
    tag: str = ""

    @property
    def built(self) -> tuple[ComponentSpec, ...]:
        """The components that run the image that is built."""
        return tuple(component for component in self.components if not component.own_image)
