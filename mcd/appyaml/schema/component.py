"""What a component may say (app-yaml 3.9, 3.10, 3.20): every key with its type, default, limits, meaning and effect.

The reader, `mcd explain` and `mcd schema` are made from this class. It must not compare keys with one another
(resolve/combinations.py) and fill no default that depends on something else (resolve/).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from mcd.appyaml.record import record
from mcd.appyaml.schema.defaults import (
    DAY,
    DEFAULT_CPU,
    DEFAULT_DISK,
    DEFAULT_MEMORY,
    DEFAULT_PORT,
    DEFAULT_REPLICAS,
    DEFAULT_USER,
    LONG,
    TYPE_ALIASES,
    TYPES,
)
from mcd.appyaml.schema.fields import (
    BAD,
    BOOLEAN,
    choice,
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
from mcd.appyaml.schema.health import Health, read_health_short
from mcd.appyaml.schema.lifecycle import History, Rollout, Stop, read_rollout_short
from mcd.appyaml.schema.network import DOMAIN, PORT, Domain
from mcd.appyaml.schema.resources import DISK, Limits, Resources
from mcd.appyaml.schema.shapes import (
    ABSOLUTE_PATH,
    ANY,
    USER,
    WORDS,
    PortNumber,
    Words,
    check_component_name,
    check_mount,
    check_port_name,
    later,
)
from mcd.appyaml.schema.variable import ENV, Variable
from mcd.appyaml.text.nodes import Map, Node, Path, Scalar
from mcd.appyaml.text.problems import Report
from mcd.appyaml.text.units import Bytes, cpu_text

_ONE_OF = "Use one of web, service, daemon, cron, job."


@record
class Component:
    """One component: a program of the App and how it runs."""

    type: str = key(
        choice(TYPES, aliases=TYPE_ALIASES),
        "Asked by people (web), by Apps (service), by nobody (daemon), run by the clock (cron), on demand (job).",
        required=_ONE_OF,
        effect="kind of the workload",
        example="web",
    )
    image: str | None = key(
        ANY,
        "An image reference. Templates are expanded.",
        default="the image that build makes",
        limits="no tag or latest is warned",
        effect="containers[0].image",
        example="nginx:1.29.3",
    )
    command: Words | None = key(
        WORDS,
        "Replaces the image's ENTRYPOINT. A text is split like a shell would, but no shell runs.",
        default="the image's ENTRYPOINT",
        effect="containers[0].command",
        example="python -m shop --port $PORT",
    )
    args: Words | None = key(
        WORDS,
        "Replaces the image's CMD.",
        default="the image's CMD",
        effect="containers[0].args",
        example="[--verbose]",
    )
    workdir: str | None = key(
        ABSOLUTE_PATH,
        "Folder that the program starts in.",
        default="the image's",
        limits="absolute",
        effect="containers[0].workingDir",
        example="/app",
    )
    env: Mapping[str, Variable] = key(
        ENV,
        "Variables of this component; they win over the top level.",
        value=dict,
        limits="500 variables of 32 KiB",
        effect="containers[0].env",
        example="{LOG: debug}",
    )
    replicas: int | None = key(
        integer(0, 500),
        "How many pods; 0 is stopped.",
        only=LONG,
        default=str(DEFAULT_REPLICAS),
        limits="0 to 500",
        effect="spec.replicas; a disruption budget and spread from 2",
        example="3",
    )
    resources: Resources = key(
        model(Resources),
        "What a pod is guaranteed.",
        value=Resources,
        default=f"cpu {cpu_text(DEFAULT_CPU)}, memory {DEFAULT_MEMORY}, disk {DEFAULT_DISK}",
        effect="containers[0].resources",
        example="{cpu: 500m, memory: 512Mi}",
    )
    limits: Limits = key(
        model(Limits),
        "What a pod may use at most.",
        value=Limits,
        default="memory and disk as in resources",
        effect="containers[0].resources.limits",
        example="{memory: 1Gi}",
    )
    node_pool: str | None = key(
        text(
            shape=re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?"),
            what="a name of a pool",
            code="name.invalid",
            hint="Use a-z, 0-9, - and dots.",
        ),
        "A pool that the product line may use.",
        default="the first that fits a gpu, else the product line's",
        effect="affinity, tolerations",
        example="gpu-t4",
    )
    port: int | None = key(
        integer(1, 65535, port=True),
        "Where the program listens on all addresses. On a service short for ports: {main: N}.",
        only=("web", "service"),
        default=f"{DEFAULT_PORT} on a web",
        limits="1 to 65535",
        effect="container port; Service; PORT",
        example="8080",
    )
    ports: Mapping[str, PortNumber] = key(
        mapping(PORT, name=check_port_name, most=50, nouns="ports"),
        "More ports by name; a service needs one.",
        value=dict,
        only=("web", "service"),
        limits="names of at most 15 characters; not http on a web",
        effect="container ports; Service ports of the same number",
        example="{grpc: 9000}",
    )
    protocol: str = key(
        choice(("http", "h2c")),
        "h2c is HTTP/2 without TLS (gRPC).",
        value="http",
        only=("web",),
        effect="Service appProtocol",
        example="h2c",
    )
    request_timeout: int | None = key(
        duration(1, 3600),
        "After this the gateway answers 504.",
        only=("web",),
        default="none",
        limits="1s to 1h",
        effect="HTTPRoute timeouts.request",
        example="30s",
    )
    domains: tuple[Domain, ...] = key(
        items(DOMAIN, most=15),
        "Hosts outside the platform's own domain, which is always there.",
        value=(),
        only=("web",),
        limits="15",
        effect="HTTPRoute or Ingress",
        example="[shop.example.com]",
    )
    headless: bool = key(
        BOOLEAN,
        "Clients see pod addresses, for gRPC client balancing.",
        value=False,
        only=("service",),
        effect="Service clusterIP: None",
        example="true",
    )
    health: Health | None = key(
        model(
            Health,
            short=read_health_short,
            short_json=({"const": False}, {"type": "string", "pattern": "^/"}),
            name="path, false or mapping",
        ),
        "How the platform sees that it is well.",
        only=LONG,
        default="a readiness probe on the port",
        effect="probes",
        example="/healthz",
    )
    rollout: Rollout = key(
        model(
            Rollout, short=read_rollout_short, short_json=({"enum": ["rolling", "recreate"]},), name="text or mapping"
        ),
        "How new pods replace old ones.",
        value=Rollout,
        only=LONG,
        effect="spec.strategy",
        example="recreate",
    )
    user: int | str | None = key(
        USER,
        "uid and gid; image keeps the image's own non-root user; 0 only in a baseline product line.",
        default=str(DEFAULT_USER),
        effect="securityContext",
        example="1000",
    )
    read_only: bool = key(
        BOOLEAN,
        "The root file system cannot be written; /tmp is a folder of its own.",
        value=False,
        effect="readOnlyRootFilesystem",
        example="true",
    )
    scratch: Mapping[str, Bytes] = key(
        mapping(DISK, name=check_mount, most=20, nouns="folders"),
        "Empty writable folders by path; they count as disk.",
        value=dict,
        effect="emptyDir and mount",
        example="{/var/cache: 1Gi}",
    )
    stop: Stop = key(
        model(Stop),
        "How the program is asked to end.",
        value=Stop,
        effect="terminationGracePeriodSeconds, lifecycle.preStop",
        example="{grace: 60s}",
    )
    schedule: str | None = key(
        ANY,
        "Five fields (minute hour day month weekday) or @hourly @daily @midnight @weekly @monthly @yearly @annually.",
        only=("cron",),
        effect="CronJob schedule",
        example='"*/5 * * * *"',
    )
    timezone: str | None = key(
        ANY,
        "IANA name.",
        only=("cron",),
        default="the product line's, else UTC",
        effect="CronJob timeZone, always written",
        example="Asia/Shanghai",
    )
    concurrency: str = key(
        choice(("allow", "forbid", "replace")),
        "Whether a run may start while the last one runs.",
        value="forbid",
        only=("cron",),
        effect="concurrencyPolicy",
        example="replace",
    )
    start_within: int = key(
        duration(10, 30 * DAY),
        "A run that could not start in time is missed.",
        value=600,
        only=("cron",),
        limits="at least 10s",
        effect="startingDeadlineSeconds",
        example="1h",
    )
    suspend: bool = key(
        BOOLEAN,
        "No run starts by the clock.",
        value=False,
        only=("cron",),
        effect="suspend",
        example="true",
    )
    history: History = key(
        model(History),
        "Finished runs that are kept.",
        value=History,
        only=("cron",),
        effect="successfulJobsHistoryLimit, failedJobsHistoryLimit",
        example="{success: 1}",
    )
    timeout: int = key(
        duration(1, 30 * DAY),
        "A run that takes longer is stopped.",
        value=DAY,
        only=("cron", "job"),
        limits="1s to 30d",
        effect="activeDeadlineSeconds",
        example="1h",
    )
    retries: int = key(
        integer(0, 20),
        "So many more attempts; a lost node is not counted.",
        value=0,
        only=("cron", "job"),
        limits="0 to 20",
        effect="backoffLimit",
        example="2",
    )
    trigger: str = key(
        choice(("manual",), later=("pre_deploy", "post_deploy", "on_failure")),
        "When a job runs: a person or a program starts it.",
        value="manual",
        only=("job",),
        effect="annotation mcd.internal/trigger",
        example="manual",
    )
    keep: int = key(
        duration(1, 365 * DAY),
        "How long a finished run and its logs are kept.",
        value=7 * DAY,
        only=("job",),
        effect="ttlSecondsAfterFinished",
        example="1d",
    )
    files: Any = later("Files of this component.")
    permdir: Any = later("Whether the shared directory is mounted here.")
    affinity: Any = later("Where pods stand.")
    sidecars: Any = later("Programs beside the main one.")
    tracing: Any = later("Instrumentation.")
    idle_gpu: Any = later("What happens to an idle device.")
    autoscale: Any = later("Replicas by load.", only=LONG)
    metrics: Any = later("Where metrics are read.", only=LONG)
    stateful: Any = later("A name and a disk per pod.", only=LONG)
    oauth: Any = later("Sign-in in front of it.", only=("web",))


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
        report.refuse(
            "schema.missing",
            node.key or node.place,
            (*path, "ports"),
            '"ports" is missing.',
            "Write port: N, or ports: {name: N}.",
        )
    return component


COMPONENT = either("mapping", _read_component, [{"$ref": "#/$defs/Component"}], Component)


def read_components(report: Report, node: Node, path: Path) -> Any:
    if type(node) is Map and not node.entries:
        report.refuse("value.range", node.place, path, "no component.", "Write at least one.")
        return BAD
    if type(node) is Map and len(node.entries) > 100:
        report.refuse(
            "value.range", node.key or node.place, path, f"{len(node.entries)} components.", "Use at most 100."
        )
        return BAD
    return mapping(COMPONENT, name=check_component_name).read(report, node, path)
