"""Chooses the node pool of a component and says why none fits: devices, models, sizes, capacity (app-yaml 6.8).

Pure tables and comparisons. It must not know a live node.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from mcd.appyaml.context import Context, Device, Pool
from mcd.appyaml.record import record
from mcd.appyaml.schema.gpu import Gpu
from mcd.appyaml.spec.pod import Expression, Placement, Toleration
from mcd.appyaml.text.nodes import Path
from mcd.appyaml.text.problems import Findings
from mcd.appyaml.text.units import Bytes, cpu_text
from mcd.appyaml.text.words import suggest
from mcd.objects import PREFIX

POOL_LABEL = f"{PREFIX}node-pool"


@record
class Vendor:
    """What a vendor calls its devices: the resource, the label with the product, how its models begin."""

    resource: str
    product_label: str = ""
    models: tuple[str, ...] = ()


VENDORS = {
    "nvidia": Vendor("nvidia.com/gpu", "nvidia.com/gpu.product"),
    "amd": Vendor("amd.com/gpu", "amd.com/gpu.product-name", ("MI",)),
    "intel": Vendor("gpu.intel.com/xe", "", ("Max", "Flex", "Arc")),
    "cambricon": Vendor("cambricon.com/mlu", "", ("MLU",)),
    "ascend": Vendor("huawei.com/Ascend910", "", ("Ascend",)),
    "hygon": Vendor("hygon.com/dcu", "", ("K100", "Z100", "BW")),
    "iluvatar": Vendor("iluvatar.com/gpu", "", ("BI-", "MR-")),
    "metax": Vendor("metax-tech.com/gpu", "", ("MXC", "C500", "N260")),
    "mthreads": Vendor("mthreads.com/gpu", "", ("MTT", "S4000", "S5000")),
    "mc40": Vendor("", "", ("MC40",)),
}

_TOKENS = re.compile(r"[a-z0-9]+")


def _tokens(text: str) -> set[str]:
    return set(_TOKENS.findall(text.lower()))


def vendor_of_model(model: str) -> str:
    """The vendor whose models begin like this; everything else is NVIDIA's."""
    begins = model.lower()
    for name, vendor in VENDORS.items():
        if any(begins.startswith(start.lower()) for start in vendor.models):
            return name
    return "nvidia"


def vendors_of(gpu: Gpu) -> tuple[str, ...]:
    """Whose devices may be meant: the vendor that was written, else those of the models; empty when neither says."""
    if gpu.vendor:
        return (gpu.vendor,)
    if gpu.mig:
        return ("nvidia",)
    return tuple(dict.fromkeys(vendor_of_model(model) for model in gpu.model))


def _is_model(device: Device, model: str, gpu: Gpu) -> bool:
    """Whether people may call a device this: every token of it is one of the device's own."""
    if not gpu.vendor and device.vendor != vendor_of_model(model):
        return False
    return _tokens(model) <= _tokens(device.product) | _tokens(device.model)


