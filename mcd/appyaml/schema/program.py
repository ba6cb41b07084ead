"""What every component may say (app-yaml 3.9, all types): every key with its type, default, limits, meaning and effect.

It must not compare keys with one another and fill no default that depends on something else (resolve/).
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from mcd.appyaml.record import record
from mcd.appyaml.schema.affinity import AFFINITY, Affinity
from mcd.appyaml.schema.defaults import (
    DEFAULT_CPU,
    DEFAULT_DISK,
    DEFAULT_MEMORY,
    DEFAULT_USER,
    TYPE_ALIASES,
    TYPES,
)
from mcd.appyaml.schema.fields import key, mapping, model
from mcd.appyaml.schema.files import FILES, File
from mcd.appyaml.schema.idle import IDLE_GPU, IdleGpu
from mcd.appyaml.schema.lifecycle import Stop
from mcd.appyaml.schema.resources import DISK, Limits, Resources
from mcd.appyaml.schema.shapes import (
    ABSOLUTE_PATH,
    ANY,
    USER,
    WORDS,
    Words,
    check_mount,
)
from mcd.appyaml.schema.sidecar import SIDECARS, Sidecar
from mcd.appyaml.schema.values import BOOLEAN, choice, text
from mcd.appyaml.schema.variable import ENV, Variable
from mcd.appyaml.text.units import Bytes, cpu_text

_ONE_OF = "Use one of web, service, daemon, cron, job."


@record
class Program:
    """What every component has: the program, what it reads, what it may use, where it stands."""

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
    files: Mapping[str, File] = key(
        FILES,
        "Files of this component, by absolute path; they win over the top level.",
        value=dict,
        limits="512 KiB each, 900 KiB of a component",
        effect="volume files",
        example="{/etc/nginx/nginx.conf: {source: deploy/nginx.conf}}",
    )
    permdir: bool = key(
        BOOLEAN,
        "Whether the App's permdir is mounted here.",
        value=True,
        effect="volume and mount",
        example="false",
    )
    scratch: Mapping[str, Bytes] = key(
        mapping(DISK, name=check_mount, most=20, nouns="folders"),
        "Empty writable folders by path; they count as disk.",
        value=dict,
        effect="emptyDir and mount",
        example="{/var/cache: 1Gi}",
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
    affinity: Affinity | None = key(
        AFFINITY,
        "Where pods stand, and beside whom.",
        default="spread over the nodes",
        effect="pod.affinity, topologySpreadConstraints",
        example="{spread: zone, avoid: [train]}",
    )
    sidecars: Mapping[str, Sidecar] = key(
        SIDECARS,
        "Programs beside the main one, in the same pod. They start before it and stop after it.",
        value=dict,
        limits="names as of components, no component's name, not mcd-*",
        effect="pod.initContainers with restartPolicy Always",
        example="{nginx: {image: 'nginx:1.29.3', port: 8081, entry: true}}",
    )
    stop: Stop = key(
        model(Stop),
        "How the program is asked to end.",
        value=Stop,
        effect="terminationGracePeriodSeconds, lifecycle.preStop",
        example="{grace: 60s}",
    )
    tracing: str = key(
        choice(("auto", "on", "off")),
        "Instrumentation by the OpenTelemetry operator. auto: for runtime java; on: also for python, node and dotnet.",
        value="auto",
        limits="nothing where the cluster has no such operator",
        effect="annotation instrumentation.opentelemetry.io/inject-java (-python, -nodejs, -dotnet)",
        example="on",
    )
    idle_gpu: IdleGpu | None = key(
        IDLE_GPU,
        "What is done about devices that do nothing.",
        default="none",
        limits="only with resources.gpu",
        effect="alert GpuIdle",
        example="{below: 5, for: 2h, action: stop}",
    )
