"""Checks a mapping that says only what differs: an entry of `environments`, `pre.env`, `pre.infra` (app-yaml 4.1 c).

Nothing is missing in one, and a null removes a key. What a mapping must have besides, and what its keys must not say
together, is asked of the merged result. It must not merge anything (resolve/environments.py).
"""

from __future__ import annotations

from mcd.appyaml.schema.fields import Kind, keys_of, refuse_key, show_form
from mcd.appyaml.text.nodes import TOP, Map, Node, Path, Scalar
from mcd.appyaml.text.problems import Report

_NOTHING = Map({}, TOP)


def removes(node: Node) -> bool:
    """Whether a value is a null, which takes the key away."""
    return type(node) is Scalar and node.null


def without_nulls(node: Node) -> Node:
    """A mapping that is laid over nothing: there is nothing that its nulls could remove."""
    if type(node) is not Map:
        return node
    entries = {word: (place, without_nulls(v)) for word, (place, v) in node.entries.items() if not removes(v)}
    return Map(entries, node.place, node.key)


def check_part(report: Report, node: Node, path: Path, kind: Kind, type_name: str = "") -> None:
    """Says what can be seen to be wrong without the rest. `type_name` is the type of the component that the node is."""
    if type(node) is not Map or (kind.whole is not None and kind.whole(_NOTHING, node)):
        kind.read(report, node, path)
    elif kind.inner is not None:
        for word, (place, value) in node.entries.items():
            here = (*path, word)
            named = kind.names is None or kind.names(report, place, here, word)
            if named and not removes(value):
                check_part(report, value, here, kind.inner)
    elif kind.model is None or kind.many:
        kind.read(report, without_nulls(node), path)
    else:
        _check_keys(report, node, path, kind.model, type_name)


def _check_keys(report: Report, node: Map, path: Path, model: type, type_name: str) -> None:
    keys = keys_of(model)
    for word, (place, value) in node.entries.items():
        known = keys.get(word)
        here = (*path, word)
        if known is None or (known.only and type_name and type_name not in known.only):
            refuse_key(report, place, here, keys, type_name)
        elif not removes(value):
            check_part(report, value, here, known.kind)
            show_form(report, value, known)
