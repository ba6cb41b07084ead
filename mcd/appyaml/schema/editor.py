"""The JSON Schema of app.yaml for editors: draft 2020-12, made from the schema's own classes.

What is called by another system's word, and what is not built, is absent. It must not say anything that the classes do
not say.
"""

from __future__ import annotations

from typing import Any

from mcd.appyaml.schema.alert import BUILTIN, FORMS, OF_BUILTIN, ONLY_BUILTIN, Alert
from mcd.appyaml.schema.app import App
from mcd.appyaml.schema.component import Component
from mcd.appyaml.schema.defaults import TYPES
from mcd.appyaml.schema.document import told
from mcd.appyaml.schema.environments import DIFFERS
from mcd.appyaml.schema.fields import Json, Key, keys_of
from mcd.appyaml.schema.files import SOURCES
from mcd.appyaml.schema.health import ACTIONS

SCHEMA_URL = "https://mcd.internal/schema/app.json"


CHANGE = "Change"
"""What the model of a part is called in which nothing is missing and a null removes: `ResourcesChange`."""
ANY = "AnyComponent"
"""All keys of all types."""
NEEDED = {"cron": ("schedule",), "service": ("port", "ports")}
"""One of these keys a component of the type must have (app-yaml 3.10, 3.20)."""
ONE_OF = {"File": SOURCES, "Probe": ACTIONS, "Trace": ("p95", "error_rate"), "Alert": FORMS}
"""Of these keys a mapping has exactly one."""
_REF = "#/$defs/"


def json_schema() -> Json:
    """JSON Schema draft 2020-12 of the whole file."""
    models: dict[str, type] = {}
    _collect(App, models)
    models[Component.__name__] = Component
    _collect(Component, models)
    models.pop(App.__name__)
    defs = {name: _object(model) for name, model in models.items()}
    defs |= {name + CHANGE: _part(model) for name, model in models.items()}
    defs[ANY] = defs[Component.__name__]
    defs |= {_of_type(kind): _component_of(kind, defs[ANY]) for kind in TYPES}
    defs[Component.__name__] = _component(defs[ANY])
    defs[Component.__name__ + CHANGE]["allOf"] = [_only_keys_of(kind) for kind in TYPES]
    defs["Environment"] = _environment()
    whole = _object(App)
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_URL,
        "title": "app.yaml",
        **whole,
        "$defs": {name: defs[name] for name in sorted(_used(whole, defs))},
    }


def _collect(model: type, models: dict[str, type]) -> None:
    if models.setdefault(model.__name__, model) is not model:
        raise AssertionError(f"two models are called {model.__name__}")
    for known in keys_of(model).values():
        inner = known.kind.model
        if inner is not None and inner.__name__ not in models:
            _collect(inner, models)


def _described(model: type) -> str:
    return (model.__doc__ or "").strip().splitlines()[0]


def _object(model: type) -> Json:
    properties = {word: {"description": told(known), **known.kind.json()} for word, known in keys_of(model).items()}
    schema: Json = {
        "type": "object",
        "description": _described(model),
        "properties": properties,
        "additionalProperties": False,
    }
    required = [word for word, known in keys_of(model).items() if known.required]
    if model.__name__ in ONE_OF:
        schema["oneOf"] = [{"required": [word]} for word in ONE_OF[model.__name__]]
    if model is Alert:
        schema["allOf"] = _forms_of_alerts()
    return {**schema, "required": required} if required else schema


def _forms_of_alerts() -> list[Json]:
    """An alert of one's own has a name; a built-in one has few keys, and a threshold that fits what it counts."""
    own = {"required": ["name"], "properties": dict.fromkeys(ONLY_BUILTIN, False)}
    builtin: Json = {"propertyNames": {"enum": sorted(OF_BUILTIN)}}
    found: list[Json] = [{"if": {"required": ["builtin"]}, "then": builtin, "else": own}]
    for name, row in BUILTIN.items():
        allowed: Json | bool = {"anyOf": [{"type": "string"}, {"maximum": row.most}]} if row.most else False
        here: Json = {"required": ["builtin"], "properties": {"builtin": {"const": name}}}
        found.append({"if": here, "then": {"properties": {"threshold": allowed}}})
    return found


