"""The parts that app.yaml is made of: variables, build, resources, ports, domains (app-yaml 3.2 to 3.13).

schema.py puts them together. They must not compare keys with one another (combinations.py) and fill no default that
depends on something else (components.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from mcd.appyaml.fields import (
    BAD,
    amount,
    choice,
    cpu,
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
from mcd.appyaml.record import record
from mcd.appyaml.shapes import (
    ANY,
    INSIDE_PATH,
    MODEL,
    ROUTE_PATH,
    PortNumber,
    check_variable,
    gpu_short,
    read_port,
)
from mcd.appyaml.units import Bytes, cpu_text

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
DEFAULT_PORT = 8080
DEFAULT_REPLICAS = 1
DEFAULT_USER = 10001
DEFAULT_CPU = 100
DEFAULT_MEMORY = Bytes(256 * _MI)
DEFAULT_DISK = Bytes(2 * _GI)
"""What stands where nobody wrote it: the compiler fills it in, the namespace's own limits say it, people read it."""

MEMORY = amount(Bytes(16 * _MI), Bytes(4 * _TI))
DISK = amount(Bytes(_MI), Bytes(100 * _TI))


_SECRET = re.compile(r"[a-z0-9](?:[a-z0-9.-]{0,200}[a-z0-9])?/[A-Za-z0-9._-]{1,253}")


def later(meaning: str, **words: Any) -> Any:
    """A key that the specification knows and this version does not build."""
    return key(ANY, meaning, later=True, **words)


# ── variables ────────────────────────────────────────────────────────────────────────────────────────────────────


@record
class Variable:
    """One entry of `env`: a value, or a reference to a secret."""

    value: str | None = key(
        text(longest=32_768),
        "The text itself. Templates are expanded.",
        limits="32 KiB",
        effect="env[].value",
        example="hello",
    )
    description: str = key(text(longest=200), "What it is for, shown in the portal.", value="", limits="200 characters")
    secret: str | None = key(
        text(shape=_SECRET, what="a secret", hint="Write name/key."),
        "A secret that the portal holds for the App, else for the product line.",
        effect="env[].valueFrom.secretKeyRef",
        example="payment/token",
    )
    from_: str | None = later("An injected value under another name.")
    generate: str | None = later("A text that is made once and kept.")
    length: int | None = later("Characters of a generated text.")
    required: bool = later("A person fills it in the portal.")


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
    if not node.entries.keys() - {"description"}:
        report.refuse(
            "schema.missing", node.key or node.place, (*path, "value"), '"value" is missing.', "Write value or secret."
        )
    if got.value is not None and got.secret is not None:
        place = node.entries["secret"][0]
        report.refuse("exclusive", place, (*path, "secret"), "value and secret exclude each other.", "Keep one.")
    # After a problem the name still counts as set, so that nothing else is said to miss it.
    return got if (got.value is None) != (got.secret is None) else Variable(value="")


VARIABLE = either("text or mapping", _read_variable, [ANY.json(), {"$ref": "#/$defs/Variable"}], Variable)
ENV = mapping(VARIABLE, name=check_variable, most=500, nouns="variables")


# ── build ────────────────────────────────────────────────────────────────────────────────────────────────────────


@record
class Build:
    """`build`: how the image of the App is made."""

    context: str = key(
        INSIDE_PATH,
        "Folder sent to the builder.",
        value=".",
        limits="relative to the folder of app.yaml",
        effect="context of the build",
        example="src",
    )
    dockerfile: str = key(
        INSIDE_PATH,
        "The Dockerfile, inside context. Without one, runtime has a default.",
        value="Dockerfile",
        effect="file of the build",
        example="deploy/Dockerfile",
    )
    target: str | None = key(
        text(shape=re.compile(r"[A-Za-z0-9_.-]{1,128}"), what="a stage", hint="Write the name behind AS."),
        "Stage of a Dockerfile with several.",
        default="the last stage",
        effect="target of the build",
        example="runtime",
    )
    args: Mapping[str, str] = key(
        mapping(ANY, name=check_variable, most=100, nouns="arguments"),
        "Build arguments. Templates: .App .Commit .Branch .Tag.",
        value=dict,
        effect="build arguments; MCD_COMMIT is always added",
        example="{PIP_EXTRA: dev}",
    )
    platforms: tuple[str, ...] = key(
        items(choice(("linux/amd64", "linux/arm64")), most=2),
        "What the image runs on.",
        value=("linux/amd64",),
        effect="one image index; checked against the pools",
        example="[linux/amd64]",
    )
    prepare: str | None = later("A command that runs before the build in the checkout.")
    ci: str | None = later("A workflow file that replaces the default flow.")


# ── resources ────────────────────────────────────────────────────────────────────────────────────────────────────


