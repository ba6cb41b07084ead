"""`resources` and `limits` (app-yaml 3.13): what a pod is guaranteed, may use, and which devices it has.

It must not know a pool or a vendor's label (resolve/pools.py).
"""

from __future__ import annotations

import re
from typing import Any

from mcd.appyaml.record import record
from mcd.appyaml.schema import patterns
from mcd.appyaml.schema.defaults import (
    DEFAULT_CPU,
    DEFAULT_DISK,
    DEFAULT_MEMORY,
    VENDORS,
)
from mcd.appyaml.schema.expand import at
from mcd.appyaml.schema.fields import (
    BAD,
    amount,
    choice,
    cpu,
    integer,
    items,
    key,
    model,
    text,
)
from mcd.appyaml.schema.shapes import (
    MODEL,
    gpu_short,
)
from mcd.appyaml.text.nodes import Map, Node, Path, Scalar
from mcd.appyaml.text.problems import Report
from mcd.appyaml.text.units import Bytes, cpu_text

_MI, _TI = 2**20, 2**40
MEMORY = amount(Bytes(16 * _MI), Bytes(4 * _TI))
DISK = amount(Bytes(_MI), Bytes(100 * _TI))


@record
class Gpu:
    """`resources.gpu`: how many devices, of which kind."""

    count: int = key(
        integer(1, 64),
        "How many devices in one pod.",
        value=1,
        limits="1 to 64",
        effect="the number of the device's resource",
        example="2",
    )
    model: tuple[str, ...] = key(
        items(MODEL, most=20, single=True),
        "Any of these models.",
        value=(),
        default="any",
        effect="the pool; affinity to the device's product label",
        example="T4",
    )
    memory: Bytes | None = key(
        amount(Bytes(_MI), Bytes(4 * _TI), long_units=True),
        "Nominal size of one device; a device fits from 90 % of it.",
        default="any",
        effect="the pool; affinity to the device's product label",
        example="16Gi",
    )
    vendor: str | None = key(
        choice(VENDORS),
        "Who makes it.",
        default="from the model, else the pool's only vendor, else nvidia",
        effect="the pool; the name of the device's resource",
        example="nvidia",
    )
    mig: str | None = key(
        text(shape=re.compile(r"[1-7]g\.[0-9]{1,3}gb"), what="a MIG slice", hint="Write it like 1g.10gb."),
        "A slice of an NVIDIA device, not with model or memory.",
        effect="the resource nvidia.com/mig-SLICE",
        example="1g.10gb",
    )


def _read_gpu_short(report: Report, node: Node, path: Path) -> Any:
    got = gpu_short(report, node, path)
    return BAD if got is BAD else Gpu(count=got[0], model=got[1])


def _expand_gpu(node: Node) -> Map | None:
    """`2` is `{count: 2}`, `T4:2` is `{count: 2, model: T4}`."""
    if type(node) is not Scalar:
        return None
    name, _, count = node.text.rpartition(":")
    if node.text.isdecimal():
        return at(node, count=node)
    pieces = (name, count) if name else (node.text, "1")
    return at(node, count=Scalar(pieces[1], node.style, node.place), model=Scalar(pieces[0], node.style, node.place))


GPU = model(
    Gpu,
    short=_read_gpu_short,
    short_json=({"type": "integer", "minimum": 1, "maximum": 64}, {"type": "string", "pattern": patterns.GPU}),
    name="integer, text or mapping",
    expand=_expand_gpu,
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
