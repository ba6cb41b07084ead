"""Shells of the Secret objects that pods read: name, labels, key names and version, and a mask where a value belongs.

The shell is what is planned, hashed, compared and shown; the apply step fills it right before it is sent (ADR 7). No
value ever comes here.
"""

from __future__ import annotations

from collections.abc import Iterable

from mcd.appyaml.context import ProductLineFacts
from mcd.appyaml.names import line_secret
from mcd.appyaml.render.labels import app_labels
from mcd.appyaml.spec.app import AppSpec
from mcd.objects import MANAGED_BY, MASK, PART_OF, SECRET, SECRET_VERSION, Object

SETTINGS = "settings"
LINE = "line"
"""Where a secret is set (app-yaml 6.4): who is asked for its values, and who makes the object."""


def app_shells(spec: AppSpec) -> list[Object]:
    """The App's own secrets that its components read, with the keys that anyone reads."""
    labels = app_labels(spec)
    mine = [need for need in spec.secrets if need.source == SETTINGS]
    return [_shell(need.name, spec.namespace, labels, need.secret, (need.version, need.keys)) for need in mine]


def line_shells(facts: ProductLineFacts) -> list[Object]:
    """Every secret of a product line, whole: any App of it may read any key."""
    labels = {PART_OF: facts.name, MANAGED_BY: "mcd"}
    namespace = facts.namespace or facts.name
    return [
        _shell(line_secret(name), namespace, labels, name, (fact.version, fact.keys))
        for name, fact in sorted(facts.secrets.items())
    ]


def _shell(name: str, namespace: str, labels: dict[str, str], secret: str, held: tuple[str, Iterable[str]]) -> Object:
    version, keys = held
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": dict(labels),
            "annotations": {SECRET: secret, SECRET_VERSION: version},
        },
        "type": "Opaque",
        "data": dict.fromkeys(sorted(keys), MASK),
    }
