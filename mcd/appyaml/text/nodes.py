"""The tree that a YAML text becomes: mappings, lists and scalars that know where they were written.

Every later step reads this tree, so that a message can point at the text. It must not know what any key means.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias

Path: TypeAlias = tuple[str | int, ...]
"""A dotted path in pieces: `("components", "web", "domains", 1)`."""

Place: TypeAlias = tuple[int, int]
"""Line and column, both from 1, in characters."""

TOP: Place = (1, 1)


@dataclass(slots=True, eq=False)
class Scalar:
    """One value as it was written. `style` is "" for a plain one, else `'`, `"`, `|` or `>`."""

    text: str
    style: str
    place: Place

    @property
    def plain(self) -> bool:
        return not self.style

    @property
    def null(self) -> bool:
        return not self.style and self.text in NULLS


@dataclass(slots=True, eq=False)
class Map:
    """A mapping: key → (place of the key, value), in the order written. `key` is the place of the key that holds the
    mapping itself, which is where something that it lacks is reported; a list item or the file itself has none."""

    entries: dict[str, tuple[Place, Node]]
    place: Place
    key: Place | None = None


@dataclass(slots=True, eq=False)
class Items:
    """A list."""

    items: list[Node]
    place: Place


Node: TypeAlias = Scalar | Map | Items

NULLS = frozenset({"", "~", "null", "Null", "NULL"})
"""What a plain scalar is that has no value."""


def dotted(path: Path) -> str:
    """The path as a person reads it: `components.web.domains[1]`, `files["/etc/a.conf"].mode`."""
    text = ""
    for step in path:
        if isinstance(step, int):
            text += f"[{step}]"
        elif _is_word(step):
            text += f".{step}" if text else step
        else:
            text += f'["{step}"]' if text else f'"{step}"'
    return text


def _is_word(step: str) -> bool:
    return bool(step) and step.isascii() and all(c.isalnum() or c in "_-" for c in step)


def place_of(root: Node, path: Path, *, key: bool = False) -> Place:
    """Where the value at `path` stands, or its key. What is not there is reported at the key (or list item) of the
    deepest mapping that is, which is the one that lacks it; at the top level that is 1:1."""
    node, place = root, TOP
    for depth, step in enumerate(path):
        if isinstance(node, Map) and isinstance(step, str) and step in node.entries:
            key_place, node = node.entries[step]
            last = depth == len(path) - 1
            place = node.place if last and not key else key_place
        elif isinstance(node, Items) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
            place = node.place
        elif isinstance(node, Map):
            return place
        else:
            # A short form stands for the rest of the path: point at it, not at the key before it.
            return node.place
    return place


def node_at(root: Node, path: Path) -> Node | None:
    """The value at `path`, or nothing."""
    node: Node = root
    for step in path:
        if isinstance(node, Map) and isinstance(step, str) and step in node.entries:
            node = node.entries[step][1]
        elif isinstance(node, Items) and isinstance(step, int) and step < len(node.items):
            node = node.items[step]
        else:
            return None
    return node
