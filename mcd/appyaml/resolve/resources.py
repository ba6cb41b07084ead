"""Requests, limits, devices and the place that follows from them (app-yaml 3.13, 6.8); what of them cannot stand
together (3.22).

It must not choose a pool itself (pools.py).
"""

from __future__ import annotations

from mcd.appyaml.resolve.affinity import with_affinity
from mcd.appyaml.resolve.pools import Ask, place
from mcd.appyaml.resolve.run import Resolving
from mcd.appyaml.schema.component import Component
from mcd.appyaml.schema.defaults import (
    DEFAULT_CPU,
    DEFAULT_DISK,
    DEFAULT_MEMORY,
    LONG,
)
from mcd.appyaml.schema.gpu import Gpu
from mcd.appyaml.spec.pod import Placement, ResourceSpec
from mcd.appyaml.text.nodes import Path
from mcd.appyaml.text.problems import Findings
from mcd.appyaml.text.units import cpu_text


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
    check_resources(spec, gpu, path, run.findings)
    return spec, with_affinity(run, component.affinity, path, placement)


def check_resources(spec: ResourceSpec, gpu: Gpu | None, path: Path, findings: Findings) -> None:
    """Limits below requests, /dev/shm that does not fit, a MIG slice with a model."""
    if spec.limit_cpu is not None and spec.limit_cpu < spec.cpu:
        _less("cpu", cpu_text(spec.limit_cpu), cpu_text(spec.cpu), path, findings)
    for word, limit, request in (
        ("memory", spec.limit_memory, spec.memory),
        ("disk", spec.limit_disk, spec.disk),
    ):
        if limit.count < request.count:
            _less(word, str(limit), str(request), path, findings)
    if spec.shm is not None and spec.shm.count >= spec.limit_memory.count:
        message = f"{spec.shm} does not fit into memory {spec.limit_memory}: /dev/shm is part of it."
        findings.refuse("combination", (*path, "resources", "shm"), message, "Use less than memory.")
    if gpu is not None and gpu.mig and (gpu.model or gpu.memory is not None):
        message = "a MIG slice fixes model and memory."
        where = (*path, "resources", "gpu", "mig")
        findings.refuse("combination", where, message, "Remove model and memory.")
    elif gpu is not None and gpu.mig and gpu.vendor not in (None, "nvidia"):
        where = (*path, "resources", "gpu", "mig")
        findings.refuse("combination", where, f"{gpu.vendor} has no MIG slices.", "Remove vendor or mig.")


def _less(word: str, limit: str, request: str, path: Path, findings: Findings) -> None:
    message = f"{limit} is less than resources.{word} {request}."
    findings.refuse("combination", (*path, "limits", word), message, "Raise the limit or lower the request.")


def check_idle(component: Component, path: Path, findings: Findings) -> None:
    """Devices that are not there cannot be idle, and what serves is not stopped for it."""
    if component.idle_gpu is None:
        return
    where = (*path, "idle_gpu")
    if component.resources.gpu is None:
        findings.refuse("exclusive", where, "there is no gpu to be idle.", "Remove idle_gpu.", key=True)
    elif component.idle_gpu.action == "stop" and component.type in LONG:
        message = f"stop would take a {component.type} down."
        findings.refuse("combination", (*where, "action"), message, "Use notify.")
