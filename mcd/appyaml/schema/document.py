"""What can be looked up about app.yaml: `mcd explain` and the JSON Schema for editors, both made from schema.py.

It must not say anything that schema.py does not.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from mcd.appyaml.schema.app import App
from mcd.appyaml.schema.component import Component
from mcd.appyaml.schema.defaults import TYPES
from mcd.appyaml.schema.fields import Json, Key, keys_of
from mcd.appyaml.text.words import nearest

SCHEMA_URL = "https://mcd.internal/schema/app.json"


@dataclass(frozen=True, slots=True)
class Entry:
    """A key and where it stands, as `components.NAME.health.readiness`."""

    where: str
    key: Key


def _walk(model: type, where: str, seen: tuple[type, ...]) -> Iterator[Entry]:
    for word, known in keys_of(model).items():
        here = f"{where}.{word}" if where else word
        yield Entry(here, known)
        inner = known.kind.model
        if inner is not None and inner not in seen:
            step = (
                ".NAME"
                if known.kind.name.startswith("mapping of")
                else "[N]"
                if known.kind.name.startswith("list of")
                else ""
            )
            yield from _walk(inner, here + step, (*seen, inner))
        if inner is None and word == "components":
            yield from _walk(Component, f"{here}.NAME", (*seen, Component))


def entries() -> list[Entry]:
    """Every key that may be written, in the order of the specification."""
    return list(_walk(App, "", (App,)))


def find(field: str) -> list[Entry]:
    """The entries of a dotted path (`components.web.health`, any component name) or of a bare word (`health`)."""
    steps = [step.partition("[")[0] for step in field.split(".")]
    found = []
    for entry in entries():
        theirs = [step.removesuffix("[N]") for step in entry.where.split(".")]
        if len(steps) == 1:
            fits = theirs[-1] == steps[0]
        else:
            fits = len(steps) == len(theirs) and all(b == "NAME" or a == b for a, b in zip(steps, theirs, strict=True))
        if fits:
            found.append(entry)
    return found


def suggestion(field: str) -> str:
    """The known field that was probably meant, or ""."""
    last = field.rpartition(".")[2]
    words = {entry.where.rpartition(".")[2].removesuffix("[N]") for entry in entries()}
    return nearest(last, words)


def explain(entry: Entry) -> str:
    """Type, default, limits, meaning, effect and example of one key, one to a line."""
    known = entry.key
    rows = [entry.where]
    if known.later:
        return f"{entry.where}\n  {known.meaning}\n  This version does not support it yet.\n"
    for label, text in (
        ("type", known.kind.name),
        ("for", ", ".join(known.only)),
        ("default", "required" if known.required else known.default or "none"),
        ("limits", known.limits),
        ("meaning", known.meaning),
        ("effect", known.effect),
        ("example", f"{entry.where.rpartition('.')[2].removesuffix('[N]')}: {known.example}" if known.example else ""),
    ):
        if text:
            rows.append(f"  {label:<8} {text}")
    return "\n".join(rows) + "\n"


def json_schema() -> Json:
    """JSON Schema draft 2020-12. Aliases of other systems and keys that are not built are absent."""
    models: dict[str, type] = {}
    _collect(App, models)
    models[Component.__name__] = Component
    _collect(Component, models)
    models.pop(App.__name__)
    defs = {name: _object(model) for name, model in sorted(models.items())}
    defs[Component.__name__]["allOf"] = [_only_keys_of(kind) for kind in TYPES]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_URL,
        "title": "app.yaml",
        **_object(App),
        "$defs": defs,
    }


def _collect(model: type, models: dict[str, type]) -> None:
    if models.setdefault(model.__name__, model) is not model:
        raise AssertionError(f"two models are called {model.__name__}")
    for known in keys_of(model).values():
        inner = known.kind.model
        if inner is not None and not known.later and inner.__name__ not in models:
            _collect(inner, models)


def _object(model: type) -> Json:
    properties: dict[str, Any] = {}
    for word, known in keys_of(model).items():
        if not known.later:
            properties[word] = {"description": known.meaning, **known.kind.json()}
    required = [word for word, known in keys_of(model).items() if known.required]
    described = (model.__doc__ or "").strip().splitlines()[0]
    schema: Json = {"type": "object", "description": described, "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = required
    return schema


def _only_keys_of(kind: str) -> Json:
    """A component of this type has the keys of this type."""
    words = [w for w, known in keys_of(Component).items() if not known.later and (not known.only or kind in known.only)]
    return {
        "if": {"properties": {"type": {"const": kind}}, "required": ["type"]},
        "then": {"propertyNames": {"enum": words}},
    }
