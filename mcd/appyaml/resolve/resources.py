"""Requests, limits, devices and the place that follows from them (app-yaml 3.13, 6.8).

It must not choose a pool itself (pools.py).
"""

from __future__ import annotations

from mcd.appyaml.resolve import combinations as combine
from mcd.appyaml.resolve.affinity import with_affinity
from mcd.appyaml.resolve.pools import Ask, place
from mcd.appyaml.resolve.run import Resolving
from mcd.appyaml.schema.component import Component
from mcd.appyaml.schema.defaults import (
    DEFAULT_CPU,
    DEFAULT_DISK,
    DEFAULT_MEMORY,
)
from mcd.appyaml.spec.pod import Placement, ResourceSpec
from mcd.appyaml.text.nodes import Path


def resolve_resources(
    run: Resolving, component: Component, path: Path, *, own_image: bool
) -> tuple[ResourceSpec, Placement]:
    asked, limits, gpu = component.resources, component.limits, component.resources.gpu
    cpu = DEFAULT_CPU if asked.cpu is None else asked.cpu
    memory = asked.memory or DEFAULT_MEMORY
    disk = asked.disk or DEFAULT_DISK
    platforms = None if own_image else run.app.build.platforms
    ask = Ask(path, component.node_pool, gpu, cpu, memory, platforms)
    placement, device = place(ask, run.context, run.line, run.findings)
    spec = ResourceSpec(
        cpu=cpu,
        memory=memory,
        disk=disk,
        limit_cpu=limits.cpu,
        limit_memory=limits.memory or memory,
        limit_disk=limits.disk or disk,
        device=device,
        devices=gpu.count if gpu is not None else 0,
        shm=asked.shm or (memory.half() if gpu is not None else None),
    )
    combine.check_resources(spec, gpu, path, run.findings)
    return spec, with_affinity(run, component.affinity, path, placement)
