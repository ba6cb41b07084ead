"""`resources` and `limits` (app-yaml 3.13): what a pod is guaranteed, may use, and which devices it has.

It must not know a pool or a vendor's label (resolve/pools.py).
"""

from __future__ import annotations

from mcd.appyaml.record import record
from mcd.appyaml.schema.defaults import (
    DEFAULT_CPU,
    DEFAULT_DISK,
    DEFAULT_MEMORY,
)
from mcd.appyaml.schema.fields import key
from mcd.appyaml.schema.gpu import GPU, Gpu
from mcd.appyaml.schema.values import amount, cpu
from mcd.appyaml.text.units import MI, TI, Bytes, cpu_text

MEMORY = amount(Bytes(16 * MI), Bytes(4 * TI))
DISK = amount(Bytes(MI), Bytes(100 * TI))


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
