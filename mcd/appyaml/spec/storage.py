"""What is mounted in the pods of a component, with nothing left open: files, the shared directory, volumes of its own.

Frozen values only. It must not know where a value came from.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeAlias

from mcd.appyaml.record import record
from mcd.appyaml.spec.pod import SecretNeed
from mcd.appyaml.text.units import Bytes


@record
class PermdirSpec:
    """The directory that survives deploys. `alone`: one pod at a time."""

    claim: str
    path: str
    size: Bytes
    storage_class: str
    alone: bool


@record
class StatefulSpec:
    """A name for each pod and, with a `path`, a volume."""

    path: str
    size: Bytes
    storage_class: str


SecretKey: TypeAlias = tuple[str, str]
"""Secret object and key."""


@record
class FileSpec:
    """One file of a container. `key` is its key in our ConfigMap or Secret, and its path in the volume.

    One of: `text` and `data` (base64, of a binary file) stand in the ConfigMap; `secret` is a key of somebody's Secret;
    `pieces` stand in our own Secret, texts and secret values in turn, because the compiler knows no value.
    """

    path: str
    key: str
    mode: int
    text: str | None = None
    data: str | None = None
    secret: SecretKey | None = None
    pieces: tuple[str | SecretKey, ...] = ()


@record
class FileVolume:
    """The files of one container, by key: the volume `files` of the main one, `files-<sidecar>` of the others. `needs`
    are the Secrets that they are read from: object → need."""

    name: str
    files: tuple[FileSpec, ...]
    needs: Mapping[str, SecretNeed]


@record
class FilesSpec:
    """All files of the pods of a component, and the Secrets that they are read from. `config` names our ConfigMap,
    `secret` our own Secret: here, because a canary reads the same."""

    config: str
    secret: str
    volumes: tuple[FileVolume, ...]
    needs: Mapping[str, SecretNeed]


NO_FILES = FilesSpec("", "", (), {})
