"""What a person may write in app.yaml: every key with its type, default, limits, meaning and effect.

The reader, `mcd explain` and `mcd schema` are made from these classes. They must not compare keys with one another
(combinations.py) and fill no default that depends on something else (resolve.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from mcd.appyaml.fields import (
    BAD,
    BOOLEAN,
    amount,
    choice,
    cpu,
    duration,
    either,
    integer,
    items,
    key,
    mapping,
    model,
    read_model,
    refused_shape,
    text,
)
from mcd.appyaml.nodes import Map, Node, Path, Scalar
from mcd.appyaml.problems import Report
from mcd.appyaml.shapes import (
    ABSOLUTE_PATH,
    ANY,
    INSIDE_PATH,
    MODEL,
    NAME,
    ROUTE_PATH,
    SHARE,
    URL_PATH,
    USER,
    VERSION,
    WORDS,
    PortNumber,
    Words,
    check_component_name,
    check_mount,
    check_port_name,
    check_variable,
    gpu_short,
    read_port,
)
from mcd.appyaml.units import Bytes

DAY = 86_400
TYPES = ("web", "service", "daemon", "cron", "job")
LONG = ("web", "service", "daemon")
TYPE_ALIASES = {
    "worker": "daemon", "cronjob": "cron", "scheduled": "cron", "task": "job",
    "rpc": "service", "tcp": "service", "grpc": "service", "http": "web",
}  # fmt: skip
VENDORS = ("nvidia", "amd", "intel", "cambricon", "ascend", "hygon", "iluvatar", "metax", "mthreads", "mc40")
SIGNALS = ("SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2")
FAMILIES = ("python", "java", "node", "go", "dotnet", "php", "ruby", "static")

_MI, _GI, _TI = 2**20, 2**30, 2**40
MEMORY = amount(Bytes(16 * _MI), Bytes(4 * _TI))
DISK = amount(Bytes(_MI), Bytes(100 * _TI))


def _later(meaning: str, **words: Any) -> Any:
    return key(ANY, meaning, later=True, **words)


# ── variables ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Variable:
    """One entry of `env`: a value, or a reference to a secret."""

    value: str | None = key(text(longest=32_768), "The text itself. Templates are expanded.", limits="32 KiB", effect="env[].value", example="hello")
    description: str = key(text(longest=200), "What it is for, shown in the portal.", value="", limits="200 characters")
    secret: str | None = key(
        text(shape=re.compile(r"[a-z0-9](?:[a-z0-9.-]*[a-z0-9])?/[A-Za-z0-9._-]+"), what="a secret", hint="Write name/key."),
        "A secret that the portal holds for the App, else for the product line.",
        effect="env[].valueFrom.secretKeyRef", example="payment/token",
    )  # fmt: skip
    from_: str | None = _later("An injected value under another name.")
    generate: str | None = _later("A text that is made once and kept.")
    length: int | None = _later("Characters of a generated text.")
    required: bool = _later("A person fills it in the portal.")


def _read_variable(report: Report, node: Node, path: Path) -> Any:
    if type(node) is Scalar:
        if len(node.text.encode()) > 32_768:
            report.refuse("value.range", node.place, path, f"{len(node.text.encode()):,} bytes.", "Use at most 32,768.")
            return Variable(value="")
        return Variable(value=node.text)
    if type(node) is not Map:
        refused_shape(report, node, path, "text or {value: …}")
        return Variable(value="")
    got = read_model(report, node, path, Variable)
    unbuilt = node.entries.keys() & {"from", "generate", "required", "length"}
    if got.value is None and got.secret is None and not unbuilt and not node.entries.keys() & {"value", "secret"}:
        report.refuse("schema.missing", node.key or node.place, (*path, "value"), '"value" is missing.', "Write value or secret.")
    if got.value is not None and got.secret is not None:
        place = node.entries["secret"][0]
        report.refuse("exclusive", place, (*path, "secret"), "value and secret exclude each other.", "Keep one.")
    # After a problem the name still counts as set, so that nothing else is said to miss it.
    return got if (got.value is None) != (got.secret is None) else Variable(value="")


VARIABLE = either("text or mapping", _read_variable, [ANY.json(), {"$ref": "#/$defs/Variable"}], Variable)
ENV = mapping(VARIABLE, name=check_variable, most=500, nouns="variables")


# ── build ────────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Build:
    """`build`: how the image of the App is made."""

    context: str = key(INSIDE_PATH, "Folder sent to the builder.", value=".", default=".", limits="relative to the folder of app.yaml", effect="context of the build", example="src")
    dockerfile: str = key(INSIDE_PATH, "The Dockerfile, inside context. Without one, runtime has a default.", value="Dockerfile", default="Dockerfile", effect="file of the build", example="deploy/Dockerfile")
    target: str | None = key(text(shape=re.compile(r"[A-Za-z0-9_.-]{1,128}"), what="a stage", hint="Write the name behind AS."), "Stage of a Dockerfile with several.", default="the last stage", effect="target of the build", example="runtime")
    args: Mapping[str, str] = key(mapping(ANY, name=check_variable, most=100, nouns="arguments"), "Build arguments. Templates: .App .Commit .Branch .Tag.", value=dict, default="{}", effect="build arguments; MCD_COMMIT is always added", example="{PIP_EXTRA: dev}")
    platforms: tuple[str, ...] = key(items(choice(("linux/amd64", "linux/arm64")), most=2), "What the image runs on.", value=("linux/amd64",), default="[linux/amd64]", effect="one image index; checked against the pools", example="[linux/amd64]")
    prepare: str | None = _later("A command that runs before the build in the checkout.")
    ci: str | None = _later("A workflow file that replaces the default flow.")


# ── resources ────────────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class Gpu:
    """`resources.gpu`: how many devices, of which kind."""

    count: int = key(integer(1, 64), "How many devices in one pod.", value=1, default="1", limits="1 to 64", example="2")
    model: tuple[str, ...] = key(items(MODEL, most=20, single=True), "Any of these models.", value=(), default="any", example="T4")
    memory: Bytes | None = key(amount(Bytes(_MI), Bytes(4 * _TI), long_units=True), "Nominal size of one device; a device fits from 90 % of it.", default="any", example="16Gi")
    vendor: str | None = key(choice(VENDORS), "Who makes it.", default="from the model, else the pool's only vendor, else nvidia", example="nvidia")
    mig: str | None = key(text(shape=re.compile(r"[1-7]g\.[0-9]{1,3}gb"), what="a MIG slice", hint="Write it like 1g.10gb."), "A slice of an NVIDIA device, not with model or memory.", example="1g.10gb")


def _read_gpu_short(report: Report, node: Node, path: Path) -> Any:
    got = gpu_short(report, node, path)
    return BAD if got is BAD else Gpu(count=got[0], model=got[1])


GPU = model(Gpu, short=_read_gpu_short, short_json=({"type": "integer", "minimum": 1, "maximum": 64}, {"type": "string"}), name="integer, text or mapping")


@dataclass(frozen=True, slots=True)
class Resources:
    """`resources`: what a pod is guaranteed."""

    cpu: int | None = key(cpu(), "Guaranteed share of cores.", default="100m", limits="10m to 256", effect="resources.requests.cpu", example='"0.5"')
    memory: Bytes | None = key(MEMORY, "Guaranteed memory.", default="256Mi", limits="16Mi to 4Ti", effect="resources.requests.memory", example="512Mi")
    disk: Bytes | None = key(DISK, "Scratch space, logs and what the program writes.", default="2Gi", effect="resources.requests.ephemeral-storage", example="4Gi")
    shm: Bytes | None = key(DISK, "Size of /dev/shm. Lives inside limits.memory, so less than that.", default="half of memory with gpu, else none", effect="emptyDir {medium: Memory} on /dev/shm", example="1Gi")
    gpu: Gpu | None = key(GPU, "Devices: 2, T4, T4:2 or a mapping.", default="none", effect="requests and limits of the device's resource", example="T4:1")


@dataclass(frozen=True, slots=True)
class Limits:
    """`limits`: what a pod may use at most."""

    cpu: int | None = key(cpu(), "At most so many cores.", default="none, because a CPU limit only slows the App down", limits="at least resources.cpu", effect="resources.limits.cpu", example="2")
    memory: Bytes | None = key(MEMORY, "Over this the program is killed.", default="resources.memory", limits="at least resources.memory", effect="resources.limits.memory", example="1Gi")
    disk: Bytes | None = key(DISK, "Over this the pod is evicted.", default="resources.disk", limits="at least resources.disk", effect="resources.limits.ephemeral-storage", example="4Gi")


# ── ports, domains ───────────────────────────────────────────────────────────────────────────────────────────────


@dataclass(frozen=True, slots=True)
class _LongPort:
    """A port in long form."""

    port: int = key(integer(1, 65535, port=True), "Where the program listens.", required="Write a number.", limits="1 to 65535", effect="containerPort; Service port", example="9000")
    protocol: str = key(choice(("tcp", "udp")), "tcp or udp.", value="tcp", default="tcp", effect="protocol", example="udp")


def _read_port(report: Report, node: Node, path: Path) -> Any:
    got = read_port(report, node, path, lambda r, n, p: read_model(r, n, p, _LongPort))
    return PortNumber(got.port, got.protocol.upper()) if isinstance(got, _LongPort) else got


PORT = either("integer or mapping", _read_port, [{"type": "integer", "minimum": 1, "maximum": 65535}, {"type": "string", "pattern": "^[0-9]+$"}, {"$ref": "#/$defs/_LongPort"}], _LongPort)


@dataclass(frozen=True, slots=True)
class Domain:
    """One item of `domains`."""

    host: str = key(ANY, "A DNS name, or *.name. Templates are expanded.", required="Write a host.", limits="not below the platform's own domain", effect="HTTPRoute hostnames", example="shop.example.com")
    path: str = key(ROUTE_PATH, "Prefix of the paths that come here.", value="/", default="/", limits="200 characters", effect="HTTPRoute matches", example="/api")
    tls: str | None = _later("A certificate.")


def _read_domain_short(report: Report, node: Node, path: Path) -> Any:
    return Domain(host=node.text) if type(node) is Scalar else refused_shape(report, node, path, "a host or a mapping")


# ── health, rollout, stop ────────────────────────────────────────────────────────────────────────────────────────

_SECONDS = duration(1, 3600)


def _read_port_or_name(report: Report, node: Node, path: Path) -> Any:
    if type(node) is Scalar and node.text[:1].isalpha() and node.text[:1].islower():
        return node.text
    return integer(1, 65535, port=True).read(report, node, path)


PORT_REF = either("port number or name", _read_port_or_name, [{"type": "integer", "minimum": 1, "maximum": 65535}, {"type": "string"}])


@dataclass(frozen=True, slots=True)
class Probe:
    """One probe: exactly one of http, tcp, grpc, exec."""

    http: str | None = key(URL_PATH, "Asks this path; 200 to 399 is well.", effect="httpGet", example="/healthz")
    tcp: int | str | None = key(PORT_REF, "Opens this port.", effect="tcpSocket", example="9000")
    grpc: int | str | None = key(PORT_REF, "Asks the gRPC health service on this port.", effect="grpc", example="9000")
    exec: Words | None = key(WORDS, "Runs this in the container; 0 is well.", effect="exec", example="[cat, /tmp/ready]")
    port: int | str | None = key(PORT_REF, "Port for http.", default="port of a web, first TCP port of a service; a daemon must write it", example="8081")
    period: int | None = key(_SECONDS, "Time between two.", default="5s (liveness 10s)", limits="whole seconds", effect="periodSeconds", example="10s")
    timeout: int | None = key(_SECONDS, "Time for one.", default="2s (liveness 5s)", limits="whole seconds", effect="timeoutSeconds", example="3s")
    delay: int = key(duration(0, 3600), "Before the first.", value=0, default="0s", effect="initialDelaySeconds", example="5s")
    failure_threshold: int | None = key(integer(1, 10_000), "So many failures in a row.", default="3 (liveness 6, startup 60)", effect="failureThreshold", example="5")
    success_threshold: int | None = key(integer(1, 1000), "So many successes in a row; readiness only.", default="1", effect="successThreshold", example="2")


def _read_probe(report: Report, node: Node, path: Path) -> Any:
    """A path, `false` or a probe."""
    if type(node) is Scalar:
        if not node.style and node.text in ("false", "False", "FALSE"):
            return False
        got = URL_PATH.read(report, node, path)
        return BAD if got is BAD else Probe(http=got)
    if type(node) is not Map:
        return refused_shape(report, node, path, "a path, false or a probe")
    probe = read_model(report, node, path, Probe)
    actions = [word for word in ("http", "tcp", "grpc", "exec") if word in node.entries]
    if not actions:
        report.refuse("schema.missing", node.key or node.place, (*path, "http"), '"http" is missing.', "Use one of http, tcp, grpc, exec.")
        return BAD
    if len(actions) > 1:
        extra = actions[1]
        report.refuse("exclusive", node.entries[extra][0], (*path, extra), f"{actions[0]} and {extra} exclude each other.", "Keep one.")
        return BAD
    if probe.port is not None and actions != ["http"]:
        report.refuse("schema.not_for_type", node.entries["port"][0], (*path, "port"), f"{actions[0]} has its port already.", "Remove it.")
    if probe.success_threshold is not None and path[-1] != "readiness":
        message = f"a {path[-1]} probe has no success_threshold."
        report.refuse("schema.not_for_type", node.entries["success_threshold"][0], (*path, "success_threshold"), message, "Remove it.")
    return probe if getattr(probe, actions[0]) is not None else BAD


PROBE = either("path, false or mapping", _read_probe, [{"const": False}, {"type": "string", "pattern": "^/"}, {"$ref": "#/$defs/Probe"}], Probe)


@dataclass(frozen=True, slots=True)
class Health:
    """`health`: how the platform sees that a pod has started, takes requests and still lives."""

    startup: Probe | bool | None = key(PROBE, "Until it succeeds the other two wait.", default="a copy of the action of liveness, 5 minutes", effect="startupProbe", example="{http: /up}")
    readiness: Probe | bool | None = key(PROBE, "Whether requests may come.", default="web, service: tcp on the first port; daemon: none", effect="readinessProbe", example="/ready")
    liveness: Probe | bool | None = key(PROBE, "Whether the container is restarted.", default="none, because a restart rarely helps a slow App", effect="livenessProbe", example="/alive")


def _read_health_short(report: Report, node: Node, path: Path) -> Any:
    if type(node) is Scalar and not node.style and node.text in ("false", "False", "FALSE"):
        return Health(startup=False, readiness=False, liveness=False)
    got = URL_PATH.read(report, node, path)
    return BAD if got is BAD else Health(Probe(http=got), Probe(http=got), Probe(http=got))


STRATEGIES = choice(("rolling", "recreate"), later=("canary",))


@dataclass(frozen=True, slots=True)
class Rollout:
    """`rollout`: how new pods replace old ones."""

    strategy: str = key(STRATEGIES, "rolling: without a gap; recreate: the old ones stop first.", value="rolling", default="rolling", effect="spec.strategy.type", example="recreate")
    max_surge: int | str | None = key(SHARE, "So many pods more than replicas.", default="25%; with gpu 0", limits="not both 0", effect="rollingUpdate.maxSurge", example="1")
    max_unavailable: int | str | None = key(SHARE, "So many pods fewer than replicas.", default="0; with gpu 1", limits="not both 0", effect="rollingUpdate.maxUnavailable", example="1")
    timeout: int = key(duration(1, 30 * DAY), "No progress for this long fails the Rollout.", value=600, default="10m", effect="progressDeadlineSeconds", example="20m")
    on_fail: str = key(choice(("rollback", "keep")), "What happens after a failed Rollout.", value="rollback", default="rollback", effect="read by the controllers", example="keep")
    canary: str | None = _later("Traffic in steps.")


def _read_rollout_short(report: Report, node: Node, path: Path) -> Any:
    got = STRATEGIES.read(report, node, path)
    return BAD if got is BAD else Rollout(strategy=got)


@dataclass(frozen=True, slots=True)
class Stop:
    """`stop`: how a program is asked to end."""

    grace: int = key(duration(1, 3600), "Time for the program after the signal.", value=30, default="30s", limits="1s to 1h", effect="terminationGracePeriodSeconds; 5 more for web and service", example="60s")
    signal: str = key(choice(SIGNALS), "The signal. Another one than SIGTERM needs /bin/sh in the image.", value="SIGTERM", default="SIGTERM", effect="lifecycle.preStop", example="SIGINT")


@dataclass(frozen=True, slots=True)
class History:
    """`history`: finished runs that are kept."""

    success: int = key(integer(0, 100), "Runs that succeeded.", value=3, default="3", limits="0 to 100", effect="successfulJobsHistoryLimit", example="1")
    failure: int = key(integer(0, 100), "Runs that failed.", value=5, default="5", limits="0 to 100", effect="failedJobsHistoryLimit", example="10")


# ── components ───────────────────────────────────────────────────────────────────────────────────────────────────

_ONE_OF = "Use one of web, service, daemon, cron, job."


@dataclass(frozen=True, slots=True)
class Component:
    """One component: a program of the App and how it runs."""

    type: str = key(choice(TYPES, aliases=TYPE_ALIASES), "What it is: requests from people (web), from Apps (service), neither (daemon), by the clock (cron), on demand (job).", required=_ONE_OF, effect="kind of the workload", example="web")
    image: str | None = key(ANY, "An image reference. Templates are expanded.", default="the image that build makes", limits="no tag or latest is warned", effect="containers[0].image", example="nginx:1.29.3")
    command: Words | None = key(WORDS, "Replaces the image's ENTRYPOINT. A text is split like a shell would, but no shell runs.", default="the image's ENTRYPOINT", effect="containers[0].command", example="python -m shop --port $PORT")
    args: Words | None = key(WORDS, "Replaces the image's CMD.", default="the image's CMD", effect="containers[0].args", example="[--verbose]")
    workdir: str | None = key(ABSOLUTE_PATH, "Folder that the program starts in.", default="the image's", limits="absolute", effect="containers[0].workingDir", example="/app")
    env: Mapping[str, Variable] = key(ENV, "Variables of this component; they win over the top level.", value=dict, default="{}", limits="500 variables of 32 KiB", effect="containers[0].env", example="{LOG: debug}")
    replicas: int | None = key(integer(0, 500), "How many pods; 0 is stopped.", only=LONG, default="1", limits="0 to 500", effect="spec.replicas; a disruption budget and spread from 2", example="3")
    resources: Resources = key(model(Resources), "What a pod is guaranteed.", value=Resources, default="cpu 100m, memory 256Mi, disk 2Gi", effect="containers[0].resources", example="{cpu: 500m, memory: 512Mi}")
    limits: Limits = key(model(Limits), "What a pod may use at most.", value=Limits, default="memory and disk as in resources", effect="containers[0].resources.limits", example="{memory: 1Gi}")
    node_pool: str | None = key(text(shape=re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?"), what="a name of a pool", code="name.invalid", hint="Use a-z, 0-9, - and dots."), "A pool that the product line may use.", default="the first that fits a gpu, else the product line's", effect="affinity, tolerations", example="gpu-t4")
    port: int | None = key(integer(1, 65535, port=True), "Where the program listens on all addresses. On a service short for ports: {main: N}.", only=("web", "service"), default="8080 on a web", limits="1 to 65535", effect="container port; Service; PORT", example="8080")
    ports: Mapping[str, PortNumber] = key(mapping(PORT, name=check_port_name, most=50, nouns="ports"), "More ports by name; a service needs one.", value=dict, only=("web", "service"), default="{}", limits="names of at most 15 characters; not http on a web", effect="container ports; Service ports of the same number", example="{grpc: 9000}")
    protocol: str = key(choice(("http", "h2c")), "h2c is HTTP/2 without TLS (gRPC).", value="http", only=("web",), default="http", effect="Service appProtocol", example="h2c")
    request_timeout: int | None = key(duration(1, 3600), "After this the gateway answers 504.", only=("web",), default="none", limits="1s to 1h", effect="HTTPRoute timeouts.request", example="30s")
    domains: tuple[Domain, ...] = key(items(model(Domain, short=_read_domain_short, short_json=({"type": "string"},), name="host or mapping"), most=15), "Hosts outside the platform's own domain, which is always there.", value=(), only=("web",), default="[]", limits="15", effect="HTTPRoute or Ingress", example="[shop.example.com]")
    headless: bool = key(BOOLEAN, "Clients see pod addresses, for gRPC client balancing.", value=False, only=("service",), default="false", effect="Service clusterIP: None", example="true")
    health: Health | None = key(model(Health, short=_read_health_short, short_json=({"const": False}, {"type": "string", "pattern": "^/"}), name="path, false or mapping"), "How the platform sees that it is well.", only=LONG, default="a readiness probe on the port", effect="probes", example="/healthz")
    rollout: Rollout = key(model(Rollout, short=_read_rollout_short, short_json=({"enum": ["rolling", "recreate"]},), name="text or mapping"), "How new pods replace old ones.", value=Rollout, only=LONG, default="rolling", effect="spec.strategy", example="recreate")
    user: int | str | None = key(USER, "uid and gid; image keeps the image's own non-root user; 0 only in a baseline product line.", default="10001", effect="securityContext", example="1000")
    read_only: bool = key(BOOLEAN, "The root file system cannot be written; /tmp is a folder of its own.", value=False, default="false", effect="readOnlyRootFilesystem", example="true")
    scratch: Mapping[str, Bytes] = key(mapping(DISK, name=check_mount, most=20, nouns="folders"), "Empty writable folders by path; they count as disk.", value=dict, default="{}", effect="emptyDir and mount", example="{/var/cache: 1Gi}")
    stop: Stop = key(model(Stop), "How the program is asked to end.", value=Stop, default="SIGTERM, 30s", effect="terminationGracePeriodSeconds, lifecycle.preStop", example="{grace: 60s}")
    schedule: str | None = key(ANY, "Five fields (minute hour day month weekday) or @hourly @daily @midnight @weekly @monthly @yearly @annually.", only=("cron",), effect="CronJob schedule", example='"*/5 * * * *"')
    timezone: str | None = key(ANY, "IANA name.", only=("cron",), default="the product line's, else UTC", effect="CronJob timeZone, always written", example="Asia/Shanghai")
    concurrency: str = key(choice(("allow", "forbid", "replace")), "Whether a run may start while the last one runs.", value="forbid", only=("cron",), default="forbid", effect="concurrencyPolicy", example="replace")
    start_within: int = key(duration(10, 30 * DAY), "A run that could not start in time is missed.", value=600, only=("cron",), default="10m", limits="at least 10s", effect="startingDeadlineSeconds", example="1h")
    suspend: bool = key(BOOLEAN, "No run starts by the clock.", value=False, only=("cron",), default="false", effect="suspend", example="true")
    history: History = key(model(History), "Finished runs that are kept.", value=History, only=("cron",), default="{success: 3, failure: 5}", effect="successfulJobsHistoryLimit, failedJobsHistoryLimit", example="{success: 1}")
    timeout: int = key(duration(1, 30 * DAY), "A run that takes longer is stopped.", value=DAY, only=("cron", "job"), default="24h", limits="1s to 30d", effect="activeDeadlineSeconds", example="1h")
    retries: int = key(integer(0, 20), "So many more attempts; a lost node is not counted.", value=0, only=("cron", "job"), default="0", limits="0 to 20", effect="backoffLimit", example="2")
    trigger: str = key(choice(("manual",), later=("pre_deploy", "post_deploy", "on_failure")), "When a job runs: a person or a program starts it.", value="manual", only=("job",), default="manual", effect="annotation mcd.internal/trigger", example="manual")
    keep: int = key(duration(1, 365 * DAY), "How long a finished run and its logs are kept.", value=7 * DAY, only=("job",), default="7d", effect="ttlSecondsAfterFinished", example="1d")
    files: Any = _later("Files of this component.")
    permdir: Any = _later("Whether the shared directory is mounted here.")
    affinity: Any = _later("Where pods stand.")
    sidecars: Any = _later("Programs beside the main one.")
    tracing: Any = _later("Instrumentation.")
    idle_gpu: Any = _later("What happens to an idle device.")
    autoscale: Any = _later("Replicas by load.", only=LONG)
    metrics: Any = _later("Where metrics are read.", only=LONG)
    stateful: Any = _later("A name and a disk per pod.", only=LONG)
    oauth: Any = _later("Sign-in in front of it.", only=("web",))


def _read_component(report: Report, node: Node, path: Path) -> Any:
    """The type decides which keys are known."""
    if type(node) is not Map:
        return refused_shape(report, node, path, "a mapping like {type: web}")
    entry = node.entries.get("type")
    word = entry[1].text if entry and type(entry[1]) is Scalar else ""
    kind = TYPE_ALIASES.get(word, word)
    component = read_model(report, node, path, Component, type_name=kind if kind in TYPES else "")
    if kind == "cron" and "schedule" not in node.entries:
        hint = 'Write it like "0 3 * * *" or "@daily".'
        report.refuse("schema.missing", node.key or node.place, (*path, "schedule"), '"schedule" is missing.', hint)
    if kind == "service" and not node.entries.keys() & {"port", "ports"}:
        report.refuse("schema.missing", node.key or node.place, (*path, "ports"), '"ports" is missing.', "Write port: N, or ports: {name: N}.")
    return component


COMPONENT = either("mapping", _read_component, [{"$ref": "#/$defs/Component"}], Component)


def _read_components(report: Report, node: Node, path: Path) -> Any:
    if type(node) is Map and not node.entries:
        report.refuse("value.range", node.place, path, "no component.", "Write at least one.")
        return BAD
    if type(node) is Map and len(node.entries) > 100:
        report.refuse("value.range", node.key or node.place, path, f"{len(node.entries)} components.", "Use at most 100.")
        return BAD
    return mapping(COMPONENT, name=check_component_name).read(report, node, path)


_RUNTIME = re.compile(rf"(?:{'|'.join(FAMILIES)})[0-9.]*")


@dataclass(frozen=True, slots=True)
class App:
    """app.yaml itself."""

    appname: str = key(NAME, "The App's name, unique in the platform.", required="Write appname: and a name.", limits="2 to 40 characters, a-z 0-9 and -", effect="names and labels", example="shop")
    components: Mapping[str, Component] = key(either("mapping of mapping", _read_components, [{"type": "object", "minProperties": 1, "maxProperties": 100, "additionalProperties": {"$ref": "#/$defs/Component"}}], Component), "The programs by name.", required="Write components: and at least one.", limits="1 to 100; names of at most 30 characters", effect="everything", example="{web: {type: web}}")
    version: int = key(VERSION, "Version of this format.", value=1, default="1", limits="only 1", effect="picks the schema", example="1")
    description: str = key(text(longest=200), "What the App is for.", value="", limits="200 characters", effect="annotation mcd.internal/description", example="The shop")
    owners: tuple[str, ...] = key(items(text(longest=100), most=20), "User names; they get the alerts.", value=(), default="[]", limits="20", effect="label owners of every alert rule", example="[alice]")
    runtime: str = key(text(shape=_RUNTIME, what="a runtime", hint=f"Use one of {', '.join(FAMILIES)}, with a version if you like (python3.11)."), "Base image of a build without Dockerfile.", value="", limits=", ".join(FAMILIES), effect="the build", example="python3.11")
    product_line: str = key(text(shape=re.compile(r"[a-z](?:[a-z0-9-]{0,61}[a-z0-9])?"), code="name.invalid", what="a name of a product line", hint="Use a-z, 0-9 and -."), "A hint, used offline only.", value="", effect="warned when it is another one", example="demo")
    build: Build = key(model(Build), "How the image is made. Not needed when every component names its image.", value=Build, effect="the build", example="{context: src}")
    env: Mapping[str, Variable] = key(ENV, "Variables of all components.", value=dict, default="{}", limits="500 variables of 32 KiB", effect="containers[0].env", example="{LANG: C.UTF-8}")
    deploy: Any = _later("Which pushes deploy.")
    infra: Any = _later("Databases and other needs.")
    app_dep: Any = _later("Other Apps that this one calls.")
    files: Any = _later("Files in the containers.")
    permdir: Any = _later("A directory that survives deploys.")
    alerts: Any = _later("Own alerts.")
    pre: Any = _later("Pre-release environments.")
    environments: Any = _later("Overrides per product line.")
