"""Labels, selectors and metadata of an App's objects (app-yaml 6.2).

Selectors hold no commit, version or person, because they can never change. It must not know what an object is for.
"""

from __future__ import annotations

import re
from typing import Any

from mcd.appyaml.spec.app import AppSpec, ComponentSpec
from mcd.objects import COMPONENT, INSTANCE, MANAGED_BY, NAME, PART_OF, PREFIX, TRACK, TYPE, VERSION, Object

_PRE, _TTL = f"{PREFIX}pre", f"{PREFIX}ttl"
_LONGEST = 63
_NO_LABEL = re.compile(r"[^A-Za-z0-9._-]")


def app_labels(spec: AppSpec) -> dict[str, str]:
    """On everything."""
    labels = {INSTANCE: spec.app, NAME: spec.label_name, PART_OF: spec.product_line, MANAGED_BY: "mcd"}
    if spec.ttl:
        labels[_PRE] = "true"
    return labels


def component_labels(spec: AppSpec, component: ComponentSpec) -> dict[str, str]:
    """On the objects of a component."""
    labels = app_labels(spec)
    labels[COMPONENT], labels[TYPE] = component.name, component.type
    return labels


def version_label(version: str) -> str:
    """A version as a label can hold it."""
    if version.isalnum() and version.isascii() and len(version) <= _LONGEST:
        return version  # a commit
    return _NO_LABEL.sub("-", version)[:_LONGEST].strip("-_.")


def workload_labels(spec: AppSpec, component: ComponentSpec) -> dict[str, str]:
    """On a workload and its pods."""
    labels = component_labels(spec, component)
    labels[VERSION] = version_label(component.version)
    if component.long:
        labels[TRACK] = component.track
    return labels


def peers(spec: AppSpec, component: ComponentSpec) -> dict[str, str]:
    """The pods of a component on every track: what a NetworkPolicy selects."""
    return {INSTANCE: spec.app, COMPONENT: component.name}


def stable(spec: AppSpec, component: ComponentSpec) -> dict[str, str]:
    """The pods of a component on its own track: what a workload and a Service select."""
    return {INSTANCE: spec.app, COMPONENT: component.name, TRACK: component.track}


def series(spec: AppSpec, component: ComponentSpec) -> str:
    """The labels of the component's own series, as a query selects them."""
    return f'namespace="{spec.namespace}",app="{spec.app}",component="{component.name}"'


def made(
    api: str, kind: str, spec: AppSpec, name: str, labels: dict[str, str], annotations: dict[str, str] | None = None
) -> Object:
    """The head of an object."""
    metadata: dict[str, Any] = {"name": name, "namespace": spec.namespace, "labels": labels}
    if spec.ttl:
        annotations = {**(annotations or {}), _TTL: spec.ttl}
    if annotations:
        metadata["annotations"] = annotations
    return {"apiVersion": api, "kind": kind, "metadata": metadata}
