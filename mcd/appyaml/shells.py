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
from mcd.objects import GENERATE, MANAGED_BY, MASK, PART_OF, SECRET, SECRET_VERSION, Object, canonical

SETTINGS = "settings"
LINE = "line"
GENERATED = "generated"
"""Where a secret is set (app-yaml 6.4): who is asked for its values, and who makes the object. What infra needs is made
by its Claim, and no shell of it is here."""

_CERTIFICATE = frozenset({"tls.crt", "tls.key"})
"""Keys of a certificate. Most gateways take one from a Secret of its own type only, and a type never changes."""

MADE_ONCE = "/generated"
"""The name under which the values are asked for that are made once. No secret of the portal can have it."""


def app_shells(spec: AppSpec) -> list[Object]:
    """The App's own secrets that its components read, with the keys that anyone reads; of what is made once also how
    many characters each key has."""
    labels = app_labels(spec)
    shells = []
    for need in spec.secrets:
        if need.source in (SETTINGS, GENERATED):
            secret = need.secret if need.source == SETTINGS else MADE_ONCE
            shells.append(_shell(need.name, spec.namespace, labels, secret, (need.version, need.keys)))
            if need.source == GENERATED:
                lengths = {key: spec.generated[key] for key in need.keys}
                shells[-1]["metadata"]["annotations"][GENERATE] = canonical(lengths).decode()
    return shells


def line_shells(facts: ProductLineFacts) -> list[Object]:
    """Every secret of a product line, whole: any App of it may read any key."""
    labels = {PART_OF: facts.name, MANAGED_BY: "mcd"}
    namespace = facts.namespace or facts.name
    return [
        _shell(line_secret(name), namespace, labels, name, (fact.version, fact.keys))
        for name, fact in sorted(facts.secrets.items())
    ]


def _shell(name: str, namespace: str, labels: dict[str, str], secret: str, held: tuple[str, Iterable[str]]) -> Object:
    version, keys = held[0], sorted(held[1])
    return {
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {
            "name": name,
            "namespace": namespace,
            "labels": dict(labels),
            "annotations": {SECRET: secret, SECRET_VERSION: version},
        },
        "type": "kubernetes.io/tls" if _CERTIFICATE <= set(keys) else "Opaque",
        "data": dict.fromkeys(keys, MASK),
    }
