"""AppSpec: an App with nothing optional left, which is all that the renderers read.

Frozen values only. It must not know where a value came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from mcd.appyaml.context import ClusterFacts, Dependent
from mcd.appyaml.record import record
from mcd.appyaml.spec.alert import NO_ALERTS, AlertsSpec
from mcd.appyaml.spec.app_dep import AppDepSpec
from mcd.appyaml.spec.infra import InfraSpec
from mcd.appyaml.spec.pod import EnvEntry, Identity, Placement, PortSpec, ProbeSpec, ResourceSpec, SecretNeed
from mcd.appyaml.spec.running import IdleSpec, MetricsSpec, RolloutSpec, RunSpec, ScheduleSpec, WebSpec
from mcd.appyaml.spec.scaling import AutoscaleSpec
from mcd.appyaml.spec.sidecars import SidecarSpec
from mcd.appyaml.spec.storage import NO_FILES, FilesSpec, PermdirSpec, StatefulSpec
from mcd.appyaml.text.units import Bytes


@record
class Source:
    """What is to run: the commit, and the images that were built from it or pinned.

    `image` is the image of every component that names none (empty: derived from registry, App and commit); `images`
    are references pinned to a digest, by component and for a sidecar by `component/sidecar`, and win over everything
    that the file says. `files` are the files of the repository that app.yaml names (`source_paths`): path from the
    folder of app.yaml → bytes; what is absent does not exist. None: nobody can read any here.
    """

    commit: str = "0" * 40
    branch: str = ""
    tag: str = ""
    image: str = ""
    images: Mapping[str, str] | None = None
    files: Mapping[str, bytes] | None = field(default_factory=dict)


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
    track: str = "stable"
    autoscale: AutoscaleSpec | None = None
    metrics: MetricsSpec | None = None
    tracing: str = ""
    """The language that is instrumented, in the operator's words."""
    canary: CanaryStep | None = None
    idle_gpu: IdleSpec | None = None
    permdir: PermdirSpec | None = None
    """The App's, where it is mounted."""
    stateful: StatefulSpec | None = None
    files: FilesSpec = NO_FILES
    sidecars: tuple[SidecarSpec, ...] = ()
    """In the order in which they start: sign-in first."""
    entry: int = 0
    """The port of a sidecar that takes requests before the program does; 0: none does."""

    @property
    def first_stop(self) -> int:
        """The port of the pod that takes requests first."""
        return self.entry or self.port

    @property
    def long(self) -> bool:
        """Whether it runs on and on: web, service, daemon."""
        return self.run is None

    @property
    def workload(self) -> str:
        """Kind of the object whose pods it is, where it is long."""
        return "Deployment" if self.stateful is None else "StatefulSet"

    @property
    def container_ports(self) -> tuple[PortSpec, ...]:
        """The ports that the pod declares by name: its own, and the one that only metrics are read from."""
        extra = self.metrics.extra if self.metrics is not None else None
        return self.ports if extra is None else tuple(sorted((*self.ports, extra), key=lambda port: port.name))

    @property
    def most(self) -> int:
        """As many pods as may run at once."""
        return self.replicas if self.autoscale is None else self.autoscale.max

    @property
    def newest(self) -> ComponentSpec:
        """What the Release makes of it: the canary while one is on its way."""
        return self if self.canary is None else self.canary.component


@record
class CanaryStep:
    """A canary Rollout on its way: `component` is the new version and gets `weight` per cent of the requests."""

    weight: int
    component: ComponentSpec


@record
class BuildSpec:
    """How the image is made; paths are relative to the folder of app.yaml. `runtime` has the default Dockerfile."""

    context: str
    dockerfile: str
    target: str
    args: Mapping[str, str]
    platforms: tuple[str, ...]
    runtime: str
    prepare: tuple[str, ...] = ()
    """The words of a command that runs in the checkout before."""
    ci: str = ""
    """A workflow file that replaces the default flow."""


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
    ttl: str = ""
    """How long a Pre App is kept without a push, as it was written; empty for an App that is none."""
    alerts: AlertsSpec = NO_ALERTS
    infra: Mapping[str, InfraSpec] = field(default_factory=dict)
    app_dep: Mapping[str, AppDepSpec] = field(default_factory=dict)
    generated: Mapping[str, int] = field(default_factory=dict)
    """What is made once and kept: key of Secret <app>-generated → characters."""
    permdir: PermdirSpec | None = None
    """Where a component mounts it."""

    @property
    def written_images(self) -> Mapping[str, str]:
        """The images that the file names, by the names of `Source.images`."""
        found = {component.name: component.image for component in self.components if component.own_image}
        for component in self.components:
            found |= {f"{component.name}/{one.name}": one.image for one in component.sidecars if one.own_image}
        return found

    @property
    def built(self) -> tuple[ComponentSpec, ...]:
        """The components that run the image that is built."""
        return tuple(component for component in self.components if not component.own_image)
