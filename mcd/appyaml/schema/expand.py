"""Short forms written out as the mappings that say the same: what `Kind.expand` of a Kind of schema/ is.

An environment may put a mapping over a short form (app-yaml 4.2), and this is what it is then merged into. Each Kind
declares its own; the usual two are here. It must not judge a value: the reader does, after the merge.
"""

from __future__ import annotations

from collections.abc import Callable

from mcd.appyaml.text.nodes import Map, Node, Scalar

Expand = Callable[[Node], Map | None]

_TRUE = frozenset({"true", "True", "TRUE"})
_FALSE = frozenset({"false", "False", "FALSE"})


def at(node: Node, **values: Node) -> Map:
    """A mapping that stands where the short form stands."""
    return Map({word: (node.place, value) for word, value in values.items()}, node.place)


def into(*words: str) -> Expand:
    """A value for one key of the mapping, or the same for several: `rollout: canary` is `{strategy: canary}`."""

    def expand(node: Node) -> Map | None:
        return at(node, **dict.fromkeys(words, node)) if type(node) is Scalar else None

    return expand


def unless_false(expand: Expand) -> Expand:
    """A short form, except that `false` is nothing to merge into."""
    return lambda node: None if type(node) is Scalar and not node.style and node.text in _FALSE else expand(node)


def switch(word: str = "") -> Expand:
    """`true` is the mapping with nothing in it; another text, where there is such a form, is the value of `word`:
    `permdir: true` is `{}`, `permdir: /data` is `{path: /data}`. `false` is nothing to merge into."""

    def expand(node: Node) -> Map | None:
        if type(node) is not Scalar:
            return None
        if not node.style and node.text in _TRUE | _FALSE:
            return at(node) if node.text in _TRUE else None
        return at(node, **{word: node}) if word else None

    return expand
