"""Shells of the Secret objects that pods read: name, labels, key names and version, and a mask where a value belongs.

The shell is what is planned, hashed, compared and shown; the apply step fills it right before it is sent (ADR 7). No
value ever comes here.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping

from mcd.appyaml.context import ProductLineFacts
from mcd.appyaml.names import line_secret
from mcd.appyaml.render.files import secret_files
from mcd.appyaml.render.labels import app_labels
from mcd.appyaml.spec.app import AppSpec
from mcd.appyaml.spec.pod import Origin, SecretNeed
from mcd.model import Pieces, SecretFiles, SecretSource
from mcd.objects import (
    GENERATE,
    MADE_ONCE,
    MANAGED_BY,
    MASK,
    PART_OF,
    SECRET,
    SECRET_VERSION,
    WITH_SECRETS,
    Object,
    canonical,
)

_CERTIFICATE = frozenset({"tls.crt", "tls.key"})
"""Keys of a certificate. Most gateways take one from a Secret of its own type only."""


def app_shells(spec: AppSpec, files: SecretFiles | None = None) -> list[Object]:
    """The App's own secrets that its components read, with the keys that anyone reads; of what is made once also how
    many characters each key has. `files` are those of `files_with_secrets`, where they are at hand."""
    labels = app_labels(spec)
    files = files_with_secrets(spec) if files is None else files
    needs = {need.name: need for need in spec.secrets}
    shells = []
    for need in spec.secrets:
        if need.source == Origin.SETTINGS:
            shells.append(_shell(need.name, spec.namespace, labels, need.secret, (need.version, need.keys)))
        elif need.source == Origin.GENERATED:
            shells.append(_shell(need.name, spec.namespace, labels, MADE_ONCE, (need.version, need.keys)))
            shells[-1]["metadata"]["annotations"][GENERATE] = canonical(_lengths(spec, need)).decode()
        elif need.source == Origin.FILES:
            texts = files.texts[need.name]
            shells.append(
                _shell(need.name, spec.namespace, labels, WITH_SECRETS, (_version_of(texts, needs), need.keys))
            )
    return shells


def files_with_secrets(spec: AppSpec) -> SecretFiles:
    """The texts that stand in Secret objects of the App's own, and where the values in them come from."""
    held = {c.newest.files.secret: secret_files(c.newest) for c in spec.components}
    texts = {name: keys for name, keys in held.items() if keys}
    if not texts:
        return SecretFiles()
    read = (piece for keys in texts.values() for pieces in keys.values() for piece in pieces)
    named = {piece[0] for piece in read if not isinstance(piece, str)}
    return SecretFiles(texts, {need.name: _source(spec, need) for need in spec.secrets if need.name in named})


def _source(spec: AppSpec, need: SecretNeed) -> SecretSource:
    if need.source == Origin.GENERATED:
        return SecretSource(MADE_ONCE, lengths=_lengths(spec, need))
    return SecretSource(need.secret, int(need.version), need.source == Origin.LINE)


def _lengths(spec: AppSpec, need: SecretNeed) -> dict[str, int]:
    return {key: spec.generated[key] for key in need.keys}


def _version_of(texts: Mapping[str, Pieces], needs: Mapping[str, SecretNeed]) -> str:
    """Changes with the texts and with the version of each value in them (ADR 12)."""
    versions = {}
    for pieces in texts.values():
        for piece in pieces:
            if not isinstance(piece, str):
                need = needs[piece[0]]
                turns = need.turns
                versions["/".join(piece)] = need.version if turns is None else str(turns.get(piece[1], 0))
    told = canonical({"texts": {key: list(pieces) for key, pieces in texts.items()}, "versions": versions})
    return hashlib.sha256(told).hexdigest()[:8]


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
        "type": "kubernetes.io/tls" if set(keys) >= _CERTIFICATE else "Opaque",
        "data": dict.fromkeys(keys, MASK),
    }
