"""app.yaml files made from the compiler's own schema, so that a new key is tried on the day it is written.

Values come from the example that each key carries, from its JSON Schema, and from the words of `words.py`. It must not
know any key by name, except those that every file needs.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from functools import cache
from typing import Any

import yaml

from mcd.appyaml.schema.app import App
from mcd.appyaml.schema.component import Component
from mcd.appyaml.schema.defaults import TYPES
from mcd.appyaml.schema.editor import json_schema
from mcd.appyaml.schema.fields import Key, Kind, keys_of
from mcd.appyaml.text.nodes import TOP
from mcd.appyaml.text.problems import Report
from tests.rig.choices import Choices
from tests.rig.words import GOOD, NAMES, ODD_NAMES, PATHS, TRAPS, VARIABLES

Tree = str | list[Any] | dict[str, Any]
"""A value: a text as it is written in YAML, with its quotes, or a list or mapping of such."""

Alone = Callable[[type, str], tuple[str, ...]]
"""The keys of a mapping (of a component: of that type) whose example is accepted when nothing else is written."""

_PLAIN = re.compile(r"[A-Za-z0-9_/.][A-Za-z0-9_/.+-]*(?: [A-Za-z0-9_/.$=-]+)*")


def written(text: str) -> str:
    """A text as a careful person writes it."""
    return text if _PLAIN.fullmatch(text) else json.dumps(text, ensure_ascii=False)


class Grammar:
    """Makes one file. `wild` is how many values of a hundred are not what the schema asks for."""

    def __init__(self, choices: Choices, wild: int, alone: Alone = lambda model, kind: ()) -> None:
        self._c = choices
        self._wild = wild
        self._alone = alone

    def app(self) -> Tree:
        c = self._c
        top: dict[str, Any] = {
            "appname": self._name() if c.chance(self._wild) else c.one(("shop", "face-gateway", "a1"))
        }
        self._some(top, App, "", 4, frozenset({"appname", "components", "environments", "pre"}))
        parts: dict[str, Any] = {}
        for _ in range(1 + c.below(4)):
            parts[self._name()] = self._component()
        top["components"] = parts
        if c.chance(12):
            self._add(top, "environments", keys_of(App).get("environments"))
        if c.chance(8):
            self._add(top, "pre", keys_of(App).get("pre"))
        return top

    def _name(self) -> str:
        return self._c.one(ODD_NAMES) if self._c.chance(self._wild) else self._c.one(NAMES)

    def _component(self) -> Tree:
        c = self._c
        kind = c.one(TYPES)
        made: dict[str, Any] = {"type": c.one(TRAPS) if c.chance(self._wild // 4) else kind}
        if c.chance(50):
            made["image"] = "nginx:1.29.3"
        if kind == "cron":
            made["schedule"] = '"*/5 * * * *"'
        if kind == "service":
            made["ports"] = {"grpc": "9000"}
        self._some(made, Component, kind, 6, frozenset({"type"}))
        return made

    def _some(self, into: dict[str, Any], model: type, kind: str, most: int, but: frozenset[str]) -> None:
        """Some of the keys that a mapping may have."""
        keys, alone = _choosable(model, kind), self._alone(model, kind)
        for _ in range(self._c.below(most + 1)):
            # A key that needs another one is refused alone: it is tried, but not in every other file.
            word = self._c.one(alone if alone and not self._c.chance(12) else keys)
            if word not in but:
                self._add(into, word, keys_of(model)[word])
        if self._c.chance(self._wild // 3):
            into[self._c.one((*ODD_NAMES, *keys_of(Component), *keys_of(App)))] = self._c.one(TRAPS)

    def _add(self, into: dict[str, Any], word: str, key: Key | None) -> None:
        if key is not None:
            into[word] = self._value(key.kind, key.example)

    def _value(self, kind: Kind, example: str, depth: int = 0) -> Tree:
        c = self._c
        if c.chance(self._wild // 2):
            return c.one(TRAPS) if c.chance(70) else self._shape(depth)
        if example and (c.chance(65) or depth > 3):
            return _parsed(example)
        if kind.inner is not None and kind.names is not None and depth < 4:
            names = _allowed(kind.names)
            return {written(c.one(names)): self._value(kind.inner, "", depth + 1) for _ in range(1 + c.below(3))}
        return self._of(kind.json(), depth)

    def _shape(self, depth: int) -> Tree:
        if depth > 3:
            return "x"
        return [self._shape(depth + 1)] if self._c.chance(50) else {self._name(): self._shape(depth + 1)}

    def _of(self, schema: dict[str, Any], depth: int) -> Tree:
        """A value that a JSON Schema allows, or nearly."""
        c = self._c
        for word in ("anyOf", "oneOf"):
            if word in schema:
                return self._of(c.one(schema[word]), depth)
        if "$ref" in schema:
            return self._model(schema["$ref"].rpartition("/")[2], depth)
        if "const" in schema or "enum" in schema:
            return _literal(c.one(schema["enum"]) if "enum" in schema else schema["const"])
        kind = schema.get("type")
        if isinstance(kind, list):
            kind = c.one(kind)
        if kind in ("integer", "number"):
            return self._number(schema)
        if kind == "boolean":
            return c.one(("true", "false"))
        if kind == "array":
            return [self._of(schema.get("items", {}), depth + 1) for _ in range(c.below(3) + schema.get("minItems", 0))]
        if kind == "object":
            return self._mapping(schema, depth)
        return written(c.one(_fitting(schema.get("pattern", ""))))

    def _number(self, schema: dict[str, Any]) -> str:
        low, high = schema.get("minimum", 0), schema.get("maximum", 1000)
        near = (low, high, low + 1, (low + high) // 2, min(low + 2, high))
        return str(self._c.one((low - 1, high + 1)) if self._c.chance(self._wild // 2) else self._c.one(near))

    def _mapping(self, schema: dict[str, Any], depth: int) -> Tree:
        made: dict[str, Any] = {}
        inner = schema.get("additionalProperties")
        if "properties" in schema:
            for word in schema.get("required", ()):
                made[word] = self._of(schema["properties"][word], depth + 1)
            words = list(schema["properties"])
            for _ in range(self._c.below(3)):
                word = self._c.one(words)
                made[word] = self._of(schema["properties"][word], depth + 1)
        elif isinstance(inner, dict) and depth < 5:
            names = schema.get("propertyNames", {}).get("pattern", "")
            pool = _fitting(names) if names else self._c.one((NAMES, VARIABLES, PATHS))
            for _ in range(1 + self._c.below(3)):
                made[written(self._c.one(pool))] = self._of(inner, depth + 1)
        return made

    def _model(self, name: str, depth: int) -> Tree:
        if depth > 4:
            return {}
        if name == Component.__name__:
            return self._component()
        model = _models().get(name)
        if model is None:  # what an editor is told of an entry of environments: the same keys, none required
            return self._mapping(_definitions()[name], depth)
        made: dict[str, Any] = {}
        for word, key in keys_of(model).items():
            if key.required:
                made[word] = self._value(key.kind, key.example, depth + 1)
        keys = _choosable(model, "")
        for _ in range(self._c.below(4)):
            word = self._c.one(keys)
            key = keys_of(model)[word]
            made[word] = self._value(key.kind, key.example, depth + 1)
        return made


@cache
def _choosable(model: type, kind: str) -> tuple[str, ...]:
    return tuple(word for word, key in keys_of(model).items() if not kind or not key.only or kind in key.only)


@cache
def _models() -> dict[str, type]:
    """Every mapping of the schema by the name that its JSON Schema gives it."""
    found: dict[str, type] = {}
    todo: list[type] = [App, Component]
    while todo:
        model = todo.pop()
        if found.setdefault(model.__name__, model) is not model or model.__name__ not in found:
            continue
        for key in keys_of(model).values():
            for inner in (key.kind.model, key.kind.inner.model if key.kind.inner else None):
                if inner is not None and inner.__name__ not in found:
                    todo.append(inner)
    return found


@cache
def _definitions() -> dict[str, Any]:
    found: dict[str, Any] = json_schema()["$defs"]
    return found


@cache
def _fitting(pattern: str) -> tuple[str, ...]:
    """The words that a pattern allows; all of them where it allows none, which is a mistake too."""
    found = re.compile(pattern)
    return tuple(word for word in (*GOOD, *NAMES, *VARIABLES, *PATHS) if found.search(word)) or GOOD


@cache
def _allowed(names: Callable[..., bool]) -> tuple[str, ...]:
    """The names that a mapping's own check takes."""
    pool = (*NAMES, *VARIABLES, *PATHS)
    return tuple(name for name in pool if names(Report(""), TOP, ("x", name), name)) or NAMES


