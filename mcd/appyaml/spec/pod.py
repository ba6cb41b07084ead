"""What stands in a pod, with nothing left open: variables, ports, probes, resources, place, identity.

Frozen values only. It must not know where a value came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum

from mcd.appyaml.record import record
from mcd.appyaml.text.units import Bytes


@record
class EnvEntry:
    """One variable of a container: a value, a field of the pod, or a key of a Secret."""

    name: str
    value: str = ""
    field_path: str = ""
    secret: tuple[str, str] | None = None


@record
class PortSpec:
    """A port of the main container."""

    name: str
    port: int
    protocol: str = "TCP"


@record
class Action:
    """What a probe does: one of the four, `port` (a number, or the name that was written) for all but exec."""

    kind: str
    path: str = ""
    port: int | str = 0
    command: tuple[str, ...] = ()


@record
class ProbeSpec:
    """One probe; times in seconds."""

    action: Action
    period: int
    timeout: int
    failures: int
    delay: int = 0
    successes: int = 1


@record
class ResourceSpec:
    """Requests and limits; CPU in thousandths."""

    cpu: int
    memory: Bytes
    disk: Bytes
    limit_cpu: int | None
    limit_memory: Bytes
    limit_disk: Bytes
    device: str = ""
    devices: int = 0
    shm: Bytes | None = None


@record
class Expression:
    """A node label and the values that fit."""

    key: str
    values: tuple[str, ...]


@record
class Toleration:
    key: str
    value: str
    effect: str


@record
class PodTerm:
    """Whose pods are meant: those of a component of an App, or (`component` empty) of the whole App."""

    app: str
    component: str = ""


@record
class Placement:
    """Where pods of a component may stand. `spread` is host, zone, strict or none."""

    pool: str = ""
    expressions: tuple[Expression, ...] = ()
    tolerations: tuple[Toleration, ...] = ()
    runtime_class: str = ""
    spread: str = "host"
    preferred: tuple[Expression, ...] = ()
    avoid: tuple[PodTerm, ...] = ()
    near: tuple[PodTerm, ...] = ()


@record
class Identity:
    """Who the program is in its pod, and how it is asked to end (`stop`: seconds, signal). `user` is a uid, or None for
    the image's own."""

    user: int | None
    read_only: bool
    grace: int
    signal: str


class Origin(StrEnum):
    """Who gives a Secret object its values (app-yaml 6.4)."""

    INFRA = "infra"
    """The Claim that makes what is needed."""
    SETTINGS = "settings"
    """People, for the App."""
    LINE = "line"
    """People, for the product line."""
    GENERATED = "generated"
    """Made once for the App."""
    FILES = "files"
    """Files of the App with secrets of the others in them."""


@record
class SecretNeed:
    """A Secret object that must exist before the workloads do. `source` says who gives the values; `secret` is its name
    in the portal. Where each key has a version of its own, `turns` is how often its value was replaced; `version` is
    then of the keys that are read."""

    name: str
    keys: tuple[str, ...]
    source: Origin
    version: str
    secret: str = ""
    turns: Mapping[str, int] | None = None
