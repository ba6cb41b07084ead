"""Whether objects are strictly valid for a version of Kubernetes and for the projects beside it.

`wrong(objects, version)` is the question; it must not ask a cluster.
"""

from __future__ import annotations

import json
import pathlib
from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any

import kubernetes_validate

from tests.schemas.structure import Check, Compiler, Path, Schema

VERSIONS = ("1.29", "1.33", "1.37")
CUSTOM = pathlib.Path(__file__).with_name("custom.json")
Object = Mapping[str, Any]


@cache
def _kubernetes(version: str) -> tuple[Compiler, Mapping[tuple[str, str], str]]:
    """The definitions of a version, and which of them an object is."""
    folder = pathlib.Path(kubernetes_validate.__file__).parent / "kubernetes-json-schema" / f"v{version}.0-local-strict"
    definitions: dict[str, Schema] = json.loads((folder / "_definitions.json").read_text())["$defs"]
    names = {}
    for name, schema in definitions.items():
        for each in schema.get("x-kubernetes-group-version-kind", ()):
            api = f"{each['group']}/{each['version']}" if each["group"] else each["version"]
            names[(api, each["kind"])] = name
    return Compiler(definitions), names


@cache
def _custom() -> Mapping[str, Schema]:
    schemas: Mapping[str, Schema] = json.loads(CUSTOM.read_text())["schemas"]
    return schemas


@cache
def _metadata(version: str) -> Check:
    return _kubernetes(version)[0].named("io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta")


@cache
def check_of(version: str, api_version: str, kind: str) -> Check | None:
    """The check of a kind; nothing for one that neither Kubernetes nor a project that we know has."""
    compiler, names = _kubernetes(version)
    name = names.get((api_version, kind))
    if name is not None:
        return compiler.named(name)
    schema = _custom().get(f"{api_version}/{kind}")
    if schema is None:
        return None
    inside, metadata = Compiler({}).check(schema), _metadata(version)

    def check(value: Any, path: Path, wrong: list[str]) -> None:
        inside(value, path, wrong)
        metadata(value.get("metadata", {}), (path, "metadata"), wrong)

    return check


def wrong(objects: Iterable[Object], version: str) -> list[str]:
    """One line for each field that the schemas do not allow."""
    found: list[str] = []
    for obj in objects:
        api, kind = obj["apiVersion"], obj["kind"]
        check = check_of(version, api, kind)
        if check is None:
            found.append(f"{api} {kind}: no such kind in Kubernetes {version}")
        else:
            check(obj, (f"{kind}/{obj['metadata'].get('name')}",), found)
    return found
