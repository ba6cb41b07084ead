"""`resources.gpu` (app-yaml 3.13): a number, a model, both, or a mapping.

It must not know a pool, nor what a vendor's device is called (resolve/pools.py).
"""

from __future__ import annotations

import re
from typing import Any

from mcd.appyaml.record import record
from mcd.appyaml.schema import patterns
from mcd.appyaml.schema.defaults import VENDORS
from mcd.appyaml.schema.expand import at
from mcd.appyaml.schema.fields import BAD, items, key, model, refused_shape
from mcd.appyaml.schema.values import amount, choice, integer, text
from mcd.appyaml.text.nodes import Map, Node, Path, Scalar
from mcd.appyaml.text.problems import Report
from mcd.appyaml.text.units import MI, TI, Bytes
from mcd.errors import echo

_MODEL = re.compile(r"[A-Za-z0-9][A-Za-z0-9 ._-]*")
_MODELS = text("model", shape=_MODEL, longest=60, what="a model of a GPU", hint="Write it like T4 or A100-80GB.")
_COUNT = integer(1, 64)


@record
class Gpu:
    """`resources.gpu`: how many devices, of which kind."""

    count: int = key(
        _COUNT,
        "How many devices in one pod.",
        value=1,
        limits="1 to 64",
        effect="the number of the device's resource",
        example="2",
    )
    model: tuple[str, ...] = key(
        items(_MODELS, most=20, single=True),
        "Any of these models.",
        value=(),
        default="any",
        effect="the pool; affinity to the device's product label",
        example="T4",
    )
    memory: Bytes | None = key(
        amount(Bytes(MI), Bytes(4 * TI), long_units=True),
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


def _parts(written: str) -> tuple[str, str]:
    """Model and count: `T4:2` is T4 and 2, `T4` is T4 and 1."""
    name, _, count = written.rpartition(":")
    return (name, count) if name else (written, "1")


def _read_short(report: Report, node: Node, path: Path) -> Any:
    """`2`, `T4`, `T4:2`, `A100-80GB:4`."""
    if type(node) is not Scalar:
        return refused_shape(report, node, path, "a number, a model or a mapping")
    value = node.text
    if value.isdecimal() and value.isascii():
        # From here the number is a count; 4090 is a model, and nobody has 65 devices in one pod.
        if (len(value) > 2 and value[0] != "0") or (len(value) == 2 and int(value) > 64):
            message = f"{echo(value)} GPUs in one pod?"
            report.refuse("value.range", node.place, path, message, f'For the model write "{echo(value)}:1".')
            return BAD
        count = _COUNT.read(report, node, path)
        return BAD if count is BAD else Gpu(count=count)
    name, written = _parts(value)
    if not _MODEL.fullmatch(name) or len(name) > 60:
        hint = "Write a number, a model (T4) or both (T4:2)."
        report.refuse("value.format", node.place, path, f'"{echo(value)}" is not a gpu.', hint)
        return BAD
    count = _COUNT.read(report, Scalar(written, "", node.place), path)
    return BAD if count is BAD else Gpu(count=count, model=(name,))


def _expand(node: Node) -> Map | None:
    """`2` is `{count: 2}`, `T4:2` is `{count: 2, model: T4}`."""
    if type(node) is not Scalar:
        return None
    if node.text.isdecimal():
        return at(node, count=node)
    name, count = _parts(node.text)
    return at(node, count=Scalar(count, node.style, node.place), model=Scalar(name, node.style, node.place))


GPU = model(
    Gpu,
    short=_read_short,
    short_json=({"type": "integer", "minimum": 1, "maximum": 64}, {"type": "string", "pattern": patterns.GPU}),
    name="integer, text or mapping",
    expand=_expand,
)