def _why_not(device: Device, gpu: Gpu, vendors: tuple[str, ...]) -> str:
    """Why a device does not fit, or ""."""
    if gpu.model and not any(_is_model(device, model, gpu) for model in gpu.model):
        return f"no {' or '.join(gpu.model)}"
    if device.vendor not in vendors:
        return f"no {vendors[0]}"
    if gpu.memory is not None and (device.memory is None or device.memory.size.count < gpu.memory.count * 9 // 10):
        has = device.memory.text if device.memory else "unknown memory"
        return f"{has} per device, {gpu.memory} asked"
    if gpu.mig and gpu.mig not in device.mig:
        return f"no mig-{gpu.mig}"
    if gpu.count > device.per_node:
        return f"{gpu.count} asked, {device.per_node} per node"
    return ""


def fitting(pool: Pool, gpu: Gpu) -> tuple[list[Device], str]:
    """The devices of a pool that fit, or why none does."""
    if not pool.devices:
        return [], "no GPUs"
    reasons = []
    devices = []
    vendors = vendors_of(gpu)
    if not vendors:
        there = {device.vendor for device in pool.devices}
        vendors = tuple(there) if len(there) == 1 else ("nvidia",)
    for device in pool.devices:
        why = _why_not(device, gpu, vendors)
        if why:
            reasons.append(why)
        else:
            devices.append(device)
    # "no T4" of one device says less than "8 asked, 4 per node" of the other.
    reasons.sort(key=lambda why: (why.startswith("no "), why))
    return devices, ("" if devices else reasons[0])


@record
class Ask:
    """What a component asks of a pool. `cpu` in thousandths; `path` is the component's."""

    path: Path
    pool: str | None
    gpu: Gpu | None
    cpu: int
    memory: Bytes
    platforms: tuple[str, ...] | None


def place(ask: Ask, context: Context, line: str, findings: Findings) -> tuple[Placement, str]:
    """Where the component stands, and the resource name of its device ("" without one)."""
    if context.node_pools is None:
        return _unknown(ask, findings)
    if ask.pool is None and ask.gpu is None:
        return _by_default(ask, context, line, findings), ""
    allowed = context.product_line.node_pools
    pools = {p.name: p for p in context.node_pools}
    names = [n for n in (allowed if allowed is not None else pools) if n in pools]
    if ask.pool is not None:
        if ask.pool not in names:
            message = f'there is no pool "{ask.pool}" for product line "{line}".'
            findings.refuse("ref.unknown", (*ask.path, "node_pool"), message, suggest(ask.pool, names))
            return Placement(), ""
        looked_at = [pools[ask.pool]]
    else:
        looked_at = [pools[n] for n in names]
    if ask.gpu is not None:
        return _with_gpu(ask, looked_at, line, findings)
    return _without_gpu(ask, looked_at[0], findings), ""


def _by_default(ask: Ask, context: Context, line: str, findings: Findings) -> Placement:
    """Who asks for no pool and no device stands in the line's own pool, if it has one."""
    default = context.product_line.node_pool
    if not default:
        return Placement()
    for pool in context.node_pools or ():
        if pool.name == default:
            return _without_gpu(ask, pool, findings)
    # On any other node it would run beside those whom the pool is there to keep it from.
    message = f'there is no pool "{default}", the default of product line "{line}".'
    findings.refuse("ref.unknown", (*ask.path, "node_pool"), message, "Write another, or ask its owner.")
    return Placement()


def _without_gpu(ask: Ask, pool: Pool, findings: Findings) -> Placement:
    if pool.devices:
        message = f'pool "{pool.name}" has devices, and nothing here asks for one.'
        findings.warn("pool.gpu_unused", (*ask.path, "node_pool"), message, "Write resources.gpu, or use another pool.")
    _check_node(ask, pool, findings)
    return _placement(pool, ())


def _unknown(ask: Ask, findings: Findings) -> tuple[Placement, str]:
    """Nobody knows the pools: a written one is taken to exist."""
    placement = Placement()
    if ask.pool is not None:
        taint = Toleration(POOL_LABEL, ask.pool, "NoSchedule")
        placement = Placement(ask.pool, (Expression(POOL_LABEL, (ask.pool,)),), (taint,))
    if ask.gpu is None:
        return placement, ""
    message = "nobody knows the node pools here, so it is not checked whether one fits."
    findings.warn(
        "gpu.unchecked", (*ask.path, "resources", "gpu"), message, "A push checks it, and `mcd diff` before it."
    )
    vendor = (*vendors_of(ask.gpu), "nvidia")[0]
    if not VENDORS[vendor].resource:
        message = f"{vendor} has no resource name of its own."
        findings.refuse("capacity.gpu", (*ask.path, "resources", "gpu"), message, "A node pool must name it.")
    return placement, _resource(VENDORS[vendor].resource, ask.gpu)


def _resource(resource: str, gpu: Gpu) -> str:
    return f"nvidia.com/mig-{gpu.mig}" if gpu.mig else resource


def _with_gpu(ask: Ask, looked_at: Sequence[Pool], line: str, findings: Findings) -> tuple[Placement, str]:
    gpu = ask.gpu
    assert gpu is not None
    path = (*ask.path, "resources", "gpu")
    reasons = []
    for pool in looked_at:
        devices, why = fitting(pool, gpu)
        if why:
            reasons.append(f"{pool.name}: {why}.")
            continue
        vendor = devices[0].vendor
        # One pod asks for one resource: the first device that fits says which.
        same = [d for d in devices if d.vendor == vendor and d.resource == devices[0].resource]
        label = VENDORS[vendor].product_label
        if not label and len({d.model for d in pool.devices if d.vendor == vendor}) > 1:
            message = f'pool "{pool.name}" mixes models and {vendor} has no product label.'
            findings.refuse("capacity.gpu", path, message, "Split the pool.")
            return Placement(), ""
        resource = devices[0].resource or VENDORS[vendor].resource
        if not resource:
            message = f'pool "{pool.name}" does not say how its {vendor} devices are called.'
            findings.refuse("capacity.gpu", path, message, "Ask its owner to name the resource.")
            return Placement(), ""
        _check_node(ask, pool, findings)
        products = tuple(sorted({d.product for d in same if d.product})) if label else ()
        more = (Expression(label, products),) if products else ()
        return _placement(pool, more), _resource(resource, gpu)
    hint = " ".join(reasons) if reasons else "It has no pools."
    findings.refuse("capacity.gpu", path, f'no pool of product line "{line}" fits.', hint)
    return Placement(), ""


def _placement(pool: Pool, more: tuple[Expression, ...]) -> Placement:
    labels = pool.labels or {POOL_LABEL: pool.name}
    expressions = tuple(Expression(name, (value,)) for name, value in sorted(labels.items()))
    tolerations = tuple(Toleration(t.key_, t.value, t.effect) for t in pool.taints)
    return Placement(pool.name, expressions + more, tolerations, pool.runtime_class or "")


def _check_node(ask: Ask, pool: Pool, findings: Findings) -> None:
    hint = "Use less, or another pool."
    capacity = pool.capacity
    if capacity.cpu is not None and ask.cpu > capacity.cpu:
        message = f'{cpu_text(ask.cpu)} is more than a node of pool "{pool.name}" has ({cpu_text(capacity.cpu)}).'
        findings.refuse("capacity.node", (*ask.path, "resources", "cpu"), message, hint)
    if capacity.memory is not None and ask.memory.count > capacity.memory.count:
        message = f'{ask.memory} is more than a node of pool "{pool.name}" has ({capacity.memory}).'
        findings.refuse("capacity.node", (*ask.path, "resources", "memory"), message, hint)
    if ask.platforms is not None and f"linux/{pool.arch}" not in ask.platforms:
        message = f'pool "{pool.name}" is {pool.arch}, the image is {", ".join(ask.platforms)}.'
        findings.refuse("capacity.node", ask.path, message, f"Add linux/{pool.arch} to build.platforms.", key=True)
