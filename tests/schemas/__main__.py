"""`python -m tests.schemas`: derives custom.json from the resource definitions of the local cluster.

Kept: the fields, their types and limits. Left out: texts, and rules in CEL, which only a server checks.
"""

from __future__ import annotations

import json
import sys
from typing import Any

import yaml

from scripts.cluster import definitions
from scripts.cluster.progress import Line
from tests.schemas.strict import CUSTOM

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
    for each in yaml.load_all(text, Loader=_Loader):
        spec = (each or {}).get("spec", {})
        for version in spec.get("versions", ()):
            name = f"{spec['group']}/{version['name']}/{spec['names']['kind']}"
            if name in KINDS:
                found[name] = _stripped(version["schema"]["openAPIV3Schema"])
    return {name: found[name] for name in sorted(KINDS)}


def main() -> int:
    made = {"definitions": definitions.version(), "schemas": derive(definitions.ensure(Line()))}
    CUSTOM.write_text(json.dumps(made, sort_keys=True, separators=(",", ":")) + "\n")
    print(f"{CUSTOM.name}: {len(KINDS)} kinds, {CUSTOM.stat().st_size:,} bytes, of definitions {made['definitions']}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
