"""`environments` (app-yaml 3.21): which keys an entry may have, and what can be seen to be wrong with one by itself.

It must not know which entries apply (resolve/environments.py).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from mcd.appyaml.schema.component import COMPONENT, Component, type_of
from mcd.appyaml.schema.fields import Json, Key, Kind, keys_of, refuse_null, refuse_unknown, refused_shape, show_form
from mcd.appyaml.schema.partial import check_part, removes
from mcd.appyaml.schema.shapes import check_component_name
from mcd.appyaml.text.nodes import Items, Map, Node, Path, Place
from mcd.appyaml.text.problems import Report
from mcd.appyaml.text.words import nearest
from mcd.errors import echo

DIFFERS = ("env", "infra", "app_dep", "permdir", "files", "components", "alerts")
"""What may differ per environment. All else is one for the whole App, because one commit is one image."""

MOST_VALUES = 60_000
"""`validate` judges the whole file once for each entry: as many values in all take it about a second."""

_LONGEST = 128
_ALWAYS = 3
"""As many entries may stand in the largest file that can be read."""


def _read(report: Report, node: Node, path: Path) -> Any:
    """The names and globs, in the order written. What stands behind them is checked by `check_environments`."""
    return tuple(node.entries) if type(node) is Map else refused_shape(report, node, path, "a mapping")


def _json() -> Json:
    return {"type": "object", "additionalProperties": {"$ref": "#/$defs/Environment"}}


ENVIRONMENTS = Kind("mapping of mapping", _read, _json, written=lambda _: "")


def entries_of(root: Map) -> Iterator[tuple[str, Place, Map]]:
    """The entries of a file that are mappings: name or glob, place of the key, what it says."""
    written = root.entries.get("environments")
    if written is not None and type(written[1]) is Map:
        for name, (place, entry) in written[1].entries.items():
            if type(entry) is Map:
                yield name, place, entry


def values_of(node: Node) -> int:
    """How many values a tree holds, itself counted."""
    if type(node) is Map:
        return 1 + sum(values_of(value) for _, value in node.entries.values())
    return 1 + sum(values_of(item) for item in node.items) if type(node) is Items else 1


def too_much(root: Map) -> str:
    """What is too much to judge in each of its environments, in words; "" where nothing is."""
    count = sum(1 for _ in entries_of(root))
    if count <= _ALWAYS or count * (values := values_of(root)) <= MOST_VALUES:
        return ""
    return f"{count} entries, and {values:,} values to check for each."


def check_environments(report: Report, root: Map, keys: Mapping[str, Key]) -> None:
    """Every entry, whichever product line is asked for. `keys` are those of the top level."""
    node = root.entries["environments"][1]
    if type(node) is not Map:
        return
    if much := too_much(root):
        place = root.entries["environments"][0]
        hint = "Use globs like site-*, or a smaller file."
        report.refuse("value.range", place, ("environments",), much, hint)
    types = _types(root)
    for name, (place, entry) in node.entries.items():
        here: Path = ("environments", name)
        if not name or len(name) > _LONGEST or not name.isprintable():
            message = f'"{echo(name)}" is not a name of a product line.'
            report.refuse("name.invalid", place, here, message, "Use a name or a glob like site-*.")
        elif removes(entry):
            refuse_null(report, place, here)
        elif type(entry) is not Map:
            refused_shape(report, entry, here, "a mapping")
        else:
            _check_entry(report, entry, here, keys, types)


def _types(root: Map) -> dict[str, str]:
    """The type of each component that the file or one of its entries says."""
    found: dict[str, str] = {}
    for part in (root, *(entry for _, _, entry in entries_of(root))):
        written = part.entries.get("components")
        if written is not None and type(written[1]) is Map:
            for name, (_, node) in written[1].entries.items():
                if type(node) is Map and (kind := type_of(node)):
                    found.setdefault(name, kind)
    return found


def _check_entry(report: Report, entry: Map, path: Path, keys: Mapping[str, Key], types: Mapping[str, str]) -> None:
    for word, (place, value) in entry.entries.items():
        here = (*path, word)
        if word not in keys:
            refuse_unknown(report, place, here, {name: keys[name] for name in DIFFERS})
        elif word not in DIFFERS:
            message = f"{word} cannot differ per environment."
            report.refuse("schema.not_for_type", place, here, message, "Move it to the top level.")
        elif removes(value):
            continue
        elif word == "components" and type(value) is Map:
            _check_components(report, value, here, types)
        else:
            check_part(report, value, here, keys[word].kind)
            show_form(report, value, keys[word])


def _check_components(report: Report, node: Map, path: Path, types: Mapping[str, str]) -> None:
    for name, (place, value) in node.entries.items():
        here = (*path, name)
        if not check_component_name(report, place, here, name) or removes(value):
            continue
        if type(value) is Map and name not in types and "type" not in value.entries:
            # Nobody says what it is: neither the file nor another entry.
            hint = keys_of(Component)["type"].required
            if near := nearest(name, types):
                hint = f'Did you mean component "{near}"? Of a new one: {hint[0].lower()}{hint[1:]}'
            report.refuse("schema.missing", value.key or value.place, (*here, "type"), '"type" is missing.', hint)
        own = type_of(value) if type(value) is Map else ""
        check_part(report, value, here, COMPONENT, own or types.get(name, ""))