# --- a component by its type ------------------------------------------------------------------------------------------


def _component(whole: Json) -> Json:
    """The type decides which keys there are, so that an editor offers no other; without one all are known."""
    return {
        "type": "object",
        "description": whole["description"],
        "properties": {"type": whole["properties"]["type"]},
        "required": ["type"],
        "allOf": [_if_type(kind, {"$ref": _REF + _of_type(kind)}) for kind in TYPES],
        "if": {"properties": {"type": {"enum": list(TYPES)}}, "required": ["type"]},
        "else": {"$ref": _REF + ANY},
    }


def _of_type(kind: str) -> str:
    return f"{kind.capitalize()}Component"


def _component_of(kind: str, whole: Json) -> Json:
    schema: Json = {
        "type": "object",
        "description": whole["description"],
        "properties": {word: {"$ref": f"{_REF}{ANY}/properties/{word}"} for word in _words_of(kind)},
        "additionalProperties": False,
    }
    if kind != "web":
        # Requests of people come to a web only, so only there may a sidecar take them.
        sidecar = {"properties": {"entry": {"const": False}}}
        schema["allOf"] = [{"properties": {"sidecars": {"additionalProperties": sidecar}}}]
    if kind in NEEDED:
        schema["anyOf"] = [{"required": [word]} for word in NEEDED[kind]]
    return schema


def _words_of(kind: str) -> list[str]:
    return [word for word, known in keys_of(Component).items() if not known.only or kind in known.only]


def _only_keys_of(kind: str) -> Json:
    """A part of a component whose type is written has the keys of this type."""
    return _if_type(kind, {"propertyNames": {"enum": _words_of(kind)}})


def _if_type(kind: str, then: Json) -> Json:
    return {"if": {"properties": {"type": {"const": kind}}, "required": ["type"]}, "then": then}


# --- what an environment lays over the file (app-yaml 4.2) ------------------------------------------------------------


def _part(model: type) -> Json:
    """The mapping in which nothing is missing, and a null takes a key away."""
    properties = {word: _removable(known) for word, known in keys_of(model).items()}
    return {
        "type": "object",
        "description": _described(model),
        "properties": properties,
        "additionalProperties": False,
    }


def _removable(known: Key) -> Json:
    return {"description": told(known), "anyOf": [_changed(known.kind.json()), {"type": "null"}]}


def _changed(schema: Json) -> Json:
    """Mappings are merged, so they are parts; everything else replaces what was there, so it is whole."""
    if "anyOf" in schema:
        return {**schema, "anyOf": [_changed(one) for one in schema["anyOf"]]}
    if schema.get("$ref", "").startswith(_REF):
        return {"$ref": schema["$ref"] + CHANGE}
    if schema.get("type") == "object" and isinstance(schema.get("additionalProperties"), dict):
        inside = {"anyOf": [_changed(schema["additionalProperties"]), {"type": "null"}]}
        kept = {word: value for word, value in schema.items() if word != "minProperties"}
        return {**kept, "additionalProperties": inside}
    return schema


def _environment() -> Json:
    keys = keys_of(App)
    return {
        "type": "object",
        "description": "What is different in the product lines of this name.",
        "properties": {word: _removable(keys[word]) for word in DIFFERS if word in keys},
        "additionalProperties": False,
    }


def _used(whole: Json, defs: dict[str, Json]) -> set[str]:
    """The definitions that the file needs, directly or through others."""
    found: set[str] = set()
    waiting = [whole]
    while waiting:
        for name in _names(waiting.pop()) - found:
            found.add(name)
            waiting.append(defs[name])
    return found


def _names(schema: Any) -> set[str]:
    if isinstance(schema, dict):
        ref = schema.get("$ref")
        own = {ref.removeprefix(_REF).partition("/")[0]} if isinstance(ref, str) else set()
        return own.union(*(_names(value) for value in schema.values()))
    return set().union(*(_names(item) for item in schema)) if isinstance(schema, list) else set()
