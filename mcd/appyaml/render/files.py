"""The files of a component: our ConfigMap, one projected volume for each container, one mount for each file
(app-yaml 3.8, 6.6).

It must not hold the value of a secret: our own Secret is made where the values are known, of `secret_files`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from mcd.appyaml.render.labels import component_labels, made
from mcd.appyaml.spec.app import AppSpec, ComponentSpec
from mcd.appyaml.spec.storage import FileSpec, FilesSpec, FileVolume, SecretKey
from mcd.objects import Object


def config_map(spec: AppSpec, component: ComponentSpec) -> list[Object]:
    """The ConfigMap of all its containers, if a file stands in it."""
    held = file_data(component)
    if not held:
        return []
    config = made("v1", "ConfigMap", spec, component.files.config, component_labels(spec, component))
    return [{**config, **held}]


def file_data(component: ComponentSpec) -> dict[str, dict[str, str]]:
    """`data` and `binaryData` of its ConfigMap; what is empty is absent."""
    data: dict[str, str] = {}
    binary: dict[str, str] = {}
    for volume in component.files.volumes:
        for file in volume.files:
            if file.text is not None:
                data[file.key] = file.text
            elif file.data is not None:
                binary[file.key] = file.data
    return {word: held for word, held in (("binaryData", binary), ("data", data)) if held}


def secret_files(component: ComponentSpec) -> Mapping[str, tuple[str | SecretKey, ...]]:
    """What stands in its own Secret by key: texts, and between them the Secret object and key whose value belongs
    there."""
    return {file.key: file.pieces for volume in component.files.volumes for file in volume.files if file.pieces}


def placeholders(pieces: tuple[str | SecretKey, ...]) -> str:
    """A file with secrets in it as people may see it: `<<secret:OBJECT/KEY>>` stands for each value."""
    return "".join(piece if isinstance(piece, str) else f"<<secret:{piece[0]}/{piece[1]}>>" for piece in pieces)


def files_volume(files: FilesSpec, volume: FileVolume) -> dict[str, Any]:
    """The volume of one container: our ConfigMap first, then each Secret by name, items by path."""
    ours: list[dict[str, Any]] = []
    secrets: dict[str, list[dict[str, Any]]] = {}
    for file in volume.files:
        if file.secret is not None:
            secrets.setdefault(file.secret[0], []).append(_item(file, file.secret[1]))
        elif file.pieces:
            secrets.setdefault(files.secret, []).append(_item(file, file.key))
        else:
            ours.append(_item(file, file.key))
    sources: list[dict[str, Any]] = []
    if ours:
        sources.append({"configMap": {"name": files.config, "items": ours}})
    sources += ({"secret": {"name": name, "items": secrets[name]}} for name in sorted(secrets))
    return {"name": volume.name, "projected": {"sources": sources}}


def _item(file: FileSpec, held_as: str) -> dict[str, Any]:
    return {"key": held_as, "mode": file.mode, "path": file.key}


def file_mounts(volume: FileVolume) -> list[dict[str, Any]]:
    """One mount for each file, so that nothing else of its folder is hidden."""
    return [{"name": volume.name, "mountPath": file.path, "subPath": file.key} for file in volume.files]
