"""What of resources, idle_gpu, rollout and user cannot stand together in one component (app-yaml 3.22). Other aspects
check their own beside what they fill in.

Reads resolved values and reports. It must not change anything.
"""

from __future__ import annotations

from mcd.appyaml.schema.component import Component
from mcd.appyaml.schema.defaults import LONG
from mcd.appyaml.schema.resources import Gpu
from mcd.appyaml.spec.pod import ResourceSpec
from mcd.appyaml.text.nodes import Path
from mcd.appyaml.text.problems import Findings
from mcd.appyaml.text.units import cpu_text


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


def _less(word: str, limit: str, request: str, path: Path, findings: Findings) -> None:
    message = f"{limit} is less than resources.{word} {request}."
    findings.refuse("combination", (*path, "limits", word), message, "Raise the limit or lower the request.")


def check_surge(surge: int | str, unavailable: int | str, path: Path, findings: Findings) -> None:
    """A rolling update that may neither add nor remove a pod."""
    if surge in (0, "0%") and unavailable in (0, "0%"):
        message = "max_surge and max_unavailable are both 0, so nothing could ever move."
        findings.refuse("combination", (*path, "rollout", "max_unavailable"), message, "Raise one.")


def check_user(user: int | str | None, security: str, line: str, path: Path, findings: Findings) -> None:
    """Root only where the product line allows it."""
    if user == 0 and security != "baseline":
        message = f'user 0 is root, and product line "{line}" is {security}.'
        findings.refuse("combination", (*path, "user"), message, "Use another uid.")
