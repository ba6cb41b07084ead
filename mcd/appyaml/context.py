"""What the platform knows and the compiler is given, as frozen values: the product line, what its cluster serves, node
pools, Settings. Read from a context file (app-yaml 8.2) or made from the database by whoever has one. A fact that no
rule of this version asks for is `unused`: it is read and checked, so that a file of the specification is good.

It must not look anything up: what is not in the value is not known.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import field
from typing import Any, Protocol, TypeAlias

from mcd.appyaml.record import record
from mcd.appyaml.schema.alert import Alert, read_settings_alerts
from mcd.appyaml.schema.defaults import TYPES, VENDORS
from mcd.appyaml.schema.fields import BAD, either, items, key, mapping, model, read_model, refused_shape
from mcd.appyaml.schema.network import PORT as PORTS
from mcd.appyaml.schema.resources import Limits, Resources
from mcd.appyaml.schema.scaling import AUTOSCALE, Autoscale
from mcd.appyaml.schema.shapes import LINE_NAME, NAMESPACE, PortNumber
from mcd.appyaml.schema.values import BOOLEAN, amount, choice, cpu, integer, text
from mcd.appyaml.text.nodes import Map, Node, Path
from mcd.appyaml.text.problems import Report
from mcd.appyaml.text.reader import decode, read
from mcd.appyaml.text.units import TI, Bytes
from mcd.errors import Problem, in_order

_TEXT = text(controls=True)
_NAME = text(
    shape=re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?"), longest=253, what="a name", hint="Use a-z, 0-9, - and dots."
)
_TEXTS = mapping(_TEXT)
_VERSION = re.compile(r"v?1\.(\d{1,3})(?:[.+-].*)?")


@record
class SecretFacts:
    """A secret that exists: its keys and version, never its values."""

    keys: tuple[str, ...] = key(items(_TEXT), "Its keys.", value=())
    version: str = key(_TEXT, "Changes with every value.", value="0")


_SECRETS = mapping(model(SecretFacts))


@record
class Quota:
    """What a product line may use at most."""

    cpu: int | None = key(cpu(1, 10**9), "Thousandths of a core.")
    memory: Bytes | None = key(amount(Bytes(1), Bytes(2**60)), "Requests and limits.")
    storage: Bytes | None = key(amount(Bytes(1), Bytes(2**60)), "Claims.")
    pods: int | None = key(integer(0, 10**6), "Pods.")
    gpu: Mapping[str, int] = key(mapping(integer(0, 10**6)), "By the resource name of the device.", value=dict)


@record
class ProductLineFacts:
    """The product line. `name` and `namespace` are empty where the file or the command names it."""

    name: str = key(LINE_NAME, "NAME of 4.1.", value="")
    namespace: str = key(NAMESPACE, "Its namespace; else the name.", value="")
    timezone: str = key(_TEXT, "For crons that name none.", value="UTC")
    security: str = key(choice(("restricted", "baseline")), "Pod Security level.", value="restricted")
    egress: str = key(choice(("open", "closed")), "Whether Apps may call the world.", value="open")
    node_pool: str | None = key(_NAME, "Pool of components that name none.", nullable=True)
    node_pools: tuple[str, ...] | None = key(items(_NAME), "The pools that it may use.", nullable=True)
    config: Mapping[str, str] = key(_TEXTS, "Variables of every App.", value=dict)
    configs: Mapping[str, Mapping[str, str]] = key(mapping(_TEXTS), "Config maps.", value=dict)
    secrets: Mapping[str, SecretFacts] = key(_SECRETS, "Secrets of the line.", value=dict)
    quota: Quota | None = key(model(Quota), "None: no quota.", nullable=True)


@record
class Gateway:
    """The Gateway that HTTPRoutes hang on. `pods_namespace` is where its pods run, empty: its own namespace."""

    name: str = key(_NAME, "Name.", value="mcd")
    namespace: str = key(_NAME, "Namespace.", value="mcd-gateway")
    pods_namespace: str = key(_NAME, "Where its pods run.", value="")
    regex_headers: bool = key(BOOLEAN, "Matches headers by expression.", value=True)
    listener_set: bool = key(BOOLEAN, "Takes ListenerSets.", value=False)


@record
class LokiRules:
    """The label by which the Loki ruler finds its rules."""

    label: str = key(_TEXT, "Label.", value="loki_rule")
    value: str = key(_TEXT, "Its value.", value="")


@record
class Otel:
    """OpenTelemetry."""

    endpoint: str | None = key(_TEXT, "Collector.", nullable=True)
    operator: bool = key(BOOLEAN, "Whether the operator instruments pods.", value=False)


@record
class Oauth:
    """Sign-in."""

    issuer_url: str = key(_TEXT, "Issuer.", required="Write the issuer's URL.")
    image: str = key(_TEXT, "Image of the proxy.", required="Write an image.")


@record
class Storage:
    """Storage classes."""

    default: str = key(_NAME, "For one pod.", value="standard")
    shared: str | None = key(_NAME, "For many pods.", value="shared", nullable=True)
    fast: str | None = key(_NAME, "For many small files.", nullable=True)


@record
class ClusterFacts:
    """What the cluster is and serves."""

    name: str = key(_NAME, "Name.", value="local")
    kubernetes: str = key(
        text(shape=_VERSION, what="a version of Kubernetes", hint="Write it like 1.33."), "Version.", value="1.33"
    )
    base_domain: str = key(_NAME, "Domain of the internal hosts.", value="apps.mcd.internal")
    gateway_api: bool = key(BOOLEAN, "Whether it has Gateway API.", value=True)
    gateway: Gateway = key(model(Gateway), "The Gateway.", value=Gateway)
    ingress_class: str | None = key(_NAME, "For Ingress, without Gateway API.", nullable=True)
    cert_issuer: str | None = key(_NAME, "A ClusterIssuer.", nullable=True)
    keda: bool = key(BOOLEAN, "Whether it has KEDA.", value=True)
    prometheus_operator: bool = key(BOOLEAN, "Whether it has the Prometheus operator.", value=True)
    prometheus_labels: Mapping[str, str] = key(_TEXTS, "Added to PodMonitor and PrometheusRule.", value=dict)
    prometheus_url: str = key(_TEXT, "Where KEDA asks.", value="http://prometheus.monitoring.svc:9090")
    monitoring_namespace: str = key(_NAME, "Where Prometheus runs.", value="monitoring")
    control_namespace: str = key(_NAME, "Where MCD's own account is.", value="mcd-system")
    loki_rules: LokiRules | None = key(model(LokiRules), "None: no Loki.", value=LokiRules, nullable=True)
    otel: Otel = key(model(Otel), "OpenTelemetry.", value=Otel)
    oauth: Oauth | None = key(model(Oauth), "Sign-in.", nullable=True)
    storage: Storage = key(model(Storage), "Storage classes.", value=Storage)
    registry: str = key(_TEXT, "Where built images go.", value="registry.mcd.internal")
    image_pull_secret: str | None = key(_NAME, "For private images.", nullable=True)
    pod_cidrs: tuple[str, ...] = key(items(_TEXT), "Addresses of pods.", value=())
    service_cidrs: tuple[str, ...] = key(items(_TEXT), "Addresses of Services.", value=())
    dns_cidrs: tuple[str, ...] = key(items(_TEXT), "Name servers outside kube-system.", value=())

    @property
    def minor(self) -> int:
        """33 of 1.33."""
        found = _VERSION.fullmatch(self.kubernetes)
        return int(found[1]) if found else 0


@record
class Capacity:
    """What one node of a pool has."""

    cpu: int | None = key(cpu(1, 10**7), "Thousandths of a core.")
    memory: Bytes | None = key(amount(Bytes(1), Bytes(64 * TI)), "Bytes.")


@record
class Taint:
    """A taint that pods of the pool tolerate."""

    key_: str = key(_TEXT, "Key.", required="Write the key.")
    value: str = key(_TEXT, "Value, empty: any.", value="")
    effect: str = key(choice(("NoSchedule", "PreferNoSchedule", "NoExecute")), "Effect.", value="NoSchedule")


@record
class DeviceMemory:
    """The size of one device: in bytes, and as its owner wrote it, which is how people know it."""

    size: Bytes
    text: str


_DEVICE_MEMORY = amount(Bytes(1), Bytes(TI), long_units=True)


def _read_device_memory(report: Report, node: Node, path: Path) -> Any:
    size = _DEVICE_MEMORY.read(report, node, path)
    return BAD if size is BAD else DeviceMemory(size, node.text)  # type: ignore[union-attr]


@record
class Device:
    """One kind of device on the nodes of a pool."""

    vendor: str = key(choice(VENDORS), "Who makes it.", value="nvidia")
    model: str = key(_TEXT, "What people call it.", value="")
    product: str = key(_TEXT, "What its label says.", value="")
    memory: DeviceMemory | None = key(
        either("bytes", _read_device_memory, [{"type": "string"}]), "Of one device.", nullable=True
    )
    per_node: int = key(integer(0, 1024), "How many one node has.", value=1)
    resource: str | None = key(_TEXT, "Resource name; else the vendor's.", nullable=True)
    mig: tuple[str, ...] = key(items(_TEXT), "Slices.", value=())


@record
class Pool:
    """A node pool. `labels` empty means `{mcd.internal/node-pool: name}`."""

    name: str = key(_NAME, "Name.", required="Write its name.")
    arch: str = key(choice(("amd64", "arm64")), "Processor.", value="amd64")
    capacity: Capacity = key(model(Capacity), "Of one node.", value=Capacity)
    labels: Mapping[str, str] = key(_TEXTS, "Labels of its nodes.", value=dict)
    taints: tuple[Taint, ...] = key(items(model(Taint)), "Taints of its nodes.", value=())
    runtime_class: str | None = key(_NAME, "Runtime class of its pods.", nullable=True)
    devices: tuple[Device, ...] = key(items(model(Device)), "Devices of its nodes.", value=())


@record
class OtherComponent:
    """A component of another App."""

    type: str = key(choice(TYPES), "Type.", value="web")
    ports: Mapping[str, PortNumber] = key(mapping(PORTS), "Ports.", value=dict)


@record
class OtherApp:
    """Another App."""

    product_line: str = key(_NAME, "Its line.", value="")
    namespace: str = key(_NAME, "Its namespace.", value="")
    components: Mapping[str, OtherComponent] = key(mapping(model(OtherComponent)), "Its components.", value=dict)
    cluster: str = ""
    """Empty: the same one."""
    known: bool = True
    """False: nothing of it was ever compiled."""


@record
class Dependent:
    """An App of another product line that may call a component of this one."""

    app: str = key(_NAME, "The App.", required="Write its name.")
    namespace: str = key(_NAME, "Its namespace.", required="Write its namespace.")
    component: str = key(_NAME, "The component that it calls.", value="web")


@record
class InfraFacts:
    """A Claim that was made. Values are for reading only."""

    namespace: str | None = key(_NAME, "Where it runs.", nullable=True)
    port: int | None = key(integer(1, 65535, port=True), "Its port.", nullable=True)
    version: str = key(_TEXT, "Version of its credentials.", value="0")
    values: Mapping[str, str] = key(_TEXTS, "For reading only.", value=dict, unused=True)


class InfraKind(Protocol):
    """What the compiler knows of a kind of the catalogue: its name, the words that a pod is given, and which of the
    keys database, bucket and access it has."""

    @property
    def name(self) -> str: ...
    @property
    def words(self) -> tuple[str, ...]: ...
    @property
    def options(self) -> tuple[str, ...]: ...


Kinds: TypeAlias = Mapping[str, InfraKind]
"""The catalogue by every word that names a kind, as `mcd.infra.catalog.KINDS` is."""


@record
class ComponentSettings:
    """What Settings say about a component."""

    replicas: int | None = key(integer(0, 500), "Replaces replicas.", nullable=True)
    autoscale: Autoscale | None = key(AUTOSCALE, "Replaces autoscale.", nullable=True)
    resources: Resources | None = key(model(Resources), "Merged key by key.", nullable=True)
    limits: Limits | None = key(model(Limits), "Merged key by key.", nullable=True)


def _read_component_settings(report: Report, node: Node, path: Path) -> Any:
    if type(node) is not Map:
        return refused_shape(report, node, path, "a mapping")
    found = read_model(report, node, path, ComponentSettings)
    if found.replicas is not None and found.autoscale is not None:
        message, hint = "replicas and autoscale exclude each other.", "Keep one."
        report.refuse("exclusive", node.entries["replicas"][0], (*path, "replicas"), message, hint)
    return found


@record
class SettingsFacts:
    """A revision of the App's Settings. Without one `revision` is 0."""

    revision: int = key(integer(0, 10**9), "Number.", value=0)
    by: str = key(_TEXT, "Who.", value="")
    at: str = key(_TEXT, "When.", value="")
    components: Mapping[str, ComponentSettings] = key(
        mapping(either("mapping", _read_component_settings, [{}], ComponentSettings)), "Overrides.", value=dict
    )
    alerts: Mapping[str, Alert] = key(
        either("mapping", read_settings_alerts, [{}]), "Alerts that are tuned or added.", value=dict
    )
    env: Mapping[str, str] = key(_TEXTS, "Values that people filled in.", value=dict)
    secrets: Mapping[str, SecretFacts] = key(_SECRETS, "Secrets of the App.", value=dict)
    configs: Mapping[str, Mapping[str, str]] = key(mapping(_TEXTS), "Config maps.", value=dict)


