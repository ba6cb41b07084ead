"""The custom resources that the compiler makes, out of the definitions of their projects.

It must not fetch them: scripts.cluster.definitions does.
"""

from __future__ import annotations

from typing import Any

import yaml

KINDS = frozenset({
    "gateway.networking.k8s.io/v1/HTTPRoute", "gateway.networking.k8s.io/v1/ListenerSet",
    "monitoring.coreos.com/v1/PodMonitor", "monitoring.coreos.com/v1/PrometheusRule",
    "keda.sh/v1alpha1/ScaledObject", "keda.sh/v1alpha1/TriggerAuthentication", "cert-manager.io/v1/Certificate",
})  # fmt: skip
"""What the compiler makes beside Kubernetes' own kinds."""
_TEXTS = frozenset({"description", "default", "title", "example", "x-kubernetes-validations"})


class _Loader(yaml.CSafeLoader):
    """The definitions hold a plain `=`, which YAML 1.1 gives a type of its own."""


_Loader.add_constructor("tag:yaml.org,2002:value", lambda loader, node: loader.construct_scalar(node))


def _stripped(schema: Any, *, names: bool = False) -> Any:
    if isinstance(schema, list):
        return [_stripped(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        word: _stripped(said, names=word == "properties" and not names)
        for word, said in schema.items()
        if names or word not in _TEXTS
    }


def derive(text: str) -> dict[str, Any]:
    """`group/version/kind` → schema. Raises KeyError when a kind is not in the text."""
    found = {}
    for each in custom_resources(text):
        for version in each["spec"]["versions"]:
            name = _name(each, version["name"])
            if name in KINDS:
                found[name] = _stripped(version["schema"]["openAPIV3Schema"])
    return {name: found[name] for name in sorted(KINDS)}


def custom_resources(text: str) -> list[dict[str, Any]]:
    """The CustomResourceDefinitions of KINDS among the documents of a text."""
    documents = [each for each in yaml.load_all(text, Loader=_Loader) if each]
    custom = [each for each in documents if each["kind"] == "CustomResourceDefinition"]
    return [each for each in custom if any(_name(each, v["name"]) in KINDS for v in each["spec"]["versions"])]


def _name(definition: dict[str, Any], version: str) -> str:
    spec = definition["spec"]
    return f"{spec['group']}/{version}/{spec['names']['kind']}"