def _literal(value: Any) -> str:
    return written(value) if isinstance(value, str) else json.dumps(value)


@cache
def _parsed(example: str) -> Tree:
    """The example of a key as a tree."""
    node = yaml.compose(example, Loader=yaml.CSafeLoader)
    return _tree(node) if node is not None else ""


def _tree(node: Any) -> Tree:
    if isinstance(node, yaml.MappingNode):
        return {str(_tree(key)): _tree(value) for key, value in node.value}
    if isinstance(node, yaml.SequenceNode):
        return [_tree(item) for item in node.value]
    return json.dumps(node.value, ensure_ascii=False) if node.style else node.value


def text_of(tree: Tree, choices: Choices) -> str:
    """The tree as YAML: blocks outside, flow inside, as people mix them."""
    flow_from = 2 + choices.below(4)
    lines: list[str] = []
    _block(lines, tree, "", 0, flow_from)
    return "\n".join(lines) + "\n"


def _block(lines: list[str], tree: Tree, indent: str, depth: int, flow_from: int) -> None:
    if isinstance(tree, dict):
        for key, value in tree.items():
            if isinstance(value, str) or not value or depth + 1 >= flow_from:
                lines.append(f"{indent}{key}: {_flow(value)}")
            else:
                lines.append(f"{indent}{key}:")
                _block(lines, value, indent + "  ", depth + 1, flow_from)
    elif isinstance(tree, list):
        lines.extend(f"{indent}- {_flow(item)}" for item in tree)
    else:
        lines.append(f"{indent}{tree}")


def _flow(tree: Tree) -> str:
    if isinstance(tree, dict):
        return "{" + ", ".join(f"{key}: {_flow(value)}" for key, value in tree.items()) + "}"
    if isinstance(tree, list):
        return "[" + ", ".join(_flow(item) for item in tree) + "]"
    return tree
