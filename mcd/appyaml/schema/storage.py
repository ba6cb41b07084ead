"""Storage that survives a pod: `permdir` of the App (app-yaml 3.7), `stateful` of a component (3.9).

It must not know a storage class (resolve/storage.py).
"""

from __future__ import annotations

from typing import Any

from mcd.appyaml.record import record
from mcd.appyaml.schema import patterns
from mcd.appyaml.schema.expand import switch
from mcd.appyaml.schema.fields import BAD, Json, Kind, either, key, model, read_model, refused_shape
from mcd.appyaml.schema.shapes import check_mount
from mcd.appyaml.schema.values import BOOLEAN, amount
from mcd.appyaml.text import scalars
from mcd.appyaml.text.nodes import Map, Node, Path, Scalar
from mcd.appyaml.text.problems import Report
from mcd.appyaml.text.units import GI, TI, Bytes, read_bytes
from mcd.errors import echo

_SIZE = amount(Bytes(GI), Bytes(100 * TI))
_SIZE_LIMITS = "1Gi to 100Ti; may grow, never shrink"
_TEN = Bytes(10 * GI)
_NO_PATH = frozenset({"true", "false", "yes", "no", "on", "off", "y", "n"})


def _read_mount(report: Report, node: Node, path: Path) -> Any:
    """A folder in the container that something is mounted on."""
    if type(node) is not Scalar:
        return refused_shape(report, node, path, "a path")
    return node.text if check_mount(report, node.place, path, node.text) else BAD


_MOUNT_JSON: Json = {"type": "string", "pattern": patterns.MOUNT, "maxLength": 500}
MOUNT = either("path", _read_mount, [_MOUNT_JSON])


@record
class Permdir:
    """`permdir`: a directory that survives deploys and is shared by all components."""

    path: str = key(
        MOUNT,
        "Where it is mounted.",
        value="/data/permdir",
        limits="absolute",
        effect="volume and mount permdir; PERMDIR",
        example="/data",
    )
    size: Bytes = key(
        _SIZE,
        "How much it holds.",
        value=_TEN,
        limits=_SIZE_LIMITS,
        effect="PersistentVolumeClaim <app>-permdir",
        example="50Gi",
    )
    fast: bool = key(
        BOOLEAN,
        "The fast class of the cluster, for many small files.",
        value=False,
        effect="storageClassName",
        example="true",
    )
    single_writer: bool = key(
        BOOLEAN,
        "One pod at a time, for SQLite, DuckDB and lock files.",
        value=False,
        limits="one component of one replica mounts it, and rollout is recreate",
        effect="accessModes: [ReadWriteOnce]",
        example="true",
    )


def _read_permdir_short(report: Report, node: Node, path: Path) -> Any:
    """`true`, `false` or a path."""
    if type(node) is not Scalar:
        return refused_shape(report, node, path, "true, a path or a mapping")
    if node.text.lower() not in _NO_PATH:
        if read_bytes(node.text) is not None:
            message = f'"{echo(node.text)}" is a size, and a path stands here.'
            report.refuse("schema.type", node.place, path, message, f"Write {{size: {echo(node.text)}}}.")
            return BAD
        where = _read_mount(report, node, path)
        return BAD if where is BAD else Permdir(path=where)
    said = scalars.boolean(node)
    if isinstance(said, scalars.Wrong):
        report.refuse(said.code, node.place, path, said.message, said.hint)
        return BAD
    return Permdir() if said else None


PERMDIR = model(
    Permdir,
    short=_read_permdir_short,
    short_json=({"type": "boolean"}, _MOUNT_JSON),
    name="boolean, path or mapping",
    expand=switch("path"),
)


@record
class Stateful:
    """`stateful`: a stable name for each pod, and with a path a volume of its own."""

    path: str | None = key(
        MOUNT,
        "Where the volume of the pod is mounted.",
        default="no volume",
        limits="absolute",
        effect="volumeClaimTemplates data",
        example="/var/lib/db",
    )
    size: Bytes = key(
        _SIZE,
        "How much the volume of one pod holds.",
        value=_TEN,
        limits=_SIZE_LIMITS,
        effect="volumeClaimTemplates data",
        example="20Gi",
    )
    fast: bool = key(
        BOOLEAN,
        "The fast class of the cluster.",
        value=False,
        effect="storageClassName",
        example="true",
    )


def _read_stateful(report: Report, node: Node, path: Path) -> Any:
    if type(node) is Map:
        if node.entries and "path" not in node.entries:
            place, hint = node.key or node.place, "Write where the volume is mounted, or stateful: true for none."
            report.refuse("schema.missing", place, (*path, "path"), '"path" is missing.', hint)
        return read_model(report, node, path, Stateful)
    if type(node) is not Scalar:
        return refused_shape(report, node, path, "true or a mapping")
    said = scalars.boolean(node)
    if isinstance(said, scalars.Wrong):
        report.refuse(said.code, node.place, path, said.message, said.hint)
        return BAD
    return Stateful() if said else None


def _json() -> Json:
    return {"anyOf": [{"type": "boolean"}, {"$ref": "#/$defs/Stateful"}]}


STATEFUL = Kind("boolean or mapping", _read_stateful, _json, Stateful, expand=switch())
