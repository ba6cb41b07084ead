"""One entry of `sidecars` (app-yaml 3.17): a program beside the main one, in the same pod.

It must not compare two containers with one another (resolve/pod_ports.py), nor know the App's own variables.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcd.appyaml.record import record
from mcd.appyaml.schema.defaults import SIDECAR_CPU, SIDECAR_DISK, SIDECAR_MEMORY
from mcd.appyaml.schema.fields import BAD, key, mapping, model
from mcd.appyaml.schema.files import FILES, File
from mcd.appyaml.schema.health import Health, Probe, expand_health
from mcd.appyaml.schema.network import PORT
from mcd.appyaml.schema.resources import DISK, MEMORY, Limits
from mcd.appyaml.schema.shapes import (
    ABSOLUTE_PATH,
    ANY,
    COMPONENT_NAME,
    URL_JSON,
    URL_PATH,
    WORDS,
    PortNumber,
    Words,
    check_port_name,
)
from mcd.appyaml.schema.values import BOOLEAN, cpu, integer
from mcd.appyaml.schema.variable import ENV, Variable
from mcd.appyaml.text.nodes import Node, Path, Place
from mcd.appyaml.text.problems import Report
from mcd.appyaml.text.units import Bytes, cpu_text
from mcd.errors import echo


@record
class SidecarResources:
    """`resources` of a sidecar: what it is guaranteed."""

    cpu: int | None = key(
        cpu(),
        "Guaranteed share of cores.",
        default=cpu_text(SIDECAR_CPU),
        limits="10m to 256",
        effect="resources.requests.cpu",
        example="100m",
    )
    memory: Bytes | None = key(
        MEMORY,
        "Guaranteed memory.",
        default=str(SIDECAR_MEMORY),
        limits="16Mi to 4Ti",
        effect="resources.requests.memory",
        example="128Mi",
    )
    disk: Bytes | None = key(
        DISK,
        "Logs and what the program writes.",
        default=str(SIDECAR_DISK),
        effect="resources.requests.ephemeral-storage",
        example="512Mi",
    )
    shm: Bytes | None = key(
        DISK,
        "Size of /dev/shm. Lives inside limits.memory, so less than that.",
        default="none",
        effect="emptyDir {medium: Memory} on /dev/shm",
        example="32Mi",
    )


def _read_health_short(report: Report, node: Node, path: Path) -> Any:
    got = URL_PATH.read(report, node, path)
    return BAD if got is BAD else Health(Probe(http=got), Probe(http=got), Probe(http=got))


@record
class Sidecar:
    """A program beside the main one: it starts before it and stops after it, in cron and job too."""

    image: str = key(
        ANY,
        "An image reference. Templates are expanded.",
        required="Write an image.",
        limits="no tag or latest is warned",
        effect="initContainers[].image",
        example="nginx:1.29.3",
    )
    command: Words | None = key(
        WORDS,
        "Replaces the image's ENTRYPOINT. A text is split like a shell would, but no shell runs.",
        default="the image's ENTRYPOINT",
        effect="initContainers[].command",
        example="[agent, --quiet]",
    )
    args: Words | None = key(
        WORDS,
        "Replaces the image's CMD.",
        default="the image's CMD",
        effect="initContainers[].args",
        example="[--verbose]",
    )
    workdir: str | None = key(
        ABSOLUTE_PATH,
        "Folder that the program starts in.",
        default="the image's",
        limits="absolute",
        effect="initContainers[].workingDir",
        example="/app",
    )
    env: Mapping[str, Variable] = key(
        ENV,
        "Its own variables. Of the App's it has MCD_* and HOME only.",
        value=dict,
        limits="500 variables of 32 KiB",
        effect="initContainers[].env",
        example="{LOG: debug}",
    )
    files: Mapping[str, File] = key(
        FILES,
        "Its own files by path.",
        value=dict,
        limits="512 KiB each; 900 KiB in all files of a component",
        effect="volume files-<sidecar>",
        example="{/etc/nginx/nginx.conf: {source: deploy/nginx.conf}}",
    )
    port: int | None = key(
        integer(1, 65535, port=True),
        "Where it listens. Short for ports: {main: N}.",
        default="none",
        limits="1 to 65535; no other container of the pod has it",
        effect="initContainers[].ports",
        example="8081",
    )
    ports: Mapping[str, PortNumber] = key(
        mapping(PORT, name=check_port_name, most=50, nouns="ports"),
        "Its ports by name; the first one takes the requests of an entry.",
        value=dict,
        limits="names of at most 15 characters; no other container of the pod has the number or the name",
        effect="initContainers[].ports",
        example="{edge: 8081}",
    )
    entry: bool = key(
        BOOLEAN,
        "Requests enter here, and it forwards them to the component's port on 127.0.0.1.",
        value=False,
        limits="one sidecar of a web",
        effect="Service targetPort",
        example="true",
    )
    resources: SidecarResources = key(
        model(SidecarResources),
        "What it is guaranteed.",
        value=SidecarResources,
        default=f"cpu {cpu_text(SIDECAR_CPU)}, memory {SIDECAR_MEMORY}, disk {SIDECAR_DISK}",
        effect="initContainers[].resources",
        example="{memory: 128Mi}",
    )
    limits: Limits = key(
        model(Limits),
        "What it may use at most.",
        value=Limits,
        default="memory and disk as in resources",
        effect="initContainers[].resources.limits",
        example="{memory: 128Mi}",
    )
    health: Health | None = key(
        model(
            Health,
            short=_read_health_short,
            short_json=(URL_JSON,),
            name="path or mapping",
            expand=expand_health,
        ),
        "How the platform sees that it is well: the probes that are written, no others.",
        default="none",
        effect="initContainers[] probes",
        example="/healthz",
    )


def check_sidecar_name(report: Report, place: Place, path: Path, name: str) -> bool:
    """A name as a component's; `mcd-*` is the platform's."""
    if not COMPONENT_NAME.fullmatch(name) or "--" in name or len(name) > 30:
        hint = 'Use a-z, 0-9 and single "-", at most 30 characters, a letter first.'
        report.refuse("name.invalid", place, path, f'"{echo(name)}" is not a name for a sidecar.', hint)
        return False
    if name.startswith("mcd-"):
        report.refuse("name.reserved", place, path, f'"{name}" belongs to the platform.', "Choose another.")
        return False
    return True


SIDECARS = mapping(model(Sidecar), name=check_sidecar_name)
