"""AppSpec: an App with nothing optional left, which is all that the renderers read.

Frozen values only. It must not know where a value came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from mcd.appyaml.context import ClusterFacts, Dependent
from mcd.appyaml.record import record
from mcd.appyaml.spec.infra import InfraSpec
from mcd.appyaml.spec.pod import EnvEntry, Identity, Placement, PortSpec, ProbeSpec, ResourceSpec, SecretNeed
from mcd.appyaml.spec.running import RolloutSpec, RunSpec, ScheduleSpec, WebSpec
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
    infra: Mapping[str, InfraSpec] = field(default_factory=dict)

    @property
    def built(self) -> tuple[ComponentSpec, ...]:
        """The components that run the image that is built."""
        return tuple(component for component in self.components if not component.own_image)