_COMMIT = text(shape=re.compile(r"[0-9a-f]{7,40}"), what="a commit", hint="Write 7 to 40 hex digits.")


@record
class StableFacts:
    """What runs while a canary is tried."""

    image: str = key(_TEXT, "Its image.", required="Write its image.")
    commit: str = key(_COMMIT, "Its commit.", required="Write its commit.")


@record
class CanaryFacts:
    """How far a canary Rollout is. `replicas` are the stable's live ones."""

    stable: StableFacts = key(model(StableFacts), "What runs meanwhile.", required="Write image and commit.")
    step: int = key(integer(1, 100), "Its step, from 1.", required="Write the step, from 1.")
    replicas: int | None = key(integer(0, 10_000), "Live pods of what runs.", nullable=True)


@record
class PreFacts:
    """The pre-release environment that is rendered: that of a branch."""

    branch: str = key(_TEXT, "Its branch.", required="Write the branch.")


@record
class Context:
    """Everything that the platform knows about one App at one moment.

    `known` is false when there is no platform to ask (no context file): secrets and pools are then taken to exist.
    `node_pools` and `apps` are None when nobody listed them. `environment` is NAME of 4.1 where a person gave it.
    `live` is true where this version's server carries it out: what it does not do yet is then told.
    `new` is true of an App that this very push would make: nobody can have set anything for it.
    `exported` is true where nobody fills anything in afterwards but secrets: each config map must be there.
    `generated` is how often people replaced what is made once: variable → times; none that is not there was replaced.
    `hosts` are those that other Apps serve: (host, path) → App, empty for one of another product line.
    `kinds` is the catalogue of infra by every word that names a kind; `fills` is false where it cannot be known yet
    what people fill in (`validate` offline), so that nothing is said to be missing.
    """

    product_line: ProductLineFacts = key(model(ProductLineFacts), "The product line.", value=ProductLineFacts)
    cluster: ClusterFacts = key(model(ClusterFacts), "The cluster.", value=ClusterFacts)
    node_pools: tuple[Pool, ...] | None = key(items(model(Pool)), "Its pools.", nullable=True)
    apps: Mapping[str, OtherApp] | None = key(mapping(model(OtherApp)), "Other Apps.", nullable=True)
    dependents: tuple[Dependent, ...] = key(items(model(Dependent)), "Who may call this App.", value=())
    infra: Mapping[str, InfraFacts] = key(mapping(model(InfraFacts)), "Claims.", value=dict)
    settings: SettingsFacts = key(model(SettingsFacts), "Settings.", value=SettingsFacts)
    app: str | None = key(_NAME, "The App's name where it is not appname (a copy).", nullable=True)
    pre: PreFacts | None = key(model(PreFacts), "None: this is no Pre App.", nullable=True)
    commits: Mapping[str, str] = key(_TEXTS, "Commit that last changed a component.", value=dict)
    restart: Mapping[str, str] = key(_TEXTS, "When a person restarted a component.", value=dict)
    canary: Mapping[str, CanaryFacts] = key(
        mapping(model(CanaryFacts)), "How far a canary Rollout of a component is.", value=dict
    )
    names: Mapping[str, str] = key(_TEXTS, "Object names that other Apps own.", value=dict)
    known: bool = True
    environment: str = ""
    live: bool = False
    new: bool = False
    exported: bool = False
    generated: Mapping[str, int] = field(default_factory=dict)
    hosts: Mapping[tuple[str, str], str] = field(default_factory=dict)
    kinds: Kinds = field(default_factory=dict)
    fills: bool = True

    @property
    def judges_cluster(self) -> bool:
        """Whether what a cluster lacks is told: `validate` offline is for no cluster in particular (app-yaml 4.1)."""
        return self.fills


NO_CONTEXT = Context(known=False)
"""What is taken to be true offline: the defaults of 8.2."""


def read_context(data: bytes | str, file: str) -> tuple[Context | None, tuple[Problem, ...]]:
    """A context file. Without errors the Context is there; a null is the default, as 8.2 writes it."""
    report = Report(file)
    source = decode(data, report)
    root = read(source, report) if source is not None else None
    context: Any = None
    if root is not None and type(root) is not Map:
        report.refuse("schema.type", root.place, (), "this is no context.", "Write keys: product_line, cluster, …")
    elif type(root) is Map:
        # An empty pre is what 8.2 shows for "none".
        entries = {word: entry for word, entry in root.entries.items() if not (word == "pre" and _is_nothing(entry[1]))}
        context = read_model(report, Map(entries, root.place), (), Context)
    good = report.errors == 0 and context is not None and context is not BAD
    return (context if good else None), in_order(report.found)


def _is_nothing(node: Any) -> bool:
    return (type(node) is Map and not node.entries) or getattr(node, "null", False)
