"""A JSON Schema as a Python function: what is wrong with a value, strictly, in microseconds.

The keywords that occur are all understood, and one that is not stops the run: nothing is skipped in silence. A null is
always wrong, because we never mean one. It must not know where a schema comes from.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Schema = Mapping[str, Any]
Path = tuple[Any, ...]
"""Where a value stands: the path of what holds it, and its name there. Written out only for what is wrong."""
Check = Callable[[Any, Path, list[str]], None]
"""Adds to the list one line for each thing that is wrong with a value at a path."""


def at(path: Path) -> str:
    """`Deployment/web.spec.containers[0].name`."""
    if len(path) == 1:
        return str(path[0])
    before, name = path
    return f"{at(before)}[{name}]" if isinstance(name, int) else f"{at(before)}.{name}"


_SAYS_NOTHING = frozenset({
    "description", "default", "title", "example", "nullable", "$schema", "$id", "format", "externalDocs",
    "x-kubernetes-list-type", "x-kubernetes-list-map-keys", "x-kubernetes-map-type", "x-kubernetes-unions",
    "x-kubernetes-group-version-kind", "x-kubernetes-patch-strategy", "x-kubernetes-patch-merge-key",
    "x-kubernetes-int-or-string", "x-kubernetes-validations", "x-kubernetes-embedded-resource",
})  # fmt: skip
"""Keywords without a meaning of their own here. Of a format only ranges would be left, and our numbers are small."""

_TYPES: Mapping[str, Callable[[Any], bool]] = {
    "string": lambda v: isinstance(v, str),
    "integer": lambda v: isinstance(v, int) and not isinstance(v, bool),
    "number": lambda v: isinstance(v, int | float) and not isinstance(v, bool),
    "boolean": lambda v: isinstance(v, bool),
    "array": lambda v: isinstance(v, list | tuple),
    "object": lambda v: isinstance(v, dict),
    "null": lambda v: False,
}
_BOUNDS: Mapping[str, Callable[[Any, Any], bool]] = {
    "minimum": lambda v, limit: isinstance(v, str) or v >= limit,
    "maximum": lambda v, limit: isinstance(v, str) or v <= limit,
    "minLength": lambda v, limit: not isinstance(v, str) or len(v) >= limit,
    "maxLength": lambda v, limit: not isinstance(v, str) or len(v) <= limit,
    "minItems": lambda v, limit: not isinstance(v, list) or len(v) >= limit,
    "maxItems": lambda v, limit: not isinstance(v, list) or len(v) <= limit,
    "minProperties": lambda v, limit: not isinstance(v, dict) or len(v) >= limit,
    "maxProperties": lambda v, limit: not isinstance(v, dict) or len(v) <= limit,
    "enum": lambda v, words: v in words,
}


class Compiler:
    """Makes checks of schemas that may refer to named definitions, each of which is made once."""

    def __init__(self, definitions: Mapping[str, Schema]) -> None:
        self._definitions = definitions
        self._made: dict[str, Check] = {}

    def named(self, name: str) -> Check:
        """The check of a definition. Raises KeyError when there is none."""
        if name not in self._made:
            schema = self._definitions[name]
            # A definition may contain itself: what refers to it asks again when it runs.
            self._made[name] = lambda value, path, wrong: self._made[name](value, path, wrong)
            self._made[name] = self.check(schema)
        return self._made[name]

    def check(self, schema: Schema) -> Check:
        """The check of a schema. Raises ValueError for a keyword that it does not know."""
        if "$ref" in schema:
            name = schema["$ref"].rpartition("/")[2]
            self.named(name)
            return lambda value, path, wrong: self._made[name](value, path, wrong)
        parts: list[Check] = []
        for word, said in schema.items():
            if word in _SAYS_NOTHING:
                continue
            if word in ("properties", "required", "additionalProperties", "x-kubernetes-preserve-unknown-fields"):
                continue
            parts.append(self._part(word, said))
        if "properties" in schema or "additionalProperties" in schema or "required" in schema:
            parts.append(self._object(schema))
        if len(parts) == 1:
            return parts[0]

        def every(value: Any, path: Path, wrong: list[str]) -> None:
            before = len(wrong)
            for part in parts:
                part(value, path, wrong)
                if len(wrong) > before:
                    return

        return every

    def _part(self, word: str, said: Any) -> Check:
        if word == "type":
            return _type(said)
        if word == "items":
            return _items(self.check(said))
        if word == "pattern":
            return _pattern(said)
        if word in _BOUNDS:
            return _bound(word, said)
        if word in ("oneOf", "anyOf"):
            return _any([self.check(each) for each in said])
        if word == "allOf":
            return _all([self.check(each) for each in said])
        if word == "not":
            return _not(self.check(said))
        raise ValueError(f"the keyword {word} is not understood")

    def _object(self, schema: Schema) -> Check:
        known = {word: self.check(each) for word, each in schema.get("properties", {}).items()}
        required = tuple(schema.get("required", ()))
        others = schema.get("additionalProperties")
        # The schemas of custom resources say nothing of other fields, and the server refuses them all the same.
        open_ = (
            others is True or schema.get("x-kubernetes-preserve-unknown-fields", False) or "properties" not in schema
        )
        rest = self.check(others) if isinstance(others, Mapping) and others else None

        def check(value: Any, path: Path, wrong: list[str]) -> None:
            if not isinstance(value, dict):
                return
            for word in required:
                if word not in value:
                    wrong.append(f"{at(path)}.{word} is missing")
            for word, item in value.items():
                found = known.get(word)
                if item is None:
                    wrong.append(f"{at(path)}.{word} is null")
                elif found is not None:
                    found(item, (path, word), wrong)
                elif rest is not None:
                    rest(item, (path, word), wrong)
                elif others is False or not open_:
                    wrong.append(f"{at(path)}.{word} is unknown")

        return check


def _type(said: Any) -> Check:
    words = [said] if isinstance(said, str) else list(said)
    fits = [_TYPES[word] for word in words]

    def check(value: Any, path: Path, wrong: list[str]) -> None:
        if not any(each(value) for each in fits):
            wrong.append(f"{at(path)} is {type(value).__name__}, not {' or '.join(words)}")

    return check


def _items(inner: Check) -> Check:
    def check(value: Any, path: Path, wrong: list[str]) -> None:
        if isinstance(value, list | tuple):
            for number, item in enumerate(value):
                inner(item, (path, number), wrong)

    return check


def _pattern(said: str) -> Check:
    # In Go a $ is never the one before a last newline, \z is Python's \Z, and flags may stand behind a ^.
    ours = said.replace(r"\z", r"\Z").replace("^(?i)", "(?i)^")
    found = re.compile(ours.removesuffix("$") + r"\Z" if ours.endswith("$") else ours)

    def check(value: Any, path: Path, wrong: list[str]) -> None:
        if isinstance(value, str) and not found.search(value):
            wrong.append(f"{at(path)} {value!r} does not fit {said}")

    return check


def _bound(word: str, limit: Any) -> Check:
    fits = _BOUNDS[word]

    def check(value: Any, path: Path, wrong: list[str]) -> None:
        if not fits(value, limit):
            wrong.append(f"{at(path)} {str(value)[:80]!r} is over its {word} {limit}")

    return check


def _any(inner: list[Check]) -> Check:
    def check(value: Any, path: Path, wrong: list[str]) -> None:
        tried: list[str] = []
        for each in inner:
            before = len(tried)
            each(value, path, tried)
            if len(tried) == before:
                return
        wrong.append(f"{at(path)} fits none of {len(inner)} forms: {tried[0]}")

    return check


def _all(inner: list[Check]) -> Check:
    def check(value: Any, path: Path, wrong: list[str]) -> None:
        for each in inner:
            each(value, path, wrong)

    return check


def _not(inner: Check) -> Check:
    def check(value: Any, path: Path, wrong: list[str]) -> None:
        tried: list[str] = []
        inner(value, path, tried)
        if not tried:
            wrong.append(f"{at(path)} has a form that is not allowed")

    return check
