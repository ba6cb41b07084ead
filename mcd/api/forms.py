"""What is wrong with the form of a value, in words: every error of pydantic's that a request can cause, in one place.

It must not repeat the value, which may be a password, and knows no field: what a text should look like is told by its
pattern.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

PATTERNS: Mapping[str, str] = {
    r"^[a-z]([-a-z0-9]{0,38}[a-z0-9])?$": 'small letters, digits and "-", a letter first, at most 40',
    r"^[a-z0-9]([-._a-z0-9]{0,61}[a-z0-9])?$": 'small letters, digits, ".", "_" and "-", at most 63',
    r"^[-._a-zA-Z0-9]{1,253}$": 'letters, digits, ".", "_" and "-", at most 253',
    r"^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$": 'small letters, digits and "-", at most 63',
    r"^[a-z0-9]([-.a-z0-9]{0,251}[a-z0-9])?$": 'small letters, digits, "." and "-", at most 253',
    r"^[A-Za-z_][A-Za-z0-9_]{0,127}$": 'letters, digits and "_", no digit first, at most 128',
    r"^[0-9a-f]{7,40}$": "7 to 40 hex digits (0-9, a-f), as git shows a commit",
    r"^[0-9a-f]{40}$": "the 40 hex digits of a commit",
    r"^[0-9a-f]{64}$": "64 hex digits",
    r"^[A-Za-z0-9+/]*={0,2}$": "base64, on one line",
    r"^[0-9a-f]{0,64}$": "the digest that the list was shown with, in hex digits",
}
"""What a text is made of, for each pattern of a wish."""

_TYPES: Mapping[str, str] = {
    "string": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "list": "a list",
    "dict": "an object with names and values",
    "model": "an object with names and values",
    "model_attributes": "an object with names and values",
}

_LIMITS: Mapping[str, str] = {
    "greater_than": "more than {gt}",
    "greater_than_equal": "{ge} or more",
    "less_than": "less than {lt}",
    "less_than_equal": "{le} at most",
}

WRONG_TYPE = "it is of the wrong type."

Words = tuple[str, str]
"""What is wrong, and what to do."""


def words_of(error: Mapping[str, Any]) -> Words:
    """Of one error of pydantic's, as `errors()` lists it."""
    kind, context = str(error["type"]), error.get("ctx") or {}
    if kind in _SAY:
        return _SAY[kind](context)
    if kind in _LIMITS:
        return "it is out of range.", f"Use {_LIMITS[kind].format(**context)}."
    noun, _, what = kind.rpartition("_")
    if what in ("type", "parsing") and noun in _TYPES:
        return WRONG_TYPE, f"Write {_TYPES[noun]}."
    # A sentence of our own, or one of pydantic's that nobody has met yet.
    said = str(error["msg"]).removeprefix("Value error, ").rstrip(".")
    return f"{said}.", ""


def _unit(context: Mapping[str, Any], count: int) -> str:
    noun = "entry" if context.get("field_type") in ("List", "Dictionary", "Set", "Tuple") else "character"
    return f"{count} {noun if count == 1 else noun.replace('entry', 'entrie') + 's'}"


def _short(context: Mapping[str, Any]) -> Words:
    least = int(context["min_length"])
    return "it is empty." if least == 1 else "it is too short.", f"Use at least {_unit(context, least)}."


def _long(context: Mapping[str, Any]) -> Words:
    return "it is too long.", f"Use at most {_unit(context, int(context['max_length']))}."


def _pattern(context: Mapping[str, Any]) -> Words:
    made_of = PATTERNS.get(str(context.get("pattern")))
    return "it is not of the right form.", f"Use {made_of}." if made_of else "See the API's description."


def _choice(context: Mapping[str, Any]) -> Words:
    known = re.sub(r"'([^']*)'", r"\1", str(context.get("expected", "")))
    return "it is none of those that there are.", f"Use {known}."


def _fixed(what: str, hint: str) -> Callable[[Mapping[str, Any]], Words]:
    return lambda _context: (what, hint)


_SAY: Mapping[str, Callable[[Mapping[str, Any]], Words]] = {
    "missing": _fixed("it is missing.", "Give it."),
    "extra_forbidden": _fixed("there is no such field here.", "Remove it, or see the API's description."),
    "string_too_short": _short,
    "too_short": _short,
    "string_too_long": _long,
    "too_long": _long,
    "string_pattern_mismatch": _pattern,
    "enum": _choice,
    "literal_error": _choice,
    "int_from_float": _fixed(WRONG_TYPE, "Write a whole number."),
    "none_required": _fixed("it is not empty.", "Write null, or leave it out."),
}