@record
class Gpu:
    """`resources.gpu`: how many devices, of which kind."""

    count: int = key(integer(1, 64), "How many devices in one pod.", value=1, limits="1 to 64", example="2")
    model: tuple[str, ...] = key(
        items(MODEL, most=20, single=True), "Any of these models.", value=(), default="any", example="T4"
    )
    memory: Bytes | None = key(
        amount(Bytes(_MI), Bytes(4 * _TI), long_units=True),
        "Nominal size of one device; a device fits from 90 % of it.",
        default="any",
        example="16Gi",
    )
    vendor: str | None = key(
        choice(VENDORS),
        "Who makes it.",
        default="from the model, else the pool's only vendor, else nvidia",
        example="nvidia",
    )
    mig: str | None = key(
        text(shape=re.compile(r"[1-7]g\.[0-9]{1,3}gb"), what="a MIG slice", hint="Write it like 1g.10gb."),
        "A slice of an NVIDIA device, not with model or memory.",
        example="1g.10gb",
    )


def _read_gpu_short(report: Report, node: Node, path: Path) -> Any:
    got = gpu_short(report, node, path)
    return BAD if got is BAD else Gpu(count=got[0], model=got[1])


GPU = model(
    Gpu,
    short=_read_gpu_short,
    short_json=({"type": "integer", "minimum": 1, "maximum": 64}, {"type": "string"}),
    name="integer, text or mapping",
)


@record
class Resources:
    """`resources`: what a pod is guaranteed."""

    cpu: int | None = key(
        cpu(),
        "Guaranteed share of cores.",
        default=cpu_text(DEFAULT_CPU),
        limits="10m to 256",
        effect="resources.requests.cpu",
        example='"0.5"',
    )
    memory: Bytes | None = key(
        MEMORY,
        "Guaranteed memory.",
        default=str(DEFAULT_MEMORY),
        limits="16Mi to 4Ti",
        effect="resources.requests.memory",
        example="512Mi",
    )
    disk: Bytes | None = key(
        DISK,
        "Scratch space, logs and what the program writes.",
        default=str(DEFAULT_DISK),
        effect="resources.requests.ephemeral-storage",
        example="4Gi",
    )
    shm: Bytes | None = key(
        DISK,
        "Size of /dev/shm. Lives inside limits.memory, so less than that.",
        default="half of memory with gpu, else none",
        effect="emptyDir {medium: Memory} on /dev/shm",
        example="1Gi",
    )
    gpu: Gpu | None = key(
        GPU,
        "Devices: 2, T4, T4:2 or a mapping.",
        default="none",
        effect="requests and limits of the device's resource",
        example="T4:1",
    )


@record
class Limits:
    """`limits`: what a pod may use at most."""

    cpu: int | None = key(
        cpu(),
        "At most so many cores.",
        default="none, because a CPU limit only slows the App down",
        limits="at least resources.cpu",
        effect="resources.limits.cpu",
        example="2",
    )
    memory: Bytes | None = key(
        MEMORY,
        "Over this the program is killed.",
        default="resources.memory",
        limits="at least resources.memory",
        effect="resources.limits.memory",
        example="1Gi",
    )
    disk: Bytes | None = key(
        DISK,
        "Over this the pod is evicted.",
        default="resources.disk",
        limits="at least resources.disk",
        effect="resources.limits.ephemeral-storage",
        example="4Gi",
    )


# ── ports, domains ───────────────────────────────────────────────────────────────────────────────────────────────


@record
class LongPort:
    """A port in long form: `{port, protocol}`."""

    port: int = key(
        integer(1, 65535, port=True),
        "Where the program listens.",
        required="Write a number.",
        limits="1 to 65535",
        effect="containerPort; Service port",
        example="9000",
    )
    protocol: str = key(choice(("tcp", "udp")), "tcp or udp.", value="tcp", effect="protocol", example="udp")


def _read_port(report: Report, node: Node, path: Path) -> Any:
    got = read_port(report, node, path, lambda r, n, p: read_model(r, n, p, LongPort))
    return PortNumber(got.port, got.protocol.upper()) if isinstance(got, LongPort) else got


PORT = either(
    "integer or mapping",
    _read_port,
    [
        {"type": "integer", "minimum": 1, "maximum": 65535},
        {"type": "string", "pattern": "^[0-9]+$"},
        {"$ref": "#/$defs/LongPort"},
    ],
    LongPort,
)


@record
class Domain:
    """One item of `domains`."""

    host: str = key(
        ANY,
        "A DNS name, or *.name. Templates are expanded.",
        required="Write a host.",
        limits="not below the platform's own domain",
        effect="HTTPRoute hostnames",
        example="shop.example.com",
    )
    path: str = key(
        ROUTE_PATH,
        "Prefix of the paths that come here.",
        value="/",
        limits="200 characters",
        effect="HTTPRoute matches",
        example="/api",
    )
    tls: str | None = later("A certificate.")
    number: int = 0
    """Its place in the list as written."""


def _read_domain(report: Report, node: Node, path: Path) -> Any:
    """A host, or a mapping. One with a mistake is left out, so that its defaults are compared with nothing."""
    number = path[-1]
    assert isinstance(number, int)
    if type(node) is Scalar:
        return Domain(host=node.text, number=number)
    if type(node) is not Map:
        return refused_shape(report, node, path, "a host or a mapping")
    errors = report.errors
    domain = read_model(report, node, path, Domain)
    return BAD if report.errors > errors else replace(domain, number=number)


DOMAIN = either("host or mapping", _read_domain, [{"type": "string"}, {"$ref": "#/$defs/Domain"}], Domain)
